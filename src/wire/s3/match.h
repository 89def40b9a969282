/* Patterns of S3: '*' stands for any bytes, also none, '?' for one character of UTF-8. */
#pragma once

#include "base/slice.h"

/* The work is bounded by the product of both lengths. */
bool s3_match(struct slice pattern, struct slice text);

/* The same but for the case of ASCII letters. */
bool s3_match_nocase(struct slice pattern, struct slice text);

/* With '*' only, once at most: what CORS rules have. */
bool s3_match_star(struct slice pattern, struct slice text);
bool s3_match_star_nocase(struct slice pattern, struct slice text);

/* What the edge's admin API tells about requests, as text for a person. 0 or a buffer's error. */
#pragma once

#include "base/arena.h"
#include "base/buffer.h"
#include "wire/json/json.h"

/* GET /v1/requests/ID: what was decided. */
int explain_write_story(const struct json *story, struct arena *arena, struct buffer *out);

/* GET /v1/explain: what would be decided. */
int explain_write_foreseen(const struct json *foreseen, struct arena *arena, struct buffer *out);

/* The same of a forward proxy. */
int explain_write_passage(const struct json *foreseen, struct arena *arena, struct buffer *out);

/* GET /v1/requests: the last failed and slow ones. */
int explain_write_list(const struct json *list, struct arena *arena, struct buffer *out);

/* Texts with variables (conf/template.h), filled in from an exchange. */
#pragma once

#include "base/writer.h"

struct exchange;

/* How many bytes expand_write writes. */
size_t expand_length(const struct exchange *exchange, struct slice text);

/* What cannot be known, such as a host that the client did not name, is empty. */
void expand_write(struct writer *writer, const struct exchange *exchange, struct slice text);

/* A client's verified certificate and its connection's terms as texts of header fields. */
#pragma once

#include "base/writer.h"
#include "conf/template.h"

struct exchange;

/* Those of template.h that are about TLS. What there is none of is empty. */
void client_text_write(struct writer *writer, const struct exchange *exchange,
                       enum template_variable variable);

/* How many bytes that writes. */
size_t client_text_length(const struct exchange *exchange, enum template_variable variable);

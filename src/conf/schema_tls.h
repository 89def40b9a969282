/* The part of the table about TLS: of listeners and sites, of target groups, of authorities. */
#pragma once

#include "conf/schema_rows.h"

extern const struct schema_struct tls_type;
extern const struct schema_struct hsts_type;
extern const struct schema_struct group_tls_type;
extern const struct schema_struct acme_type;

/* true and false, for an enum draft_redirect_https. */
extern const struct schema_word redirect_https_words[];

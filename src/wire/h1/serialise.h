/*
 * HTTP/1 heads written anew (RFC 9112): a message is never forwarded as it was received. The caller
 * writes the start line, then fields one by one or a forwarded set, then the end.
 */
#pragma once

#include "base/writer.h"
#include "wire/http/message.h"

void h1_write_request_line(struct writer *writer, struct slice method, struct slice target);

/* An empty reason stands for the status's own. */
void h1_write_status_line(struct writer *writer, unsigned status, struct slice reason);

void h1_write_field(struct writer *writer, struct slice name, struct slice value);

/* Content-Length. */
void h1_write_length(struct writer *writer, uint64_t length);

/* The empty line. */
static inline void h1_write_end(struct writer *writer)
{
    write_literal(writer, "\r\n");
}

/* Ids to leave out when forwarding: bit `id` of a set. */
struct field_set {
    uint64_t bits[(FIELD_IDS_COUNT + 63) / 64];
};

/* For constant sets, which hold one word. */
#define FIELD_BIT(id) (UINT64_C(1) << FIELD_##id)
_Static_assert(FIELD_IDS_COUNT <= 64, "FIELD_BIT and struct field_set hold one word");

static inline void field_set_add(struct field_set *set, enum field_id id)
{
    set->bits[(unsigned)id / 64] |= UINT64_C(1) << ((unsigned)id % 64);
}

static inline bool field_set_has(const struct field_set *set, enum field_id id)
{
    return (set->bits[(unsigned)id / 64] >> ((unsigned)id % 64)) & 1;
}

/*
 * Writes all fields that may go on to the next hop: not the hop-by-hop ones, not those that a
 * Connection field of the same message names (RFC 9110 §7.6.1; Authorization, Cookie, Content-Type,
 * X-Forwarded-For and the like cannot be taken out that way, such names are ignored), not those in
 * `leave_out`, also when such a name is spelled with '_' for '-'. More than
 * HTTP_CONNECTION_OPTIONS_MAX names overflow the writer. Framing fields (Content-Length,
 * Transfer-Encoding) and Host are never written here; they are the caller's. `leave_out` may be
 * NULL.
 */
void h1_write_forwarded(struct writer *writer, const struct fields *fields,
                        const struct field_set *leave_out);

/*
 * Takes out of `fields` what h1_write_forwarded would leave out because a Connection field names
 * it, and the Connection fields: what is added afterwards is not the sender's to take away. False,
 * with nothing done, for more names than HTTP_CONNECTION_OPTIONS_MAX.
 */
bool h1_drop_named(struct fields *fields);

/* The end of a chunked body: its last chunk, these trailer fields as forwarded, the empty line. */
void h1_write_last_chunk(struct writer *writer, const struct fields *trailers);

/*
 * Paths in one form (RFC 3986 §6.2). Routing, authorisation, cache key and origin all see this form
 * and no other. A host is lower-cased and split from its port.
 */
#pragma once

#include "base/slice.h"

/*
 * Normalises a raw path that begins with '/': percent-encoded unreserved characters are decoded,
 * all other escapes get capital digits, dot segments are resolved, runs of slashes become one,
 * bytes that must not stand in a path (RFC 3986 §3.3) are escaped. Refused with -EBADMSG: an escape
 * that is not two hexadecimal digits, %00, a path that would leave the root, a backslash, a segment
 * in which an encoded slash or backslash stands beside dots as a dot segment would ("..%2f",
 * "%5c.."), and a dot segment with parameters ("..;a", "..%3Ba"): servers behind disagree on those.
 * `out` has room for 3 * raw.len bytes. Returns 0; *ret_path is a slice of `out`, or of `raw` when
 * it was in normal form already (then nothing is written).
 */
int uri_normalise_path(struct slice raw, char *out, struct slice *ret_path);

/*
 * The form in which rules see a path that is in normal form: escapes of what may stand in a path as
 * it is (":", "@", "!" and the like, RFC 3986 §3.3, but not "/") are decoded too, since servers see
 * no difference. But not "%2A": a pattern means a byte by it. Targets get what the client wrote:
 * signatures of requests may be over that. `out` has room for path.len bytes and may be where
 * `path` is; *ret_path is `path` when there is no such escape.
 */
void uri_matched_path(struct slice path, char *out, struct slice *ret_path);

/*
 * How a server behind may read a path in the form of uri_matched_path that holds what servers
 * disagree on: "%2F" and "%5C" as slashes, parameters (";" up to the next slash) left out. The
 * readings are numbered from 1, uri_readings tells which apply; uri_read_path writes one, in normal
 * form, with room for 4 * path.len bytes. -EBADMSG: it is none, as it would leave the root.
 */
enum { URI_READ_SLASH = 1, URI_READ_BACKSLASH = 2, URI_READ_PARAMETERS = 4, URI_READINGS = 8 };
unsigned uri_readings(struct slice path); /* the parts that apply, or'ed; 0 for most paths */
int uri_read_path(struct slice path, unsigned reading, char *out, struct slice *ret_path);

/* Only characters of RFC 3986 §3.4, with well-formed escapes. */
bool uri_is_query(struct slice query);

/*
 * Splits "host", "host:port", "[v6]:port" (RFC 3986 §3.2 without userinfo). Stricter than the RFC:
 * a name holds letters, digits and "-._~" only, without escapes, its labels are not empty; a v6
 * address has no zone; a port is 1 to 65535 without leading zeros, or empty. One trailing dot is
 * left out of *ret_host, brackets are kept. Returns 0, or -EBADMSG. *ret_port is 0 when there is
 * none.
 */
int uri_parse_authority(struct slice authority, struct slice *ret_host, unsigned *ret_port);

/* The same, with the host in lower case: as it stands, or in `out` (room for authority.len). */
int uri_split_authority(struct slice authority, char *out, struct slice *ret_host,
                        unsigned *ret_port);

/* Percent-decodes into `out` (room for s.len). Returns the length, or -EBADMSG. '+' stays '+'. */
ptrdiff_t uri_decode(struct slice s, char *out);

/*
 * What single values of the file mean: numbers with units, names, hosts, addresses. Pure functions
 * over text. Unless said otherwise they return 0, or -EINVAL when the text is not such a value, or
 * -ERANGE when it does not fit.
 */
#pragma once

#include "conf/snapshot.h"

#define VALUE_NAME_LEN_MAX   63
#define VALUE_DOMAIN_LEN_MAX 253
#define VALUE_DISTANCE_FAR   99

/* "200ms", "2s", "1m", "1h", "1d": digits and a unit, no blank. */
int value_duration(struct slice text, int64_t *ret_ms);

/* "1048576", "64KiB", "256MiB", "1GiB", "2TiB" by 1024; "kB", "KB", "MB", "GB", "TB" by 1000. */
int value_size(struct slice text, uint64_t *ret_bytes);

/* "50%", "12.5%", "0.25%": up to two decimals. Hundredths of a percent. */
int value_percent(struct slice text, unsigned *ret_hundredths);

/* Letters, digits, '-' and '_' (and '.' when `dots`), a letter or digit first, at most 63. */
bool value_is_name(struct slice text, bool dots);

/* [A-Za-z_][A-Za-z0-9_]*, at most 255. */
bool value_is_variable(struct slice text);

/* Four decimal numbers with dots between; no leading zeros, which some read as octal. */
bool value_is_ipv4(struct slice text);

/* RFC 4291 §2.2, without brackets or a zone. */
bool value_is_ipv6(struct slice text);

/* Labels of letters, digits, '-' and '_' (names in private networks have it), at most 253 in all.
 */
bool value_is_host(struct slice text);

/*
 * An address; its slices are parts of `text`, but the folder of a relative Unix socket is not put
 * before it. On -EINVAL *ret_why tells what is wrong, for a person.
 */
int value_address(struct slice text, struct conf_address *ret_address, const char **ret_why);

/*
 * A destination of a forward proxy's rule, as conf/proxy.h has it; its text and name are parts of
 * `text`, in lower case already. On -EINVAL *ret_why tells what is wrong, for a person.
 */
int value_destination(struct slice text, struct conf_destination *ret_destination,
                      const char **ret_why);

/*
 * How many letters must change to come from a to b, a swap of neighbours being one;
 * VALUE_DISTANCE_FAR when either is longer than a name may be.
 */
unsigned value_distance(struct slice a, struct slice b);

/*
 * Is `candidate` close enough to what was written to be what was meant, and closer than
 * *distance? Then *distance is set. Start with VALUE_DISTANCE_FAR.
 */
bool value_is_closer(struct slice written, struct slice candidate, unsigned *distance);

/*
 * What a configuration's files of certificates and keys hold, those of the S3 API among them
 * (conf/s3_keys.h): gathered into a bundle by the supervisor, and held against the sites that they
 * are for.
 */
#pragma once

#include "conf/bundle.h"
#include "conf/snapshot.h"
#include "wire/tls/certificate.h"

/* How the bundle calls a certificate that Weir gets by itself: "managed/ID". */
#define CREDENTIALS_NAME_BYTES 160
struct slice credentials_managed_name(const struct conf_managed *managed,
                                      char room[static CREDENTIALS_NAME_BYTES]);

/* How the bundle calls an authority's word on a certificate (OCSP): "ocsp/" and the first half of
 * the certificate's digest in hexadecimal; its file is "certificates/ocsp-….der". */
struct slice credentials_staple_name(const struct tls_certificate *certificate,
                                     char room[static CREDENTIALS_NAME_BYTES]);

/* What its file is called, below the state folder: "certificates/ID.pem". */
struct slice credentials_managed_file(const struct conf_managed *managed,
                                      char room[static CREDENTIALS_NAME_BYTES]);

/* Where Debian's ca-certificates puts those whom the system believes. Targets that name no
 * authorities are verified by them, when they are there. */
#define CREDENTIALS_SYSTEM "/etc/ssl/certs/ca-certificates.crt"

/*
 * Reads all files; those in the state folder may be missing. What cannot be read is an entry in
 * *errors. The bundle is initialised; it is sealed and holds the others on -EINVAL too. 0, -EINVAL,
 * or another error.
 */
int credentials_gather(const struct snapshot *snapshot, const char *state, struct bundle *bundle,
                       struct conf_errors *errors);

/* A number that is another one when one of these files has changed. */
uint64_t credentials_stamp(const struct snapshot *snapshot, const char *state);

/*
 * Is what the bundle holds of use? What cannot be served is an entry in *errors; what clients will
 * not like, such as a certificate that has expired, one in *warnings. 0, -EINVAL, or -ENOMEM.
 */
int credentials_check(const struct snapshot *snapshot, const struct bundle *bundle, int64_t now_s,
                      struct conf_errors *errors, struct conf_errors *warnings);

/* Of the bundle: the certificate with its key. Errors as tls_certificate_parse. */
int credentials_parse(const struct bundle *bundle, const struct conf_certificate *conf,
                      struct tls_certificate **ret_certificate, struct error *ret_error);

/* Is the certificate for this domain of a site, which may be a wildcard? */
bool credentials_cover(const struct tls_certificate *certificate, struct slice domain);

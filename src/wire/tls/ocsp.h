/*
 * What a certificate's authority says of it (OCSP, RFC 6960): the question, and the answer judged
 * before it is stapled to handshakes. Pure.
 */
#pragma once

#include "base/buffer.h"
#include "base/error.h"

#include <stdint.h>

/*
 * About the first certificate of this PEM text; the one that signed it stands behind it. The
 * question in DER is appended. 0; -ENOENT when that other one is not there: nobody can be asked;
 * -ENOMEM or -EMSGSIZE.
 */
int tls_ocsp_ask(struct slice chain_pem, struct buffer *der);

enum tls_ocsp_status { TLS_OCSP_GOOD, TLS_OCSP_REVOKED, TLS_OCSP_UNKNOWN };

struct tls_ocsp_answer {
    enum tls_ocsp_status status;
    int64_t this_update_s; /* since 1970 */
    int64_t next_update_s; /* when there is a later one; 0: at any time */
};

/* Is it about that certificate, and signed by who may? 0, or what is wrong with it. Whether it is
 * in its time is for the caller. */
int tls_ocsp_judge(struct slice chain_pem, struct slice der, struct tls_ocsp_answer *ret_answer,
                   struct error *ret_error);

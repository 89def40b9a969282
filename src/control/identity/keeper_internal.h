/* The keeper as its parts see it. Not for anybody else. */
#pragma once

#include "base/list.h"
#include "control/identity/acme.h"
#include "control/identity/keeper.h"
#include "control/identity/report.h"
#include "control/identity/vault.h"
#include "http/worker.h"
#include "os/io.h"
#include "os/resolver.h"
#include "wire/tls/authority.h"

struct keeper;

/* An authority of one's own, and the file it was read from. */
struct signer {
    struct tls_authority *authority; /* owned; NULL: none was found */
    struct vault_stamp stamp;
};

/* One certificate. */
struct kept {
    struct keeper *keeper;
    const struct conf_managed *managed;
    struct fiber *fiber;
    struct report_entry report;
    bool is_revoked;               /* what there is, by its authority */
    bool has_begun;                /* its first pass is over: it is there, or cannot be had now */
    char told[REPORT_ERROR_BYTES]; /* the failure that was logged last */
};

struct keeper {
    struct worker worker; /* whose buffers connections take */
    const struct keeper_options *options;
    struct vault vault;
    struct resolver *resolver; /* owned by the process, as all of this */
    struct io lifeline;
    struct kept *kept;
    unsigned kept_count;
    unsigned orders; /* under way */
    struct acme_settings acme;
    struct buffer acme_authorities; /* PEM */
    struct buffer acme_secret;
    char admin_socket[PATH_MAX];
    char hook[PATH_MAX];
    struct fiber *teller;
    bool must_report, have_changed; /* what it has to tell */
    bool has_told_made;
    struct signer signers[2]; /* by reach, as they were found last */
    struct list stapled;      /* of struct stapled, owned (staple.c) */
    struct fiber *stapling;
};

/* What the file says of its times, to kept->report; false: there is no certificate of use. */
bool kept_look(struct kept *kept, struct buffer *ret_pem);

/* Makes or gets it now. 0 or an error, told. `ret_retry_after_s` is what an authority asked for. */
int kept_make_internal(struct kept *kept, struct error *ret_error);
int kept_order(struct kept *kept, int64_t *ret_retry_after_s, struct error *ret_error);

/* Is what is in the file signed by the authority that signs now? */
bool kept_is_by_authority(const struct kept *kept, struct slice pem);

/* A file has changed. */
void keeper_tell_changed(struct keeper *keeper);
void keeper_report(struct keeper *keeper);

/*
 * How the certificates are that Weir gets by itself: what `weir status` shows, and what a keeper
 * that was started anew remembers of its failures. A file in the vault, state.json:
 *
 *   {"certificates": [{"id", "source": "acme" or "internal", "names": […], "phase": "good",
 *     "waiting" (to be made, or made again), "ordering" or "failing", "not_before", "not_after",
 *     "renew_from", "next_try", "failures", "error", "refused",
 *     "asked_to_wait"}]}
 *
 * Times are seconds since 1970; what does not apply is left out.
 */
#pragma once

#include "base/arena.h"
#include "control/identity/vault.h"

#include <stdbool.h>
#include <stdint.h>

enum report_phase { REPORT_WAITING, REPORT_GOOD, REPORT_ORDERING, REPORT_FAILING };

#define REPORT_ERROR_BYTES 480

struct report_entry {
    struct slice id;
    const char *source;
    const struct slice *names;
    unsigned names_count;
    enum report_phase phase;
    int64_t not_before_s, not_after_s; /* 0: there is none */
    int64_t renew_from_s;
    int64_t next_try_s;    /* 0: nothing is to be tried */
    unsigned failures;     /* in a row */
    bool is_refused;       /* by the authority: each try counts against us there */
    bool is_asked_to_wait; /* by the authority: nobody's wish makes it earlier */
    char error[REPORT_ERROR_BYTES];
};

/* 0 or an error. */
int report_write(const struct vault *vault, const struct report_entry *const *entries,
                 unsigned count);

/* Fills failures, next try and error of the entry with that id, as they were written last: of what
 * an authority refused, for what went wrong here may have been mended meanwhile. What cannot be
 * read is as if it were not there. */
void report_recall(const struct vault *vault, struct report_entry *entry);

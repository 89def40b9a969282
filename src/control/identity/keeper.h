/*
 * The process that makes certificates, gets them from authorities and renews them: one fiber for
 * each certificate that the configuration wants and Weir manages. It writes files in the vault
 * (vault.h) and tells the supervisor; it is asked nothing, and nothing that serves waits for it.
 */
#pragma once

#include "conf/snapshot.h"

struct keeper_options {
    struct snapshot *snapshot; /* borrowed until keeper_run returns */
    const char *state;         /* the state folder, absolute; it exists */
    /*
     * To the supervisor, owned. It says, a byte each: KEEPER_MADE once all internal certificates
     * are there, or cannot be made; KEEPER_CHANGED when files have changed. It hears KEEPER_TRY:
     * what failed is to be tried again now. The end means that the supervisor is gone, or wants
     * another keeper. -1: none.
     */
    int lifeline_fd;
};

#define KEEPER_MADE    'm'
#define KEEPER_CHANGED 'c'
#define KEEPER_TRY     't'

/* Makes a loop and runs on it until SIGTERM, or the end of the lifeline. Returns an exit code. */
int keeper_run(const struct keeper_options *options);

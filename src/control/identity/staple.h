/*
 * The authorities' word on certificates (OCSP) for the edge to staple: of those that are managed
 * here and those of the user's files, where they name a responder. Kept in the vault as
 * ocsp-DIGEST.der, fetched anew at half of each answer's time, removed when it is over.
 */
#pragma once

#include "control/identity/keeper_internal.h"

/* Starts the fiber. 0 or an error. */
int staples_start(struct keeper *keeper);
/* Some certificate has changed. */
void staples_wake(struct keeper *keeper);

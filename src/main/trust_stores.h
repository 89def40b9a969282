/*
 * Where programs of a Debian machine look for whom to believe: the system's store (curl, wget,
 * Python and most others), and the NSS databases of a user (Chromium, Firefox). On a fiber: other
 * programs do the work.
 */
#pragma once

#include "base/error.h"
#include "base/slice.h"

#include <limits.h>
#include <stdbool.h>

/* What is to be believed. */
struct trusted {
    struct slice name;   /* as people see it */
    char file_name[160]; /* of it in the system's store */
    char nickname[128];  /* of it in NSS databases */
    struct slice pem;
};

/* 1: done. 0: there is nothing of it, in a removal. Or an error, told with what to do. */
int store_add_to_system(const struct trusted *trusted, struct error *ret_error);
int store_remove_from_system(const struct trusted *trusted, struct error *ret_error);

#define STORES_MAX 64

/* An NSS database. */
struct nss_store {
    char folder[PATH_MAX];
    char owner[128]; /* "Chromium", "Firefox (default-release)" */
};

/* Those that are below this home folder; that of Chromium is made where it is missing and a
 * Chromium is installed, with `may_make`. */
unsigned nss_stores_find(const char *home, bool may_make,
                         struct nss_store ret_stores[static STORES_MAX]);

/* Is the program there that changes them? */
bool nss_has_tool(void);
#define NSS_TOOL_HINT "apt-get install libnss3-tools"

/* As for the system; `pem_path` is a file with the certificate. */
int nss_add(const struct nss_store *store, const struct trusted *trusted, const char *pem_path,
            struct error *ret_error);
int nss_remove(const struct nss_store *store, const struct trusted *trusted,
               struct error *ret_error);

/* A hosts file of the test's own: not every machine has one. */
#pragma once

#include "unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* Writes it and names it to c-ares; *ret_path is for unit_remove_hosts. */
static inline void unit_write_hosts(char *ret_path, size_t bytes, const char *text)
{
    (void)snprintf(ret_path, bytes, "/tmp/weir-hosts-test-%d", (int)getpid());
    FILE *file = fopen(ret_path, "we");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(setenv("CARES_HOSTS", ret_path, 1), 0);
}

static inline void unit_remove_hosts(const char *path)
{
    assert_int_equal(unsetenv("CARES_HOSTS"), 0);
    assert_int_equal(unlink(path), 0);
}

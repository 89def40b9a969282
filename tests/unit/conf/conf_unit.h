/* What the tests of src/conf share. */
#pragma once

#include "unit.h"

#include "base/buffer.h"
#include "base/memory.h"
#include "conf/snapshot.h"

#include <errno.h>
#include <stdio.h>

/* The errors of a text, one "line:column: text" a line, in `out`. Returns snapshot_parse's result.
 */
static inline int parse_to_messages(const char *text, struct buffer *out)
{
    struct conf_errors errors;
    struct snapshot *snapshot = NULL;
    conf_errors_init(&errors);
    int rc = snapshot_parse(SLICE("weir.yaml"), slice_of_cstr(text), &snapshot, &errors);
    for (unsigned i = 0; i < errors.count; i++)
        assert_int_equal(buffer_format(out, "%u:%u: %.*s\n", errors.at[i].place.line,
                                       errors.at[i].place.column, SLICE_ARG(errors.at[i].text)),
                         0);
    assert_true((rc == 0) == (errors.count == 0));
    assert_true((rc == 0) == (snapshot != NULL));
    snapshot_unref(snapshot);
    conf_errors_finish(&errors);
    return rc;
}

/* Parses what must be right; on errors it shows them. */
static inline struct snapshot *parse_good(const char *text)
{
    struct conf_errors errors;
    struct snapshot *snapshot = NULL;
    conf_errors_init(&errors);
    int rc = snapshot_parse(SLICE("weir.yaml"), slice_of_cstr(text), &snapshot, &errors);
    for (unsigned i = 0; i < errors.count; i++)
        print_message("%u:%u: %.*s\n", errors.at[i].place.line, errors.at[i].place.column,
                      SLICE_ARG(errors.at[i].text));
    conf_errors_finish(&errors);
    assert_int_equal(rc, 0);
    return snapshot;
}

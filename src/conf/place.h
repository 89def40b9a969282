/* Where a node stands in the user's file: for errors, and for `weir explain`. */
#pragma once

struct conf_place {
    unsigned line; /* from 1 */
    unsigned column;
};

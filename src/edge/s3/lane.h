/*
 * Sums of a large body made on another thread while the next part is received: MD5 alone takes
 * longer than all else that a byte meets on its way to the disk.
 */
#pragma once

#include "wire/s3/checksum.h"

struct lane;

#define LANE_SUMS_MAX 3

/* `sums` are borrowed, and touched by nobody else until lane_finish. 0 or -ENOMEM. On a fiber. */
int lane_create(struct s3_sum *const *sums, unsigned sums_count, struct lane **ret_lane);

/* The next bytes, which are copied. May wait for the thread; cancelled or not. */
void lane_add(struct lane *lane, struct slice bytes);

/* Waits until all bytes are in the sums, and ends the lane. NULL is fine. */
void lane_finish(struct lane *lane);

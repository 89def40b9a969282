/* The parameters of a query, as forms write them (WHATWG URL, application/x-www-form-urlencoded):
 * "a=1&b=%41+c". Pure. */
#pragma once

#include "conf/snapshot.h"

/*
 * Does a parameter of that name have such a value? Names and values are decoded once: %XX and '+'
 * for a blank; a '%' without two hexadecimal digits stands for itself. A parameter without '=' has
 * the empty value.
 */
bool query_holds(struct slice query, const struct conf_query_match *wanted);

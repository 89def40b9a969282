/* Does a request match? Functions over conf's patterns that change nothing but the subject. */
#pragma once

#include "base/writer.h"
#include "conf/snapshot.h"
#include "os/address.h"

struct exchange;

/* A request that is held against rules. What takes work is found out by the first rule that asks.
 */
struct match_subject {
    const struct exchange *exchange; /* borrowed */
    bool has_client;                 /* `client` is set */
    struct address client;
};

static inline void match_subject_init(struct match_subject *subject,
                                      const struct exchange *exchange)
{
    subject->exchange = exchange;
    subject->has_client = false;
}

/* EXACT, PREFIX ("/a/" also matches "/a"), or WILDCARD with any number of '*'. */
bool pattern_matches(const struct conf_pattern *pattern, struct slice text);

/* "x.y", or "*.y" for all names below "y". `host` is lower case. */
bool host_matches(struct slice pattern, struct slice host);

bool match_holds(const struct conf_match *match, struct match_subject *subject);

/* The same where one of the paths is known to match. */
bool match_holds_but_path(const struct conf_match *match, struct match_subject *subject);

/*
 * The same question for a person: true when it holds; else the first part that does not is told, as
 * `the path "/x" is none of "/a", "/b"`. Each part of a match has its sentence here.
 */
bool match_why(const struct conf_match *match, const struct exchange *exchange, struct writer *why);

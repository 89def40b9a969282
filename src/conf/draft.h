/*
 * What the file says before its parts know each other: the schema's rows point into these structs,
 * link.c makes a snapshot of them. Drafts live in the reading's scratch arena, what their slices
 * and pointers name in the snapshot's.
 */
#pragma once

#include "conf/schema.h"

struct draft_share {
    struct named group;
    unsigned weight;
};

struct draft_mirror {
    struct named to;
    unsigned sample;
};

struct draft_bucket_site {
    struct named bucket;
    struct conf_bucket_site site; /* without what that bucket tells */
};

struct draft_s3 {
    struct named *domains;
    unsigned domains_count;
    struct slice region;
};

struct draft_auth {
    struct named forward;
    struct conf_auth auth;
};

/* One of a site's `errors`, which check_errors reads from the tree. */
struct draft_error_page {
    struct slice key;
    struct slice value;
};

struct draft_rule {
    struct conf_place place;
    struct conf_rule rule; /* its action is set by link.c */
    enum conf_action_kind action;
    struct draft_share *shares; /* of a forward */
    unsigned shares_count;
    struct conf_sticky sticky;
    struct draft_mirror mirror;
    struct conf_files files;
    struct draft_bucket_site bucket;
    struct draft_s3 s3;
    struct conf_redirect redirect;
    struct conf_respond respond;
    struct slice fallback;
    struct draft_auth auth;
    bool has_body_max;
};

/* Without a word plain requests are sent to HTTPS where the listeners are those by default. */
enum draft_redirect_https { DRAFT_REDIRECT_UNSAID, DRAFT_REDIRECT_ON, DRAFT_REDIRECT_OFF };

struct draft_site {
    struct conf_place place;
    struct slice name;
    struct named *domains;
    unsigned domains_count;
    struct named *listeners;
    unsigned listeners_count;
    struct draft_rule *rules;
    unsigned rules_count;
    struct conf_header_edits request_headers;
    struct conf_header_edits response_headers;
    struct conf_cors cors;
    struct conf_compress compress;
    struct draft_error_page *error_pages;
    unsigned error_pages_count;
    struct conf_error_pages errors;
    struct conf_tls tls;
    enum draft_redirect_https redirect_https;
    struct conf_place redirect_https_place;
    struct conf_hsts hsts;
    uint64_t body_max;
    bool has_body_max;
    unsigned ambiguous_paths; /* whether they are passed on */
    struct draft_rule own;    /* the rule on the site itself */
    bool has_own;
};

struct draft_tasks {
    unsigned min;
    unsigned max;
};

/* A service, and the target group that it is when something forwards to it. */
struct draft_service {
    struct conf_place place;
    struct slice name;
    struct conf_service service;
    struct conf_group group;
    struct draft_tasks tasks;
    struct slice from; /* done with by inherit.c */
};

struct draft_proxy_rule {
    struct conf_place place;
    struct conf_proxy_match match;
    unsigned allow;
    unsigned deny;
};

struct draft_guard {
    unsigned denies_private;
    struct network *except;
    unsigned except_count;
};

struct draft_parent {
    struct conf_place place;
    struct conf_address address;
    struct slice user;
    struct slice password_file;
};

struct draft_proxy {
    struct conf_place place;
    struct slice name;
    struct conf_listener listener;
    struct draft_proxy_rule *rules;
    unsigned rules_count;
    struct conf_basic_auth users;
    struct conf_place users_place;
    struct draft_guard guard;
    struct conf_proxy_limits limits;
    struct conf_pac pac;
    struct draft_parent parent;
    struct slice password; /* of the parent's file */
    struct conf_proxy_timeouts timeouts;
};

struct draft {
    struct slice app;
    unsigned workers;
    struct named user;
    struct conf_access_log access_log;
    struct conf_tracing tracing;
    struct slice email;
    struct conf_acme acme;
    uint64_t body_max;
    struct conf_listener *listeners;
    unsigned listeners_count;
    struct draft_site *sites;
    unsigned sites_count;
    struct conf_group *groups;
    unsigned groups_count;
    struct draft_service *services;
    unsigned services_count;
    struct draft_proxy *proxies;
    unsigned proxies_count;
    struct conf_bucket *buckets;
    unsigned buckets_count;
    struct conf_store store;
    struct conf_webhook *webhooks;
    unsigned webhooks_count;
    bool has_listeners; /* else there are two by default */
};

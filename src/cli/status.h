/* What `weir status` knows of the place it looks at, and how it is shown. */
#pragma once

#include "base/arena.h"
#include "base/buffer.h"
#include "cli/place.h"
#include "wire/json/json.h"

struct status_task {
    char id[96];
    char service[96];
    unsigned port; /* 0: none */
    int pid;
    int64_t seconds; /* since it was started */
};

/* One look. */
struct status {
    const struct place *place; /* borrowed */
    struct buffer answer;      /* of the edge's admin API, JSON */
    struct arena arena;
    const struct json *edge; /* NULL: it did not answer, see `error` */
    int error;
    struct buffer kept_text;   /* certificates/state.json, as the keeper wrote it */
    const struct json *kept;   /* NULL: there is none */
    struct status_task *tasks; /* owned */
    unsigned tasks_count;
    int64_t asked_ms; /* wall clock */
};

/* Asks the edge and looks at the tasks' notes. An edge that does not answer is no failure. 0 or
 * -ENOMEM; to be finished either way. */
int status_look(struct status *status, const struct place *place);
void status_finish(struct status *status);

struct json;

/* How a target is, for a person: one that nobody checks counts as healthy, which would say too much
 * ("unchecked"). */
struct slice status_health(const struct json *group, const struct json *target);

/* Why there is no edge to tell of, as a line for a person. */
int status_write_error(const struct status *status, struct buffer *out);

/*
 * Tables for people. With `before`, an earlier look, also what happened each second since. 0 or the
 * buffer's error.
 */
int status_write_text(struct status *status, const struct status *before, struct buffer *out);

/* {"edge": …, "tasks": […]}; "edge" is null when it did not answer. */
int status_write_json(const struct status *status, struct buffer *out);

/* Is standard output a terminal that is to be coloured? */
bool status_may_colour(void);

/* Titles in bold, lines of what is not healthy in colour. 0 or the buffer's error. */
int status_colour(struct buffer *text, size_t max);

/* The live screen, until q or Ctrl-C. Returns the exit code. */
int status_live(const struct place *place);

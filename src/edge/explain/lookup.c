/*
 * A question is a job for each worker, which answers into memory that the question owns, and posts
 * it back. Whoever asked waits so long; an answer that comes later frees the question.
 */
#include "edge/explain/lookup.h"

#include "base/cleanup.h"
#include "edge/state.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define ANSWER_MS 500

struct lookup;

struct lookup_answer {
    struct job job;
    struct lookup *lookup;
    struct edge_worker *worker;
    bool is_there; /* answered; worker 0's own */
    bool is_found;
    unsigned lines_seen;
    union {
        char record[DECISION_BYTES_MAX];
        struct lookup_line lines[LOOKUP_LINES_MAX];
    };
};

struct lookup {
    struct list link;
    struct fiber *fiber; /* who asked; NULL: gave up */
    bool wants_list;
    uint64_t id;
    unsigned waiting; /* answers that are still to come */
    unsigned count;
    struct lookup_answer answers[];
};

static void free_lookup(struct lookup *lookup)
{
    list_remove(&lookup->link);
    memory_free(lookup);
}

/* On worker 0. */
static void take_answer(struct job *job)
{
    struct lookup_answer *answer = CONTAINER_OF(job, struct lookup_answer, job);
    struct lookup *lookup = answer->lookup;
    answer->is_there = true;
    lookup->waiting--;
    if (lookup->fiber != NULL)
        fiber_wake(lookup->fiber);
    else if (lookup->waiting == 0)
        free_lookup(lookup);
}

/* The last ones: a line's place is used again when more come than there is room for. */
static void add_line(void *arg, const struct decision *decision)
{
    struct lookup_answer *answer = arg;
    struct lookup_line *line = &answer->lines[answer->lines_seen++ % LOOKUP_LINES_MAX];
    *line = (struct lookup_line){
        .id = decision->id,
        .wall_us = decision->wall_us,
        .duration_us = decision->duration_us,
        .status = decision->status,
    };
    if (decision->is_connection)
        (void)snprintf(line->text, sizeof line->text, "tcp %.*s to %.*s",
                       SLICE_ARG(decision_text(decision, DECISION_LISTENER)),
                       SLICE_ARG(decision_text(decision, DECISION_GROUP)));
    else
        (void)snprintf(line->text, sizeof line->text, "%.*s %.*s%.*s",
                       SLICE_ARG(decision_text(decision, DECISION_METHOD)),
                       SLICE_ARG(decision_text(decision, DECISION_HOST)),
                       SLICE_ARG(decision_text(decision, DECISION_PATH)));
    (void)snprintf(line->reason, sizeof line->reason, "%.*s",
                   SLICE_ARG(decision_text(decision, DECISION_REASON)));
}

static void find_record(struct lookup_answer *answer)
{
    const struct decision *found = decisions_find(answer->worker->decisions, answer->lookup->id);
    answer->is_found = found != NULL;
    if (found != NULL)
        memcpy(answer->record, found, found->bytes);
}

static void look(struct lookup_answer *answer)
{
    if (answer->lookup->wants_list)
        decisions_each_kept(answer->worker->decisions, add_line, answer);
    else
        find_record(answer);
}

/* On the worker's own thread. */
static void answer_question(struct job *job)
{
    struct lookup_answer *answer = CONTAINER_OF(job, struct lookup_answer, job);
    look(answer);
    job->run = take_answer;
    (void)edge_worker_post(&answer->worker->edge->workers[0], job);
}

static void ask(struct lookup_answer *answer)
{
    if (answer->worker->http.number == 0) {
        look(answer);
        answer->is_there = true;
        return;
    }
    answer->job.run = answer_question;
    if (edge_worker_post(answer->worker, &answer->job))
        answer->lookup->waiting++;
}

static struct lookup *begin(struct edge *edge, bool wants_list, uint64_t id)
{
    struct lookup *lookup =
        memory_alloc(sizeof *lookup + edge->workers_count * sizeof lookup->answers[0]);
    if (lookup == NULL)
        return NULL;
    lookup->fiber = fiber_current();
    lookup->wants_list = wants_list;
    lookup->id = id;
    lookup->count = edge->workers_count;
    list_append(&edge->lookups, &lookup->link);
    for (unsigned i = 0; i < lookup->count; i++) {
        lookup->answers[i].lookup = lookup;
        lookup->answers[i].worker = &edge->workers[i];
        ask(&lookup->answers[i]);
    }
    return lookup;
}

/* 0, or why not all answers are there. */
static int await(struct lookup *lookup)
{
    int64_t deadline_ms = loop_deadline(ANSWER_MS);
    int rc = 0;
    while (rc == 0 && lookup->waiting > 0)
        rc = fiber_wait(deadline_ms);
    return rc;
}

static void end(struct lookup *lookup)
{
    lookup->fiber = NULL;
    if (lookup->waiting == 0)
        free_lookup(lookup);
}

int lookup_request(struct edge *edge, uint64_t id, char ret_record[static DECISION_BYTES_MAX])
{
    struct lookup *lookup = begin(edge, false, id);
    if (lookup == NULL)
        return -ENOMEM;
    int rc = await(lookup);
    bool is_found = false;
    for (unsigned i = 0; !is_found && i < lookup->count; i++) {
        is_found = lookup->answers[i].is_there && lookup->answers[i].is_found;
        if (is_found)
            memcpy(ret_record, lookup->answers[i].record, DECISION_BYTES_MAX);
    }
    end(lookup);
    return is_found ? 0 : rc < 0 ? rc : -ENOENT;
}

static int compare_lines(const void *a, const void *b)
{
    const struct lookup_line *left = a, *right = b;
    return left->wall_us < right->wall_us ? 1 : left->wall_us > right->wall_us ? -1 : 0;
}

/* Of a worker that did not answer there are none. */
static int merge_lines(const struct lookup *lookup, struct lookup_line *ret_lines)
{
    size_t count = 0;
    struct lookup_line *all =
        memory_alloc_array(lookup->count * (size_t)LOOKUP_LINES_MAX, sizeof *all);
    if (all == NULL)
        return -ENOMEM;
    for (unsigned i = 0; i < lookup->count; i++) {
        const struct lookup_answer *answer = &lookup->answers[i];
        unsigned lines = !answer->is_there                       ? 0
                         : answer->lines_seen < LOOKUP_LINES_MAX ? answer->lines_seen
                                                                 : LOOKUP_LINES_MAX;
        memcpy(all + count, answer->lines, lines * sizeof *all);
        count += lines;
    }
    qsort(all, count, sizeof *all, compare_lines);
    if (count > LOOKUP_LINES_MAX)
        count = LOOKUP_LINES_MAX;
    memcpy(ret_lines, all, count * sizeof *all);
    memory_free(all);
    return (int)count;
}

int lookup_failed(struct edge *edge, struct lookup_line ret_lines[static LOOKUP_LINES_MAX])
{
    struct lookup *lookup = begin(edge, true, 0);
    if (lookup == NULL)
        return -ENOMEM;
    int rc = await(lookup);
    if (rc == 0 || rc == -ETIMEDOUT)
        rc = merge_lines(lookup, ret_lines);
    end(lookup);
    return rc;
}

void lookups_finish(struct edge *edge)
{
    LIST_FOR_EACH (&edge->lookups, link)
        free_lookup(CONTAINER_OF(link, struct lookup, link));
}

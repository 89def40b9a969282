/*
 * The object store as the edge has it. One process at a time holds a store: at a take-over the new
 * edge serves at once, but what needs the store waits until the edge before has given it up. A
 * thread of its own opens it, keeps trying, makes the buckets of the file, and closes it.
 */
#pragma once

#include "conf/snapshot.h"
#include "store/store.h"

struct objects;
struct outbox;
struct log_book;

/* `folder`, `outbox` and `log_book` are borrowed. 0 or a negative errno. */
int objects_create(struct snapshot *snapshot, const char *folder, struct outbox *outbox,
                   struct log_book *log_book, struct objects **ret_objects);

/* The service's key for contents, 32 bytes; NULL when it could not be read, which was logged. Of
 * who has entered. */
const unsigned char *objects_service_key(const struct objects *objects);

/* Nobody may be inside. Closes the store. NULL is fine. */
void objects_destroy(struct objects *objects);

/*
 * On a fiber: the store, open until objects_leave. Waits for it; cancelled or not. 0; -ESHUTDOWN
 * when another edge has it from now on; -ETIMEDOUT when another process held it for too long,
 * -ENODEV when it cannot be opened, which were logged. `objects` NULL: -ENOENT.
 */
int objects_enter(struct objects *objects, struct store **ret_store);
void objects_leave(struct objects *objects);

/*
 * Whoever is inside steps out while he waits for a client, who may be slow: another edge that is to
 * take over waits but a moment for those who mean to come back, and not at all for others. Outside,
 * content is read and written (incoming_*, outgoing_*,
 * store_pin and store_unpin), but nothing else. objects_step_in: 0, or -ESHUTDOWN when there is no
 * way back; he stays outside then. From there objects_leave_outside.
 */
void objects_step_out(struct objects *objects, bool comes_back);
int objects_step_in(struct objects *objects); /* of one who meant to come back */
void objects_leave_outside(struct objects *objects, bool comes_back);

/* Another edge waits for the store: after the requests that are under way nobody enters any more,
 * and it is closed when all have left. NULL is fine. Any thread. */
void objects_retire(struct objects *objects);

/* False, and nothing of it is filled in, while the store is not open here. `objects` may be NULL.
 */
bool objects_read_stats(struct objects *objects, struct store_stats *ret_stats);

/* What webhooks are to be told. */
struct outbox *objects_outbox(const struct objects *objects);

/* Lines about requests, which become objects from time to time, and when the store is given up. */
struct log_book *objects_log_book(const struct objects *objects);

/* Somebody has changed lifecycle rules: they are carried out now rather than in an hour. */
void objects_hurry(struct objects *objects);

/* A new file: its buckets are made, and get what it says of them. On a thread that may block. */
void objects_apply(struct objects *objects, struct snapshot *snapshot);

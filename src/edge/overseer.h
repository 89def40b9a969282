/*
 * The supervisor's word to the edge, over a Unix socket of messages that carry descriptors
 * (os/passing.h). One connection at a time; a later one, of a supervisor that came back, is heard
 * when the one before has gone.
 *
 * The first line of a message is its kind. From the supervisor:
 *   apply     a line for each address; descriptors: the file's accepted text, a listening socket
 *             for each of these addresses, then the bundle of certificates and keys
 *             (conf/bundle.h). Answered by applied, renew or failed.
 *   credentials  a descriptor: another bundle. Answered by applied or failed.
 *   log       a descriptor: the access log goes there from now on. Not answered.
 *   retire    another edge has taken over: answered by retired, once nothing is accepted any more.
 *             What is open ends in its own time.
 *   adopt     a supervisor that came back: answered by sockets
 *   maintenance  a descriptor: the sites that are closed, as maintenance_save writes them, in place
 *             of what is known here. Not answered.
 *   kept      the answer to maintenance; with a text: it could not be kept
 *   refreshed  a number, then ok or failed, each on a line, then a text: what came of the files of
 *             certificates and keys that were asked for by that refresh and those before it.
 *   told      ok or failed on a line, then a text: what came of a reload that was asked for.
 * From the edge:
 *   applied   the new configuration, or what the new bundle holds, serves
 *   renew     a text: the change needs a new process
 *   failed    a text: nothing has changed
 *   retired
 *   sockets   a line for each address; descriptors: the admin socket, then a listening socket for
 *             each of these addresses
 *   rotated   SIGUSR1 came here: a descriptor for the access log is wanted. Answered by log.
 *   maintenance  a descriptor: the sites that are closed from now on, to be kept for the next edge
 *   reload    somebody asks by the admin API: read the file again
 *   refresh   a number, from 1 up: the same for the files of certificates and keys alone
 */
#pragma once

#include "base/slice.h"

#include <stdbool.h>
#include <stdint.h>

struct edge;
struct overseer;

/* On worker 0's loop: listens at the descriptor, which is owned from then on. 0 or an error. */
int overseer_start(struct edge *edge, int listening_fd);

/* It ends in this turn or the next ones, then it can be freed. NULL is fine for all three. */
void overseer_stop(struct overseer *overseer);
bool overseer_has_stopped(const struct overseer *overseer);
void overseer_finish(struct overseer *overseer);

/* On a fiber: asks for the access log's file anew. */
void overseer_ask_log(struct edge *edge);

/*
 * For the admin API, on a fiber of worker 0: the supervisor keeps which sites are closed now for
 * the edges that come after, and it is waited for. 0, -EIO with why it cannot, or as the next one.
 */
int overseer_keep_maintenance(struct edge *edge, int64_t deadline_ms, char *room, size_t room_len);

/*
 * For the admin API, on a fiber of worker 0: asks the supervisor for a reload and waits. 0 with
 * what was said of it; -EINVAL with why it failed; -ENOTCONN: there is no supervisor; -ETIMEDOUT,
 * -ECANCELED. The text is copied into `room` (ends in NUL).
 */
int overseer_ask_reload(struct edge *edge, int64_t deadline_ms, char *room, size_t room_len);

/*
 * The same for the files of certificates and keys alone: on 0 what stood in them when it was called
 * serves, on every worker.
 */
int overseer_ask_refresh(struct edge *edge, int64_t deadline_ms, char *room, size_t room_len);

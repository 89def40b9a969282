/*
 * The shim: parent of one task. It has no threads and reads no configuration; it outlives control
 * and supervisor, who come back and find it by its socket. It starts the task's command in a
 * session of its own, writes what the task prints to a rotated log, and adopts whatever the task
 * leaves behind (PR_SET_CHILD_SUBREAPER), so that nothing of it survives the task.
 *
 * Protocol, lines over the Unix socket shim.sock in the task's folder, and over descriptor 3, a
 * connection it is born with:
 *
 *   shim → client  task pid=1234 shim=1230 start=99881 label=…    at once, label to the line's end
 *                  failed TEXT                                    instead: it could not be started
 *                  ended exit 1 · ended signal 9                  the command ended; the rest of
 * its processes are being cleared away (end of file)                                  all of it is
 * gone client → shim  stop 10000      SIGTERM to the task's group now, SIGKILL to all of it after
 * so many milliseconds; sent again, the earlier of the ends counts
 *
 * The first line also stands in the file `task` beside the socket, for `weir status`.
 * SIGTERM to the shim means "stop 10000". When the shim itself is killed, so is the command.
 */
#pragma once

/* `weir shim FOLDER LOG DIRECTORY LABEL COMMAND`; the environment is the task's. */
int shim_main(int argc, const char **argv);

/* Lines of text, replaced as a whole. */
#include "main/edge_note.h"

#include "base/buffer.h"
#include "base/cleanup.h"
#include "os/file.h"
#include "os/folder.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#define NOTE_BYTES_MAX (64 << 10)

int edge_note_write(const char *path, const struct edge_note *note)
{
    if (note == NULL)
        return file_remove(path);
    SCOPED(buffer_finish) struct buffer text;
    buffer_init(&text, NOTE_BYTES_MAX);
    int rc = 0;
    for (unsigned i = 0; rc == 0 && i < note->count; i++) {
        const struct noted_edge *edge = &note->edges[i];
        rc = buffer_format(&text, "edge %d %" PRIu64 " %" PRIx64 "\n", edge->pid, edge->start_ticks,
                           edge->digest);
    }
    return rc < 0 ? rc : file_replace(path, buffer_slice(&text), 0600);
}

static int parse(const char *text, struct edge_note *note)
{
    while (*text != '\0') {
        struct noted_edge *edge = &note->edges[note->count];
        int used = 0;
        if (note->count == NOTE_EDGES_MAX ||
            sscanf(text, "edge %d %" SCNu64 " %" SCNx64 "\n%n", &edge->pid, &edge->start_ticks,
                   &edge->digest, &used) != 3 ||
            used == 0 || edge->pid <= 0)
            return -EBADMSG;
        text += used;
        note->count++;
    }
    return note->count > 0 ? 0 : -EBADMSG;
}

int edge_note_read(const char *path, struct edge_note *ret_note)
{
    SCOPED(buffer_finish) struct buffer text;
    buffer_init(&text, NOTE_BYTES_MAX);
    int rc = file_read_all(path, &text);
    if (rc == 0)
        rc = buffer_append_char(&text, '\0');
    *ret_note = (struct edge_note){0};
    return rc < 0 ? rc : parse(text.at, ret_note);
}

int edge_note_hold(const struct noted_edge *edge, struct process *ret_process)
{
    return process_hold(edge->pid, edge->start_ticks, ret_process);
}

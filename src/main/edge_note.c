/* Lines of text, replaced as a whole. */
#include "main/edge_note.h"

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
    int rc = buffer_format(&text, "edge %d %" PRIu64 " %" PRIx64 "\n", note->pid, note->start_ticks,
                           note->digest);
    for (unsigned i = 0; rc == 0 && i < note->listeners_count; i++)
        rc = buffer_format(&text, "listener %d %s\n", note->listeners[i].fd,
                           note->listeners[i].address);
    return rc < 0 ? rc : file_replace(path, buffer_slice(&text), 0600);
}

static int parse(char *text, struct edge_note *note)
{
    int used = 0;
    if (sscanf(text, "edge %d %" SCNu64 " %" SCNx64 "\n%n", &note->pid, &note->start_ticks,
               &note->digest, &used) != 3)
        return -EBADMSG;
    while (note->listeners_count < NOTE_LISTENERS_MAX) {
        struct note_listener *listener = &note->listeners[note->listeners_count];
        int step = 0;
        if (sscanf(text + used, "listener %d %119[^\n]\n%n", &listener->fd, listener->address,
                   &step) != 2)
            return 0;
        used += step;
        note->listeners_count++;
    }
    return 0;
}

int edge_note_read(const char *path, struct edge_note *ret_note, struct process *ret_edge)
{
    SCOPED(buffer_finish) struct buffer text;
    buffer_init(&text, NOTE_BYTES_MAX);
    int rc = file_read_all(path, &text);
    if (rc == 0)
        rc = buffer_append_char(&text, '\0');
    *ret_note = (struct edge_note){0};
    if (rc == 0)
        rc = parse(text.at, ret_note);
    return rc < 0 ? rc : process_hold(ret_note->pid, ret_note->start_ticks, ret_edge);
}

static bool names(const struct edge_note *note, struct slice address)
{
    for (unsigned i = 0; i < note->listeners_count; i++) {
        if (slice_equal(slice_of_cstr(note->listeners[i].address), address))
            return true;
    }
    return false;
}

bool edge_note_listens_as(const struct edge_note *note, const struct snapshot *snapshot)
{
    if (note->listeners_count != snapshot->listeners_count)
        return false;
    for (unsigned i = 0; i < snapshot->listeners_count; i++) {
        if (!names(note, snapshot->listeners[i].address.text))
            return false;
    }
    return true;
}

/*
 * The receiving side of an HTTP/1 connection, the same for clients and targets: a pooled block of
 * bytes, the search for a head's end, and the body behind it. While nothing has been received no
 * block is held.
 *
 * A head that was parsed in place can be pinned: its bytes then stay where they are until
 * inflow_unpin, while the body passes through.
 */
#pragma once

#include "http/worker.h"
#include "os/io.h"
#include "wire/h1/chunked.h"

struct inflow {
    char *block;         /* owned; NULL while empty, or the pinned one */
    char *pinned;        /* owned; holds a head that is still in use */
    uint32_t start, end; /* received and not yet consumed */
    uint8_t block_size;  /* enum block_size */
    uint8_t pinned_size;
    uint8_t head_block_size; /* of the block that a head is received in */
    uint8_t body_kind;       /* enum body_kind */
    bool body_ended;
    bool is_bulk; /* its body comes faster than a large block at a time */
    struct h1_scan scan;
    struct h1_chunked chunked;
    uint64_t body_left; /* of BODY_LENGTH */
    uint32_t unread;    /* length of the slice handed out last, still to be consumed */
    uint32_t trailers_len;
};

static inline struct slice inflow_bytes(const struct inflow *inflow)
{
    return slice_of(inflow->block + inflow->start, inflow->end - inflow->start);
}

static inline bool inflow_is_empty(const struct inflow *inflow)
{
    return inflow->start == inflow->end;
}

/* No body is being read. */
void inflow_init(struct inflow *inflow, enum block_size head_block_size);
void inflow_finish(struct inflow *inflow);

/*
 * Reads once without waiting, behind what is there, making room first. Bytes read, 0 at the end,
 * -EAGAIN, -EMSGSIZE when a large block is full, -ENOMEM, or the connection's error.
 */
ssize_t inflow_fill(struct inflow *inflow, struct io *io);

/* The same, waiting: 0 when there are more bytes; -ECONNRESET at the end, -ETIMEDOUT, -ECANCELED.
 */
int inflow_fill_wait(struct inflow *inflow, struct io *io, int64_t deadline_ms);

/* Gives the block back when nothing is in it. */
void inflow_trim(struct inflow *inflow);

/* As h1_scan over what was received. */
int inflow_scan_head(struct inflow *inflow, struct h1_refusal *ret_refusal);

/* Consumes a head of that length and begins with its body. */
void inflow_begin_body(struct inflow *inflow, size_t head_len, const struct framing *framing);

/* Keeps the current block's bytes in place until inflow_unpin. */
void inflow_pin(struct inflow *inflow);
void inflow_unpin(struct inflow *inflow);

/*
 * The next part of the body without waiting: 1 with a slice that is valid until the next call; 0 at
 * its end; -EAGAIN; -EBADMSG for bad framing; -ECONNRESET when the connection ended inside the
 * body; other errors of the connection.
 */
int inflow_try_body(struct inflow *inflow, struct io *io, struct slice *ret_data);

/* The same; bytes of a body of known length that have not been read yet are read into `room`, at
 * most `len` of them, and *ret_data is there. */
int inflow_receive_body(struct inflow *inflow, struct io *io, char *room, size_t len,
                        struct slice *ret_data);

/* The same, waiting up to `timeout_ms` for bytes. */
int inflow_read_body(struct inflow *inflow, struct io *io, int64_t timeout_ms,
                     struct slice *ret_data);

/* Was the slice handed out last the body's last, as far as what was received tells? */
bool inflow_at_last_part(const struct inflow *inflow);

/*
 * The trailer fields that came with a chunked body's end and may be passed on; none for other
 * bodies. They stand in the worker's room for fields and are valid until the next call.
 */
void inflow_trailers(const struct inflow *inflow, struct fields *ret_fields);

/*
 * XML 1.0 written into a buffer, in UTF-8. The first failure is remembered, not reported at each
 * step: write all, then ask xml_writer_end once. Names are plain words of our own that need no
 * escape; they are borrowed until their element is closed.
 *
 * Text may be any bytes and always makes a well-formed document: & < > " and tab, line feed and
 * carriage return become references (so that a reader gives them back unchanged), and what XML
 * cannot hold (other controls, U+FFFE, U+FFFF, what is no UTF-8) becomes U+FFFD, a byte at a time.
 */
#pragma once

#include "base/buffer.h"

#define XML_WRITER_DEPTH_MAX 16

struct xml_writer {
    struct buffer *out;                      /* borrowed */
    int rc;                                  /* 0, or the first failure */
    unsigned depth;                          /* open elements */
    const char *names[XML_WRITER_DEPTH_MAX]; /* of the open elements */
};

/* Starts with the XML declaration. */
void xml_writer_init(struct xml_writer *writer, struct buffer *out);

/* Returns 0, -ENOMEM or -EMSGSIZE; the buffer is not to be used after a failure. All elements must
 * have been closed. */
int xml_writer_end(struct xml_writer *writer);

void xml_open(struct xml_writer *writer, const char *name);

/* The outermost one, with the name space of its document; NULL: none. */
void xml_open_root(struct xml_writer *writer, const char *name, const char *name_space);

/* With xsi:type. */
void xml_open_typed(struct xml_writer *writer, const char *name, const char *type);

/* Closes the innermost open element. */
void xml_close(struct xml_writer *writer);

void xml_text(struct xml_writer *writer, struct slice text);

/* An element that holds nothing but text. */
void xml_element(struct xml_writer *writer, const char *name, struct slice text);

/* The same, left away when the text has a NULL start. */
void xml_element_if(struct xml_writer *writer, const char *name, struct slice text);

void xml_element_u64(struct xml_writer *writer, const char *name, uint64_t value);

/* "true" or "false". */
void xml_element_bool(struct xml_writer *writer, const char *name, bool value);

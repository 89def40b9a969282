/*
 * XML 1.0 as the documents of an API use it, read by expat into a small tree in an arena. What such
 * documents do not need is refused or left away: a document type (and with it every entity but the
 * five of XML itself), text beside elements; comments, processing instructions, name-space prefixes
 * and all attributes but xsi:type. Nothing outside of the document is ever looked for.
 *
 * Bounds: XML_DEPTH_MAX levels, and what struct xml_limits says. Writing is wire/xml/writer.h.
 */
#pragma once

#include "base/arena.h"
#include "base/error.h"

#define XML_DEPTH_MAX 16

/* For documents that say nothing else. */
#define XML_NODES_MAX 20000

struct xml_limits {
    size_t bytes_max;   /* of the document, as it is sent */
    unsigned nodes_max; /* elements */
};

/* What an arena must be allowed to hold for a tree of these limits. */
#define XML_ARENA_BYTES(limits) ((limits).bytes_max * 2 + (size_t)(limits).nodes_max * 128 + 65536)

struct xml_element {
    struct slice name;               /* without its prefix */
    struct slice text;               /* decoded, blanks kept; with elements inside it is empty */
    struct slice type;               /* of xsi:type, without its prefix; a NULL start without it */
    const struct xml_element *first; /* inside this one, in the order of the document */
    const struct xml_element *next;  /* beside this one */
    unsigned count;                  /* elements directly inside */
    unsigned line;                   /* where it starts, both from 1 */
    unsigned column;                 /* in characters */
};

struct xml_reader;

/*
 * A reader of one document. `arena` is borrowed until xml_reader_destroy and holds the tree, which
 * outlives the reader. Returns 0 or -ENOMEM.
 */
int xml_reader_create(struct arena *arena, const struct xml_limits *limits,
                      struct xml_reader **ret_reader);
void xml_reader_destroy(struct xml_reader *reader);

/*
 * The next bytes, in pieces of any size; they are not kept. Errors may come late, but once there
 * is one, each further call returns it:
 * -EBADMSG   what is no well-formed XML, or is refused as above; `error` has line and column
 * -EMSGSIZE  more bytes, levels or elements than allowed
 * -ENOMEM    the heap or the arena is used up
 */
int xml_reader_feed(struct xml_reader *reader, struct slice bytes, struct error *error);

/* The document is complete. Returns 0, or what xml_reader_feed returns. */
int xml_reader_finish(struct xml_reader *reader, struct error *error,
                      const struct xml_element **ret_root);

/* All at once. */
int xml_parse(struct slice text, struct arena *arena, const struct xml_limits *limits,
              struct error *error, const struct xml_element **ret_root);

/* Walks the elements inside; NULL is fine. */
#define XML_FOR_EACH(parent, child)                                                                \
    for (const struct xml_element *child = (parent) == NULL ? NULL : (parent)->first;              \
         child != NULL; child = child->next)

/* The first of that name inside `parent`; NULL when there is none, or no parent. */
const struct xml_element *xml_child(const struct xml_element *parent, struct slice name);

/* The next of the same name beside `element`, or NULL. */
const struct xml_element *xml_next_alike(const struct xml_element *element);

/* The text of xml_child; a NULL start when there is none. That of an element is never NULL. */
struct slice xml_child_text(const struct xml_element *parent, struct slice name);

/* The first inside `parent` whose name is none of these; NULL when there is none. */
const struct xml_element *xml_unexpected(const struct xml_element *parent,
                                         const struct slice *names, size_t names_count);

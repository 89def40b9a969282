/*
 * Expat's events made into a tree. Text gathers in one buffer for all open elements: that of an
 * inner one stands behind that of its parent and is taken off when it closes. Names are kept once,
 * by a small table.
 *
 * Expat 2.5 scans a token that is not complete from its start with each call. Bytes wait here until
 * there are as many of them as expat holds back, so that the work stays linear however small the
 * pieces are.
 */
#include "wire/xml/xml.h"

#include "base/buffer.h"
#include "base/memory.h"

#include <errno.h>
#include <expat.h>
#include <limits.h>

#define FEED_BYTES_MIN 16384
#define NAMES          64 /* a power of two */

struct open_element {
    struct xml_element *element;
    const struct xml_element **link; /* where the next one inside goes */
    size_t text_start;               /* in the reader's text */
};

struct xml_reader {
    XML_Parser parser;     /* owned */
    struct arena *arena;   /* borrowed */
    struct buffer text;    /* of the open elements */
    struct buffer waiting; /* not yet seen by expat */
    struct xml_limits limits;
    size_t bytes;      /* that came */
    size_t bytes_seen; /* by expat */
    unsigned nodes;
    unsigned depth;
    struct open_element open[XML_DEPTH_MAX];
    const struct xml_element *root;
    struct slice names[NAMES];
    struct error failure; /* its code is 0 until something fails */
};

static unsigned line_of(const struct xml_reader *reader)
{
    XML_Size line = XML_GetCurrentLineNumber(reader->parser);
    return line > UINT_MAX ? UINT_MAX : (unsigned)line;
}

static unsigned column_of(const struct xml_reader *reader)
{
    XML_Size column = XML_GetCurrentColumnNumber(reader->parser) + 1;
    return column > UINT_MAX ? UINT_MAX : (unsigned)column;
}

/* Keeps the first failure and lets expat stop. */
static void fail(struct xml_reader *reader, int code, const char *text)
{
    if (reader->failure.code != 0)
        return;
    (void)error_set(&reader->failure, code, "%s", text);
    reader->failure.line = line_of(reader);
    reader->failure.column = column_of(reader);
    (void)XML_StopParser(reader->parser, XML_FALSE);
}

static struct slice local_part(const char *name)
{
    struct slice all = slice_of_cstr(name);
    ptrdiff_t colon = slice_find(all, ':');
    return colon < 0 ? all : slice_from(all, (size_t)colon + 1);
}

/* Most names of a document are the same few. */
static struct slice keep_name(struct xml_reader *reader, struct slice name)
{
    unsigned hash = (unsigned)name.len;
    for (size_t i = 0; i < name.len && i < 32; i++)
        hash = hash * 31 + (unsigned char)name.at[i];
    struct slice *known = &reader->names[hash & (NAMES - 1)];
    if (known->at == NULL || !slice_equal(*known, name))
        *known = arena_copy(reader->arena, name);
    return *known;
}

static bool is_blank(struct slice text)
{
    for (size_t i = 0; i < text.len; i++) {
        if (memchr(" \t\r\n", text.at[i], 4) == NULL)
            return false;
    }
    return true;
}

/* The value of xsi:type, whatever prefix stands for the name space of schema instances. */
static int take_type(struct xml_reader *reader, const char **attributes, struct slice *ret_type)
{
    for (; *attributes != NULL; attributes += 2) {
        if (strchr(attributes[0], ':') == NULL ||
            !slice_equal(local_part(attributes[0]), SLICE("type")))
            continue;
        *ret_type = arena_copy(reader->arena, local_part(attributes[1]));
        return ret_type->at == NULL ? -ENOMEM : 0;
    }
    return 0;
}

static void on_start(void *user, const char *name, const char **attributes)
{
    struct xml_reader *reader = user;
    if (reader->failure.code != 0)
        return;
    if (reader->depth == XML_DEPTH_MAX || reader->nodes == reader->limits.nodes_max) {
        fail(reader, -EMSGSIZE,
             reader->depth == XML_DEPTH_MAX ? "elements are nested too deeply"
                                            : "there are too many elements");
        return;
    }
    struct xml_element *element = arena_alloc_zero(reader->arena, sizeof *element);
    if (element != NULL)
        element->name = keep_name(reader, local_part(name));
    if (element == NULL || element->name.at == NULL ||
        take_type(reader, attributes, &element->type) < 0) {
        fail(reader, -ENOMEM, "out of memory");
        return;
    }
    element->line = line_of(reader);
    element->column = column_of(reader);
    reader->nodes++;
    if (reader->depth == 0) {
        reader->root = element;
    } else {
        struct open_element *parent = &reader->open[reader->depth - 1];
        *parent->link = element;
        parent->link = &element->next;
        parent->element->count++;
    }
    reader->open[reader->depth++] =
        (struct open_element){element, &element->first, reader->text.len};
}

static void on_end(void *user, const char *name)
{
    (void)name;
    struct xml_reader *reader = user;
    if (reader->failure.code != 0)
        return;
    struct open_element *open = &reader->open[--reader->depth];
    struct slice text = reader->text.len > open->text_start
                            ? slice_from(buffer_slice(&reader->text), open->text_start)
                            : SLICE("");
    if (open->element->count > 0 || text.len == 0) {
        open->element->text = SLICE("");
        if (!is_blank(text))
            fail(reader, -EBADMSG, "there is text beside elements");
    } else {
        open->element->text = arena_copy(reader->arena, text);
        if (open->element->text.at == NULL)
            fail(reader, -ENOMEM, "out of memory");
    }
    reader->text.len = open->text_start;
}

static void on_text(void *user, const char *text, int len)
{
    struct xml_reader *reader = user;
    if (reader->failure.code != 0)
        return;
    int rc = buffer_append(&reader->text, slice_of(text, (size_t)len));
    if (rc < 0)
        fail(reader, rc, rc == -ENOMEM ? "out of memory" : "the text is too long");
}

static void on_doctype(void *user, const char *name, const char *system_id, const char *public_id,
                       int has_subset)
{
    (void)name, (void)system_id, (void)public_id, (void)has_subset;
    fail(user, -EBADMSG, "a document type is not allowed");
}

int xml_reader_create(struct arena *arena, const struct xml_limits *limits,
                      struct xml_reader **ret_reader)
{
    static const XML_Memory_Handling_Suite heap = {memory_alloc_raw, memory_resize, memory_free};
    struct xml_reader *reader = NEW(struct xml_reader);
    if (reader == NULL)
        return -ENOMEM;
    reader->parser = XML_ParserCreate_MM(NULL, &heap, NULL);
    if (reader->parser == NULL) {
        memory_free(reader);
        return -ENOMEM;
    }
    reader->arena = arena;
    reader->limits = *limits;
    /* Text in UTF-8 may be half as long again as it was in UTF-16. */
    buffer_init(&reader->text, limits->bytes_max * 2);
    buffer_init(&reader->waiting, limits->bytes_max);
    XML_SetUserData(reader->parser, reader);
    XML_SetElementHandler(reader->parser, on_start, on_end);
    XML_SetCharacterDataHandler(reader->parser, on_text);
    XML_SetStartDoctypeDeclHandler(reader->parser, on_doctype);
    *ret_reader = reader;
    return 0;
}

void xml_reader_destroy(struct xml_reader *reader)
{
    if (reader == NULL)
        return;
    XML_ParserFree(reader->parser);
    buffer_finish(&reader->text);
    buffer_finish(&reader->waiting);
    memory_free(reader);
}

static int report(const struct xml_reader *reader, struct error *error)
{
    if (error != NULL && reader->failure.code != 0)
        *error = reader->failure;
    return reader->failure.code;
}

/* Hands over what waits. */
static void pass_on(struct xml_reader *reader, bool is_last)
{
    struct slice bytes = buffer_slice(&reader->waiting);
    if (bytes.len > INT_MAX) {
        fail(reader, -EMSGSIZE, "the document is too long");
        return;
    }
    enum XML_Status status =
        XML_Parse(reader->parser, bytes.len > 0 ? bytes.at : "", (int)bytes.len, is_last);
    reader->bytes_seen += bytes.len;
    reader->waiting.len = 0;
    if (status == XML_STATUS_OK || reader->failure.code != 0)
        return;
    enum XML_Error code = XML_GetErrorCode(reader->parser);
    fail(reader, code == XML_ERROR_NO_MEMORY ? -ENOMEM : -EBADMSG, XML_ErrorString(code));
}

/* Bytes that expat keeps because their token is not complete. */
static size_t held_back(const struct xml_reader *reader)
{
    XML_Index at = XML_GetCurrentByteIndex(reader->parser);
    return at < 0 || (size_t)at > reader->bytes_seen ? 0 : reader->bytes_seen - (size_t)at;
}

int xml_reader_feed(struct xml_reader *reader, struct slice bytes, struct error *error)
{
    if (reader->failure.code != 0)
        return report(reader, error);
    if (bytes.len > reader->limits.bytes_max - reader->bytes) {
        fail(reader, -EMSGSIZE, "the document is too long");
        return report(reader, error);
    }
    if (buffer_append(&reader->waiting, bytes) < 0) {
        fail(reader, -ENOMEM, "out of memory");
        return report(reader, error);
    }
    reader->bytes += bytes.len;
    if (reader->waiting.len >= FEED_BYTES_MIN && reader->waiting.len >= held_back(reader))
        pass_on(reader, false);
    return report(reader, error);
}

int xml_reader_finish(struct xml_reader *reader, struct error *error,
                      const struct xml_element **ret_root)
{
    if (reader->failure.code == 0)
        pass_on(reader, true);
    if (reader->failure.code == 0)
        *ret_root = reader->root;
    return report(reader, error);
}

int xml_parse(struct slice text, struct arena *arena, const struct xml_limits *limits,
              struct error *error, const struct xml_element **ret_root)
{
    struct xml_reader *reader;
    int rc = xml_reader_create(arena, limits, &reader);
    if (rc < 0)
        return error_set(error, rc, "out of memory");
    rc = xml_reader_feed(reader, text, error);
    if (rc == 0)
        rc = xml_reader_finish(reader, error, ret_root);
    xml_reader_destroy(reader);
    return rc;
}

const struct xml_element *xml_child(const struct xml_element *parent, struct slice name)
{
    XML_FOR_EACH(parent, child)
    {
        if (slice_equal(child->name, name))
            return child;
    }
    return NULL;
}

const struct xml_element *xml_next_alike(const struct xml_element *element)
{
    const struct xml_element *next = element->next;
    while (next != NULL && !slice_equal(next->name, element->name))
        next = next->next;
    return next;
}

struct slice xml_child_text(const struct xml_element *parent, struct slice name)
{
    const struct xml_element *child = xml_child(parent, name);
    return child == NULL ? (struct slice){NULL, 0} : child->text;
}

static bool is_among(struct slice name, const struct slice *names, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (slice_equal(name, names[i]))
            return true;
    }
    return false;
}

const struct xml_element *xml_unexpected(const struct xml_element *parent,
                                         const struct slice *names, size_t names_count)
{
    XML_FOR_EACH(parent, child)
    {
        if (!is_among(child->name, names, names_count))
            return child;
    }
    return NULL;
}

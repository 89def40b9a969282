/* Written entry by entry into a buffer that is made to have room for the longest one. */
#include "edge/files/listing_page.h"

#include "base/json.h"
#include "wire/http/chars.h"
#include "wire/http/date.h"

#include <errno.h>
#include <stdlib.h>

/* A byte of a name becomes up to six in HTML and in JSON, and three in a link; the rest is fixed.
 */
#define ENTRY_BYTES_MAX (LISTING_NAME_BYTES_MAX * 9 + 300)

static int compare(const void *left, const void *right)
{
    const struct listing_entry *a = left, *b = right;
    if (a->is_folder != b->is_folder)
        return a->is_folder ? -1 : 1;
    return slice_compare(a->name, b->name);
}

void listing_sort(struct listing *listing)
{
    if (listing->count > 1)
        qsort(listing->at, listing->count, sizeof *listing->at, compare);
}

static void write_html(struct writer *writer, struct slice text)
{
    for (size_t i = 0; i < text.len; i++) {
        switch (text.at[i]) {
        case '&':
            write_literal(writer, "&amp;");
            break;
        case '<':
            write_literal(writer, "&lt;");
            break;
        case '>':
            write_literal(writer, "&gt;");
            break;
        case '"':
            write_literal(writer, "&quot;");
            break;
        case '\'':
            write_literal(writer, "&#39;");
            break;
        default:
            write_char(writer, text.at[i]);
        }
    }
}

/* One segment of a relative link: a ':' would make a scheme of it (RFC 3986 §4.2). */
static void write_link(struct writer *writer, struct slice name)
{
    for (size_t i = 0; i < name.len; i++) {
        uint8_t byte = (uint8_t)name.at[i];
        if (char_is((char)byte, CHAR_UNRESERVED)) {
            write_char(writer, (char)byte);
        } else {
            write_char(writer, '%');
            write_hex(writer, byte, 2);
        }
    }
}

static void write_date(struct writer *writer, int64_t time_s)
{
    char date[HTTP_DATE_BYTES];
    http_date_write(date, time_s);
    write_bytes(writer, date, sizeof date);
}

static void write_page_entry(struct writer *writer, const struct listing_entry *entry)
{
    struct slice slash = entry->is_folder ? SLICE("/") : SLICE("");
    write_literal(writer, "<tr><td><a href=\"");
    write_link(writer, entry->name);
    write_slice(writer, slash);
    write_literal(writer, "\">");
    write_html(writer, entry->name);
    write_slice(writer, slash);
    write_literal(writer, "</a><td>");
    if (!entry->is_folder)
        write_u64(writer, entry->size);
    write_literal(writer, "<td>");
    write_date(writer, entry->modified_s);
    write_char(writer, '\n');
}

static void write_json_entry(struct writer *writer, const struct listing_entry *entry)
{
    write_literal(writer, "{\"name\":");
    write_json_text(writer, entry->name);
    write_slice(writer, entry->is_folder ? SLICE(",\"type\":\"directory\",\"mtime\":\"")
                                         : SLICE(",\"type\":\"file\",\"mtime\":\""));
    write_date(writer, entry->modified_s);
    write_char(writer, '"');
    if (!entry->is_folder) {
        write_literal(writer, ",\"size\":");
        write_u64(writer, entry->size);
    }
    write_char(writer, '}');
}

/* Has `write` write one entry at the buffer's end. */
static int append_entry(struct buffer *out, const struct listing_entry *entry,
                        void (*write)(struct writer *writer, const struct listing_entry *entry))
{
    int rc = buffer_reserve(out, ENTRY_BYTES_MAX);
    if (rc < 0)
        return rc;
    struct writer writer;
    writer_init(&writer, out->at + out->len, ENTRY_BYTES_MAX);
    write(&writer, entry);
    if (writer.overflown)
        return -EMSGSIZE;
    out->len += writer_slice(&writer).len;
    return 0;
}

/* The path as it was asked for: percent-encoded. */
static int append_path(struct buffer *out, struct slice path)
{
    int rc = buffer_reserve(out, path.len * 6);
    if (rc < 0)
        return rc;
    struct writer writer;
    writer_init(&writer, out->at + out->len, path.len * 6);
    write_html(&writer, path);
    out->len += writer_slice(&writer).len;
    return 0;
}

static int append_head(const struct listing *listing, struct buffer *out)
{
    int rc = buffer_append(
        out, SLICE("<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n"
                   "<meta name=\"viewport\" content=\"width=device-width\">\n"
                   "<style>body{font-family:sans-serif}td,th{padding:0 1em;text-align:left}"
                   "td:nth-child(2){text-align:right}</style>\n<title>"));
    if (rc == 0)
        rc = append_path(out, listing->path);
    if (rc == 0)
        rc = buffer_append(out, SLICE("</title>\n<h1>"));
    if (rc == 0)
        rc = append_path(out, listing->path);
    if (rc == 0)
        rc = buffer_append(out, SLICE("</h1>\n<table>\n<tr><th>Name<th>Bytes<th>Modified\n"));
    if (rc == 0 && !listing->is_root)
        rc = buffer_append(out, SLICE("<tr><td><a href=\"../\">../</a><td><td>\n"));
    return rc;
}

int listing_write_page(const struct listing *listing, struct buffer *out)
{
    int rc = append_head(listing, out);
    for (unsigned i = 0; rc == 0 && i < listing->count; i++)
        rc = append_entry(out, &listing->at[i], write_page_entry);
    if (rc == 0)
        rc = buffer_append(out, SLICE("</table>\n"));
    if (rc == 0 && listing->is_cut)
        rc = buffer_format(out, "<p>There are more than these %u.\n", listing->count);
    return rc;
}

int listing_write_json(const struct listing *listing, struct buffer *out)
{
    int rc = buffer_append_char(out, '[');
    for (unsigned i = 0; rc == 0 && i < listing->count; i++) {
        if (i > 0)
            rc = buffer_append(out, SLICE(",\n"));
        if (rc == 0)
            rc = append_entry(out, &listing->at[i], write_json_entry);
    }
    return rc < 0 ? rc : buffer_append(out, SLICE("]\n"));
}

/* Runs of plain bytes are copied whole; each other one is looked at alone. */
#include "wire/xml/writer.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>

static void put(struct xml_writer *writer, struct slice bytes)
{
    if (writer->rc == 0)
        writer->rc = buffer_append(writer->out, bytes);
}

static void put_text(struct xml_writer *writer, const char *text)
{
    put(writer, slice_of_cstr(text));
}

void xml_writer_init(struct xml_writer *writer, struct buffer *out)
{
    *writer = (struct xml_writer){.out = out};
    put_text(writer, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
}

int xml_writer_end(struct xml_writer *writer)
{
    assert(writer->depth == 0);
    return writer->rc;
}

/* The start tag but for its attributes and its end. */
static void open_tag(struct xml_writer *writer, const char *name)
{
    assert(writer->depth < XML_WRITER_DEPTH_MAX);
    writer->names[writer->depth++] = name;
    put(writer, SLICE("<"));
    put_text(writer, name);
}

void xml_open(struct xml_writer *writer, const char *name)
{
    open_tag(writer, name);
    put(writer, SLICE(">"));
}

void xml_open_root(struct xml_writer *writer, const char *name, const char *name_space)
{
    open_tag(writer, name);
    if (name_space != NULL) {
        put(writer, SLICE(" xmlns=\""));
        put_text(writer, name_space);
        put(writer, SLICE("\""));
    }
    put(writer, SLICE(">"));
}

void xml_open_typed(struct xml_writer *writer, const char *name, const char *type)
{
    open_tag(writer, name);
    put(writer, SLICE(" xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\" xsi:type=\""));
    put_text(writer, type);
    put(writer, SLICE("\">"));
}

void xml_close(struct xml_writer *writer)
{
    assert(writer->depth > 0);
    put(writer, SLICE("</"));
    put_text(writer, writer->names[--writer->depth]);
    put(writer, SLICE(">"));
}

static bool is_plain(unsigned char c)
{
    return c >= 0x20 && c < 0x80 && c != '&' && c != '<' && c != '>' && c != '"';
}

/* The bytes of the well-formed character (Unicode 15, table 3-7) that starts here and may stand in
 * XML; 0 when there is none. */
static size_t character_len(struct slice s)
{
    const unsigned char *at = (const unsigned char *)s.at;
    size_t len = at[0] < 0xc2 ? 0 : at[0] < 0xe0 ? 2 : at[0] < 0xf0 ? 3 : at[0] < 0xf5 ? 4 : 0;
    if (len == 0 || len > s.len)
        return 0;
    for (size_t i = 1; i < len; i++) {
        if ((at[i] & 0xc0) != 0x80)
            return 0;
    }
    bool is_overlong = (at[0] == 0xe0 && at[1] < 0xa0) || (at[0] == 0xf0 && at[1] < 0x90);
    bool is_surrogate = at[0] == 0xed && at[1] >= 0xa0;
    bool is_beyond = at[0] == 0xf4 && at[1] >= 0x90;
    bool is_no_character = at[0] == 0xef && at[1] == 0xbf && at[2] >= 0xbe;
    return is_overlong || is_surrogate || is_beyond || is_no_character ? 0 : len;
}

static struct slice reference(char c)
{
    switch (c) {
    case '&':
        return SLICE("&amp;");
    case '<':
        return SLICE("&lt;");
    case '>':
        return SLICE("&gt;");
    case '"':
        return SLICE("&quot;");
    case '\t':
        return SLICE("&#x9;");
    case '\n':
        return SLICE("&#xA;");
    case '\r':
        return SLICE("&#xD;");
    default:
        return SLICE("\xef\xbf\xbd");
    }
}

void xml_text(struct xml_writer *writer, struct slice text)
{
    while (text.len > 0 && writer->rc == 0) {
        size_t len = 0;
        while (len < text.len) {
            size_t step =
                is_plain((unsigned char)text.at[len]) ? 1 : character_len(slice_from(text, len));
            if (step == 0)
                break;
            len += step;
        }
        put(writer, slice_first(text, len));
        text = slice_from(text, len);
        if (text.len > 0) {
            put(writer, reference(text.at[0]));
            text = slice_from(text, 1);
        }
    }
}

void xml_element(struct xml_writer *writer, const char *name, struct slice text)
{
    xml_open(writer, name);
    xml_text(writer, text);
    xml_close(writer);
}

void xml_element_if(struct xml_writer *writer, const char *name, struct slice text)
{
    if (text.at != NULL)
        xml_element(writer, name, text);
}

void xml_element_u64(struct xml_writer *writer, const char *name, uint64_t value)
{
    char digits[24];
    int len = snprintf(digits, sizeof digits, "%" PRIu64, value);
    xml_element(writer, name, slice_of(digits, (size_t)len));
}

void xml_element_bool(struct xml_writer *writer, const char *name, bool value)
{
    xml_element(writer, name, value ? SLICE("true") : SLICE("false"));
}

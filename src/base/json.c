/* Escaping of strings, eight bytes at a time where nothing is to be escaped, and commas. */
#include "base/json.h"

#include "base/cleanup.h"

/* The byte in each of a word's places. */
#define EACH(byte) (UINT64_C(0x0101010101010101) * (byte))

/* Is one of the word's eight bytes below 0x20, above 0x7e, a quote or a backslash? */
static bool word_is_special(uint64_t word)
{
    uint64_t quote = word ^ EACH('"'), backslash = word ^ EACH('\\');
    uint64_t hit = (word - EACH(0x20)) & ~word;
    hit |= (quote - EACH(1)) & ~quote;
    hit |= (backslash - EACH(1)) & ~backslash;
    hit |= word | (word + EACH(1));
    return (hit & EACH(0x80)) != 0;
}

static bool byte_is_special(unsigned char byte)
{
    return byte < 0x20 || byte > 0x7e || byte == '"' || byte == '\\';
}

size_t json_plain_len(struct slice text)
{
    size_t run = 0;
    uint64_t word;
    while (run + sizeof word <= text.len) {
        memcpy(&word, text.at + run, sizeof word);
        if (word_is_special(word))
            break;
        run += sizeof word;
    }
    while (run < text.len && !byte_is_special((unsigned char)text.at[run]))
        run++;
    return run;
}

/* The length of the valid UTF-8 sequence of more than one byte at the start (RFC 3629 §4), or 0. */
static size_t utf8_sequence(const char *text, size_t len)
{
    const unsigned char *at = (const unsigned char *)text;
    unsigned char first = at[0];
    size_t more = first >= 0xc2 && first <= 0xdf   ? 1
                  : first >= 0xe0 && first <= 0xef ? 2
                  : first >= 0xf0 && first <= 0xf4 ? 3
                                                   : 0;
    if (more == 0 || more >= len)
        return 0;
    /* Over-long forms, surrogates, and what lies above U+10FFFF. */
    unsigned char least = first == 0xe0 ? 0xa0 : first == 0xf0 ? 0x90 : 0x80;
    unsigned char most = first == 0xed ? 0x9f : first == 0xf4 ? 0x8f : 0xbf;
    if (at[1] < least || at[1] > most)
        return 0;
    for (size_t i = 2; i <= more; i++) {
        if ((at[i] & 0xc0) != 0x80)
            return 0;
    }
    return more + 1;
}

static void write_escape(struct writer *writer, unsigned char byte)
{
    static const char named[] = "\"\\\b\f\n\r\t", names[] = "\"\\bfnrt";
    const char *found = byte == '\0' ? NULL : memchr(named, byte, sizeof named - 1);
    write_char(writer, '\\');
    if (found != NULL) {
        write_char(writer, names[found - named]);
    } else {
        write_char(writer, 'u');
        write_hex(writer, byte, 4);
    }
}

void write_json_part(struct writer *writer, struct slice text)
{
    while (text.len > 0) {
        size_t run = json_plain_len(text);
        if (run == 0)
            run = utf8_sequence(text.at, text.len);
        if (LIKELY(run > 0)) {
            write_bytes(writer, text.at, run);
        } else {
            write_escape(writer, (unsigned char)text.at[0]);
            run = 1;
        }
        text = slice_from(text, run);
    }
}

void write_json_text(struct writer *writer, struct slice text)
{
    write_char(writer, '"');
    write_json_part(writer, text);
    write_char(writer, '"');
}

static void begin_value(struct json_writer *json, const char *name)
{
    if (json->needs_comma)
        write_char(json->out, ',');
    json->needs_comma = true;
    if (name == NULL)
        return;
    write_char(json->out, '"');
    write_slice(json->out, slice_of_cstr(name));
    write_literal(json->out, "\":");
}

static void open_nested(struct json_writer *json, const char *name, char bracket)
{
    begin_value(json, name);
    write_char(json->out, bracket);
    json->needs_comma = false;
}

static void close_nested(struct json_writer *json, char bracket)
{
    write_char(json->out, bracket);
    json->needs_comma = true;
}

void json_open_object(struct json_writer *json, const char *name)
{
    open_nested(json, name, '{');
}

void json_close_object(struct json_writer *json)
{
    close_nested(json, '}');
}

void json_open_list(struct json_writer *json, const char *name)
{
    open_nested(json, name, '[');
}

void json_close_list(struct json_writer *json)
{
    close_nested(json, ']');
}

void json_put_text(struct json_writer *json, const char *name, struct slice text)
{
    begin_value(json, name);
    write_json_text(json->out, text);
}

void json_put_u64(struct json_writer *json, const char *name, uint64_t value)
{
    begin_value(json, name);
    write_u64(json->out, value);
}

void json_put_bool(struct json_writer *json, const char *name, bool value)
{
    begin_value(json, name);
    write_slice(json->out, value ? SLICE("true") : SLICE("false"));
}

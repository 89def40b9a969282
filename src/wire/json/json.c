/* A recursive reader, one function for each production of RFC 8259, its depth bounded. */
#include "wire/json/json.h"

#include <errno.h>

struct reader {
    const char *at;
    const char *end;
    struct arena *arena;
};

static int read_value(struct reader *reader, unsigned depth, struct json *ret_value);

static void skip_blanks(struct reader *reader)
{
    while (reader->at < reader->end && (*reader->at == ' ' || *reader->at == '\t' ||
                                        *reader->at == '\n' || *reader->at == '\r'))
        reader->at++;
}

static bool take(struct reader *reader, char c)
{
    if (reader->at == reader->end || *reader->at != c)
        return false;
    reader->at++;
    return true;
}

static bool take_word(struct reader *reader, struct slice word)
{
    struct slice rest = slice_of(reader->at, (size_t)(reader->end - reader->at));
    if (!slice_starts_with(rest, word))
        return false;
    reader->at += word.len;
    return true;
}

static int hex_value(char c)
{
    if (ascii_is_digit(c))
        return c - '0';
    c = ascii_lower(c);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The four digits behind "\u". */
static int read_unit(struct reader *reader, unsigned *ret_unit)
{
    unsigned unit = 0;
    if (reader->end - reader->at < 4)
        return -EBADMSG;
    for (int i = 0; i < 4; i++) {
        int digit = hex_value(*reader->at++);
        if (digit < 0)
            return -EBADMSG;
        unit = unit << 4 | (unsigned)digit;
    }
    *ret_unit = unit;
    return 0;
}

static char *put_utf8(char *out, unsigned point)
{
    if (point < 0x80) {
        *out++ = (char)point;
    } else if (point < 0x800) {
        *out++ = (char)(0xc0 | point >> 6);
        *out++ = (char)(0x80 | (point & 0x3f));
    } else if (point < 0x10000) {
        *out++ = (char)(0xe0 | point >> 12);
        *out++ = (char)(0x80 | (point >> 6 & 0x3f));
        *out++ = (char)(0x80 | (point & 0x3f));
    } else {
        *out++ = (char)(0xf0 | point >> 18);
        *out++ = (char)(0x80 | (point >> 12 & 0x3f));
        *out++ = (char)(0x80 | (point >> 6 & 0x3f));
        *out++ = (char)(0x80 | (point & 0x3f));
    }
    return out;
}

/* RFC 8259 §7: what lies outside the basic plane is written as a pair of surrogates. */
static int read_code_point(struct reader *reader, char **out)
{
    unsigned unit, low;
    int rc = read_unit(reader, &unit);
    if (rc < 0 || (unit >= 0xdc00 && unit < 0xe000))
        return -EBADMSG;
    if (unit >= 0xd800 && unit < 0xdc00) {
        if (!take(reader, '\\') || !take(reader, 'u') || read_unit(reader, &low) < 0 ||
            low < 0xdc00 || low >= 0xe000)
            return -EBADMSG;
        unit = 0x10000 + ((unit - 0xd800) << 10) + (low - 0xdc00);
    }
    *out = put_utf8(*out, unit);
    return 0;
}

static int read_escape(struct reader *reader, char **out)
{
    static const char names[] = "\"\\/bfnrt", values[] = "\"\\/\b\f\n\r\t";
    if (reader->at == reader->end)
        return -EBADMSG;
    char name = *reader->at++;
    if (name == 'u')
        return read_code_point(reader, out);
    const char *found = memchr(names, name, sizeof names - 1);
    if (found == NULL)
        return -EBADMSG;
    *(*out)++ = values[found - names];
    return 0;
}

/* Behind the opening quote. Decoded text is never longer than what is written. */
static int read_string(struct reader *reader, struct slice *ret_text)
{
    const char *start = reader->at;
    while (reader->at < reader->end && *reader->at != '"' && *reader->at != '\\' &&
           (unsigned char)*reader->at >= ' ')
        reader->at++;
    if (take(reader, '"')) {
        *ret_text = slice_of(start, (size_t)(reader->at - 1 - start));
        return 0;
    }
    const char *close = reader->at;
    while (close < reader->end && *close != '"')
        close += *close == '\\' ? 2 : 1;
    if (close >= reader->end)
        return -EBADMSG;
    char *text = arena_alloc(reader->arena, (size_t)(close - start));
    if (text == NULL)
        return -ENOMEM;
    memcpy(text, start, (size_t)(reader->at - start));
    char *out = text + (reader->at - start);
    while (!take(reader, '"')) {
        if (reader->at == reader->end || (unsigned char)*reader->at < ' ')
            return -EBADMSG;
        if (take(reader, '\\')) {
            int rc = read_escape(reader, &out);
            if (rc < 0)
                return rc;
        } else {
            *out++ = *reader->at++;
        }
    }
    *ret_text = slice_of(text, (size_t)(out - text));
    return 0;
}

static bool take_digits(struct reader *reader)
{
    const char *start = reader->at;
    while (reader->at < reader->end && ascii_is_digit(*reader->at))
        reader->at++;
    return reader->at > start;
}

static int read_number(struct reader *reader, struct slice *ret_text)
{
    const char *start = reader->at;
    (void)take(reader, '-');
    if (!take(reader, '0') && !take_digits(reader))
        return -EBADMSG;
    if (take(reader, '.') && !take_digits(reader))
        return -EBADMSG;
    if (take(reader, 'e') || take(reader, 'E')) {
        if (!take(reader, '+'))
            (void)take(reader, '-');
        if (!take_digits(reader))
            return -EBADMSG;
    }
    *ret_text = slice_of(start, (size_t)(reader->at - start));
    return 0;
}

static int read_member_name(struct reader *reader, struct slice *ret_name)
{
    skip_blanks(reader);
    if (!take(reader, '"'))
        return -EBADMSG;
    int rc = read_string(reader, ret_name);
    skip_blanks(reader);
    return rc < 0 ? rc : take(reader, ':') ? 0 : -EBADMSG;
}

/* Behind the opening bracket or brace. */
static int read_elements(struct reader *reader, unsigned depth, char close, struct json *parent)
{
    const struct json **link = &parent->first;
    skip_blanks(reader);
    if (take(reader, close))
        return 0;
    for (;;) {
        struct slice name = {NULL, 0};
        int rc = close == '}' ? read_member_name(reader, &name) : 0;
        struct json *element = rc < 0 ? NULL : arena_alloc_zero(reader->arena, sizeof *element);
        if (element == NULL)
            return rc < 0 ? rc : -ENOMEM;
        rc = read_value(reader, depth, element);
        if (rc < 0)
            return rc;
        element->name = name;
        *link = element;
        link = &element->next;
        parent->count++;
        skip_blanks(reader);
        if (take(reader, close))
            return 0;
        if (!take(reader, ','))
            return -EBADMSG;
    }
}

static int read_value(struct reader *reader, unsigned depth, struct json *ret_value)
{
    skip_blanks(reader);
    if (depth == 0)
        return -EBADMSG;
    if (take(reader, '{')) {
        ret_value->kind = JSON_OBJECT;
        return read_elements(reader, depth - 1, '}', ret_value);
    }
    if (take(reader, '[')) {
        ret_value->kind = JSON_ARRAY;
        return read_elements(reader, depth - 1, ']', ret_value);
    }
    if (take(reader, '"')) {
        ret_value->kind = JSON_STRING;
        return read_string(reader, &ret_value->text);
    }
    if (take_word(reader, SLICE("null")))
        return 0;
    ret_value->kind = JSON_BOOL;
    ret_value->boolean = take_word(reader, SLICE("true"));
    if (ret_value->boolean || take_word(reader, SLICE("false")))
        return 0;
    ret_value->kind = JSON_NUMBER;
    return read_number(reader, &ret_value->text);
}

int json_parse(struct slice text, struct arena *arena, const struct json **ret_value)
{
    struct reader reader = {text.at, text.at + text.len, arena};
    struct json *value = arena_alloc_zero(arena, sizeof *value);
    if (value == NULL)
        return -ENOMEM;
    int rc = read_value(&reader, JSON_DEPTH_MAX, value);
    if (rc < 0)
        return rc;
    skip_blanks(&reader);
    if (reader.at != reader.end)
        return -EBADMSG;
    *ret_value = value;
    return 0;
}

const struct json *json_get(const struct json *object, struct slice name)
{
    const struct json *found = NULL;
    if (object == NULL || object->kind != JSON_OBJECT)
        return NULL;
    JSON_FOR_EACH(object, member)
    {
        if (slice_equal(member->name, name))
            found = member;
    }
    return found;
}

struct slice json_get_text(const struct json *object, struct slice name)
{
    const struct json *member = json_get(object, name);
    return member != NULL && member->kind == JSON_STRING ? member->text : (struct slice){NULL, 0};
}

int64_t json_get_integer(const struct json *object, struct slice name, int64_t otherwise)
{
    const struct json *member = json_get(object, name);
    uint64_t value;
    if (member == NULL || member->kind != JSON_NUMBER)
        return otherwise;
    bool is_negative = slice_starts_with(member->text, SLICE("-"));
    if (slice_parse_u64(slice_from(member->text, is_negative), &value) < 0 || value > INT64_MAX)
        return otherwise;
    return is_negative ? -(int64_t)value : (int64_t)value;
}

bool json_get_bool(const struct json *object, struct slice name, bool otherwise)
{
    const struct json *member = json_get(object, name);
    return member != NULL && member->kind == JSON_BOOL ? member->boolean : otherwise;
}

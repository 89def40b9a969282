/* Both forms give one list, which is then held against the same rules. */
#include "wire/s3/tagging.h"

#include "base/cleanup.h"
#include "wire/http/chars.h"

#include <errno.h>

#define KEY_CHARACTERS_MAX   128
#define VALUE_CHARACTERS_MAX 256

static bool is_allowed(struct slice text)
{
    for (size_t i = 0; i < text.len; i++) {
        char c = text.at[i], lower = ascii_lower(c);
        if ((unsigned char)c < 0x80 && !ascii_is_digit(c) && (lower < 'a' || lower > 'z') &&
            memchr(" +-=._:/@", c, 9) == NULL)
            return false;
    }
    return true;
}

static int check_tag(const struct s3_tag *tag, struct s3_fault *fault)
{
    size_t characters = s3_characters(tag->key);
    if (characters < 1 || characters > KEY_CHARACTERS_MAX || !is_allowed(tag->key))
        return s3_fault_say(fault, S3_INVALID_TAG,
                            "The TagKey you have provided is invalid: 1 to 128 letters, digits, "
                            "blanks and + - = . _ : / @");
    if (s3_characters(tag->value) > VALUE_CHARACTERS_MAX || !is_allowed(tag->value))
        return s3_fault_say(fault, S3_INVALID_TAG,
                            "The TagValue you have provided is invalid: at most 256 letters, "
                            "digits, blanks and + - = . _ : / @");
    if (slice_equal_nocase(slice_first(tag->key, 4), SLICE("aws:")))
        return s3_fault_say(fault, S3_INVALID_TAG, "Your TagKey cannot be prefixed with aws:");
    return 0;
}

/* Each tag, and that no key comes twice. */
static int check_tags(const struct s3_tags *tags, struct s3_fault *fault)
{
    for (unsigned i = 0; i < tags->count; i++) {
        int rc = check_tag(&tags->tags[i], fault);
        if (rc < 0)
            return rc;
        for (unsigned j = 0; j < i; j++) {
            if (slice_equal(tags->tags[i].key, tags->tags[j].key))
                return s3_fault_say(fault, S3_INVALID_TAG,
                                    "Cannot provide multiple Tags with the same key");
        }
    }
    return 0;
}

static int too_many(unsigned count_max, struct s3_fault *fault)
{
    return s3_fault_say(fault, S3_INVALID_TAG, "There cannot be more than %u tags", count_max);
}

int s3_tag_read(const struct xml_element *element, struct s3_fault *fault, struct s3_tag *ret_tag)
{
    struct s3_field fields[] = {
        {.name = SLICE("Key"), .flags = S3_FIELD_NEEDED},
        {.name = SLICE("Value"), .flags = S3_FIELD_NEEDED},
    };
    int rc = s3_fields_take(element, fields, COUNT_OF(fields), fault);
    if (rc < 0)
        return rc;
    struct s3_tag tag = {s3_text(fields[0].found), s3_text(fields[1].found)};
    rc = check_tag(&tag, fault);
    if (rc == 0)
        *ret_tag = tag;
    return rc;
}

int s3_tags_read(const struct xml_element *first, unsigned count_max, struct arena *arena,
                 struct s3_fault *fault, struct s3_tags *ret_tags)
{
    unsigned count = 0;
    for (const struct xml_element *at = first; at != NULL; at = xml_next_alike(at)) {
        if (++count > count_max)
            return too_many(count_max, fault);
    }
    struct s3_tag *tags = arena_alloc_array(arena, count, sizeof *tags);
    if (tags == NULL)
        return s3_fault_memory(fault);
    struct s3_tags all = {tags, 0};
    for (const struct xml_element *at = first; at != NULL; at = xml_next_alike(at)) {
        int rc = s3_tag_read(at, fault, &tags[all.count++]);
        if (rc < 0)
            return rc;
    }
    int rc = check_tags(&all, fault);
    if (rc == 0)
        *ret_tags = all;
    return rc;
}

int s3_tagging_parse(struct slice xml, enum s3_tagged what, struct arena *arena,
                     struct s3_fault *fault, struct s3_tags *ret_tags)
{
    struct s3_field sets[] = {{.name = SLICE("TagSet"), .flags = S3_FIELD_NEEDED}};
    struct s3_field tags[] = {{.name = SLICE("Tag"), .flags = S3_FIELD_MANY}};
    const struct xml_element *root;
    int rc = s3_configuration_read(xml, SLICE("Tagging"), arena, fault, &root);
    if (rc == 0)
        rc = s3_fields_take(root, sets, COUNT_OF(sets), fault);
    if (rc == 0)
        rc = s3_fields_take(sets[0].found, tags, COUNT_OF(tags), fault);
    if (rc < 0)
        return rc;
    return s3_tags_read(tags[0].found,
                        what == S3_TAGGED_OBJECT ? S3_OBJECT_TAGS_MAX : S3_BUCKET_TAGS_MAX, arena,
                        fault, ret_tags);
}

void s3_tags_write_elements(struct xml_writer *writer, const struct s3_tags *tags)
{
    for (unsigned i = 0; i < tags->count; i++) {
        xml_open(writer, "Tag");
        xml_element(writer, "Key", tags->tags[i].key);
        xml_element(writer, "Value", tags->tags[i].value);
        xml_close(writer);
    }
}

int s3_tagging_write(struct buffer *out, const struct s3_tags *tags)
{
    struct xml_writer writer;
    xml_writer_init(&writer, out);
    xml_open_root(&writer, "Tagging", S3_NAME_SPACE);
    xml_open(&writer, "TagSet");
    s3_tags_write_elements(&writer, tags);
    xml_close(&writer);
    xml_close(&writer);
    return xml_writer_end(&writer);
}

/* Decodes a part of a query. -EINVAL for a '%' without its two digits, and for a zero byte. */
static int decode(struct slice part, struct arena *arena, struct slice *ret_text)
{
    char *text = arena_alloc(arena, part.len + 1);
    size_t len = 0;
    if (text == NULL)
        return -ENOMEM;
    for (size_t i = 0; i < part.len; i++) {
        char c = part.at[i] == '+' ? ' ' : part.at[i];
        if (c == '%') {
            if (part.len - i < 3 || !char_is(part.at[i + 1], CHAR_HEX) ||
                !char_is(part.at[i + 2], CHAR_HEX))
                return -EINVAL;
            c = (char)(hex_digit_value(part.at[i + 1]) << 4 | hex_digit_value(part.at[i + 2]));
            i += 2;
        }
        if (c == '\0')
            return -EINVAL;
        text[len++] = c;
    }
    *ret_text = slice_of(text, len);
    return 0;
}

static int read_pair(struct slice pair, struct arena *arena, struct s3_fault *fault,
                     struct s3_tag *ret_tag)
{
    ptrdiff_t equals = slice_find(pair, '=');
    size_t key_len = equals < 0 ? pair.len : (size_t)equals;
    struct s3_tag tag;
    int rc = decode(slice_first(pair, key_len), arena, &tag.key);
    if (rc == 0)
        rc = decode(slice_from(pair, key_len + 1), arena, &tag.value);
    if (rc == -ENOMEM)
        return s3_fault_memory(fault);
    if (rc < 0)
        return s3_fault_say(fault, S3_INVALID_ARGUMENT,
                            "The header 'x-amz-tagging' shall be encoded as UTF-8 then URLEncoded "
                            "URL query parameters without tag name duplicates.");
    *ret_tag = tag;
    return 0;
}

int s3_tags_parse_query(struct slice query, struct arena *arena, struct s3_fault *fault,
                        struct s3_tags *ret_tags)
{
    struct s3_tag *tags = arena_alloc_array(arena, S3_OBJECT_TAGS_MAX, sizeof *tags);
    if (tags == NULL)
        return s3_fault_memory(fault);
    struct s3_tags all = {tags, 0};
    struct slice rest = query, pair;
    while (slice_cut(&rest, '&', &pair)) {
        if (pair.len == 0)
            continue;
        if (all.count == S3_OBJECT_TAGS_MAX)
            return too_many(S3_OBJECT_TAGS_MAX, fault);
        int rc = read_pair(pair, arena, fault, &tags[all.count++]);
        if (rc < 0)
            return rc;
    }
    int rc = check_tags(&all, fault);
    if (rc == 0)
        *ret_tags = all;
    return rc;
}

static int encode(struct buffer *out, struct slice text)
{
    static const char digits[] = "0123456789ABCDEF";
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.at[i];
        char coded[3] = {'%', digits[c >> 4], digits[c & 15]};
        int rc = char_is(text.at[i], CHAR_UNRESERVED) ? buffer_append_char(out, text.at[i])
                                                      : buffer_append(out, slice_of(coded, 3));
        if (rc < 0)
            return rc;
    }
    return 0;
}

int s3_tags_write_query(struct buffer *out, const struct s3_tags *tags)
{
    int rc = 0;
    for (unsigned i = 0; i < tags->count && rc == 0; i++) {
        if (i > 0)
            rc = buffer_append_char(out, '&');
        if (rc == 0)
            rc = encode(out, tags->tags[i].key);
        if (rc == 0)
            rc = buffer_append_char(out, '=');
        if (rc == 0)
            rc = encode(out, tags->tags[i].value);
    }
    return rc;
}

bool s3_tags_find(const struct s3_tags *tags, struct slice key, struct slice *ret_value)
{
    for (unsigned i = 0; i < tags->count; i++) {
        if (slice_equal(tags->tags[i].key, key)) {
            *ret_value = tags->tags[i].value;
            return true;
        }
    }
    return false;
}

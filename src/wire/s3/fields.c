/* One pass over the children of an element for each table. */
#include "wire/s3/fields.h"

#include <errno.h>
#include <inttypes.h>

int s3_document_fault(struct s3_fault *fault, const struct error *error)
{
    if (error->code == -ENOMEM)
        return s3_fault_memory(fault);
    return s3_fault_say(fault, S3_MALFORMED_XML,
                        "The XML you provided was not well-formed: %s (line %u, column %u)",
                        error->text, error->line, error->column);
}

int s3_document_read(struct slice xml, const struct xml_limits *limits, struct slice name,
                     struct arena *arena, struct s3_fault *fault,
                     const struct xml_element **ret_root)
{
    struct error error;
    const struct xml_element *root;
    if (xml_parse(xml, arena, limits, &error, &root) < 0)
        return s3_document_fault(fault, &error);
    if (!slice_equal(root->name, name))
        return s3_malformed(fault, root, "is not the element that was expected");
    *ret_root = root;
    return 0;
}

int s3_configuration_read(struct slice xml, struct slice name, struct arena *arena,
                          struct s3_fault *fault, const struct xml_element **ret_root)
{
    static const struct xml_limits limits = {S3_CONFIGURATION_BYTES_MAX, XML_NODES_MAX};
    return s3_document_read(xml, &limits, name, arena, fault, ret_root);
}

int s3_malformed(struct s3_fault *fault, const struct xml_element *element, const char *why)
{
    return s3_fault_say(fault, S3_MALFORMED_XML,
                        "The XML you provided did not validate against our published schema: "
                        "<%.*s> in line %u %s",
                        (int)(element->name.len < 64 ? element->name.len : 64), element->name.at,
                        element->line, why);
}

static struct s3_field *find(struct s3_field *fields, size_t count, struct slice name)
{
    for (size_t i = 0; i < count; i++) {
        if (slice_equal(fields[i].name, name))
            return &fields[i];
    }
    return NULL;
}

static int take(const struct xml_element *parent, struct s3_field *fields, size_t count,
                bool refuses_others, struct s3_fault *fault)
{
    XML_FOR_EACH(parent, child)
    {
        struct s3_field *field = find(fields, count, child->name);
        if (field == NULL && refuses_others)
            return s3_malformed(fault, child, "is unknown here");
        if (field == NULL)
            continue;
        if (field->count++ == 0)
            field->found = child;
        else if (!(field->flags & S3_FIELD_MANY))
            return s3_malformed(fault, child, "may stand here once only");
    }
    for (size_t i = 0; i < count; i++) {
        if ((fields[i].flags & S3_FIELD_NEEDED) && fields[i].count == 0)
            return s3_fault_say(fault, S3_MALFORMED_XML,
                                "The XML you provided did not validate against our published "
                                "schema: <%.*s> in line %u needs <%.*s>",
                                (int)(parent->name.len < 64 ? parent->name.len : 64),
                                parent->name.at, parent->line, SLICE_ARG(fields[i].name));
    }
    return 0;
}

int s3_fields_take(const struct xml_element *parent, struct s3_field *fields, size_t count,
                   struct s3_fault *fault)
{
    return take(parent, fields, count, true, fault);
}

int s3_fields_take_some(const struct xml_element *parent, struct s3_field *fields, size_t count,
                        struct s3_fault *fault)
{
    return take(parent, fields, count, false, fault);
}

struct slice s3_text(const struct xml_element *element)
{
    return element == NULL ? (struct slice){NULL, 0} : element->text;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

struct slice s3_word(const struct xml_element *element)
{
    struct slice text = s3_text(element);
    while (text.len > 0 && is_blank(text.at[0]))
        text = slice_from(text, 1);
    while (text.len > 0 && is_blank(text.at[text.len - 1]))
        text.len--;
    return text;
}

int s3_bool(const struct xml_element *element, struct s3_fault *fault, bool *ret_value)
{
    if (element == NULL)
        return 0;
    struct slice word = s3_word(element);
    bool is_true = slice_equal_nocase(word, SLICE("true"));
    if (!is_true && !slice_equal_nocase(word, SLICE("false")))
        return s3_malformed(fault, element, "must be true or false");
    *ret_value = is_true;
    return 0;
}

int s3_number(const struct xml_element *element, uint64_t max, struct s3_fault *fault,
              uint64_t *ret_value)
{
    uint64_t value;
    if (element == NULL)
        return 0;
    if (slice_parse_u64(s3_word(element), &value) < 0 || value > max)
        return s3_malformed(fault, element, "must be a whole number within its range");
    *ret_value = value;
    return 0;
}

int s3_choice(const struct xml_element *element, const struct slice *words, size_t words_count,
              struct s3_fault *fault, unsigned *ret_index)
{
    struct slice word = s3_word(element);
    for (size_t i = 0; i < words_count; i++) {
        if (slice_equal(words[i], word)) {
            *ret_index = (unsigned)i;
            return 0;
        }
    }
    return s3_malformed(fault, element, "has a value that is not allowed");
}

int s3_texts_read(const struct s3_field *field, struct arena *arena, struct s3_fault *fault,
                  struct s3_texts *ret_texts)
{
    struct slice *items = arena_alloc_array(arena, field->count, sizeof *items);
    unsigned count = 0;
    if (items == NULL)
        return s3_fault_memory(fault);
    for (const struct xml_element *at = field->found; at != NULL; at = xml_next_alike(at))
        items[count++] = at->text;
    *ret_texts = (struct s3_texts){items, count};
    return 0;
}

static uint64_t mix(uint64_t hash, struct slice text)
{
    for (size_t i = 0; i < text.len; i++)
        hash = (hash ^ (unsigned char)text.at[i]) * UINT64_C(0x100000001b3);
    return (hash ^ 0x1f) * UINT64_C(0x100000001b3);
}

/* FNV-1a over an element and what is inside; its depth was bounded by the reader. */
static uint64_t hash_of(const struct xml_element *element, uint64_t hash)
{
    hash = mix(mix(hash, element->name), element->text);
    XML_FOR_EACH(element, child)
    {
        hash = hash_of(child, hash);
    }
    return hash;
}

struct slice s3_rule_name(const struct xml_element *rule, unsigned number, struct arena *arena)
{
    uint64_t hash = hash_of(rule, UINT64_C(0xcbf29ce484222325) + number);
    return arena_format(arena, "rule-%u-%016" PRIx64, number, hash);
}

size_t s3_characters(struct slice text)
{
    size_t count = 0;
    for (size_t i = 0; i < text.len; i++)
        count += ((unsigned char)text.at[i] & 0xc0) != 0x80;
    return count;
}

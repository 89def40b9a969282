/*
 * The schema's engine: walks a tree beside the schema's rows. Called by snapshot.c for the top of
 * the file; everything below follows from the rows.
 */
#include "conf/read.h"

#include "conf/phrase.h"
#include "conf/value.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>

#define SHOWN_LEN_MAX 60 /* of a wrong value, in a message */

void reading_error(struct reading *reading, struct conf_place place, const char *format, ...)
{
    char text[600];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(text, sizeof text, format, args);
    va_end(args);
    if (conf_errors_add(reading->errors, place, "%s", text) < 0)
        reading->out_of_memory = true;
}

void reading_warning(struct reading *reading, struct conf_place place, const char *format, ...)
{
    char text[600];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(text, sizeof text, format, args);
    va_end(args);
    if (conf_errors_add(&reading->warnings, place, "%s", text) < 0)
        reading->out_of_memory = true;
}

struct slice reading_keep(struct reading *reading, struct slice text)
{
    struct slice kept = arena_copy(reading->arena, text);
    if (kept.at == NULL)
        reading->out_of_memory = true;
    return kept;
}

void *reading_alloc(struct reading *reading, struct arena *arena, size_t count, size_t bytes_each)
{
    /* An empty list is not NULL: it was given. */
    void *memory = arena_alloc_array(arena, count == 0 ? 1 : count, bytes_each);
    if (memory == NULL)
        reading->out_of_memory = true;
    return memory;
}

struct slice reading_resolve(struct reading *reading, struct slice path)
{
    while (slice_starts_with(path, SLICE("./")))
        path = slice_from(path, 2);
    if (slice_starts_with(path, SLICE("/")))
        return reading_keep(reading, path);
    if (path.len == 0 || slice_equal(path, SLICE(".")))
        return reading_keep(reading, reading->folder);
    const char *separator = slice_equal(reading->folder, SLICE("/")) ? "" : "/";
    struct slice full = arena_format(reading->arena, "%.*s%s%.*s", SLICE_ARG(reading->folder),
                                     separator, SLICE_ARG(path));
    if (full.at == NULL)
        reading->out_of_memory = true;
    return full;
}

const struct schema_row *schema_find(const struct schema_struct *type, struct slice name)
{
    for (unsigned i = 0; i < type->rows_count; i++) {
        const struct schema_row *row = &type->rows[i];
        if (strncmp(row->name, name.at, name.len) == 0 && row->name[name.len] == '\0')
            return row;
    }
    return NULL;
}

static void read_value(struct reading *reading, const struct tree_node *node,
                       const struct schema_row *row, void *object);
static void read_standard(struct reading *reading, const struct schema_row *row, void *object);

/* What was written, as far as a message shows it. */
static struct slice shown(struct slice text)
{
    ptrdiff_t end = slice_find(text, '\n');
    if (end >= 0)
        text.len = (size_t)end;
    if (text.len <= SHOWN_LEN_MAX)
        return text;
    text.len = SHOWN_LEN_MAX;
    while (text.len > 0 && ((unsigned char)text.at[text.len] & 0xc0) == 0x80)
        text.len--;
    return text;
}

static void refuse_later(struct reading *reading, struct conf_place place, const char *name,
                         const char *doc)
{
    reading_error(reading, place, "not yet: \"%s\" (%s) comes in a later version of Weir", name,
                  doc);
}

static void refuse_shape(struct reading *reading, const struct tree_node *node,
                         const struct schema_row *row)
{
    struct phrase name;
    phrase_row(row, &name);
    const char *none = row->kind == SCHEMA_MAP ? " ({} for none)" : "";
    const char *given = node->kind == TREE_LIST  ? "a list"
                        : node->kind == TREE_MAP ? "a map"
                                                 : "a single value";
    if (node->is_null)
        reading_error(reading, tree_place(node), "%s is empty; it must be %s%s", name.text,
                      phrase_shape(row), none);
    else if (row->later != NULL)
        refuse_later(reading, tree_place(node), row->name, row->later);
    else
        reading_error(reading, tree_place(node), "%s must be %s%s, not %s", name.text,
                      phrase_shape(row), none, given);
}

static bool is_in_limits(const struct schema_row *row, const void *field)
{
    uint64_t value;
    if (row->kind == SCHEMA_INTEGER || row->kind == SCHEMA_PERCENT)
        value = *(const unsigned *)field;
    else if (row->kind == SCHEMA_DURATION)
        value = (uint64_t) * (const int64_t *)field;
    else if (row->kind == SCHEMA_SIZE)
        value = *(const uint64_t *)field;
    else
        return true;
    return value >= (uint64_t)row->min && (row->max == 0 || value <= (uint64_t)row->max);
}

static void refuse_limits(struct reading *reading, const struct tree_node *node,
                          const struct schema_row *row)
{
    struct phrase low, high;
    phrase_quantity(row->kind, row->min, &low);
    phrase_quantity(row->kind, row->max, &high);
    if (row->max == 0)
        reading_error(reading, node->place, "\"%s\" must be at least %s, not %.*s", row->name,
                      low.text, SLICE_ARG(shown(node->text)));
    else
        reading_error(reading, node->place, "\"%s\" must be from %s to %s, not %.*s", row->name,
                      low.text, high.text, SLICE_ARG(shown(node->text)));
}

static void refuse_word(struct reading *reading, const struct tree_node *node,
                        const struct schema_row *row)
{
    struct phrase list;
    phrase_words(row->words, &list);
    struct slice text = shown(node->text);
    const char *closest = phrase_closest_word(row->words, node->text);
    if (closest != NULL)
        reading_error(reading, node->place,
                      "\"%.*s\" is no value of \"%s\", which is one of %s; did you mean \"%s\"?",
                      SLICE_ARG(text), row->name, list.text, closest);
    else
        reading_error(reading, node->place, "\"%.*s\" is no value of \"%s\", which is one of %s",
                      SLICE_ARG(text), row->name, list.text);
}

static const struct schema_word *find_word(const struct schema_word *words, struct slice text)
{
    for (; words != NULL && words->name != NULL; words++) {
        if (slice_equal(text, slice_of_cstr(words->name)))
            return words;
    }
    return NULL;
}

/* Returns whether the value was a word of the row's, and with that done with. */
static bool read_word(struct reading *reading, const struct tree_node *node,
                      const struct schema_row *row, void *field)
{
    const struct schema_word *word = find_word(row->words, node->text);
    if (word == NULL && row->kind == SCHEMA_WORD)
        refuse_word(reading, node, row);
    else if (word != NULL && word->is_later)
        refuse_later(reading, node->place, word->name, word->doc);
    else if (word != NULL && row->kind == SCHEMA_SIZE)
        *(uint64_t *)field = UINT64_MAX; /* a word in place of a size is "no limit" */
    else if (word != NULL && row->kind == SCHEMA_DURATION)
        *(int64_t *)field = word->value;
    else if (word != NULL)
        *(unsigned *)field = word->value;
    return word != NULL || row->kind == SCHEMA_WORD;
}

/* Somebody may have written the secret itself there: nothing of it is told. */
static void refuse_secret(struct reading *reading, const struct tree_node *node,
                          const struct schema_row *row, const char *why)
{
    reading_error(reading, node->place, "\"%s\" is not %s: %s", row->name,
                  scalar_kinds[row->kind].noun, why);
    conf_errors_hide_line(reading->errors);
}

static void read_scalar(struct reading *reading, const struct tree_node *node,
                        const struct schema_row *row, void *field)
{
    if (node->kind != TREE_SCALAR || node->is_null) {
        refuse_shape(reading, node, row);
        return;
    }
    if (row->words != NULL && read_word(reading, node, row, field))
        return;
    const struct scalar_kind *kind = &scalar_kinds[row->kind];
    union {
        uint64_t number; /* for its alignment */
        char bytes[sizeof(struct conf_endpoint)];
    } value = {.number = 0};
    static_assert(sizeof(struct conf_endpoint) >= sizeof(struct conf_address), "the largest");
    static_assert(sizeof(struct conf_endpoint) >= sizeof(struct conf_pattern), "the largest");
    static_assert(sizeof(struct conf_endpoint) >= sizeof(struct named), "the largest");
    static_assert(sizeof(struct conf_endpoint) >= sizeof(struct conf_server), "the largest");
    const char *why = kind->parse(reading, node->text, &value);
    if (row->kind == SCHEMA_NAMED || row->kind == SCHEMA_DOMAIN)
        ((struct named *)&value)->place = node->place;
    if (why != NULL && row->kind == SCHEMA_SECRET)
        refuse_secret(reading, node, row, why);
    else if (why != NULL)
        reading_error(reading, node->place, "\"%.*s\" is not %s: %s", SLICE_ARG(shown(node->text)),
                      kind->noun, why);
    else if (!is_in_limits(row, &value))
        refuse_limits(reading, node, row);
    else
        memcpy(field, &value, kind->size);
}

/* The fields of a list or map: where its elements are, and how many. */
static char *make_elements(struct reading *reading, const struct schema_row *row, unsigned count,
                           void *object)
{
    struct arena *arena = row->is_draft ? reading->scratch : reading->arena;
    char *elements = reading_alloc(reading, arena, count, row->element_size);
    if (elements == NULL)
        return NULL;
    memcpy((char *)object + row->offset, &elements, sizeof elements);
    memcpy((char *)object + row->count_offset, &count, sizeof count);
    return elements;
}

static bool has_good_length(struct reading *reading, const struct tree_node *node,
                            const struct schema_row *row)
{
    if (node->count < (uint64_t)row->min)
        reading_error(reading, tree_place(node), "\"%s\" is empty; it must have at least one entry",
                      row->name);
    else if (row->max > 0 && node->count > (uint64_t)row->max)
        reading_error(reading, tree_place(node), "\"%s\" has %u entries; at most %lld are taken",
                      row->name, node->count, (long long)row->max);
    else
        return true;
    return false;
}

static void read_list(struct reading *reading, const struct tree_node *node,
                      const struct schema_row *row, void *object)
{
    bool is_one = row->kind == SCHEMA_ONE_OR_LIST && node->kind == TREE_SCALAR && !node->is_null;
    if (is_one) {
        char *element = make_elements(reading, row, 1, object);
        if (element != NULL)
            read_value(reading, node, row->element, element);
        return;
    }
    if (node->kind != TREE_LIST) {
        refuse_shape(reading, node, row);
        return;
    }
    char *element = NULL;
    if (has_good_length(reading, node, row))
        element = make_elements(reading, row, node->count, object);
    for (const struct tree_node *child = node->first; child != NULL && element != NULL;
         child = child->next, element += row->element_size)
        read_value(reading, child, row->element, element);
}

/* A key of the user's choice becomes the element's name. */
static void read_key(struct reading *reading, struct slice key, struct conf_place place,
                     const struct schema_row *row, char *element)
{
    const struct scalar_kind *kind = &scalar_kinds[row->name_kind];
    const char *why = kind->parse(reading, key, element + row->name_offset);
    if (row->name_kind == SCHEMA_NAMED)
        memcpy(element + row->name_offset + offsetof(struct named, place), &place, sizeof place);
    if (why != NULL)
        reading_error(reading, place, "\"%.*s\" is not %s: %s", SLICE_ARG(shown(key)), kind->noun,
                      why);
}

/* One name alone: its value is the standard one. */
static void read_only_key(struct reading *reading, const struct tree_node *node,
                          const struct schema_row *row, void *object)
{
    char *element = make_elements(reading, row, 1, object);
    if (element == NULL)
        return;
    read_key(reading, node->text, node->place, row, element);
    read_standard(reading, row->element, element);
}

static void read_map(struct reading *reading, const struct tree_node *node,
                     const struct schema_row *row, void *object)
{
    if (row->kind == SCHEMA_ONE_OR_MAP && node->kind == TREE_SCALAR && !node->is_null) {
        read_only_key(reading, node, row, object);
        return;
    }
    if (node->kind != TREE_MAP) {
        refuse_shape(reading, node, row);
        return;
    }
    char *element = NULL;
    if (has_good_length(reading, node, row))
        element = make_elements(reading, row, node->count, object);
    for (const struct tree_node *child = node->first; child != NULL && element != NULL;
         child = child->next, element += row->element_size) {
        read_key(reading, child->key, child->key_place, row, element);
        if (row->element->standard != NULL)
            read_standard(reading, row->element, element);
        read_value(reading, child, row->element, element);
    }
}

static bool is_taken_already(const struct tree_node *node, const struct schema_row *row)
{
    return node->kind == TREE_SCALAR && find_word(row->words, node->text) != NULL;
}

static void read_value(struct reading *reading, const struct tree_node *node,
                       const struct schema_row *row, void *object)
{
    void *field = (char *)object + row->offset;
    if (row->given_offset != 0)
        *(bool *)((char *)object + row->given_offset) = true;
    if (row->kind == SCHEMA_LATER && is_taken_already(node, row))
        return;
    if (row->kind == SCHEMA_LATER)
        refuse_later(reading, node->key_place, row->name, row->doc);
    else if (row->kind == SCHEMA_LIST || row->kind == SCHEMA_ONE_OR_LIST)
        read_list(reading, node, row, object);
    else if (row->kind == SCHEMA_MAP || row->kind == SCHEMA_ONE_OR_MAP)
        read_map(reading, node, row, object);
    else if (row->kind == SCHEMA_STRUCT)
        read_struct(reading, node, row, field);
    else
        read_scalar(reading, node, row, field);
}

static void read_standard(struct reading *reading, const struct schema_row *row, void *object)
{
    struct tree_node node = {.text = slice_of_cstr(row->standard), .is_plain = true};
    unsigned errors = reading->errors->count + reading->errors->dropped;
    read_value(reading, &node, row, object);
    assert(errors == reading->errors->count + reading->errors->dropped || reading->out_of_memory);
}

void read_defaults(struct reading *reading, const struct schema_struct *type, void *object)
{
    for (unsigned i = 0; i < type->rows_count; i++) {
        const struct schema_row *row = &type->rows[i];
        if (row->standard != NULL)
            read_standard(reading, row, object);
        else if (row->kind == SCHEMA_STRUCT && !row->is_choice)
            read_defaults(reading, row->type, (char *)object + row->offset);
    }
}

static void refuse_key(struct reading *reading, const struct tree_node *child,
                       const struct schema_struct *type)
{
    struct slice key = shown(child->key);
    const char *closest = phrase_closest_key(type, child->key);
    if (closest != NULL) {
        reading_error(reading, child->key_place, "unknown key \"%.*s\" in %s; did you mean \"%s\"?",
                      SLICE_ARG(key), type->noun, closest);
        return;
    }
    struct phrase list;
    phrase_keys(type, &list);
    reading_error(reading, child->key_place, "unknown key \"%.*s\" in %s, which may have %s",
                  SLICE_ARG(key), type->noun, list.text);
}

/* What both have is the host's: a site's `compress` is not its own rule's. */
static bool is_in_also(const struct schema_struct *type, struct slice key)
{
    return type->also != NULL && schema_find(type, key) == NULL &&
           schema_find(type->also, key) != NULL;
}

/* Reads the given keys of `type`; those that belong to its host are the host's to read. */
static void read_keys(struct reading *reading, const struct tree_node *node,
                      const struct schema_struct *type, const struct schema_struct *host,
                      void *object)
{
    for (const struct tree_node *child = node->first; child != NULL; child = child->next) {
        const struct schema_row *row = schema_find(type, child->key);
        if (host != NULL && schema_find(host, child->key) != NULL)
            continue;
        if (row != NULL)
            read_value(reading, child, row, object);
        else if (!is_in_also(type, child->key) && host == NULL)
            refuse_key(reading, child, type);
    }
}

/* A key that is missing because it is misspelt has been noted as unknown already. */
static bool is_misspelt(const struct tree_node *node, const struct schema_struct *type,
                        const char *name)
{
    for (const struct tree_node *child = node->first; child != NULL; child = child->next) {
        if (schema_find(type, child->key) == NULL && !is_in_also(type, child->key) &&
            phrase_closest_key(type, child->key) == name)
            return true;
    }
    return false;
}

static void check_required(struct reading *reading, const struct tree_node *node,
                           const struct schema_struct *type)
{
    struct conf_place place = node->key.at != NULL ? node->key_place : node->place;
    for (unsigned i = 0; i < type->rows_count; i++) {
        const struct schema_row *row = &type->rows[i];
        if (row->is_required && tree_get(node, row->name) == NULL &&
            !is_misspelt(node, type, row->name))
            reading_error(reading, place, "%s needs \"%s\": %s", type->noun, row->name, row->doc);
    }
}

/* The keys of `also` that stand in the same map, as an object of their own. */
static void read_also(struct reading *reading, const struct tree_node *node,
                      const struct schema_struct *type, void *object)
{
    const struct tree_node *child = node->first;
    while (child != NULL && !is_in_also(type, child->key))
        child = child->next;
    if (child == NULL)
        return;
    void *other = (char *)object + type->also_offset;
    *(bool *)((char *)object + type->also_given_offset) = true;
    if (type->also->has_place)
        memcpy(other, &child->key_place, sizeof child->key_place);
    read_defaults(reading, type->also, other);
    read_keys(reading, node, type->also, type, other);
    type->also->check(reading, node, other);
}

static bool is_number(struct slice text)
{
    uint64_t value;
    return slice_parse_u64(text, &value) == 0;
}

/* The row that a value in place of a map stands for, or NULL when it stands for none. */
static const struct schema_row *shorthand_row(const struct tree_node *node,
                                              const struct schema_struct *type)
{
    const char *name = type->shorthand;
    if (node->is_null || name == NULL)
        return NULL;
    if (type->shorthand_number != NULL && node->is_plain && is_number(node->text))
        name = type->shorthand_number;
    const struct schema_row *row = schema_find(type, slice_of_cstr(name));
    bool takes_list = row->kind == SCHEMA_LIST || row->kind == SCHEMA_ONE_OR_LIST;
    bool takes_single = row->kind != SCHEMA_LIST;
    return (node->kind == TREE_LIST ? takes_list : takes_single) ? row : NULL;
}

void read_struct(struct reading *reading, const struct tree_node *node,
                 const struct schema_row *row, void *object)
{
    const struct schema_struct *type = row->type;
    struct conf_place place = node->key.at != NULL ? node->key_place : node->place;
    if (type->has_place)
        memcpy(object, &place, sizeof place);
    read_defaults(reading, type, object);
    if (type->allows_off && node->is_plain && slice_equal(node->text, SLICE("off")))
        return;
    if (node->kind == TREE_MAP) {
        read_keys(reading, node, type, NULL, object);
        check_required(reading, node, type);
        if (type->also != NULL)
            read_also(reading, node, type, object);
    } else {
        const struct schema_row *shorthand = shorthand_row(node, type);
        if (shorthand == NULL) {
            refuse_shape(reading, node, row);
            return;
        }
        read_value(reading, node, shorthand, object);
    }
    if (type->check != NULL && !reading->out_of_memory)
        type->check(reading, node, object);
}

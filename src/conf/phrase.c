/* Words about the schema's rows; see phrase.h. */
#include "conf/phrase.h"

#include "base/cleanup.h"
#include "conf/read.h"
#include "conf/value.h"

#include <stdio.h>

#define MORE ", …"

void phrase_list_init(struct phrase_list *list, struct phrase *phrase)
{
    *list = (struct phrase_list){.phrase = phrase};
    phrase->text[0] = '\0';
}

static void append(struct phrase_list *list, struct slice text)
{
    memcpy(list->phrase->text + list->len, text.at, text.len);
    list->len += text.len;
    list->phrase->text[list->len] = '\0';
}

void phrase_list_add(struct phrase_list *list, struct slice name)
{
    size_t room = sizeof list->phrase->text - list->len;
    if (list->is_full)
        return;
    /* Room is kept for the separator, for MORE behind this name, and for the NUL. */
    if (name.len + 2 + sizeof MORE > room) {
        append(list, SLICE(MORE));
        list->is_full = true;
        return;
    }
    if (list->count++ > 0)
        append(list, SLICE(", "));
    append(list, name);
}

void phrase_words(const struct schema_word *words, struct phrase *ret_phrase)
{
    struct phrase_list list;
    phrase_list_init(&list, ret_phrase);
    for (; words != NULL && words->name != NULL; words++) {
        if (!words->is_later)
            phrase_list_add(&list, slice_of_cstr(words->name));
    }
}

void phrase_keys(const struct schema_struct *type, struct phrase *ret_phrase)
{
    struct phrase_list list;
    phrase_list_init(&list, ret_phrase);
    for (; type != NULL; type = type->also) {
        for (unsigned i = 0; i < type->rows_count; i++) {
            if (type->rows[i].kind != SCHEMA_LATER)
                phrase_list_add(&list, slice_of_cstr(type->rows[i].name));
        }
    }
}

const char *phrase_closest_word(const struct schema_word *words, struct slice written)
{
    const char *closest = NULL;
    unsigned distance = VALUE_DISTANCE_FAR;
    for (; words != NULL && words->name != NULL; words++) {
        if (!words->is_later && value_is_closer(written, slice_of_cstr(words->name), &distance))
            closest = words->name;
    }
    return closest;
}

const char *phrase_closest_key(const struct schema_struct *type, struct slice written)
{
    const char *closest = NULL;
    unsigned distance = VALUE_DISTANCE_FAR;
    for (; type != NULL; type = type->also) {
        for (unsigned i = 0; i < type->rows_count; i++) {
            if (value_is_closer(written, slice_of_cstr(type->rows[i].name), &distance))
                closest = type->rows[i].name;
        }
    }
    return closest;
}

void phrase_row(const struct schema_row *row, struct phrase *ret_phrase)
{
    if (row->kind == SCHEMA_STRUCT)
        (void)snprintf(ret_phrase->text, sizeof ret_phrase->text, "%s", row->type->noun);
    else
        (void)snprintf(ret_phrase->text, sizeof ret_phrase->text, "\"%s\"", row->name);
}

const char *phrase_shape(const struct schema_row *row)
{
    switch (row->kind) {
    case SCHEMA_STRUCT:
        return row->type->shorthand != NULL ? "a map, or its short form" : "a map";
    case SCHEMA_LIST:
        return "a list";
    case SCHEMA_ONE_OR_LIST:
        return "one value or a list";
    case SCHEMA_MAP:
        return "a map";
    default:
        return scalar_kinds[row->kind].noun;
    }
}

void phrase_quantity(enum schema_kind kind, int64_t value, struct phrase *ret_phrase)
{
    struct unit {
        int64_t factor;
        const char *name;
    };
    static const struct unit durations[] = {
        {86400000, "d"}, {3600000, "h"}, {60000, "m"}, {1000, "s"}, {1, "ms"}};
    static const struct unit sizes[] = {
        {(int64_t)1 << 40, "TiB"}, {1 << 30, "GiB"}, {1 << 20, "MiB"}, {1024, "KiB"}, {1, ""}};
    static const struct unit percents[] = {{100, "%"}, {1, "/100%"}};
    static const struct unit none[] = {{1, ""}};
    const struct unit *unit = kind == SCHEMA_DURATION  ? durations
                              : kind == SCHEMA_SIZE    ? sizes
                              : kind == SCHEMA_PERCENT ? percents
                                                       : none;
    /* Zero divides by all: "0s" and "0" are how people write it. */
    int64_t most = value != 0                ? INT64_MAX
                   : kind == SCHEMA_DURATION ? 1000
                   : kind == SCHEMA_PERCENT  ? 100
                                             : 1;
    while (unit->factor > most || value % unit->factor != 0)
        unit++;
    (void)snprintf(ret_phrase->text, sizeof ret_phrase->text, "%lld%s",
                   (long long)(value / unit->factor), unit->name);
}

/*
 * libyaml's events into a tree. An explicit stack of open lists and maps, so that depth is ours to
 * bound. libyaml's own memory does not pass base/memory.h.
 */
#include "conf/tree.h"

#include "base/map.h"
#include "conf/errors.h"
#include "conf/syntax.h"

#include <assert.h>
#include <errno.h>
#include <yaml.h>

#define ALIAS_NODES_MAX   100000 /* made by aliases in one file */
#define KEYS_COMPARED_MAX 16     /* more keys than that are looked up in a map */

/* A list or map that is not closed yet. */
struct level {
    struct tree_node *node;
    struct tree_node *last;
    struct slice anchor;
    struct slice key; /* of the value that comes next; a NULL start: a key comes next */
    struct conf_place key_place;
    bool is_repeated; /* the key was there before: its value stays out of the tree */
    struct map keys;  /* key → first node under it, once there are many */
};

struct builder {
    struct arena *arena;        /* borrowed */
    struct conf_errors *errors; /* borrowed */
    struct level levels[TREE_DEPTH_MAX];
    unsigned depth;
    unsigned nodes;
    unsigned alias_nodes;
    struct map anchors; /* name → node */
    struct tree_node *root;
    bool has_document;
    bool is_done;
};

static struct conf_place place_of(yaml_mark_t mark)
{
    return (struct conf_place){(unsigned)mark.line + 1, (unsigned)mark.column + 1};
}

static int refuse(struct builder *builder, struct conf_place place, const char *text)
{
    int rc = conf_errors_add(builder->errors, place, "%s", text);
    return rc < 0 ? rc : -EINVAL;
}

static struct slice copy_text(struct builder *builder, const yaml_char_t *text, size_t len)
{
    return arena_copy(builder->arena, slice_of(text, len));
}

static struct tree_node *find_key(const struct level *level, struct slice key)
{
    if (level->keys.used > 0)
        return map_get(&level->keys, key);
    for (struct tree_node *child = level->node->first; child != NULL; child = child->next) {
        if (slice_equal(child->key, key))
            return child;
    }
    return NULL;
}

/* Remembers the child's key once the map has grown past comparing. */
static int index_key(struct level *level, struct tree_node *child)
{
    if (level->node->count <= KEYS_COMPARED_MAX)
        return 0;
    if (level->keys.used > 0)
        return map_set(&level->keys, child->key, child);
    for (struct tree_node *each = level->node->first; each != NULL; each = each->next) {
        int rc = map_set(&level->keys, each->key, each);
        if (rc < 0)
            return rc;
    }
    return 0;
}

/* Hangs a node where the file is just now: under the open list or map, or as the root. */
static int attach(struct builder *builder, struct tree_node *node)
{
    if (builder->depth == 0) {
        builder->root = node;
        return 0;
    }
    struct level *level = &builder->levels[builder->depth - 1];
    node->key = level->key;
    node->key_place = level->key_place;
    level->key = (struct slice){NULL, 0};
    if (level->is_repeated)
        return 0;
    if (level->last == NULL)
        level->node->first = node;
    else
        level->last->next = node;
    level->last = node;
    level->node->count++;
    return level->node->kind == TREE_MAP ? index_key(level, node) : 0;
}

/* Does the next scalar stand where a key belongs? */
static bool expects_key(const struct builder *builder)
{
    if (builder->depth == 0)
        return false;
    const struct level *level = &builder->levels[builder->depth - 1];
    return level->node->kind == TREE_MAP && level->key.at == NULL;
}

/* A key given twice is noted, and reading goes on: the file is refused in the end. */
static int take_key(struct builder *builder, struct slice key, struct conf_place place)
{
    struct level *level = &builder->levels[builder->depth - 1];
    const struct tree_node *first = find_key(level, key);
    level->key = key;
    level->key_place = place;
    level->is_repeated = first != NULL;
    if (first == NULL)
        return 0;
    return conf_errors_add(builder->errors, place,
                           "\"%.*s\" is given twice, first in line %u: keep one", SLICE_ARG(key),
                           first->key_place.line);
}

static struct tree_node *make_node(struct builder *builder, enum tree_kind kind,
                                   struct conf_place place)
{
    struct tree_node *node = arena_alloc_zero(builder->arena, sizeof *node);
    if (node != NULL) {
        node->kind = kind;
        node->place = place;
    }
    return node;
}

static int count_node(struct builder *builder, struct conf_place place)
{
    if (++builder->nodes <= TREE_NODES_MAX)
        return 0;
    return refuse(builder, place, "too many values in one file; at most 2000000 are taken");
}

static int name_anchor(struct builder *builder, struct slice anchor, struct tree_node *node)
{
    return anchor.at == NULL ? 0 : map_set(&builder->anchors, anchor, node);
}

static bool is_null(struct slice text, bool is_plain)
{
    return is_plain &&
           (text.len == 0 || slice_equal(text, SLICE("~")) || slice_equal(text, SLICE("null")));
}

static int take_scalar(struct builder *builder, const yaml_event_t *event)
{
    struct conf_place place = place_of(event->start_mark);
    struct slice text = copy_text(builder, event->data.scalar.value, event->data.scalar.length);
    if (text.at == NULL)
        return -ENOMEM;
    if (slice_find(text, '\0') >= 0)
        return refuse(builder, place, "a NUL byte (\\0) cannot stand in this file");
    if (expects_key(builder))
        return take_key(builder, text, place);
    int rc = count_node(builder, place);
    if (rc < 0)
        return rc;
    struct tree_node *node = make_node(builder, TREE_SCALAR, place);
    if (node == NULL)
        return -ENOMEM;
    node->text = text;
    node->is_plain = event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
    node->is_null = is_null(text, node->is_plain);
    if (event->data.scalar.anchor != NULL) {
        const yaml_char_t *anchor = event->data.scalar.anchor;
        struct slice name = copy_text(builder, anchor, strlen((const char *)anchor));
        rc = name.at == NULL ? -ENOMEM : name_anchor(builder, name, node);
    }
    return rc < 0 ? rc : attach(builder, node);
}

static int open_level(struct builder *builder, enum tree_kind kind, const yaml_char_t *anchor,
                      yaml_mark_t mark)
{
    struct conf_place place = place_of(mark);
    if (expects_key(builder))
        return refuse(builder, place, "a key is plain text, not a list or a map");
    if (builder->depth == TREE_DEPTH_MAX)
        return refuse(builder, place, "nested too deeply; at most 32 levels are taken");
    int rc = count_node(builder, place);
    if (rc < 0)
        return rc;
    struct tree_node *node = make_node(builder, kind, place);
    rc = node == NULL ? -ENOMEM : attach(builder, node);
    if (rc < 0)
        return rc;
    struct level *level = &builder->levels[builder->depth++];
    *level = (struct level){.node = node};
    map_init(&level->keys, (struct hash_key){1, 2});
    if (anchor != NULL) {
        level->anchor = copy_text(builder, anchor, strlen((const char *)anchor));
        rc = level->anchor.at == NULL ? -ENOMEM : 0;
    }
    return rc;
}

/* An anchor counts from the end of what it names, so nothing can hold itself. */
static int close_level(struct builder *builder)
{
    struct level *level = &builder->levels[--builder->depth];
    map_finish(&level->keys);
    return name_anchor(builder, level->anchor, level->node);
}

/* A copy of `from` and all below it. `depth` is that of the copy. */
static int copy_node(struct builder *builder, const struct tree_node *from, unsigned depth,
                     struct conf_place place, struct tree_node **ret_copy)
{
    if (++builder->alias_nodes > ALIAS_NODES_MAX)
        return refuse(builder, place, "aliases make more than 100000 values in this file");
    if (depth > TREE_DEPTH_MAX)
        return refuse(builder, place, "nested too deeply; at most 32 levels are taken");
    struct tree_node *copy = make_node(builder, from->kind, from->place);
    if (copy == NULL)
        return -ENOMEM;
    *copy = *from;
    copy->next = NULL;
    struct tree_node **link = &copy->first;
    for (const struct tree_node *child = from->first; child != NULL; child = child->next) {
        int rc = copy_node(builder, child, depth + 1, place, link);
        if (rc < 0)
            return rc;
        link = &(*link)->next;
    }
    *ret_copy = copy;
    return 0;
}

static int take_alias(struct builder *builder, const yaml_event_t *event)
{
    struct conf_place place = place_of(event->start_mark);
    const char *name = (const char *)event->data.alias.anchor;
    if (expects_key(builder))
        return refuse(builder, place, "a key is plain text, not an alias");
    const struct tree_node *named = map_get(&builder->anchors, slice_of_cstr(name));
    if (named == NULL) {
        int rc = conf_errors_add(builder->errors, place,
                                 "\"*%s\" stands for nothing: no value before it is marked "
                                 "\"&%s\" (text that begins with * needs quotes)",
                                 name, name);
        return rc < 0 ? rc : -EINVAL;
    }
    struct tree_node *copy = NULL;
    int rc = copy_node(builder, named, builder->depth, place, &copy);
    if (rc < 0)
        return rc;
    assert(copy != NULL);
    return attach(builder, copy);
}

/* Tags would say what a value means; that is the schema's to say. */
static int refuse_tag(struct builder *builder, const yaml_char_t *tag, yaml_mark_t mark)
{
    if (tag == NULL)
        return 0;
    return refuse(builder, place_of(mark),
                  "tags are not taken (text that begins with ! needs quotes)");
}

static int begin_document(struct builder *builder, const yaml_event_t *event)
{
    if (builder->has_document)
        return refuse(builder, place_of(event->start_mark),
                      "a second document begins here; a file holds one");
    builder->has_document = true;
    return 0;
}

static int take_event(struct builder *builder, const yaml_event_t *event)
{
    int rc = 0;
    switch (event->type) {
    case YAML_DOCUMENT_START_EVENT:
        return begin_document(builder, event);
    case YAML_SCALAR_EVENT:
        rc = refuse_tag(builder, event->data.scalar.tag, event->start_mark);
        return rc < 0 ? rc : take_scalar(builder, event);
    case YAML_SEQUENCE_START_EVENT:
        rc = refuse_tag(builder, event->data.sequence_start.tag, event->start_mark);
        return rc < 0 ? rc
                      : open_level(builder, TREE_LIST, event->data.sequence_start.anchor,
                                   event->start_mark);
    case YAML_MAPPING_START_EVENT:
        rc = refuse_tag(builder, event->data.mapping_start.tag, event->start_mark);
        return rc < 0 ? rc
                      : open_level(builder, TREE_MAP, event->data.mapping_start.anchor,
                                   event->start_mark);
    case YAML_SEQUENCE_END_EVENT:
    case YAML_MAPPING_END_EVENT:
        return close_level(builder);
    case YAML_ALIAS_EVENT:
        return take_alias(builder, event);
    case YAML_STREAM_END_EVENT:
        builder->is_done = true;
        return 0;
    default:
        return 0;
    }
}

static int take_all(struct builder *builder, yaml_parser_t *parser, struct slice text)
{
    while (!builder->is_done) {
        yaml_event_t event;
        if (!yaml_parser_parse(parser, &event))
            return syntax_error_note(parser, text, builder->errors);
        int rc = take_event(builder, &event);
        yaml_event_delete(&event);
        if (rc < 0)
            return rc;
    }
    return 0;
}

int tree_parse(struct slice text, struct arena *arena, struct conf_errors *errors,
               struct tree_node **ret_root)
{
    struct builder builder = {.arena = arena, .errors = errors};
    if (text.len > TREE_TEXT_BYTES_MAX)
        return refuse(&builder, (struct conf_place){0, 0},
                      "the file is larger than 16 MiB, which is the most that is taken");
    /* libyaml would count it as a column, and take the second line for less indented. */
    if (slice_starts_with(text, SLICE(UTF8_MARK)))
        text = slice_from(text, strlen(UTF8_MARK));
    yaml_parser_t parser;
    if (!yaml_parser_initialize(&parser))
        return -ENOMEM;
    yaml_parser_set_encoding(&parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&parser, (const unsigned char *)text.at, text.len);
    map_init(&builder.anchors, (struct hash_key){1, 2});
    int rc = take_all(&builder, &parser, text);
    while (builder.depth > 0)
        map_finish(&builder.levels[--builder.depth].keys);
    map_finish(&builder.anchors);
    yaml_parser_delete(&parser);
    if (rc == 0 && builder.root == NULL)
        rc = refuse(&builder, (struct conf_place){1, 1}, "the file is empty");
    if (rc == 0)
        *ret_root = builder.root;
    return rc;
}

struct tree_node *tree_find(struct tree_node *map, const char *key)
{
    struct tree_node *child = map->first;
    struct slice name = slice_of_cstr(key);
    while (child != NULL && !slice_equal(child->key, name))
        child = child->next;
    return child;
}

const struct tree_node *tree_get(const struct tree_node *map, const char *key)
{
    const struct tree_node *child = map->first;
    struct slice name = slice_of_cstr(key);
    while (child != NULL && !slice_equal(child->key, name))
        child = child->next;
    return child;
}

/* The schema as docs/configuration.md: a heading and a table for each struct. */
#include "base/buffer.h"
#include "base/cleanup.h"
#include "conf/phrase.h"
#include "conf/read.h"
#include "conf/walk.h"

static const char introduction[] =
    "# weir.yaml\n"
    "\n"
    "<!-- Made from src/conf/schema.c by `build/tools/conf_reference markdown`; change it there. "
    "-->\n"
    "\n"
    "One file says what Weir serves and runs. `weir check` reads it and shows everything that is "
    "wrong at once, with the line, what is allowed, and what was probably meant; `weir check "
    "--schema` prints a JSON Schema, with which editors complete keys and explain them.\n"
    "\n"
    "```yaml\n"
    "app: notes\n"
    "listeners:\n"
    "  http: \":8080\"\n"
    "sites:\n"
    "  notes:\n"
    "    domains: [notes.localhost, \"*.notes.localhost\"]\n"
    "    rules:                          # the first that matches answers\n"
    "      - match: { path: \"/api/*\" }   # what lies below /api/, and /api itself\n"
    "        forward: api\n"
    "      - match: { path: /old }\n"
    "        redirect: { to: \"/new{query}\", status: 308 }\n"
    "      - respond: { status: 404, body: \"nothing here\" }\n"
    "  legacy:\n"
    "    domains: legacy.localhost\n"
    "    forward: old-servers            # one rule may stand on the site itself\n"
    "services:\n"
    "  api:\n"
    "    command: gunicorn --bind 127.0.0.1:$PORT notes.wsgi\n"
    "    tasks: 2\n"
    "    health: { path: /healthz }\n"
    "target_groups:\n"
    "  old-servers: [\"10.0.0.4:8000\", \"10.0.0.5:8000\"]\n"
    "```\n"
    "\n"
    "The file is YAML 1.2 with every value read as its key wants it: `on` is a text, and only "
    "where it is listed `off` is a word. Text that holds `: ` or ` #`, or begins with one of "
    "``* & ! % @ ` { [ \" '``, needs quotes. An alias (`*name`) is a copy of what was marked "
    "`&name`. Paths are relative to the file's folder.\n"
    "\n"
    "A duration is a number with its unit: `200ms`, `30s`, `5m`, `1h`, `1d`. A size is a number of "
    "bytes or has a unit: `64KiB`, `10MiB`, `1GiB` count by 1024; `1kB`, `1MB`, `1GB` by 1000. An "
    "address is `127.0.0.1:80`, `[::1]:80`, `name:80` (not of a listener), `:80` (of a listener "
    "only) or `unix:/path`.\n"
    "\n"
    "At most 16 MiB, 32 levels and 2,000,000 values are read. Keys under \"Not yet\" are known and "
    "refused until a later version brings them.\n";

struct page {
    struct buffer *out; /* borrowed */
    int rc;
};

static void put(struct page *page, const char *text)
{
    if (page->rc == 0)
        page->rc = buffer_append(page->out, slice_of_cstr(text));
}

/* The noun without its article. */
static const char *title_of(const struct schema_struct *type)
{
    const char *const articles[] = {"a ", "the "};
    for (size_t i = 0; i < COUNT_OF(articles); i++) {
        if (strncmp(type->noun, articles[i], strlen(articles[i])) == 0)
            return type->noun + strlen(articles[i]);
    }
    return type->noun;
}

/* "a rule" has the heading "Rule". */
static void put_title(struct page *page, const struct schema_struct *type)
{
    const char *title = title_of(type);
    bool is_lower = title[0] >= 'a' && title[0] <= 'z';
    char first[2] = {(char)(is_lower ? title[0] - 'a' + 'A' : title[0]), '\0'};
    put(page, first);
    put(page, title + 1);
}

static void put_link(struct page *page, const struct schema_struct *type)
{
    put(page, "[");
    put(page, type->noun);
    put(page, "](#");
    for (const char *c = title_of(type); *c != '\0'; c++) {
        if (*c == '\'')
            continue; /* as GitHub's anchors have it */
        char letter[2] = {*c == ' ' ? '-' : ascii_lower(*c), '\0'};
        put(page, letter);
    }
    put(page, ")");
}

static void put_words(struct page *page, const struct schema_word *words)
{
    const char *separator = "";
    for (; words->name != NULL; words++) {
        if (words->is_later)
            continue;
        put(page, separator);
        put(page, "`");
        put(page, words->name);
        put(page, "`");
        if (words->doc != NULL) {
            put(page, " (");
            put(page, words->doc);
            put(page, ")");
        }
        separator = "; ";
    }
}

static void put_limits(struct page *page, const struct schema_row *row)
{
    bool has_limits =
        row->kind == SCHEMA_INTEGER || row->kind == SCHEMA_DURATION || row->kind == SCHEMA_PERCENT;
    if (!has_limits || row->max == 0)
        return;
    struct phrase low, high;
    phrase_quantity(row->kind, row->min, &low);
    phrase_quantity(row->kind, row->max, &high);
    put(page, ", ");
    put(page, low.text);
    put(page, " to ");
    put(page, high.text);
}

static void put_scalar(struct page *page, const struct schema_row *row)
{
    if (row->kind == SCHEMA_WORD) {
        put_words(page, row->words);
        return;
    }
    put(page, scalar_kinds[row->kind].noun);
    put_limits(page, row);
    if (row->words != NULL) {
        put(page, ", or ");
        put_words(page, row->words);
    }
}

/* What may stand there. */
static void put_value(struct page *page, const struct schema_row *row)
{
    switch (row->kind) {
    case SCHEMA_STRUCT:
        put_link(page, row->type);
        break;
    case SCHEMA_LIST:
        put(page, "list, each ");
        put_value(page, row->element);
        break;
    case SCHEMA_ONE_OR_LIST:
        put(page, "one or a list, each ");
        put_value(page, row->element);
        break;
    case SCHEMA_MAP:
    case SCHEMA_ONE_OR_MAP:
        put(page, row->kind == SCHEMA_MAP ? "map from " : "one name, or map from ");
        put(page, scalar_kinds[row->name_kind].noun);
        put(page, " to ");
        put_value(page, row->element);
        break;
    default:
        put_scalar(page, row);
        break;
    }
}

static void put_row(struct page *page, const struct schema_row *row)
{
    put(page, "| `");
    put(page, row->name);
    put(page, "` | ");
    put_value(page, row);
    put(page, " | ");
    if (row->is_required)
        put(page, "must be given");
    else if (row->standard != NULL && row->standard[0] != '\0') {
        put(page, "`");
        put(page, row->standard);
        put(page, "`");
    }
    put(page, " | ");
    put(page, row->doc);
    put(page, " |\n");
}

static void put_later(struct page *page, const struct schema_struct *type)
{
    const char *separator = "\nNot yet: ";
    for (unsigned i = 0; i < type->rows_count; i++) {
        const struct schema_row *row = &type->rows[i];
        if (row->kind != SCHEMA_LATER)
            continue;
        put(page, separator);
        put(page, "`");
        put(page, row->name);
        put(page, "` (");
        put(page, row->doc);
        put(page, row->words != NULL ? "; `off` may be said already)" : ")");
        separator = ", ";
    }
    if (separator[0] == ',')
        put(page, ".\n");
}

static void put_short_forms(struct page *page, const struct schema_struct *type)
{
    if (type->shorthand != NULL) {
        put(page, " Short form: the value of `");
        put(page, type->shorthand);
        put(page, "` alone");
        if (type->shorthand_number != NULL) {
            put(page, ", or a number for `");
            put(page, type->shorthand_number);
            put(page, "`");
        }
        put(page, ".");
    }
    if (type->allows_off)
        put(page, " `off` turns it off.");
}

static void put_struct(struct page *page, const struct schema_struct *type)
{
    put(page, "\n## ");
    put_title(page, type);
    put(page, "\n\n");
    put(page, type->doc);
    put_short_forms(page, type);
    put(page, "\n\n| key | value | default | meaning |\n|---|---|---|---|\n");
    for (unsigned i = 0; i < type->rows_count; i++) {
        if (type->rows[i].kind != SCHEMA_LATER)
            put_row(page, &type->rows[i]);
    }
    put_later(page, type);
}

int schema_markdown_write(struct buffer *buffer)
{
    struct page page = {.out = buffer};
    struct walk walk;
    walk_schema(&walk);
    put(&page, introduction);
    for (unsigned i = 0; i < walk.count; i++)
        put_struct(&page, walk.at[i]);
    return page.rc;
}

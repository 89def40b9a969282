/*
 * The schema: one table of everything that may stand in weir.yaml. Reading, defaults, limits, error
 * texts, docs/configuration.md and the JSON Schema are all made from it. A row tells a key's name,
 * kind, limits, default (as a user would write it) and meaning; and where in a C struct its value
 * goes. To add a key, add a row.
 */
#pragma once

#include "conf/snapshot.h"

/* Each kind of single value has a row in scalar.c; the comment names the type of its field. */
enum schema_kind {
    SCHEMA_TEXT,             /* struct slice */
    SCHEMA_LINE,             /* struct slice, without line ends or other control characters */
    SCHEMA_NAME,             /* struct slice */
    SCHEMA_SITE_NAME,        /* struct slice, dots too */
    SCHEMA_VARIABLE,         /* struct slice */
    SCHEMA_FIELD_NAME,       /* struct slice */
    SCHEMA_COOKIE_NAME,      /* struct slice */
    SCHEMA_METHOD,           /* struct slice */
    SCHEMA_DOMAIN,           /* struct named, lower case */
    SCHEMA_URL_PATH,         /* struct slice */
    SCHEMA_FILE_NAME,        /* struct slice */
    SCHEMA_FOLDER,           /* struct slice, absolute; it exists */
    SCHEMA_FILE,             /* struct slice, absolute; "-" is empty */
    SCHEMA_INTEGER,          /* unsigned */
    SCHEMA_DURATION,         /* int64_t, milliseconds */
    SCHEMA_SIZE,             /* uint64_t, bytes */
    SCHEMA_PERCENT,          /* unsigned, hundredths of a percent */
    SCHEMA_HASH_BY,          /* struct conf_hash_by */
    SCHEMA_WORD,             /* an enum */
    SCHEMA_LISTENER_ADDRESS, /* struct conf_address */
    SCHEMA_TARGET_ADDRESS,   /* struct conf_address */
    SCHEMA_ENDPOINT,         /* struct conf_endpoint */
    SCHEMA_PATH_PATTERN,     /* struct conf_pattern */
    SCHEMA_VALUE_PATTERN,    /* struct conf_pattern */
    SCHEMA_EDIT_NAME,        /* struct slice: of a header field that may be changed */
    SCHEMA_EDIT_VALUE,       /* struct slice: its value, with variables */
    SCHEMA_RATE,             /* struct conf_rate */
    SCHEMA_LIMIT_KEY,        /* struct conf_limit_key */
    SCHEMA_ERROR_KEY,        /* struct slice */
    SCHEMA_NAMED,            /* struct named: the name of something else in the file */
    SCHEMA_HOST_PATTERN,     /* struct slice, lower case */
    SCHEMA_NETWORK,          /* struct network */
    SCHEMA_PATH_PREFIX,      /* struct slice, in normal form, no slash at its end */
    SCHEMA_DESTINATION,      /* struct conf_destination */
    SCHEMA_BUCKET_NAME,      /* struct slice */
    SCHEMA_NEW_FOLDER,       /* struct slice, absolute, no slash at its end; need not exist */
    SCHEMA_SERVER,           /* struct conf_server */
    SCHEMA_SECRET,           /* struct slice: where it stands, "env:NAME" or "file:PATH" */
    SCHEMA_SCALARS_COUNT,

    SCHEMA_STRUCT = SCHEMA_SCALARS_COUNT, /* known keys: `type` */
    SCHEMA_LIST,                          /* of `element`: a pointer and an unsigned count */
    SCHEMA_ONE_OR_LIST,                   /* the same, or one element without a list */
    SCHEMA_MAP,                           /* names of the user's choice to `element` */
    SCHEMA_ONE_OR_MAP,                    /* the same, or one name without a map */
    SCHEMA_LATER, /* a name to which a later version of Weir gives a meaning */
};

/* One of the words that a value may be. */
struct schema_word {
    const char *name;
    unsigned value;
    bool is_later;
    const char *doc; /* may be NULL */
};

struct schema_struct;

struct schema_row {
    const char *name;
    enum schema_kind kind;
    bool is_required;
    bool is_draft;   /* LIST, MAP: the elements are drafts, not part of the snapshot */
    bool is_choice;  /* one of several that exclude each other: no defaults unless it is given */
    uint16_t offset; /* of the value's field */
    uint16_t size;   /* of a single value's field: a test holds it against the kind */
    uint16_t count_offset; /* LIST, MAP */
    uint16_t given_offset; /* of a bool that says that the key is there; 0: none */
    uint16_t name_offset;  /* MAP: of a struct slice in the element */
    int64_t min,
        max; /* INTEGER, DURATION (ms), SIZE, PERCENT; length of LIST, at most `max` if not 0 */
    const char *standard;             /* the default; NULL for none */
    const struct schema_word *words;  /* WORD; SIZE: "no limit"; INTEGER, DURATION, PERCENT: a
                                       * number; LATER: taken already. Ends in {0} */
    const struct schema_struct *type; /* STRUCT */
    const struct schema_row *element; /* LIST, MAP: its name is unused */
    enum schema_kind name_kind;       /* MAP: of its keys */
    uint32_t element_size;
    const char *later; /* what a map or list here will mean, when that is for later */
    const char *doc;   /* one sentence, no full stop */
};

struct reading;
struct tree_node;

struct schema_struct {
    const char *noun; /* "a rule" */
    const char *doc;  /* a paragraph for the reference page */
    const struct schema_row *rows;
    unsigned rows_count;
    const struct schema_struct *also; /* its keys may stand here too; see `also_offset` */
    uint16_t also_offset;             /* of such a struct, filled when one of its keys is given */
    uint16_t also_given_offset;       /* of a bool */
    bool has_place;                   /* a struct conf_place is its first member */
    bool allows_off;                  /* `off` leaves the defaults */
    const char *shorthand;            /* the key that a single value (or list) stands for */
    const char *shorthand_number;     /* the same for digits */
    /* Looks at the whole once it is filled. `node` may be a single value. */
    void (*check)(struct reading *reading, const struct tree_node *node, void *object);
};

/* The top of the file, read into a struct draft (draft.h). */
extern const struct schema_row schema_top;

/* The row of that name, or NULL. */
const struct schema_row *schema_find(const struct schema_struct *type, struct slice name);

struct buffer;

/* docs/configuration.md. Returns 0 or a buffer's error. */
int schema_markdown_write(struct buffer *buffer);

/* JSON Schema (draft 2020-12), for editors. Returns 0 or a buffer's error. */
int schema_json_write(struct buffer *buffer);

/*
 * Field names by number. The look-up runs for every field of every message, so it is left to the
 * compiler: for each length there is a function that holds only the names of that length, each
 * compared in one to three machine words against constants. All of it comes from FIELD_TABLE.
 */
#include "wire/http/message.h"

#include <assert.h>

#define FIELD_ROW(id, name)                                                                        \
    static_assert(sizeof(name) - 1 <= FIELD_NAME_BYTES_MAX,                                        \
                  "compared in three words of eight bytes");
FIELD_TABLE(FIELD_ROW)
#undef FIELD_ROW

/* Only where the compiler optimises: what is inlined but not folded away would need 200 KiB of a
 * fiber's stack. */
#if defined(__OPTIMIZE__)
#ifdef __OPTIMIZE__
#define ALWAYS_INLINE static inline __attribute__((always_inline))
#else
/* Copies that do not fold away would need hundreds of KiB of a fiber's stack under ASan. */
#define ALWAYS_INLINE static inline
#endif
#else
#define ALWAYS_INLINE static
#endif

/*
 * Do these bytes differ in case only? The names of the table are letters and '-', and in ASCII the
 * bit 0x40 is set in letters alone of these: it tells where a difference of 0x20 is one of case.
 */
ALWAYS_INLINE bool same_8(const char *received, const char *name)
{
    uint64_t a, b;
    memcpy(&a, received, sizeof a);
    memcpy(&b, name, sizeof b);
    return ((a ^ b) & ~((b & UINT64_C(0x4040404040404040)) >> 1)) == 0;
}

ALWAYS_INLINE bool same_4(const char *received, const char *name)
{
    uint32_t a, b;
    memcpy(&a, received, sizeof a);
    memcpy(&b, name, sizeof b);
    return ((a ^ b) & ~((b & 0x40404040U) >> 1)) == 0;
}

/* Both have `len` bytes; words may overlap. */
ALWAYS_INLINE bool same_name(const char *received, const char *name, size_t len)
{
    if (len >= 8)
        return same_8(received, name) && same_8(received + len - 8, name + len - 8) &&
               (len <= 16 || same_8(received + 8, name + 8));
    if (len >= 4)
        return same_4(received, name) && same_4(received + len - 4, name + len - 4);
    for (size_t i = 0; i < len; i++) {
        if (ascii_lower(received[i]) != ascii_lower(name[i]))
            return false;
    }
    return true;
}

/* `len` is a constant wherever this is called: what is not of that length folds away. */
ALWAYS_INLINE enum field_id id_of_length(const char *received, size_t len)
{
#define FIELD_ROW(id, name)                                                                        \
    if (sizeof(name) - 1 == len && same_name(received, name, sizeof(name) - 1))                    \
        return FIELD_##id;
    FIELD_TABLE(FIELD_ROW)
#undef FIELD_ROW
    return FIELD_OTHER;
}

enum field_id field_id_of(struct slice name)
{
#define CASE(len)                                                                                  \
    case len:                                                                                      \
        return id_of_length(name.at, len);
#define CASES_4(len) CASE(len) CASE((len) + 1) CASE((len) + 2) CASE((len) + 3)
    switch (name.len) {
        CASES_4(1)
        CASES_4(5)
        CASES_4(9)
        CASES_4(13)
        CASES_4(17)
        CASES_4(21)
    default:
        return FIELD_OTHER;
    }
#undef CASES_4
#undef CASE
}

static char cgi_byte(char byte)
{
    return byte == '_' ? '-' : ascii_lower(byte);
}

bool field_names_alike(struct slice a, struct slice b)
{
    if (a.len != b.len)
        return false;
    for (size_t i = 0; i < a.len; i++) {
        if (cgi_byte(a.at[i]) != cgi_byte(b.at[i]))
            return false;
    }
    return true;
}

static const struct slice names[FIELD_IDS_COUNT] = {
#define FIELD_ROW(id, name) [FIELD_##id] = {name, sizeof(name) - 1},
    FIELD_TABLE(FIELD_ROW)
#undef FIELD_ROW
};

struct slice field_name(enum field_id id)
{
    assert(id > FIELD_OTHER && id < FIELD_IDS_COUNT);
    return names[id];
}

const struct field *fields_find(const struct fields *fields, enum field_id id)
{
    for (unsigned i = 0; i < fields->count; i++) {
        if (fields->at[i].id == id)
            return &fields->at[i];
    }
    return NULL;
}

const struct field *fields_find_name(const struct fields *fields, struct slice name)
{
    enum field_id id = field_id_of(name);
    if (id != FIELD_OTHER)
        return fields_find(fields, id);
    for (unsigned i = 0; i < fields->count; i++) {
        const struct field *field = &fields->at[i];
        if (field->id == FIELD_OTHER && slice_equal_nocase(field->name, name))
            return field;
    }
    return NULL;
}

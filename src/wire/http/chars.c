/* The table behind wire/http/chars.h, computed by the compiler from the grammars' own words. */
#include "wire/http/chars.h"

#define IS_LOWER(c) ((c) >= 'a' && (c) <= 'z')
#define IS_UPPER(c) ((c) >= 'A' && (c) <= 'Z')
#define IS_ALPHA(c) (IS_LOWER(c) || IS_UPPER(c))
#define IS_DIGIT(c) ((c) >= '0' && (c) <= '9')
#define IS_HEX(c)   (IS_DIGIT(c) || ((c) >= 'a' && (c) <= 'f') || ((c) >= 'A' && (c) <= 'F'))

#define IS_CONTROL(c) ((c) < 0x20 || (c) == 0x7f)
#define IS_UNRESERVED(c)                                                                           \
    (IS_ALPHA(c) || IS_DIGIT(c) || (c) == '-' || (c) == '.' || (c) == '_' || (c) == '~')
#define IS_SUB_DELIM(c)                                                                            \
    ((c) == '!' || (c) == '$' || ((c) >= '&' && (c) <= ',') || (c) == ';' || (c) == '=')
#define IS_PATH(c) (IS_UNRESERVED(c) || IS_SUB_DELIM(c) || (c) == ':' || (c) == '@' || (c) == '/')
#define IS_TOKEN(c)                                                                                \
    (IS_ALPHA(c) || IS_DIGIT(c) || (c) == '!' || ((c) >= '#' && (c) <= '\'') || (c) == '*' ||      \
     (c) == '+' || (c) == '-' || (c) == '.' || ((c) >= '^' && (c) <= '`') || (c) == '|' ||         \
     (c) == '~')

#define CLASSES(c)                                                                                 \
    ((IS_TOKEN(c) ? CHAR_TOKEN : 0) | (!IS_CONTROL(c) || (c) == '\t' ? CHAR_VALUE : 0) |           \
     (!IS_CONTROL(c) && (c) != ' ' && (c) != '#' ? CHAR_TARGET : 0) |                              \
     (IS_UNRESERVED(c) ? CHAR_UNRESERVED | CHAR_HOST : 0) | (IS_PATH(c) ? CHAR_PATH : 0) |         \
     (IS_PATH(c) || (c) == '?' ? CHAR_QUERY : 0) | (IS_HEX(c) ? CHAR_HEX : 0))

#define CLASSES_4(c)  CLASSES(c), CLASSES((c) + 1), CLASSES((c) + 2), CLASSES((c) + 3)
#define CLASSES_16(c) CLASSES_4(c), CLASSES_4((c) + 4), CLASSES_4((c) + 8), CLASSES_4((c) + 12)
#define CLASSES_64(c)                                                                              \
    CLASSES_16(c), CLASSES_16((c) + 16), CLASSES_16((c) + 32), CLASSES_16((c) + 48)

const uint8_t http_chars[256] = {CLASSES_64(0), CLASSES_64(64), CLASSES_64(128), CLASSES_64(192)};

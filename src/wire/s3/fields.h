/*
 * Elements of S3's documents taken by a table: which may stand inside another, which must, which
 * may come more than once. Everything else is MalformedXML, told with the element's name. Functions
 * return 0, or a negative code with *fault filled: -EBADMSG, or -ENOMEM.
 */
#pragma once

#include "wire/s3/faults.h"
#include "wire/xml/xml.h"

/* What S3's documents are called by in xmlns. */
#define S3_NAME_SPACE "http://s3.amazonaws.com/doc/2006-03-01/"

/* For documents that are a configuration. */
#define S3_CONFIGURATION_BYTES_MAX 65536

/* What an arena must be allowed to hold for such a document. */
#define S3_CONFIGURATION_ARENA_BYTES (4 << 20)

enum {
    S3_FIELD_NEEDED = 1 << 0,
    S3_FIELD_MANY = 1 << 1, /* may come more than once */
};

struct s3_field {
    struct slice name;
    unsigned flags;
    const struct xml_element *found; /* the first; filled by s3_fields_take */
    unsigned count;                  /* how many there are; filled, too */
};

/* Reads the XML and looks at the name of its outermost element. */
int s3_document_read(struct slice xml, const struct xml_limits *limits, struct slice name,
                     struct arena *arena, struct s3_fault *fault,
                     const struct xml_element **ret_root);

/* The same within the limits of a configuration. */
int s3_configuration_read(struct slice xml, struct slice name, struct arena *arena,
                          struct s3_fault *fault, const struct xml_element **ret_root);

/* The fault for an error of xml_reader_feed or xml_reader_finish, and its code. */
int s3_document_fault(struct s3_fault *fault, const struct error *error);

/* Finds the fields inside `parent`; elements that are none of them are refused. */
int s3_fields_take(const struct xml_element *parent, struct s3_field *fields, size_t count,
                   struct s3_fault *fault);

/* The same, but others are passed over: where S3 keeps adding elements. */
int s3_fields_take_some(const struct xml_element *parent, struct s3_field *fields, size_t count,
                        struct s3_fault *fault);

/* MalformedXML that names the element. Returns -EBADMSG. */
int s3_malformed(struct s3_fault *fault, const struct xml_element *element, const char *why);

/* The text; a NULL start when `element` is NULL. */
struct slice s3_text(const struct xml_element *element);

/* The text without blanks at its ends. */
struct slice s3_word(const struct xml_element *element);

/* "true" or "false", in any case; `element` NULL: *ret_value stays. */
int s3_bool(const struct xml_element *element, struct s3_fault *fault, bool *ret_value);

/* A whole number from 0 to `max`; MalformedXML otherwise. NULL: *ret_value stays. */
int s3_number(const struct xml_element *element, uint64_t max, struct s3_fault *fault,
              uint64_t *ret_value);

/* Which of the words the text is, exactly; MalformedXML when none. */
int s3_choice(const struct xml_element *element, const struct slice *words, size_t words_count,
              struct s3_fault *fault, unsigned *ret_index);

/* A list of texts that lies in an arena. */
struct s3_texts {
    const struct slice *items;
    unsigned count;
};

/* The texts of a field that may come more than once. -ENOMEM with *fault filled. */
int s3_texts_read(const struct s3_field *field, struct arena *arena, struct s3_fault *fault,
                  struct s3_texts *ret_texts);

/* A name for a rule that was sent without one: the same for the same element and number. A NULL
 * start when the arena is used up. */
struct slice s3_rule_name(const struct xml_element *rule, unsigned number, struct arena *arena);

/* How many characters of UTF-8; bytes that are none count one each. */
size_t s3_characters(struct slice text);

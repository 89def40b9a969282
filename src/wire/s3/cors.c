/* Rules in the order of the document; the first that allows all that is asked for answers. */
#include "wire/s3/cors.h"

#include "base/cleanup.h"
#include "wire/http/chars.h"
#include "wire/s3/match.h"
#include "wire/xml/writer.h"

#include <errno.h>
#include <inttypes.h>

#define ID_BYTES_MAX     255
#define MAX_AGE_S_MAX    INT32_MAX
#define HEADER_BYTES_MAX 4096

static const struct slice methods[] = {SLICE("GET"), SLICE("PUT"), SLICE("POST"), SLICE("DELETE"),
                                       SLICE("HEAD")};

/* The bit of a method, 0 for one that CORS rules of S3 do not know. */
static unsigned method_bit(struct slice method)
{
    for (unsigned i = 0; i < COUNT_OF(methods); i++) {
        if (slice_equal(methods[i], method))
            return 1U << i;
    }
    return 0;
}

static int read_methods(const struct s3_field *field, struct s3_fault *fault, unsigned *ret_methods)
{
    unsigned bits = 0;
    for (const struct xml_element *at = field->found; at != NULL; at = xml_next_alike(at)) {
        unsigned bit = method_bit(s3_word(at));
        if (bit == 0)
            return s3_fault_say(fault, S3_INVALID_REQUEST,
                                "Found unsupported HTTP method in CORS config. Unsupported method "
                                "is %.*s",
                                (int)(at->text.len < 64 ? at->text.len : 64), at->text.at);
        bits |= bit;
    }
    *ret_methods = bits;
    return 0;
}

/* Bytes of a field value, so that what is sent on cannot break a message. */
static bool is_plain(struct slice text)
{
    return text.len > 0 && chars_are(text, CHAR_VALUE) && slice_find(text, ' ') < 0 &&
           slice_find(text, '\t') < 0;
}

static int check_patterns(const struct s3_texts *patterns, const char *name, struct s3_fault *fault)
{
    for (unsigned i = 0; i < patterns->count; i++) {
        struct slice pattern = patterns->items[i];
        ptrdiff_t star = slice_find(pattern, '*');
        if (star >= 0 && slice_find(slice_from(pattern, (size_t)star + 1), '*') >= 0)
            return s3_fault_say(fault, S3_INVALID_REQUEST,
                                "%s \"%.*s\" can not have more than one wildcard.", name,
                                (int)(pattern.len < 128 ? pattern.len : 128), pattern.at);
        if (!is_plain(pattern))
            return s3_fault_say(fault, S3_INVALID_REQUEST, "%s contains invalid characters", name);
    }
    return 0;
}

static int check_exposed(const struct s3_texts *headers, struct s3_fault *fault)
{
    size_t bytes = 0;
    for (unsigned i = 0; i < headers->count; i++) {
        struct slice header = headers->items[i];
        if (slice_find(header, '*') >= 0)
            return s3_fault_say(fault, S3_INVALID_REQUEST,
                                "ExposeHeader \"%.*s\" contains wildcard. We currently do not "
                                "support wildcard for ExposeHeader.",
                                (int)(header.len < 64 ? header.len : 64), header.at);
        bytes += header.len + 2;
        if (header.len == 0 || !chars_are(header, CHAR_TOKEN) || bytes > HEADER_BYTES_MAX)
            return s3_fault_say(fault, S3_INVALID_REQUEST,
                                "ExposeHeader contains invalid characters or is too long");
    }
    return 0;
}

enum { ID, METHOD, ORIGIN, HEADER, EXPOSED, MAX_AGE };

static int read_rule(const struct xml_element *element, struct arena *arena, struct s3_fault *fault,
                     struct s3_cors_rule *ret_rule)
{
    struct s3_field fields[] = {
        [ID] = {.name = SLICE("ID")},
        [METHOD] = {.name = SLICE("AllowedMethod"), .flags = S3_FIELD_NEEDED | S3_FIELD_MANY},
        [ORIGIN] = {.name = SLICE("AllowedOrigin"), .flags = S3_FIELD_NEEDED | S3_FIELD_MANY},
        [HEADER] = {.name = SLICE("AllowedHeader"), .flags = S3_FIELD_MANY},
        [EXPOSED] = {.name = SLICE("ExposeHeader"), .flags = S3_FIELD_MANY},
        [MAX_AGE] = {.name = SLICE("MaxAgeSeconds")},
    };
    struct s3_cors_rule rule = {0};
    int rc = s3_fields_take(element, fields, COUNT_OF(fields), fault);
    if (rc == 0)
        rc = read_methods(&fields[METHOD], fault, &rule.methods);
    if (rc == 0)
        rc = s3_texts_read(&fields[ORIGIN], arena, fault, &rule.origins);
    if (rc == 0)
        rc = s3_texts_read(&fields[HEADER], arena, fault, &rule.headers);
    if (rc == 0)
        rc = s3_texts_read(&fields[EXPOSED], arena, fault, &rule.expose_headers);
    if (rc == 0)
        rc = check_patterns(&rule.origins, "AllowedOrigin", fault);
    if (rc == 0)
        rc = check_patterns(&rule.headers, "AllowedHeader", fault);
    if (rc == 0)
        rc = check_exposed(&rule.expose_headers, fault);
    if (rc == 0)
        rc = s3_number(fields[MAX_AGE].found, MAX_AGE_S_MAX, fault, &rule.max_age_s);
    if (rc < 0)
        return rc;
    rule.has_max_age = fields[MAX_AGE].found != NULL;
    rule.id = s3_text(fields[ID].found);
    if (rule.id.len > ID_BYTES_MAX)
        return s3_malformed(fault, fields[ID].found, "is longer than 255 characters");
    *ret_rule = rule;
    return 0;
}

int s3_cors_parse(struct slice xml, struct arena *arena, struct s3_fault *fault,
                  struct s3_cors *ret_cors)
{
    struct s3_field fields[] = {
        {.name = SLICE("CORSRule"), .flags = S3_FIELD_NEEDED | S3_FIELD_MANY},
    };
    const struct xml_element *root;
    int rc = s3_configuration_read(xml, SLICE("CORSConfiguration"), arena, fault, &root);
    if (rc == 0)
        rc = s3_fields_take(root, fields, COUNT_OF(fields), fault);
    if (rc < 0)
        return rc;
    if (fields[0].count > S3_CORS_RULES_MAX)
        return s3_malformed(fault, root, "has more than 100 rules");
    struct s3_cors_rule *rules = arena_alloc_array(arena, fields[0].count, sizeof *rules);
    struct s3_cors cors = {rules, 0};
    if (rules == NULL)
        return s3_fault_memory(fault);
    for (const struct xml_element *at = fields[0].found; at != NULL; at = xml_next_alike(at)) {
        rc = read_rule(at, arena, fault, &rules[cors.rules_count++]);
        if (rc < 0)
            return rc;
    }
    *ret_cors = cors;
    return 0;
}

static void write_texts(struct xml_writer *writer, const char *name, const struct s3_texts *texts)
{
    for (unsigned i = 0; i < texts->count; i++)
        xml_element(writer, name, texts->items[i]);
}

int s3_cors_write(struct buffer *out, const struct s3_cors *cors)
{
    struct xml_writer writer;
    xml_writer_init(&writer, out);
    xml_open_root(&writer, "CORSConfiguration", S3_NAME_SPACE);
    for (unsigned i = 0; i < cors->rules_count; i++) {
        const struct s3_cors_rule *rule = &cors->rules[i];
        xml_open(&writer, "CORSRule");
        xml_element_if(&writer, "ID", rule->id);
        for (unsigned bit = 0; bit < COUNT_OF(methods); bit++) {
            if (rule->methods & 1U << bit)
                xml_element(&writer, "AllowedMethod", methods[bit]);
        }
        write_texts(&writer, "AllowedOrigin", &rule->origins);
        write_texts(&writer, "AllowedHeader", &rule->headers);
        write_texts(&writer, "ExposeHeader", &rule->expose_headers);
        if (rule->has_max_age)
            xml_element_u64(&writer, "MaxAgeSeconds", rule->max_age_s);
        xml_close(&writer);
    }
    xml_close(&writer);
    return xml_writer_end(&writer);
}

/* "*" when the rule is for all, so that answers can be shared; else the origin, when it is let. */
static struct slice allowed_origin(const struct s3_cors_rule *rule, struct slice origin)
{
    struct slice allowed = {NULL, 0};
    for (unsigned i = 0; i < rule->origins.count; i++) {
        if (slice_equal(rule->origins.items[i], SLICE("*")))
            return SLICE("*");
        if (s3_match_star(rule->origins.items[i], origin))
            allowed = origin;
    }
    return allowed;
}

static bool is_header_allowed(const struct s3_cors_rule *rule, struct slice header)
{
    for (unsigned i = 0; i < rule->headers.count; i++) {
        if (s3_match_star_nocase(rule->headers.items[i], header))
            return true;
    }
    return false;
}

static bool are_headers_allowed(const struct s3_cors_rule *rule, struct slice headers)
{
    struct slice header;
    while (slice_cut(&headers, ',', &header)) {
        header = slice_trim(header);
        if (header.len > 0 && (!chars_are(header, CHAR_TOKEN) || !is_header_allowed(rule, header)))
            return false;
    }
    return true;
}

/* Appends ", " and the text, whose room is there. */
static void join(struct slice *joined, char *memory, struct slice text)
{
    if (joined->len > 0) {
        memory[joined->len++] = ',';
        memory[joined->len++] = ' ';
    }
    for (size_t i = 0; i < text.len; i++)
        memory[joined->len++] = text.at[i];
}

/* The names in lower case; a NULL start when there are none. */
static int join_requested(struct slice headers, struct arena *arena, struct slice *ret_joined)
{
    struct slice header;
    char *memory = arena_alloc(arena, headers.len * 2 + 1);
    if (memory == NULL)
        return -ENOMEM;
    struct slice joined = {memory, 0};
    while (slice_cut(&headers, ',', &header)) {
        header = slice_trim(header);
        if (header.len > 0)
            join(&joined, memory, header);
    }
    for (size_t i = 0; i < joined.len; i++)
        memory[i] = ascii_lower(memory[i]);
    *ret_joined = joined.len > 0 ? joined : (struct slice){NULL, 0};
    return 0;
}

static int join_texts(const struct s3_texts *texts, struct arena *arena, struct slice *ret_joined)
{
    size_t bytes = 1;
    for (unsigned i = 0; i < texts->count; i++)
        bytes += texts->items[i].len + 2;
    char *memory = arena_alloc(arena, bytes);
    if (memory == NULL)
        return -ENOMEM;
    struct slice joined = {memory, 0};
    for (unsigned i = 0; i < texts->count; i++)
        join(&joined, memory, texts->items[i]);
    *ret_joined = joined.len > 0 ? joined : (struct slice){NULL, 0};
    return 0;
}

static int answer(const struct s3_cors_rule *rule, struct slice origin, struct slice headers,
                  struct arena *arena, struct s3_cors_answer *ret_answer)
{
    struct s3_cors_answer made = {.rule = rule, .allow_origin = origin};
    struct slice names[COUNT_OF(methods)];
    struct s3_texts allowed = {names, 0};
    made.allows_credentials = !slice_equal(origin, SLICE("*"));
    for (unsigned bit = 0; bit < COUNT_OF(methods); bit++) {
        if (rule->methods & 1U << bit)
            names[allowed.count++] = methods[bit];
    }
    int rc = join_texts(&allowed, arena, &made.allow_methods);
    if (rc == 0)
        rc = join_requested(headers, arena, &made.allow_headers);
    if (rc == 0)
        rc = join_texts(&rule->expose_headers, arena, &made.expose_headers);
    if (rc == 0 && rule->has_max_age) {
        made.max_age = arena_format(arena, "%" PRIu64, rule->max_age_s);
        rc = made.max_age.at == NULL ? -ENOMEM : 0;
    }
    if (rc == 0)
        *ret_answer = made;
    return rc;
}

int s3_cors_match(const struct s3_cors *cors, struct slice origin, struct slice method,
                  struct slice headers, struct arena *arena, struct s3_cors_answer *ret_answer)
{
    unsigned bit = method_bit(method);
    for (unsigned i = 0; i < cors->rules_count; i++) {
        const struct s3_cors_rule *rule = &cors->rules[i];
        struct slice allowed = allowed_origin(rule, origin);
        if ((rule->methods & bit) && allowed.at != NULL && are_headers_allowed(rule, headers))
            return answer(rule, allowed, headers, arena, ret_answer);
    }
    return -ENOENT;
}

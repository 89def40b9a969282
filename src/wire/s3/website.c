/* Routing rules are asked in their order; the first that matches redirects. */
#include "wire/s3/website.h"

#include "base/cleanup.h"
#include "wire/http/chars.h"
#include "wire/s3/names.h"
#include "wire/xml/writer.h"

#include <errno.h>

#define STATUS_DEFAULT 301
#define HOST_BYTES_MAX 255

static const struct slice protocols[] = {SLICE("http"), SLICE("https")};

static int read_protocol(const struct xml_element *element, struct s3_fault *fault,
                         enum s3_protocol *ret_protocol)
{
    if (element == NULL)
        return 0;
    struct slice word = s3_word(element);
    for (unsigned i = 0; i < COUNT_OF(protocols); i++) {
        if (slice_equal_nocase(word, protocols[i])) {
            *ret_protocol = (enum s3_protocol)(S3_PROTOCOL_HTTP + i);
            return 0;
        }
    }
    return s3_fault_say(fault, S3_INVALID_REQUEST,
                        "Invalid protocol, protocol can be http or https. If not defined the "
                        "protocol will be selected automatically.");
}

/* A name or address with a port perhaps: it stands in a field of the answer. */
static int read_host(const struct xml_element *element, struct s3_fault *fault,
                     struct slice *ret_host)
{
    struct slice host = s3_word(element);
    if (host.at == NULL)
        return 0;
    for (size_t i = 0; i < host.len; i++) {
        if (!char_is(host.at[i], CHAR_HOST) && memchr("[]:/", host.at[i], 4) == NULL)
            return s3_fault_say(fault, S3_INVALID_ARGUMENT, "The HostName is not valid");
    }
    if (host.len == 0 || host.len > HOST_BYTES_MAX)
        return s3_fault_say(fault, S3_INVALID_ARGUMENT, "The HostName is not valid");
    *ret_host = host;
    return 0;
}

/* A key, or a beginning of one. */
static int read_key(const struct xml_element *element, struct s3_fault *fault,
                    struct slice *ret_key)
{
    struct slice key = s3_text(element);
    if (key.len > S3_KEY_BYTES_MAX)
        return s3_fault_set(fault, S3_KEY_TOO_LONG);
    *ret_key = key;
    return 0;
}

/* A status from `min` to `max`; NULL: *ret_status stays. */
static int read_status(const struct xml_element *element, unsigned min, unsigned max,
                       struct s3_fault *fault, unsigned *ret_status)
{
    uint64_t status;
    if (element == NULL)
        return 0;
    if (slice_parse_u64(s3_word(element), &status) < 0 || status < min || status > max)
        return s3_fault_say(fault, S3_INVALID_REQUEST,
                            "The provided %.*s is not valid. Valid codes are %u to %u.",
                            SLICE_ARG(element->name), min, max);
    *ret_status = (unsigned)status;
    return 0;
}

static int read_condition(const struct xml_element *element, struct s3_fault *fault,
                          struct s3_routing_rule *rule)
{
    struct s3_field fields[] = {
        {.name = SLICE("KeyPrefixEquals")},
        {.name = SLICE("HttpErrorCodeReturnedEquals")},
    };
    int rc = s3_fields_take(element, fields, COUNT_OF(fields), fault);
    if (rc < 0)
        return rc;
    if (element->count == 0)
        return s3_fault_say(fault, S3_INVALID_REQUEST,
                            "Condition cannot be empty. To redirect all requests without a "
                            "condition, the condition element shouldn't be present.");
    rc = read_key(fields[0].found, fault, &rule->key_prefix);
    return rc < 0 ? rc : read_status(fields[1].found, 400, 599, fault, &rule->error_status);
}

static int read_redirect(const struct xml_element *element, struct s3_fault *fault,
                         struct s3_redirect *redirect)
{
    struct s3_field fields[] = {
        {.name = SLICE("HostName")},         {.name = SLICE("Protocol")},
        {.name = SLICE("HttpRedirectCode")}, {.name = SLICE("ReplaceKeyPrefixWith")},
        {.name = SLICE("ReplaceKeyWith")},
    };
    int rc = s3_fields_take(element, fields, COUNT_OF(fields), fault);
    if (rc < 0)
        return rc;
    if (element->count == 0)
        return s3_malformed(fault, element, "is empty");
    if (fields[3].found != NULL && fields[4].found != NULL)
        return s3_fault_say(fault, S3_INVALID_REQUEST,
                            "You can only define ReplaceKeyPrefix or ReplaceKey but not both.");
    redirect->status = STATUS_DEFAULT;
    redirect->has_status = fields[2].found != NULL;
    rc = read_host(fields[0].found, fault, &redirect->host);
    if (rc == 0)
        rc = read_protocol(fields[1].found, fault, &redirect->protocol);
    if (rc == 0)
        rc = read_status(fields[2].found, 301, 308, fault, &redirect->status);
    if (rc == 0)
        rc = read_key(fields[3].found, fault, &redirect->replace_key_prefix);
    if (rc == 0)
        rc = read_key(fields[4].found, fault, &redirect->replace_key);
    if (rc == 0 && redirect->status >= 304 && redirect->status <= 306)
        rc = s3_fault_say(fault, S3_INVALID_REQUEST,
                          "The provided HTTP redirect code (%u) is not valid.", redirect->status);
    return rc;
}

static int read_rules(const struct xml_element *element, struct arena *arena,
                      struct s3_fault *fault, struct s3_website *website)
{
    struct s3_field fields[] = {
        {.name = SLICE("RoutingRule"), .flags = S3_FIELD_MANY},
    };
    int rc = s3_fields_take(element, fields, COUNT_OF(fields), fault);
    if (rc < 0)
        return rc;
    if (fields[0].count > S3_WEBSITE_RULES_MAX)
        return s3_fault_say(fault, S3_INVALID_REQUEST,
                            "%u routing rules provided, the number of routing rules in a website "
                            "configuration is limited to %d.",
                            fields[0].count, S3_WEBSITE_RULES_MAX);
    struct s3_routing_rule *rules = arena_alloc_array(arena, fields[0].count, sizeof *rules);
    if (rules == NULL)
        return s3_fault_memory(fault);
    for (const struct xml_element *at = fields[0].found; at != NULL; at = xml_next_alike(at)) {
        struct s3_field inside[] = {
            {.name = SLICE("Condition")},
            {.name = SLICE("Redirect"), .flags = S3_FIELD_NEEDED},
        };
        struct s3_routing_rule *rule = &rules[website->rules_count++];
        rc = s3_fields_take(at, inside, COUNT_OF(inside), fault);
        if (rc == 0 && inside[0].found != NULL)
            rc = read_condition(inside[0].found, fault, rule);
        if (rc == 0)
            rc = read_redirect(inside[1].found, fault, &rule->redirect);
        if (rc < 0)
            return rc;
    }
    website->rules = rules;
    return 0;
}

static int read_redirect_all(const struct xml_element *element, struct s3_fault *fault,
                             struct s3_redirect *redirect)
{
    struct s3_field fields[] = {
        {.name = SLICE("HostName"), .flags = S3_FIELD_NEEDED},
        {.name = SLICE("Protocol")},
    };
    int rc = s3_fields_take(element, fields, COUNT_OF(fields), fault);
    if (rc == 0)
        rc = read_host(fields[0].found, fault, &redirect->host);
    if (rc == 0)
        rc = read_protocol(fields[1].found, fault, &redirect->protocol);
    redirect->status = STATUS_DEFAULT;
    return rc;
}

/* <IndexDocument><Suffix> and <ErrorDocument><Key>. */
static int read_documents(const struct xml_element *index, const struct xml_element *error,
                          struct s3_fault *fault, struct s3_website *website)
{
    struct s3_field suffix[] = {{.name = SLICE("Suffix"), .flags = S3_FIELD_NEEDED}};
    struct s3_field key[] = {{.name = SLICE("Key"), .flags = S3_FIELD_NEEDED}};
    int rc = s3_fields_take(index, suffix, COUNT_OF(suffix), fault);
    if (rc == 0)
        rc = read_key(suffix[0].found, fault, &website->index_suffix);
    if (rc < 0)
        return rc;
    if (website->index_suffix.len == 0 || slice_find(website->index_suffix, '/') >= 0)
        return s3_fault_say(fault, S3_INVALID_ARGUMENT,
                            "The IndexDocument Suffix is not well formed");
    if (error == NULL)
        return 0;
    rc = s3_fields_take(error, key, COUNT_OF(key), fault);
    if (rc == 0)
        rc = read_key(key[0].found, fault, &website->error_key);
    if (rc == 0 && website->error_key.len == 0)
        rc = s3_fault_say(fault, S3_INVALID_ARGUMENT, "The ErrorDocument Key is not well formed");
    return rc;
}

enum { INDEX, ERROR, ALL, RULES };

int s3_website_parse(struct slice xml, struct arena *arena, struct s3_fault *fault,
                     struct s3_website *ret_website)
{
    struct s3_field fields[] = {
        [INDEX] = {.name = SLICE("IndexDocument")},
        [ERROR] = {.name = SLICE("ErrorDocument")},
        [ALL] = {.name = SLICE("RedirectAllRequestsTo")},
        [RULES] = {.name = SLICE("RoutingRules")},
    };
    const struct xml_element *root;
    struct s3_website website = {0};
    int rc = s3_configuration_read(xml, SLICE("WebsiteConfiguration"), arena, fault, &root);
    if (rc == 0)
        rc = s3_fields_take(root, fields, COUNT_OF(fields), fault);
    if (rc < 0)
        return rc;
    if (fields[ALL].found != NULL && root->count > 1)
        return s3_fault_say(fault, S3_INVALID_REQUEST,
                            "RedirectAllRequestsTo cannot be provided in conjunction with other "
                            "Routing Rules.");
    if (fields[ALL].found != NULL) {
        rc = read_redirect_all(fields[ALL].found, fault, &website.redirect_all);
    } else if (fields[INDEX].found == NULL) {
        return s3_fault_say(fault, S3_INVALID_ARGUMENT,
                            "A value for IndexDocument Suffix must be provided if "
                            "RedirectAllRequestsTo is empty");
    } else {
        rc = read_documents(fields[INDEX].found, fields[ERROR].found, fault, &website);
        if (rc == 0 && fields[RULES].found != NULL)
            rc = read_rules(fields[RULES].found, arena, fault, &website);
    }
    if (rc == 0)
        *ret_website = website;
    return rc;
}

static void write_protocol(struct xml_writer *writer, enum s3_protocol protocol)
{
    if (protocol != S3_PROTOCOL_SAME)
        xml_element(writer, "Protocol", protocols[protocol - S3_PROTOCOL_HTTP]);
}

static void write_rule(struct xml_writer *writer, const struct s3_routing_rule *rule)
{
    const struct s3_redirect *redirect = &rule->redirect;
    xml_open(writer, "RoutingRule");
    if (rule->key_prefix.at != NULL || rule->error_status != 0) {
        xml_open(writer, "Condition");
        xml_element_if(writer, "KeyPrefixEquals", rule->key_prefix);
        if (rule->error_status != 0)
            xml_element_u64(writer, "HttpErrorCodeReturnedEquals", rule->error_status);
        xml_close(writer);
    }
    xml_open(writer, "Redirect");
    xml_element_if(writer, "HostName", redirect->host);
    write_protocol(writer, redirect->protocol);
    if (redirect->has_status)
        xml_element_u64(writer, "HttpRedirectCode", redirect->status);
    xml_element_if(writer, "ReplaceKeyPrefixWith", redirect->replace_key_prefix);
    xml_element_if(writer, "ReplaceKeyWith", redirect->replace_key);
    xml_close(writer);
    xml_close(writer);
}

int s3_website_write(struct buffer *out, const struct s3_website *website)
{
    struct xml_writer writer;
    xml_writer_init(&writer, out);
    xml_open_root(&writer, "WebsiteConfiguration", S3_NAME_SPACE);
    if (website->index_suffix.at == NULL) {
        xml_open(&writer, "RedirectAllRequestsTo");
        xml_element(&writer, "HostName", website->redirect_all.host);
        write_protocol(&writer, website->redirect_all.protocol);
        xml_close(&writer);
    } else {
        xml_open(&writer, "IndexDocument");
        xml_element(&writer, "Suffix", website->index_suffix);
        xml_close(&writer);
    }
    if (website->error_key.at != NULL) {
        xml_open(&writer, "ErrorDocument");
        xml_element(&writer, "Key", website->error_key);
        xml_close(&writer);
    }
    if (website->rules_count > 0) {
        xml_open(&writer, "RoutingRules");
        for (unsigned i = 0; i < website->rules_count; i++)
            write_rule(&writer, &website->rules[i]);
        xml_close(&writer);
    }
    xml_close(&writer);
    return xml_writer_end(&writer);
}

struct slice s3_website_key(const struct s3_website *website, struct slice key, struct arena *arena)
{
    if (key.len > 0 && key.at[key.len - 1] != '/')
        return key;
    size_t len = key.len + website->index_suffix.len;
    char *whole = arena_alloc(arena, len);
    if (whole == NULL)
        return (struct slice){NULL, 0};
    if (key.len > 0)
        memcpy(whole, key.at, key.len);
    memcpy(whole + key.len, website->index_suffix.at, website->index_suffix.len);
    return slice_of(whole, len);
}

const struct s3_redirect *s3_website_redirect(const struct s3_website *website, struct slice key,
                                              unsigned status, struct slice *ret_prefix)
{
    *ret_prefix = (struct slice){NULL, 0};
    if (website->index_suffix.at == NULL)
        return &website->redirect_all;
    for (unsigned i = 0; i < website->rules_count; i++) {
        const struct s3_routing_rule *rule = &website->rules[i];
        if (rule->error_status == status && slice_starts_with(key, rule->key_prefix)) {
            *ret_prefix = rule->key_prefix;
            return &rule->redirect;
        }
    }
    return NULL;
}

/* As a path; what may stand in one stays. */
static int append_encoded(struct buffer *out, struct slice key)
{
    static const char digits[] = "0123456789ABCDEF";
    int rc = 0;
    for (size_t i = 0; i < key.len && rc == 0; i++) {
        unsigned char c = (unsigned char)key.at[i];
        char coded[3] = {'%', digits[c >> 4], digits[c & 15]};
        rc = char_is(key.at[i], CHAR_PATH) ? buffer_append_char(out, key.at[i])
                                           : buffer_append(out, slice_of(coded, 3));
    }
    return rc;
}

int s3_website_location(struct buffer *out, const struct s3_redirect *redirect, struct slice key,
                        struct slice prefix, struct slice host, bool is_https)
{
    if (redirect->protocol != S3_PROTOCOL_SAME)
        is_https = redirect->protocol == S3_PROTOCOL_HTTPS;
    int rc = buffer_append(out, is_https ? SLICE("https://") : SLICE("http://"));
    if (rc == 0)
        rc = buffer_append(out, redirect->host.at != NULL ? redirect->host : host);
    if (rc == 0)
        rc = buffer_append_char(out, '/');
    if (rc == 0 && redirect->replace_key.at != NULL)
        return append_encoded(out, redirect->replace_key);
    if (rc == 0 && redirect->replace_key_prefix.at != NULL) {
        rc = append_encoded(out, redirect->replace_key_prefix);
        key = slice_from(key, prefix.len);
    }
    return rc < 0 ? rc : append_encoded(out, key);
}

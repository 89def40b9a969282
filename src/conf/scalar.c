/*
 * The kinds of single values: what each is called, what is allowed, and how its text becomes a
 * field. One row each; read.c and the generators use nothing else of this file.
 */
#include "base/cleanup.h"
#include "conf/read.h"
#include "conf/template.h"
#include "conf/value.h"
#include "os/file.h"
#include "wire/http/chars.h"
#include "wire/http/uri.h"

#include <errno.h>

#define PATTERN_LEN_MAX 1000
#define METHOD_LEN_MAX  32

#define LIMIT_HEADER_LEN_MAX 200

static const char *keep(struct reading *reading, struct slice text, void *field)
{
    *(struct slice *)field = reading_keep(reading, text);
    return NULL;
}

static bool has_control(struct slice text)
{
    for (size_t i = 0; i < text.len; i++) {
        if ((unsigned char)text.at[i] < 0x20 || text.at[i] == 0x7f)
            return true;
    }
    return false;
}

static const char *allowed(enum schema_kind kind)
{
    return scalar_kinds[kind].allowed;
}

static const char *parse_line(struct reading *reading, struct slice text, void *field)
{
    return has_control(text) ? allowed(SCHEMA_LINE) : keep(reading, text, field);
}

static const char *parse_name(struct reading *reading, struct slice text, void *field)
{
    return value_is_name(text, false) ? keep(reading, text, field) : allowed(SCHEMA_NAME);
}

static const char *parse_site_name(struct reading *reading, struct slice text, void *field)
{
    return value_is_name(text, true) ? keep(reading, text, field) : allowed(SCHEMA_SITE_NAME);
}

static const char *parse_variable(struct reading *reading, struct slice text, void *field)
{
    return value_is_variable(text) ? keep(reading, text, field) : allowed(SCHEMA_VARIABLE);
}

static const char *parse_field_name(struct reading *reading, struct slice text, void *field)
{
    return http_is_token(text) ? keep(reading, text, field) : allowed(SCHEMA_FIELD_NAME);
}

static const char *parse_cookie_name(struct reading *reading, struct slice text, void *field)
{
    if (text.len > VALUE_NAME_LEN_MAX || !http_is_token(text))
        return allowed(SCHEMA_COOKIE_NAME);
    return keep(reading, text, field);
}

static const char *parse_method(struct reading *reading, struct slice text, void *field)
{
    if (text.len == 0 || text.len > METHOD_LEN_MAX)
        return allowed(SCHEMA_METHOD);
    for (size_t i = 0; i < text.len; i++) {
        if (!(text.at[i] >= 'A' && text.at[i] <= 'Z') && text.at[i] != '-')
            return allowed(SCHEMA_METHOD);
    }
    return keep(reading, text, field);
}

static const char *why_not_domain(struct slice text)
{
    for (size_t i = 0; i < text.len; i++) {
        if ((unsigned char)text.at[i] >= 0x80)
            return "write it as the network does, in ASCII: xn--…";
    }
    if (slice_search(text, SLICE("://")) >= 0)
        return "only the name, without http://";
    if (slice_find(text, '/') >= 0)
        return "only the name; paths are matched by rules";
    if (slice_find(text, ':') >= 0)
        return "only the name; ports stand in `listeners`";
    if (slice_find(text, '*') >= 0)
        return "a star stands alone, or as the whole first label: *.example.org";
    return allowed(SCHEMA_DOMAIN);
}

static bool is_domain(struct slice text)
{
    if (slice_equal(text, SLICE("*")) || value_is_ipv4(text))
        return true;
    if (text.len > 2 && text.at[0] == '[' && text.at[text.len - 1] == ']')
        return value_is_ipv6(slice_of(text.at + 1, text.len - 2));
    return value_is_host(slice_starts_with(text, SLICE("*.")) ? slice_from(text, 2) : text);
}

static const char *keep_domain(struct reading *reading, struct slice text, struct slice *field)
{
    if (text.len > 1 && slice_ends_with(text, SLICE(".")))
        text.len--;
    if (!is_domain(text))
        return why_not_domain(text);
    char lower[VALUE_DOMAIN_LEN_MAX + 2];
    for (size_t i = 0; i < text.len; i++)
        lower[i] = ascii_lower(text.at[i]);
    return keep(reading, slice_of(lower, text.len), field);
}

static const char *parse_domain(struct reading *reading, struct slice text, void *field)
{
    struct named *named = field;
    return keep_domain(reading, text, &named->name);
}

static const char *parse_host_pattern(struct reading *reading, struct slice text, void *field)
{
    if (slice_equal(text, SLICE("*")))
        return "a match without \"host\" is for all hosts";
    return keep_domain(reading, text, field);
}

static const char *parse_network(struct reading *reading, struct slice text, void *field)
{
    (void)reading;
    switch (network_parse(text, field)) {
    case 0:
        return NULL;
    case -ERANGE:
        return "a length is at most 32 behind an IPv4 address and 128 behind an IPv6 one";
    case -EDOM:
        return "bits behind the length are set: 10.0.0.0/8 is all that begins with 10";
    default:
        return allowed(SCHEMA_NETWORK);
    }
}

static const char *parse_destination(struct reading *reading, struct slice text, void *field)
{
    const char *why = NULL;
    char *lower = reading_alloc(reading, reading->arena, text.len + 1, 1);
    if (lower == NULL)
        return NULL;
    for (size_t i = 0; i < text.len; i++)
        lower[i] = ascii_lower(text.at[i]);
    return value_destination(slice_of(lower, text.len), field, &why) < 0 ? why : NULL;
}

static const char *parse_url_path(struct reading *reading, struct slice text, void *field)
{
    if (!slice_starts_with(text, SLICE("/")) || has_control(text))
        return allowed(SCHEMA_URL_PATH);
    return keep(reading, text, field);
}

static const char *parse_file_name(struct reading *reading, struct slice text, void *field)
{
    if (text.len == 0 || text.len > 255 || slice_find(text, '/') >= 0 || has_control(text) ||
        slice_equal(text, SLICE(".")) || slice_equal(text, SLICE("..")))
        return allowed(SCHEMA_FILE_NAME);
    return keep(reading, text, field);
}

static const char *parse_folder(struct reading *reading, struct slice text, void *field)
{
    if (text.len == 0 || has_control(text))
        return allowed(SCHEMA_FOLDER);
    struct slice path = reading_resolve(reading, text);
    if (path.at == NULL)
        return NULL;
    struct file_info info = {.is_folder = true};
    int rc = slice_equal(path, reading->last_folder) ? 0 : file_stat(path.at, &info);
    if ((rc == 0 && info.is_folder) || reading->was_accepted) {
        *(struct slice *)field = reading->last_folder = path;
        return NULL;
    }
    const char *before = rc == -EACCES ? "no right to look at " : rc < 0 ? "nothing is at " : "";
    const char *after = rc == 0 ? " is a file" : "";
    struct slice why = arena_format(reading->scratch, "%s%.*s%s", before, SLICE_ARG(path), after);
    reading->out_of_memory |= why.at == NULL;
    return why.at;
}

/* Without slashes at its end, and not the root. */
static const char *parse_new_folder(struct reading *reading, struct slice text, void *field)
{
    while (slice_ends_with(text, SLICE("/")))
        text.len--;
    if (text.len == 0 || has_control(text))
        return allowed(SCHEMA_NEW_FOLDER);
    *(struct slice *)field = reading_resolve(reading, text);
    return NULL;
}

static const char *parse_bucket_name(struct reading *reading, struct slice text, void *field)
{
    return conf_is_bucket_name(text) ? keep(reading, text, field) : allowed(SCHEMA_BUCKET_NAME);
}

static const char *parse_file(struct reading *reading, struct slice text, void *field)
{
    if (text.len == 0 || has_control(text) || slice_ends_with(text, SLICE("/")))
        return allowed(SCHEMA_FILE);
    if (slice_equal(text, SLICE("-")))
        *(struct slice *)field = SLICE("");
    else
        *(struct slice *)field = reading_resolve(reading, text);
    return NULL;
}

static const char *parse_integer(struct reading *reading, struct slice text, void *field)
{
    (void)reading;
    uint64_t value;
    if (slice_parse_u64(text, &value) < 0 || value > UINT32_MAX)
        return allowed(SCHEMA_INTEGER);
    *(unsigned *)field = (unsigned)value;
    return NULL;
}

static const char *parse_duration(struct reading *reading, struct slice text, void *field)
{
    (void)reading;
    return value_duration(text, field) < 0 ? allowed(SCHEMA_DURATION) : NULL;
}

static const char *parse_size(struct reading *reading, struct slice text, void *field)
{
    (void)reading;
    return value_size(text, field) < 0 ? allowed(SCHEMA_SIZE) : NULL;
}

static const char *parse_percent(struct reading *reading, struct slice text, void *field)
{
    (void)reading;
    return value_percent(text, field) < 0 ? allowed(SCHEMA_PERCENT) : NULL;
}

static const char *parse_hash_by(struct reading *reading, struct slice text, void *field)
{
    static const struct {
        const char *word;
        enum conf_hash_source source;
        bool has_name;
    } sources[] = {
        {"address", CONF_HASH_ADDRESS, false}, {"path", CONF_HASH_PATH, false},
        {"header", CONF_HASH_HEADER, true},    {"cookie", CONF_HASH_COOKIE, true},
        {"query", CONF_HASH_QUERY, true},
    };
    struct slice rest = text, word;
    (void)slice_cut(&rest, ' ', &word);
    struct slice name = slice_trim(rest);
    for (size_t i = 0; i < COUNT_OF(sources); i++) {
        if (!slice_equal(word, slice_of_cstr(sources[i].word)))
            continue;
        if (sources[i].has_name ? !http_is_token(name) : rest.at != NULL)
            break;
        struct conf_hash_by *by = field;
        by->source = sources[i].source;
        return keep(reading, name, &by->name);
    }
    return allowed(SCHEMA_HASH_BY);
}

/* A relative Unix socket lies below the file's folder. */
static void resolve_unix(struct reading *reading, struct conf_address *address)
{
    if (address->kind != CONF_ADDRESS_UNIX || address->host.at[0] == '/')
        return;
    address->host = reading_resolve(reading, address->host);
    if (reading->out_of_memory)
        return;
    struct slice text = arena_format(reading->arena, "unix:%.*s", SLICE_ARG(address->host));
    reading->out_of_memory |= text.at == NULL;
    address->text = text;
}

static const char *parse_address(struct reading *reading, struct slice text,
                                 struct conf_address *address)
{
    const char *why;
    struct slice kept = reading_keep(reading, text);
    if (value_address(kept, address, &why) < 0)
        return why;
    resolve_unix(reading, address);
    /* sun_path has 108 bytes with its NUL. */
    if (address->kind == CONF_ADDRESS_UNIX && address->host.len > 107)
        return "with its folder it has more than 107 characters";
    /* Whoever opens a socket wants the host to end in NUL. */
    if (address->kind != CONF_ADDRESS_UNIX)
        address->host = reading_keep(reading, address->host);
    return NULL;
}

static const char *parse_listener_address(struct reading *reading, struct slice text, void *field)
{
    struct conf_address address;
    uint64_t number;
    if (slice_parse_u64(text, &number) == 0)
        return "write a colon before a port that stands alone: \":8080\"";
    const char *why = parse_address(reading, text, &address);
    if (why == NULL && address.kind == CONF_ADDRESS_NAME)
        return "a listener needs an IP address, such as 127.0.0.1:8080, or a port, :8080";
    if (why == NULL)
        *(struct conf_address *)field = address;
    return why;
}

static const char *parse_target_address(struct reading *reading, struct slice text, void *field)
{
    struct conf_address address;
    const char *why = parse_address(reading, text, &address);
    if (why == NULL && address.kind == CONF_ADDRESS_IP && address.host.len == 0)
        return "a target needs a host: 127.0.0.1:8000";
    if (why == NULL)
        *(struct conf_address *)field = address;
    return why;
}

static bool is_written_normally(struct slice path)
{
    return slice_search(path, SLICE("//")) < 0 && slice_search(path, SLICE("/./")) < 0 &&
           slice_search(path, SLICE("/../")) < 0 && !slice_ends_with(path, SLICE("/..")) &&
           !slice_ends_with(path, SLICE("/."));
}

/* In the one form in which paths are matched; `normal` has room for three times the text and '/'.
 */
static bool normalise_pattern(struct slice *text, char *normal)
{
    char rooted[PATTERN_LEN_MAX + 1] = "/";
    bool is_rooted = slice_starts_with(*text, SLICE("/"));
    struct slice raw = {rooted, text->len + !is_rooted};
    memcpy(rooted + !is_rooted, text->at, text->len);
    struct slice path;
    if (uri_normalise_path(raw, normal, &path) < 0)
        return false;
    if (path.at == rooted) {
        memcpy(normal, path.at, path.len);
        path.at = normal;
    }
    uri_matched_path(path, normal, &path);
    *text = slice_from(path, !is_rooted);
    return true;
}

static const char *parse_path_pattern(struct reading *reading, struct slice text, void *field)
{
    if (text.len == 0 || (text.at[0] != '/' && text.at[0] != '*') || has_control(text))
        return allowed(SCHEMA_PATH_PATTERN);
    if (text.len > PATTERN_LEN_MAX)
        return "at most 1000 characters are taken";
    if (slice_find(text, '?') >= 0 || slice_find(text, '#') >= 0)
        return "a path ends before \"?\" or \"#\"";
    if (!is_written_normally(text))
        return "paths are matched without \"//\", \"/.\" and \"/..\"";
    char normal[PATTERN_LEN_MAX * 3 + 3];
    if (!normalise_pattern(&text, normal))
        return "\"%\" stands before two hexadecimal digits, and \"\\\" never in a path";
    ptrdiff_t star = slice_find(text, '*');
    enum conf_pattern_kind kind = CONF_PATTERN_EXACT;
    if (star >= 0)
        kind = (size_t)star + 1 == text.len && slice_ends_with(text, SLICE("/*"))
                   ? CONF_PATTERN_PREFIX
                   : CONF_PATTERN_WILDCARD;
    if (kind == CONF_PATTERN_PREFIX)
        text.len--;
    *(struct conf_pattern *)field = (struct conf_pattern){kind, reading_keep(reading, text)};
    return NULL;
}

static const char *parse_value_pattern(struct reading *reading, struct slice text, void *field)
{
    if (has_control(text))
        return allowed(SCHEMA_VALUE_PATTERN);
    enum conf_pattern_kind kind =
        slice_find(text, '*') < 0 ? CONF_PATTERN_EXACT : CONF_PATTERN_WILDCARD;
    *(struct conf_pattern *)field = (struct conf_pattern){kind, reading_keep(reading, text)};
    return NULL;
}

static const char *parse_path_prefix(struct reading *reading, struct slice text, void *field)
{
    struct conf_pattern pattern = {.kind = CONF_PATTERN_EXACT};
    if (!slice_starts_with(text, SLICE("/")))
        return allowed(SCHEMA_PATH_PREFIX);
    const char *why = parse_path_pattern(reading, text, &pattern);
    if (why != NULL || pattern.kind != CONF_PATTERN_EXACT)
        return why != NULL ? why : allowed(SCHEMA_PATH_PREFIX);
    if (slice_ends_with(pattern.text, SLICE("/")))
        pattern.text.len--;
    if (pattern.text.len == 0)
        return "\"/\" is what every path begins with";
    return keep(reading, pattern.text, field);
}

static const char *parse_edit_name(struct reading *reading, struct slice text, void *field)
{
    if (!http_is_token(text))
        return allowed(SCHEMA_FIELD_NAME);
    enum field_id id = field_id_of(text);
    if (field_is_hop_by_hop(id) || id == FIELD_CONTENT_LENGTH || id == FIELD_TRAILER)
        return "it frames the message or belongs to one connection, and is Weir's own";
    return keep(reading, text, field);
}

static const char *parse_edit_value(struct reading *reading, struct slice text, void *field)
{
    if (!http_is_field_value(text) || slice_trim(text).len != text.len)
        return allowed(SCHEMA_EDIT_VALUE);
    struct slice unknown = template_unknown(text);
    if (unknown.at == NULL)
        return keep(reading, text, field);
    struct slice why = arena_format(reading->scratch,
                                    "there is no {%.*s}; variables are {host}, {path}, {query}, "
                                    "{client}, {request_id}, {client_subject}, {client_cert}, "
                                    "{client_cert_pem}, {tls_version}, {tls_cipher} and "
                                    "{tls_server_name}",
                                    SLICE_ARG(unknown));
    reading->out_of_memory |= why.at == NULL;
    return why.at;
}

static const char *parse_rate(struct reading *reading, struct slice text, void *field)
{
    (void)reading;
    uint64_t count;
    ptrdiff_t slash = slice_find(text, '/');
    struct slice unit = slash < 0 ? text : slice_from(text, (size_t)slash + 1);
    int64_t period_ms = slice_equal(unit, SLICE("s"))   ? 1000
                        : slice_equal(unit, SLICE("m")) ? 60000
                        : slice_equal(unit, SLICE("h")) ? 3600000
                                                        : 0;
    if (slash < 0 || period_ms == 0 ||
        slice_parse_u64(slice_first(text, (size_t)slash), &count) < 0 || count == 0 ||
        count > 1000000)
        return allowed(SCHEMA_RATE);
    *(struct conf_rate *)field = (struct conf_rate){(unsigned)count, period_ms};
    return NULL;
}

static const char *parse_limit_key(struct reading *reading, struct slice text, void *field)
{
    struct conf_limit_key key = {.by = CONF_LIMIT_BY_ALL};
    if (slice_equal(text, SLICE("address")))
        key.by = CONF_LIMIT_BY_ADDRESS;
    else if (slice_equal(text, SLICE("user")))
        key.by = CONF_LIMIT_BY_USER;
    else if (slice_starts_with(text, SLICE("header ")))
        key.by = CONF_LIMIT_BY_HEADER;
    else if (!slice_equal(text, SLICE("all")))
        return allowed(SCHEMA_LIMIT_KEY);
    if (key.by == CONF_LIMIT_BY_HEADER) {
        struct slice name = slice_trim(slice_from(text, strlen("header ")));
        if (!http_is_token(name) || name.len > LIMIT_HEADER_LEN_MAX)
            return allowed(SCHEMA_LIMIT_KEY);
        key.header = reading_keep(reading, name);
    }
    *(struct conf_limit_key *)field = key;
    return NULL;
}

static const char *parse_error_key(struct reading *reading, struct slice text, void *field)
{
    bool is_class = text.len == 3 && (text.at[0] == '4' || text.at[0] == '5') &&
                    slice_equal(slice_from(text, 1), SLICE("xx"));
    bool is_status = text.len == 3 && (text.at[0] == '4' || text.at[0] == '5') &&
                     ascii_is_digit(text.at[1]) && ascii_is_digit(text.at[2]);
    if (!is_class && !is_status && !slice_equal(text, SLICE("intercept")))
        return allowed(SCHEMA_ERROR_KEY);
    return keep(reading, text, field);
}

/* Without a port the address gets that of OTLP over HTTP. */
static const char *parse_endpoint(struct reading *reading, struct slice text, void *field)
{
    static const struct slice scheme = SLICE("http://"), secure = SLICE("https://");
    if (slice_starts_with(text, secure))
        return "only http:// can be spoken yet; let a collector on this machine send it on";
    if (!slice_starts_with(text, scheme) || has_control(text) || slice_find(text, '?') >= 0)
        return allowed(SCHEMA_ENDPOINT);
    struct slice rest = slice_from(text, scheme.len);
    ptrdiff_t slash = slice_find(rest, '/');
    struct slice authority = slash < 0 ? rest : slice_first(rest, (size_t)slash), host;
    struct slice path = slash < 0 ? SLICE("") : slice_from(rest, (size_t)slash);
    unsigned port;
    if (uri_parse_authority(authority, &host, &port) < 0)
        return allowed(SCHEMA_ENDPOINT);
    while (path.len > 0 && path.at[path.len - 1] == '/')
        path.len--;
    if (!chars_are(path, CHAR_PATH))
        return allowed(SCHEMA_ENDPOINT);
    struct slice address =
        arena_format(reading->scratch, "%.*s:%u", SLICE_ARG(host), port == 0 ? 4318 : port);
    struct conf_endpoint *endpoint = field;
    const char *why = parse_target_address(reading, address, &endpoint->address);
    endpoint->path = reading_keep(reading, path);
    return why;
}

/* http:// or https://, a host and perhaps a port: nothing behind but a slash. */
static const char *parse_server(struct reading *reading, struct slice text, void *field)
{
    static const struct slice plain = SLICE("http://"), secure = SLICE("https://");
    struct conf_server server = {.is_secure = slice_starts_with(text, secure)};
    if (!server.is_secure && !slice_starts_with(text, plain))
        return allowed(SCHEMA_SERVER);
    struct slice authority = slice_from(text, server.is_secure ? secure.len : plain.len), host;
    if (slice_ends_with(authority, SLICE("/")))
        authority.len--;
    if (uri_parse_authority(authority, &host, &server.port) < 0 || host.len == 0)
        return allowed(SCHEMA_SERVER);
    server.authority = reading_keep(reading, authority);
    if (server.port == 0)
        server.port = server.is_secure ? 443 : 80;
    struct conf_address address;
    struct slice whole = arena_format(reading->scratch, "%.*s:%u", SLICE_ARG(host), server.port);
    const char *why = parse_target_address(reading, whole, &address);
    server.host = address.host;
    if (why == NULL)
        *(struct conf_server *)field = server;
    return why;
}

static const char *parse_secret(struct reading *reading, struct slice text, void *field)
{
    static const struct slice variable = SLICE("env:"), file = SLICE("file:");
    bool is_variable =
        slice_starts_with(text, variable) && value_is_variable(slice_from(text, variable.len));
    bool is_file = slice_starts_with(text, file) && text.len > file.len && !has_control(text);
    return is_variable || is_file ? keep(reading, text, field) : allowed(SCHEMA_SECRET);
}

/* The place is added by read.c, which knows it. */
static const char *parse_named(struct reading *reading, struct slice text, void *field)
{
    struct named *named = field;
    return parse_name(reading, text, &named->name);
}

#define NAME_ALLOWED "letters, digits, \"-\" and \"_\", a letter or digit first, at most 63 in all"

const struct scalar_kind scalar_kinds[SCHEMA_SCALARS_COUNT] = {
    [SCHEMA_TEXT] = {"text", "text", NULL, sizeof(struct slice), keep},
    [SCHEMA_LINE] = {"one line of text", "text without line ends or control characters", NULL,
                     sizeof(struct slice), parse_line},
    [SCHEMA_NAME] = {"a name", NAME_ALLOWED, "^[A-Za-z0-9][A-Za-z0-9_-]{0,62}$",
                     sizeof(struct slice), parse_name},
    [SCHEMA_SITE_NAME] = {"a name",
                          "letters, digits, \"-\", \"_\" and \".\", a letter or digit "
                          "first, at most 63 in all",
                          "^[A-Za-z0-9][A-Za-z0-9_.-]{0,62}$", sizeof(struct slice),
                          parse_site_name},
    [SCHEMA_VARIABLE] = {"the name of a variable",
                         "letters, digits and \"_\", no digit first, at most 255 in all",
                         "^[A-Za-z_][A-Za-z0-9_]*$", sizeof(struct slice), parse_variable},
    [SCHEMA_FIELD_NAME] = {"the name of a header field",
                           "letters, digits and \"-\", as in X-Forwarded-For",
                           "^[A-Za-z0-9!#$%&'*+.^_`|~-]+$", sizeof(struct slice), parse_field_name},
    [SCHEMA_COOKIE_NAME] = {"the name of a cookie", "letters, digits, \"-\" and \"_\"",
                            "^[A-Za-z0-9_-]+$", sizeof(struct slice), parse_cookie_name},
    [SCHEMA_METHOD] = {"a method", "capital letters, as in GET, POST, PUT or DELETE", "^[A-Z-]+$",
                       sizeof(struct slice), parse_method},
    [SCHEMA_DOMAIN] = {"a domain",
                       "example.org, *.example.org for all names below it, or * for all", NULL,
                       sizeof(struct named), parse_domain},
    [SCHEMA_URL_PATH] = {"a path", "it begins with \"/\"", "^/", sizeof(struct slice),
                         parse_url_path},
    [SCHEMA_FILE_NAME] = {"a file's name", "a name without \"/\"", "^[^/]+$", sizeof(struct slice),
                          parse_file_name},
    [SCHEMA_FOLDER] = {"a folder", "a path, below this file's folder unless it begins with \"/\"",
                       NULL, sizeof(struct slice), parse_folder},
    [SCHEMA_FILE] = {"a file's path",
                     "a path, below this file's folder unless it begins with \"/\"", NULL,
                     sizeof(struct slice), parse_file},
    [SCHEMA_INTEGER] = {"a number", "digits, without a sign", NULL, sizeof(unsigned),
                        parse_integer},
    [SCHEMA_DURATION] = {"a duration", "a number with its unit, as in 200ms, 30s, 5m, 1h or 1d",
                         "^[0-9]+(ms|s|m|h|d)$", sizeof(int64_t), parse_duration},
    [SCHEMA_SIZE] = {"a size", "bytes, or a number with its unit, as in 64KiB, 10MiB, 1GiB or 1GB",
                     "^[0-9]+(B|KiB|MiB|GiB|TiB|kB|KB|MB|GB|TB)?$", sizeof(uint64_t), parse_size},
    [SCHEMA_PERCENT] = {"a percentage", "a number with a percent sign, as in 50% or 12.5%",
                        "^[0-9]+([.][0-9]{1,2})?%$", sizeof(unsigned), parse_percent},
    [SCHEMA_HASH_BY] = {"a part of a request",
                        "address, path, \"header NAME\", \"cookie NAME\" or \"query NAME\"",
                        "^(address|path|(header|cookie|query) .+)$", sizeof(struct conf_hash_by),
                        parse_hash_by},
    [SCHEMA_WORD] = {"a word", "one of the words listed", NULL, sizeof(unsigned), NULL},
    [SCHEMA_LISTENER_ADDRESS] = {"an address to listen at",
                                 "\":80\", \"127.0.0.1:80\", \"[::1]:80\" or \"unix:/path\"", NULL,
                                 sizeof(struct conf_address), parse_listener_address},
    [SCHEMA_TARGET_ADDRESS] = {"an address",
                               "\"127.0.0.1:80\", \"[::1]:80\", \"name:80\" or \"unix:/path\"",
                               NULL, sizeof(struct conf_address), parse_target_address},
    [SCHEMA_ENDPOINT] = {"an address of HTTP",
                         "http://, a host, a port and a path, as in http://127.0.0.1:4318",
                         "^http://", sizeof(struct conf_endpoint), parse_endpoint},
    [SCHEMA_PATH_PATTERN] = {"a path pattern",
                             "it begins with \"/\"; \"/api/*\" is all below /api/ and /api itself, "
                             "any other * is any run of characters",
                             "^[/*]", sizeof(struct conf_pattern), parse_path_pattern},
    [SCHEMA_VALUE_PATTERN] = {"a pattern", "one line of text in which * is any run of characters",
                              NULL, sizeof(struct conf_pattern), parse_value_pattern},
    [SCHEMA_EDIT_NAME] = {"the name of a header field that can be changed",
                          "letters, digits and \"-\", as in X-Frame-Options",
                          "^[A-Za-z0-9!#$%&'*+.^_`|~-]+$", sizeof(struct slice), parse_edit_name},
    [SCHEMA_EDIT_VALUE] = {"a header field's value", "one line of text without blanks at its ends",
                           NULL, sizeof(struct slice), parse_edit_value},
    [SCHEMA_RATE] = {"a rate", "a number up to 1000000 and a unit, as in 100/s, 30/m or 1000/h",
                     "^[0-9]+/(s|m|h)$", sizeof(struct conf_rate), parse_rate},
    [SCHEMA_LIMIT_KEY] = {"what requests are counted by",
                          "address, user, all, or header and its name, as in header X-Api-Key",
                          "^(address|user|all|header .+)$", sizeof(struct conf_limit_key),
                          parse_limit_key},
    [SCHEMA_ERROR_KEY] = {"an error's status", "from 400 to 599, 4xx or 5xx; or intercept",
                          "^([45][0-9][0-9]|[45]xx|intercept)$", sizeof(struct slice),
                          parse_error_key},
    [SCHEMA_NAMED] = {"a name", NAME_ALLOWED, "^[A-Za-z0-9][A-Za-z0-9_-]{0,62}$",
                      sizeof(struct named), parse_named},
    [SCHEMA_HOST_PATTERN] = {"a host", "example.org, or *.example.org for all names below it", NULL,
                             sizeof(struct slice), parse_host_pattern},
    [SCHEMA_NETWORK] = {"an address or network",
                        "\"10.0.0.1\", \"10.0.0.0/8\", \"fd00::/8\", \"private\" or \"loopback\"",
                        NULL, sizeof(struct network), parse_network},
    [SCHEMA_PATH_PREFIX] = {"the beginning of a path", "it begins with \"/\" and holds no *",
                            "^/[^*]", sizeof(struct slice), parse_path_prefix},
    [SCHEMA_DESTINATION] = {"a destination",
                            "example.org, *.example.org, 10.0.0.0/8, [fd00::1], private, loopback "
                            "or *, each perhaps with :443 or :8000-8999",
                            NULL, sizeof(struct conf_destination), parse_destination},
    [SCHEMA_BUCKET_NAME] = {"a bucket's name",
                            "3 to 63 lower-case letters, digits, \"-\" and \".\", a letter or "
                            "digit at each end and beside a dot, and no IP address",
                            "^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$", sizeof(struct slice),
                            parse_bucket_name},
    [SCHEMA_NEW_FOLDER] = {"a folder's path",
                           "a path other than \"/\", below this file's folder unless it begins "
                           "with \"/\"",
                           NULL, sizeof(struct slice), parse_new_folder},
    [SCHEMA_SERVER] = {"a server's address",
                       "http:// or https://, a host and perhaps a port, as in "
                       "https://s3.example.org",
                       "^https?://[^/]+/?$", sizeof(struct conf_server), parse_server},
    [SCHEMA_SECRET] = {"where a secret stands",
                       "env:NAME for a variable of Weir's own environment, or file:PATH for a "
                       "file's first line",
                       "^(env:[A-Za-z_][A-Za-z0-9_]*|file:.+)$", sizeof(struct slice),
                       parse_secret},
};

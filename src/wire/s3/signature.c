/* Reading: from the field or from the query, then the same checks for both. */
#include "wire/s3/signature.h"

#include "base/cleanup.h"

#include <errno.h>

#define ALGORITHM "AWS4-HMAC-SHA256"

struct reading {
    const struct s3_signed *request;
    struct arena *arena;
    struct s3_fault *fault;
    struct slice expected_region;
    int64_t now_s;
    struct s3_signature *signature;
    enum s3_code malformed; /* the code for this form */
};

static struct slice field_value(const struct reading *reading, struct slice name)
{
    const struct field *field = fields_find_name(reading->request->fields, name);
    return field == NULL ? (struct slice){NULL, 0} : field->value;
}

static int malformed(struct reading *reading, const char *what)
{
    return s3_fault_say(reading->fault, reading->malformed, "%s%s",
                        reading->malformed == S3_AUTHORIZATION_HEADER_MALFORMED
                            ? "The authorization header is malformed; "
                            : "",
                        what);
}

/* AKID/day/region/service/aws4_request. The id may not hold '/'. */
static int read_credential(struct reading *reading, struct slice credential)
{
    struct s3_signature *signature = reading->signature;
    struct slice rest = credential, service = {0}, end = {0};
    if (!slice_cut(&rest, '/', &signature->access_key) || rest.at == NULL)
        return malformed(reading, "the Credential is mal-formed; expecting "
                                  "\"<YOUR-AKID>/YYYYMMDD/REGION/SERVICE/aws4_request\".");
    signature->scope = rest;
    if (!slice_cut(&rest, '/', &signature->day) || !slice_cut(&rest, '/', &signature->region) ||
        !slice_cut(&rest, '/', &service) || !slice_cut(&rest, '/', &end) || rest.at != NULL ||
        signature->access_key.len == 0)
        return malformed(reading, "the Credential is mal-formed; expecting "
                                  "\"<YOUR-AKID>/YYYYMMDD/REGION/SERVICE/aws4_request\".");
    if (!slice_equal(service, SLICE("s3")))
        return malformed(reading, "incorrect service. This endpoint belongs to \"s3\".");
    if (!slice_equal(end, SLICE("aws4_request")))
        return malformed(reading, "incorrect terminal. This endpoint uses \"aws4_request\".");
    if (!slice_equal(signature->region, reading->expected_region))
        return s3_fault_say(reading->fault, reading->malformed,
                            "%sthe region '%.*s' is wrong; expecting '%.*s'",
                            reading->malformed == S3_AUTHORIZATION_HEADER_MALFORMED
                                ? "The authorization header is malformed; "
                                : "Error parsing the X-Amz-Credential parameter; ",
                            (int)(signature->region.len < 64 ? signature->region.len : 64),
                            signature->region.at, SLICE_ARG(reading->expected_region));
    return 0;
}

static int check_signature_text(struct reading *reading)
{
    struct slice text = reading->signature->signature;
    bool is_good = text.len == S3_SIGNATURE_LEN;
    for (size_t i = 0; is_good && i < text.len; i++)
        is_good = ascii_is_digit(text.at[i]) || (text.at[i] >= 'a' && text.at[i] <= 'f');
    return is_good ? 0 : s3_fault_set(reading->fault, S3_SIGNATURE_DOES_NOT_MATCH);
}

/* Credential=…, SignedHeaders=…, Signature=… in any order. */
static int read_authorization(struct reading *reading, struct slice value)
{
    struct s3_signature *signature = reading->signature;
    struct slice rest = slice_trim(slice_from(value, sizeof ALGORITHM - 1)), part;
    struct slice credential = {0};
    while (slice_cut(&rest, ',', &part)) {
        part = slice_trim(part);
        ptrdiff_t equals = slice_find(part, '=');
        if (equals < 0)
            return malformed(reading, "a component of it has no '='.");
        struct slice name = slice_first(part, (size_t)equals);
        struct slice text = slice_from(part, (size_t)equals + 1);
        if (slice_equal(name, SLICE("Credential")))
            credential = text;
        else if (slice_equal(name, SLICE("SignedHeaders")))
            signature->headers = text;
        else if (slice_equal(name, SLICE("Signature")))
            signature->signature = text;
    }
    if (credential.at == NULL)
        return malformed(reading, "the authorization header requires a Credential.");
    if (signature->headers.len == 0)
        return malformed(reading, "the authorization header requires SignedHeaders.");
    if (signature->signature.len == 0)
        return malformed(reading, "the authorization header requires a Signature.");
    return read_credential(reading, credential);
}

/* X-Amz-Date; or Date, which some clients send in the same form. */
static int read_time(struct reading *reading)
{
    struct s3_signature *signature = reading->signature;
    int64_t signed_s;
    signature->timestamp = field_value(reading, SLICE("x-amz-date"));
    if (signature->timestamp.at == NULL)
        signature->timestamp = field_value(reading, SLICE("date"));
    if (signature->timestamp.at == NULL || s3_timestamp_read(signature->timestamp, &signed_s) < 0)
        return s3_fault_say(reading->fault, S3_ACCESS_DENIED,
                            "AWS authentication requires a valid Date or x-amz-date header");
    if (signed_s < reading->now_s - S3_SKEW_S || signed_s > reading->now_s + S3_SKEW_S)
        return s3_fault_set(reading->fault, S3_REQUEST_TIME_TOO_SKEWED);
    if (!slice_equal(signature->day, slice_first(signature->timestamp, 8)))
        return malformed(reading, "Invalid credential date. This date is not the same as "
                                  "X-Amz-Date.");
    return 0;
}

static bool is_sha256(struct slice text)
{
    for (size_t i = 0; i < text.len; i++) {
        char lower = ascii_lower(text.at[i]);
        if (!ascii_is_digit(lower) && (lower < 'a' || lower > 'f'))
            return false;
    }
    return text.len == 64;
}

static int read_payload(struct reading *reading, struct slice text)
{
    static const struct {
        struct slice text;
        enum s3_payload kind;
    } words[] = {
        {SLICE(S3_UNSIGNED_PAYLOAD), S3_PAYLOAD_UNSIGNED},
        {SLICE("STREAMING-AWS4-HMAC-SHA256-PAYLOAD"), S3_PAYLOAD_CHUNKS},
        {SLICE("STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER"), S3_PAYLOAD_CHUNKS_TRAILER},
        {SLICE("STREAMING-UNSIGNED-PAYLOAD-TRAILER"), S3_PAYLOAD_UNSIGNED_TRAILER},
    };
    reading->signature->payload = text;
    for (size_t i = 0; i < COUNT_OF(words); i++) {
        if (slice_equal(text, words[i].text)) {
            reading->signature->payload_kind = words[i].kind;
            return 0;
        }
    }
    reading->signature->payload_kind = S3_PAYLOAD_HASHED;
    if (is_sha256(text))
        return 0;
    return s3_fault_say(reading->fault, S3_INVALID_ARGUMENT,
                        "x-amz-content-sha256 must be UNSIGNED-PAYLOAD, "
                        "STREAMING-UNSIGNED-PAYLOAD-TRAILER, STREAMING-AWS4-HMAC-SHA256-PAYLOAD, "
                        "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER or a valid sha256 value.");
}

static int read_header_form(struct reading *reading, struct slice authorization)
{
    reading->malformed = S3_AUTHORIZATION_HEADER_MALFORMED;
    int rc = read_authorization(reading, authorization);
    if (rc == 0)
        rc = read_time(reading);
    if (rc < 0)
        return rc;
    struct slice payload = field_value(reading, SLICE("x-amz-content-sha256"));
    if (payload.at == NULL)
        return s3_fault_say(reading->fault, S3_INVALID_REQUEST,
                            "Missing required header for this request: x-amz-content-sha256");
    return read_payload(reading, payload);
}

static struct slice parameter(const struct reading *reading, struct slice name)
{
    return s3_query_value(reading->request->query, name);
}

static int read_expiry(struct reading *reading)
{
    struct s3_signature *signature = reading->signature;
    struct slice text = parameter(reading, SLICE("X-Amz-Expires"));
    int64_t signed_s, expires_s = 0;
    signature->timestamp = parameter(reading, SLICE("X-Amz-Date"));
    if (s3_timestamp_read(signature->timestamp, &signed_s) < 0)
        return malformed(reading, "X-Amz-Date must be in the ISO8601 Long Format "
                                  "\"yyyyMMdd'T'HHmmss'Z'\"");
    if (!slice_equal(signature->day, slice_first(signature->timestamp, 8)))
        return malformed(reading, "Invalid credential date. This date is not the same as "
                                  "X-Amz-Date.");
    for (size_t i = 0; i < text.len; i++) {
        if (!ascii_is_digit(text.at[i]))
            return malformed(reading, text.at[0] == '-' ? "X-Amz-Expires must be non-negative"
                                                        : "X-Amz-Expires should be a number");
        if (expires_s <= S3_EXPIRES_S_MAX)
            expires_s = expires_s * 10 + (text.at[i] - '0');
    }
    if (text.len == 0)
        return malformed(reading, "X-Amz-Expires should be a number");
    if (expires_s > S3_EXPIRES_S_MAX)
        return malformed(reading, "X-Amz-Expires must be less than a week (in seconds); that is, "
                                  "the given X-Amz-Expires must be less than 604800 seconds");
    if (signed_s > reading->now_s + S3_SKEW_S)
        return s3_fault_say(reading->fault, S3_ACCESS_DENIED, "Request is not yet valid");
    if (reading->now_s >= signed_s + expires_s)
        return s3_fault_say(reading->fault, S3_ACCESS_DENIED, "Request has expired");
    return 0;
}

static int read_query_form(struct reading *reading)
{
    struct s3_signature *signature = reading->signature;
    struct slice credential = parameter(reading, SLICE("X-Amz-Credential"));
    reading->malformed = S3_AUTHORIZATION_QUERY_PARAMETERS_ERROR;
    signature->headers = parameter(reading, SLICE("X-Amz-SignedHeaders"));
    signature->signature = parameter(reading, SLICE("X-Amz-Signature"));
    if (!slice_equal(parameter(reading, SLICE("X-Amz-Algorithm")), SLICE(ALGORITHM)))
        return malformed(reading, "X-Amz-Algorithm only supports \"AWS4-HMAC-SHA256\"");
    if (credential.len == 0 || signature->headers.len == 0 || signature->signature.len == 0 ||
        parameter(reading, SLICE("X-Amz-Date")).at == NULL ||
        parameter(reading, SLICE("X-Amz-Expires")).at == NULL)
        return malformed(reading,
                         "Query-string authentication version 4 requires the X-Amz-Algorithm, "
                         "X-Amz-Credential, X-Amz-Signature, X-Amz-Date, X-Amz-SignedHeaders, and "
                         "X-Amz-Expires parameters.");
    int rc = read_credential(reading, credential);
    if (rc == 0)
        rc = read_expiry(reading);
    if (rc < 0)
        return rc;
    struct slice payload = parameter(reading, SLICE("X-Amz-Content-Sha256"));
    if (payload.at == NULL)
        payload = field_value(reading, SLICE("x-amz-content-sha256"));
    return read_payload(reading, payload.at == NULL ? SLICE(S3_UNSIGNED_PAYLOAD) : payload);
}

static bool is_named(struct slice headers, struct slice name)
{
    struct slice part;
    while (slice_cut(&headers, ';', &part)) {
        if (slice_equal_nocase(part, name))
            return true;
    }
    return false;
}

/* Someone between could add or change what is not signed: what S3 acts upon has to be. */
static int check_coverage(struct reading *reading)
{
    const struct fields *fields = reading->request->fields;
    struct slice headers = reading->signature->headers;
    if (!is_named(headers, SLICE("host")))
        return s3_fault_say(reading->fault, S3_ACCESS_DENIED,
                            "There were headers present in the request which were not signed: "
                            "host");
    for (unsigned i = 0; i < fields->count; i++) {
        struct slice name = fields->at[i].name;
        if (!slice_equal_nocase(slice_first(name, 6), SLICE("x-amz-")) || is_named(headers, name))
            continue;
        /* What a presigned request says of its body anyway. */
        if (slice_equal_nocase(name, SLICE("x-amz-content-sha256")) &&
            reading->signature->form == S3_SIGNED_QUERY)
            continue;
        return s3_fault_say(reading->fault, S3_ACCESS_DENIED,
                            "There were headers present in the request which were not signed: "
                            "%.*s",
                            (int)(name.len < 100 ? name.len : 100), name.at);
    }
    return 0;
}

static int read_form(struct reading *reading)
{
    struct slice authorization = fields_value(reading->request->fields, FIELD_AUTHORIZATION);
    bool is_presigned = s3_query_has(reading->request->query, SLICE("X-Amz-Algorithm")) ||
                        s3_query_has(reading->request->query, SLICE("X-Amz-Signature"));
    bool is_old = s3_query_has(reading->request->query, SLICE("AWSAccessKeyId")) ||
                  slice_starts_with(authorization, SLICE("AWS "));
    if (authorization.at != NULL && is_presigned)
        return s3_fault_say(reading->fault, S3_INVALID_ARGUMENT,
                            "Only one auth mechanism allowed; only the X-Amz-Algorithm query "
                            "parameter, Signature query string parameter or the Authorization "
                            "header should be specified");
    if (is_presigned) {
        reading->signature->form = S3_SIGNED_QUERY;
        return read_query_form(reading);
    }
    if (is_old)
        return s3_fault_say(reading->fault, S3_INVALID_REQUEST,
                            "The authorization mechanism you have provided is not supported. "
                            "Please use AWS4-HMAC-SHA256.");
    if (authorization.len == 0)
        return 0;
    if (!slice_starts_with(authorization, SLICE(ALGORITHM " ")))
        return s3_fault_say(reading->fault, S3_INVALID_ARGUMENT, "Unsupported Authorization Type");
    reading->signature->form = S3_SIGNED_HEADER;
    return read_header_form(reading, authorization);
}

int s3_signature_read(const struct s3_signed *request, struct slice region, int64_t now_s,
                      struct arena *arena, struct s3_fault *fault,
                      struct s3_signature *ret_signature)
{
    struct reading reading = {.request = request,
                              .arena = arena,
                              .fault = fault,
                              .expected_region = region,
                              .now_s = now_s,
                              .signature = ret_signature};
    *ret_signature = (struct s3_signature){.form = S3_SIGNED_NOT};
    int rc = read_form(&reading);
    if (rc == 0 && ret_signature->form != S3_SIGNED_NOT)
        rc = check_signature_text(&reading);
    if (rc == 0 && ret_signature->form != S3_SIGNED_NOT)
        rc = check_coverage(&reading);
    return rc;
}

/* Days since 1970 of a date of the Gregorian calendar, by the method of Hinnant's
 * "chrono-Compatible Low-Level Date Algorithms". */
static int64_t days_from_date(int64_t year, unsigned month, unsigned day)
{
    year -= month <= 2;
    int64_t era = year / 400;
    unsigned of_era = (unsigned)(year - era * 400);
    unsigned of_year = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;
    unsigned days = of_era * 365 + of_era / 4 - of_era / 100 + of_year;
    return era * 146097 + (int64_t)days - 719468;
}

static bool read_digits(struct slice text, size_t from, size_t len, unsigned *ret_value)
{
    *ret_value = 0;
    for (size_t i = from; i < from + len; i++) {
        if (!ascii_is_digit(text.at[i]))
            return false;
        *ret_value = *ret_value * 10 + (unsigned)(text.at[i] - '0');
    }
    return true;
}

int s3_timestamp_read(struct slice text, int64_t *ret_s)
{
    unsigned year, month, day, hour, minute, second;
    if (text.len != S3_TIMESTAMP_LEN || text.at[8] != 'T' || text.at[15] != 'Z' ||
        !read_digits(text, 0, 4, &year) || !read_digits(text, 4, 2, &month) ||
        !read_digits(text, 6, 2, &day) || !read_digits(text, 9, 2, &hour) ||
        !read_digits(text, 11, 2, &minute) || !read_digits(text, 13, 2, &second))
        return -EBADMSG;
    if (year < 1970 || month < 1 || month > 12 || day < 1 || day > 31 || hour > 23 || minute > 59 ||
        second > 60)
        return -EBADMSG;
    *ret_s = days_from_date(year, month, day) * 86400 + (int64_t)hour * 3600 +
             (int64_t)minute * 60 + second;
    return 0;
}

static void write_digits(char *at, unsigned digits, int64_t value)
{
    for (unsigned i = digits; i > 0; i--, value /= 10)
        at[i - 1] = (char)('0' + value % 10);
}

void s3_timestamp_write(int64_t time_s, char ret_text[static S3_TIMESTAMP_LEN])
{
    int64_t days = time_s / 86400 + 719468, of_day = time_s % 86400;
    int64_t era = days / 146097, of_era = days % 146097;
    int64_t year = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
    int64_t of_year = of_era - (365 * year + year / 4 - year / 100);
    int64_t month = (5 * of_year + 2) / 153;
    int64_t day = of_year - (153 * month + 2) / 5 + 1;
    month = month < 10 ? month + 3 : month - 9;
    write_digits(ret_text, 4, year + era * 400 + (month <= 2));
    write_digits(ret_text + 4, 2, month);
    write_digits(ret_text + 6, 2, day);
    ret_text[8] = 'T';
    write_digits(ret_text + 9, 2, of_day / 3600);
    write_digits(ret_text + 11, 2, of_day / 60 % 60);
    write_digits(ret_text + 13, 2, of_day % 60);
    ret_text[15] = 'Z';
}

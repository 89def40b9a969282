/*
 * Forms that are sent to S3: a byte that says how they arrive, a line of the Content-Type, the
 * body. Holds: how the body is cut into pieces changes nothing of what is read; a policy that is
 * met by fields is no longer met with one more of which it does not speak, nor when it has expired.
 */
#include "fuzz.h"

#include "base/arena.h"
#include "base/buffer.h"
#include "wire/s3/form.h"
#include "wire/s3/post_policy.h"

#define WHOLE_BYTES_MAX 4000 /* no limit of the form's is met within it */
#define FIELDS_MAX      32
#define NOW_S           INT64_C(1369353600)
#define LATER_S         INT64_C(253402300799) /* 9999-12-31T23:59:59Z */

/* All that was read of a form. */
struct read_form {
    struct buffer told; /* events and their bytes, the file's in one */
    struct s3_post_field fields[FIELDS_MAX];
    unsigned count;
    struct slice policy;
    struct arena arena;
    int result;
};

static void tell(struct read_form *read, struct slice bytes)
{
    CHECK(buffer_append(&read->told, bytes) == 0);
    CHECK(buffer_append(&read->told, SLICE("\n")) == 0);
}

static void take_field(struct read_form *read, const struct s3_form_part *part)
{
    tell(read, SLICE("field"));
    tell(read, part->name);
    tell(read, part->value);
    struct slice name = arena_copy(&read->arena, part->name);
    struct slice value = arena_copy(&read->arena, part->value);
    CHECK(name.at != NULL && value.at != NULL);
    if (slice_equal(name, SLICE("policy")))
        read->policy = value;
    else if (read->count < FIELDS_MAX)
        read->fields[read->count++] = (struct s3_post_field){name, value};
}

static void take(struct read_form *read, int event, const struct s3_form_part *part)
{
    if (event == S3_FORM_FIELD)
        take_field(read, part);
    if (event == S3_FORM_DATA)
        CHECK(part->value.len > 0 && buffer_append(&read->told, part->value) == 0);
    if (event != S3_FORM_FILE)
        return;
    tell(read, SLICE("file"));
    tell(read, part->file_name);
    tell(read, part->type);
}

/* Up to the end of what was fed. */
static int take_events(struct s3_form *form, struct read_form *read)
{
    for (;;) {
        struct s3_fault fault = {0};
        struct s3_form_part part;
        int event = s3_form_next(form, &fault, &part);
        CHECK((event < 0) == (fault.code != S3_NO_FAULT));
        if (event < 0 || event == S3_FORM_MORE || event == S3_FORM_END)
            return event;
        take(read, event, &part);
    }
}

static void read_form(struct slice type, struct slice body, size_t piece, struct read_form *read)
{
    struct s3_form form;
    struct s3_fault fault = {0};
    memset(read, 0, sizeof *read);
    buffer_init(&read->told, SIZE_MAX);
    arena_init(&read->arena, NULL, 0, 64 << 20);
    read->result = s3_form_init(&form, type, &fault);
    CHECK((read->result < 0) == (fault.code != S3_NO_FAULT));
    while (read->result == S3_FORM_MORE && body.len > 0) {
        CHECK(s3_form_feed(&form, slice_first(body, piece), &fault) == 0);
        body = slice_from(body, piece < body.len ? piece : body.len);
        read->result = take_events(&form, read);
    }
    s3_form_finish(&form);
}

static void finish(struct read_form *read)
{
    buffer_finish(&read->told);
    arena_finish(&read->arena);
}

static int check_policy(struct read_form *read, unsigned count, int64_t now_s)
{
    struct s3_fault fault = {0};
    struct s3_post_limits limits;
    int rc = s3_post_policy_check(read->policy, read->fields, count, SLICE("media"), now_s,
                                  &read->arena, &fault, &limits);
    CHECK((rc < 0) == (fault.code != S3_NO_FAULT));
    return rc;
}

static void check_policies(struct read_form *read)
{
    unsigned count = read->count < FIELDS_MAX ? read->count : FIELDS_MAX - 1;
    if (check_policy(read, count, NOW_S) < 0)
        return;
    CHECK(check_policy(read, count, LATER_S + 1) < 0);
    read->fields[count] =
        (struct s3_post_field){SLICE("x-amz-meta-never-spoken-of"), SLICE("\x01")};
    if (slice_search(read->policy, SLICE("never-spoken-of")) < 0 &&
        slice_find(read->policy, '\\') < 0)
        CHECK(check_policy(read, count + 1, NOW_S) < 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    if (len < 1 || len > 65536)
        return 0;
    size_t piece = 1 + data[0] % 97u;
    struct slice body = slice_of(data + 1, len - 1), type = {0};
    (void)slice_cut(&body, '\n', &type);
    if (body.at == NULL)
        return 0;
    struct read_form whole, pieces;
    read_form(type, body, body.len + 1, &whole);
    read_form(type, body, piece, &pieces);
    if (body.len <= WHOLE_BYTES_MAX) {
        CHECK(whole.result == pieces.result);
        CHECK(slice_equal(buffer_slice(&whole.told), buffer_slice(&pieces.told)));
    }
    if (whole.policy.at != NULL)
        check_policies(&whole);
    finish(&whole);
    finish(&pieces);
    return 0;
}

#include "unit.h"

#include "base/cleanup.h"
#include "heads.h"
#include "wire/h1/serialise.h"

static char memory[HTTP_HEAD_BYTES_MAX];

static void assert_written(const struct writer *writer, const char *text)
{
    assert_false(writer->overflown);
    if (!slice_equal(writer_slice(writer), slice_of_cstr(text)))
        fail_msg("'%.*s' instead of '%s'", SLICE_ARG(writer_slice(writer)), text);
}

/* The fields of a request with these lines, forwarded. */
static void assert_forwarded(struct slice lines, const struct field_set *leave_out,
                             const char *expected)
{
    char text[1024] = "GET / HTTP/1.1\r\nHost: a\r\n";
    size_t len = strlen(text);
    memcpy(text + len, lines.at, lines.len);
    memcpy(text + len + lines.len, "\r\n", 2);
    struct parsed_request parsed;
    assert_int_equal(parse_request(slice_of(text, len + lines.len + 2), &parsed), 0);
    struct writer writer;
    writer_init(&writer, memory, sizeof memory);
    h1_write_forwarded(&writer, &parsed.head.fields, leave_out);
    assert_written(&writer, expected);
}

static void a_head_is_written_line_by_line(void **state)
{
    (void)state;
    struct writer writer;
    writer_init(&writer, memory, sizeof memory);
    h1_write_request_line(&writer, SLICE("GET"), SLICE("/a?b"));
    h1_write_field(&writer, SLICE("Host"), SLICE("a"));
    h1_write_field(&writer, SLICE("X-Empty"), SLICE(""));
    h1_write_length(&writer, UINT64_MAX);
    h1_write_end(&writer);
    assert_written(&writer, "GET /a?b HTTP/1.1\r\nHost: a\r\nX-Empty: \r\n"
                            "Content-Length: 18446744073709551615\r\n\r\n");
}

static void a_status_brings_its_reason(void **state)
{
    (void)state;
    struct writer writer;
    writer_init(&writer, memory, sizeof memory);
    h1_write_status_line(&writer, 404, SLICE(""));
    h1_write_status_line(&writer, 200, SLICE("Fine"));
    h1_write_status_line(&writer, 599, SLICE(""));
    assert_written(&writer,
                   "HTTP/1.1 404 Not Found\r\nHTTP/1.1 200 Fine\r\nHTTP/1.1 599 Unknown\r\n");
}

static void end_to_end_fields_are_forwarded_in_order(void **state)
{
    (void)state;
    assert_forwarded(SLICE("B: 2\r\nA: 1\r\nB: 3\r\n"), NULL, "B: 2\r\nA: 1\r\nB: 3\r\n");
}

static void fields_are_written_in_one_form(void **state)
{
    (void)state;
    assert_forwarded(SLICE("A:1\r\nB: \t 2 \r\nC: 3\r\nD:\r\nE: \r\nF: 6\t\r\nG: 7\r\n"), NULL,
                     "A: 1\r\nB: 2\r\nC: 3\r\nD: \r\nE: \r\nF: 6\r\nG: 7\r\n");
    assert_forwarded(SLICE("A: 1\r\nB: 2 \r\nC: 3\r\n"), NULL, "A: 1\r\nB: 2\r\nC: 3\r\n");
    assert_forwarded(SLICE("A:\t1\r\nB: 2\r\n"), NULL, "A: 1\r\nB: 2\r\n");
}

static void what_belongs_to_one_connection_stays_there(void **state)
{
    (void)state;
    assert_forwarded(SLICE("A: 1\r\nConnection: keep-alive\r\nKeep-Alive: 5\r\nB: 2\r\n"
                           "Proxy-Connection: x\r\nTE: trailers\r\nUpgrade: x\r\nC: 3\r\n"
                           "Proxy-Authorization: x\r\nContent-Length: 0\r\nTrailer: D\r\n"),
                     NULL, "A: 1\r\nB: 2\r\nC: 3\r\nTrailer: D\r\n");
    assert_forwarded(SLICE("Transfer-Encoding: chunked\r\nA: 1\r\n"), NULL, "A: 1\r\n");
}

static void what_connection_names_is_not_forwarded(void **state)
{
    (void)state;
    assert_forwarded(SLICE("X-Drop: 1\r\nA: 1\r\nConnection: close, x-drop,, Referer\r\nB: 2\r\n"
                           "X-DROP: 2\r\nReferer: x\r\nX-Drops: 3\r\nClose: 4\r\n"),
                     NULL, "A: 1\r\nB: 2\r\nX-Drops: 3\r\nClose: 4\r\n");
    assert_forwarded(SLICE("Connection: a\r\nConnection: keep-alive\r\nConnection: b\r\n"
                           "A: 1\r\nB: 2\r\nC: 3\r\n"),
                     NULL, "C: 3\r\n");
}

static void connection_cannot_take_out_what_the_next_hop_relies_on(void **state)
{
    (void)state;
    assert_forwarded(SLICE("Connection: Authorization, X-Forwarded-For, Cookie, Content-Type\r\n"
                           "Authorization: x\r\nX-Forwarded-For: y\r\nCookie: z\r\n"
                           "Content-Type: w\r\n"),
                     NULL,
                     "Authorization: x\r\nX-Forwarded-For: y\r\nCookie: z\r\nContent-Type: w\r\n");
}

static void the_caller_may_leave_out_more(void **state)
{
    (void)state;
    struct field_set set = {0};
    field_set_add(&set, FIELD_X_FORWARDED_FOR);
    field_set_add(&set, FIELD_ACCEPT);
    assert_true(field_set_has(&set, FIELD_ACCEPT));
    assert_false(field_set_has(&set, FIELD_AGE));
    assert_forwarded(SLICE("Accept: x\r\nA: 1\r\nX-Forwarded-For: y\r\nB: 2\r\n"), &set,
                     "A: 1\r\nB: 2\r\n");
}

static void what_is_left_out_does_not_come_back_with_underscores(void **state)
{
    (void)state;
    struct field_set set = {0};
    field_set_add(&set, FIELD_X_FORWARDED_FOR);
    assert_forwarded(SLICE("X_Forwarded_For: 1\r\nx-forwarded_FOR: 2\r\nX_Forwarded_Proto: 3\r\n"
                           "X_A: 4\r\nx: 5\r\nX_Forwarded_For_A_Very_Long_Name: 6\r\n"),
                     &set,
                     "X_Forwarded_Proto: 3\r\nX_A: 4\r\nx: 5\r\n"
                     "X_Forwarded_For_A_Very_Long_Name: 6\r\n");
    assert_forwarded(SLICE("X_Forwarded_For: 1\r\n"), NULL, "X_Forwarded_For: 1\r\n");
}

static void fields_from_elsewhere_are_copied_one_by_one(void **state)
{
    (void)state;
    /* Behind each other in memory, with something else than CRLF or ": " between. */
    static const char bytes[] = "A: 1xxB: 2\r\nC::3";
    struct field at[] = {
        {slice_of(bytes, 1), slice_of(bytes + 3, 1), FIELD_OTHER},
        {slice_of(bytes + 6, 1), slice_of(bytes + 9, 1), FIELD_OTHER},
        {slice_of(bytes + 12, 1), slice_of(bytes + 15, 1), FIELD_OTHER},
        {SLICE("Via"), SLICE("1.1 weir"), FIELD_VIA},
    };
    struct fields fields = {at, COUNT_OF(at), COUNT_OF(at)};
    struct writer writer;
    writer_init(&writer, memory, sizeof memory);
    h1_write_forwarded(&writer, &fields, NULL);
    assert_written(&writer, "A: 1\r\nB: 2\r\nC: 3\r\nVia: 1.1 weir\r\n");
}

static void too_little_room_is_remembered(void **state)
{
    (void)state;
    struct slice text = SLICE("GET / HTTP/1.1\r\nHost: a\r\nA: 1\r\nB:2\r\nC: 3\r\n\r\n");
    struct parsed_request parsed;
    assert_int_equal(parse_request(text, &parsed), 0);
    for (size_t room = 0; room <= 18; room++) {
        struct writer writer;
        writer_init(&writer, memory, room);
        h1_write_forwarded(&writer, &parsed.head.fields, NULL);
        assert_int_equal(writer.overflown, room < 18);
    }
}

static void a_connection_field_that_no_parser_let_through_stops_the_message(void **state)
{
    (void)state;
    char list[256];
    memset(list, 'a', sizeof list);
    for (size_t i = 1; i < sizeof list; i += 2)
        list[i] = ',';
    struct field at[] = {{SLICE("Connection"), slice_of(list, sizeof list), FIELD_CONNECTION}};
    struct fields fields = {at, 1, 1};
    struct writer writer;
    writer_init(&writer, memory, sizeof memory);
    h1_write_forwarded(&writer, &fields, NULL);
    assert_true(writer.overflown);
}

static void named_fields_are_taken_out_beforehand(void **state)
{
    (void)state;
    struct slice text =
        SLICE("GET / HTTP/1.1\r\nHost: a\r\nX-A: 1\r\nConnection: x-a, Upgrade, Referer, Cookie\r\n"
              "Upgrade: websocket\r\nReferer: r\r\nCookie: c\r\nX-B: 2\r\n\r\n");
    struct parsed_request parsed;
    assert_int_equal(parse_request(text, &parsed), 0);
    struct fields *fields = &parsed.head.fields;
    assert_true(h1_drop_named(fields));
    assert_non_null(fields_find(fields, FIELD_UPGRADE));
    struct writer writer;
    writer_init(&writer, memory, sizeof memory);
    h1_write_forwarded(&writer, fields, NULL);
    assert_written(&writer, "Cookie: c\r\nX-B: 2\r\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_head_is_written_line_by_line),
        cmocka_unit_test(a_status_brings_its_reason),
        cmocka_unit_test(end_to_end_fields_are_forwarded_in_order),
        cmocka_unit_test(fields_are_written_in_one_form),
        cmocka_unit_test(what_belongs_to_one_connection_stays_there),
        cmocka_unit_test(what_connection_names_is_not_forwarded),
        cmocka_unit_test(connection_cannot_take_out_what_the_next_hop_relies_on),
        cmocka_unit_test(named_fields_are_taken_out_beforehand),
        cmocka_unit_test(the_caller_may_leave_out_more),
        cmocka_unit_test(what_is_left_out_does_not_come_back_with_underscores),
        cmocka_unit_test(fields_from_elsewhere_are_copied_one_by_one),
        cmocka_unit_test(too_little_room_is_remembered),
        cmocka_unit_test(a_connection_field_that_no_parser_let_through_stops_the_message),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

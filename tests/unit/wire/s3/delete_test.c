/* Lists of objects to be deleted, and the answer. */
#include "s3_unit.h"

#include "wire/s3/delete.h"

static int round_trip(struct slice xml, struct arena *arena, struct s3_fault *fault,
                      struct buffer *out)
{
    struct s3_delete delete;
    int rc = s3_delete_parse(xml, arena, fault, &delete);
    return rc < 0 || out == NULL ? rc : s3_delete_write(out, &delete);
}

static void objects_are_listed(void **state)
{
    (void)state;
    SCOPED(arena_finish) struct arena arena;
    struct s3_fault fault;
    struct s3_delete delete;
    arena_init(&arena, NULL, 0, 1 << 20);
    assert_int_equal(
        s3_delete_parse(SLICE("<Delete xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">"
                              "<Object><Key> a&amp;b </Key><VersionId>v1</VersionId></Object>"
                              "<Quiet>True</Quiet>"
                              "<Object><Key>c</Key><VersionId/><ETag>\"e\"</ETag><Size>7</Size>"
                              "<New>x</New></Object></Delete>"),
                        &arena, &fault, &delete),
        0);
    assert_true(delete.is_quiet);
    assert_int_equal(delete.objects_count, 2);
    expect_slice(delete.objects[0].key, " a&b ");
    expect_slice(delete.objects[0].version_id, "v1");
    expect_slice(delete.objects[0].etag, NULL);
    expect_slice(delete.objects[1].key, "c");
    expect_slice(delete.objects[1].version_id, NULL);
    expect_slice(delete.objects[1].etag, "\"e\"");
    assert_false(delete.objects[0].has_size);
    assert_true(delete.objects[1].has_size && delete.objects[1].size == 7);
}

static void what_is_written_is_read(void **state)
{
    (void)state;
    expect_round(round_trip, "<Delete><Object><Key>a\tb&#xD;</Key><VersionId>v</VersionId>"
                             "<ETag>e</ETag><Size>0</Size></Object><Quiet>true</Quiet></Delete>");
}

static void bad_lists_are_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "<Delete/>",
        "<Deletes><Object><Key>a</Key></Object></Deletes>",
        "<Delete><Object/></Delete>",
        "<Delete><Object><Key/></Object></Delete>",
        "<Delete><Object><Key>a</Key><Key>b</Key></Object></Delete>",
        "<Delete><Object><Key>a</Key><Size>x</Size></Object></Delete>",
        "<Delete><Object><Key>a</Key></Object><Quiet>maybe</Quiet></Delete>",
        "<Delete><Object><Key>a</Key></Object><Other/></Delete>",
        "<Delete><Object><Key>a</Key></Object>",
    };
    for (size_t i = 0; i < COUNT_OF(bad); i++)
        expect_fault(round_trip, bad[i], S3_MALFORMED_XML);
}

static void a_thousand_objects_are_the_most(void **state)
{
    (void)state;
    SCOPED(buffer_finish) struct buffer out;
    SCOPED(arena_finish) struct arena arena;
    static struct s3_delete_object objects[S3_DELETE_OBJECTS_MAX + 1];
    static char key[1024];
    memset(key, 'k', sizeof key);
    for (size_t i = 0; i < COUNT_OF(objects); i++)
        objects[i] = (struct s3_delete_object){
            .key = slice_of(key, sizeof key), .version_id = SLICE("v"), .has_size = true};
    struct s3_delete delete = {objects, S3_DELETE_OBJECTS_MAX, false};
    struct s3_fault fault;
    buffer_init(&out, 4 << 20);
    arena_init(&arena, NULL, 0, 64 << 20);
    assert_int_equal(s3_delete_write(&out, &delete), 0);
    assert_int_equal(s3_delete_parse(buffer_slice(&out), &arena, &fault, &delete), 0);
    assert_int_equal(delete.objects_count, S3_DELETE_OBJECTS_MAX);
    out.len = 0;
    delete = (struct s3_delete){objects, S3_DELETE_OBJECTS_MAX + 1, false};
    assert_int_equal(s3_delete_write(&out, &delete), 0);
    assert_int_equal(s3_delete_parse(buffer_slice(&out), &arena, &fault, &delete), -EBADMSG);
    assert_int_equal(fault.code, S3_MALFORMED_XML);
}

static void the_answer_tells_each(void **state)
{
    (void)state;
    SCOPED(buffer_finish) struct buffer out;
    struct xml_writer writer;
    struct s3_fault fault;
    struct s3_delete_object object = {.key = SLICE("c")};
    buffer_init(&out, 4096);
    (void)s3_fault_set(&fault, S3_ACCESS_DENIED);
    s3_delete_result_begin(&writer, &out);
    s3_delete_result_add(&writer, &(struct s3_deleted){.key = SLICE("a")});
    s3_delete_result_add(&writer, &(struct s3_deleted){.key = SLICE("b"),
                                                       .version_id = SLICE("1"),
                                                       .marker_version_id = SLICE("2"),
                                                       .is_marker = true});
    s3_delete_result_fault(&writer, &object, &fault);
    assert_int_equal(s3_delete_result_end(&writer), 0);
    expect_slice(slice_from(buffer_slice(&out), 39),
                 "<DeleteResult xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">"
                 "<Deleted><Key>a</Key></Deleted><Deleted><Key>b</Key><VersionId>1</VersionId>"
                 "<DeleteMarker>true</DeleteMarker>"
                 "<DeleteMarkerVersionId>2</DeleteMarkerVersionId></Deleted>"
                 "<Error><Key>c</Key><Code>AccessDenied</Code><Message>Access Denied</Message>"
                 "</Error></DeleteResult>");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(objects_are_listed),    cmocka_unit_test(what_is_written_is_read),
        cmocka_unit_test(bad_lists_are_refused), cmocka_unit_test(a_thousand_objects_are_the_most),
        cmocka_unit_test(the_answer_tells_each),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

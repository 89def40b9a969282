/*
 * Forwarded fields and the nodes in them. Holds: elements lie in the field, one behind the other; a
 * field of them alone reads as the same; a host of a node holds nothing that ends it.
 */
#include "fuzz.h"

#include "base/memory.h"
#include "base/writer.h"
#include "wire/http/forwarded.h"

static void check_inside(struct slice part, struct slice whole)
{
    CHECK(part.len == 0 || (part.at >= whole.at && part.at + part.len <= whole.at + whole.len));
}

static void check_node(struct slice node)
{
    struct slice host;
    for (int bare = 0; bare < 2; bare++) {
        if (forwarded_split_node(node, bare, &host) < 0)
            continue;
        CHECK(host.len > 0);
        check_inside(host, node);
        CHECK(slice_find(host, ']') < 0 || node.at[0] != '[');
    }
}

static void write_pair(struct writer *writer, const char *name, struct slice value)
{
    if (value.len == 0)
        return;
    write_slice(writer, slice_of_cstr(name));
    write_literal(writer, "=\"");
    write_slice(writer, value);
    write_literal(writer, "\";");
}

static void check_again(const struct forwarded_element *element, size_t len)
{
    char *memory = memory_alloc(len + 64);
    CHECK(memory != NULL);
    struct writer writer;
    writer_init(&writer, memory, len + 64);
    write_pair(&writer, "for", element->for_node);
    write_pair(&writer, "host", element->host);
    write_pair(&writer, "proto", element->proto);
    CHECK(!writer.overflown);
    struct slice rest = writer_slice(&writer);
    struct forwarded_element again;
    if (rest.len > 0) {
        CHECK(forwarded_next(&rest, &again) == 1);
        CHECK(slice_equal(element->for_node, again.for_node));
        CHECK(slice_equal(element->host, again.host));
        CHECK(slice_equal(element->proto, again.proto));
        CHECK(forwarded_next(&rest, &again) == 0);
    }
    memory_free(memory);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct slice whole = slice_of(data, len), rest = whole;
    struct forwarded_element element;
    int rc;
    check_node(whole);
    do {
        size_t before = rest.len;
        rc = forwarded_next(&rest, &element);
        CHECK(rest.len < before || rc <= 0);
        if (rc == 1) {
            check_inside(element.for_node, whole);
            check_inside(element.host, whole);
            check_inside(element.proto, whole);
            check_node(element.for_node);
            check_again(&element, len);
        }
    } while (rc == 1);
    CHECK(rc < 0 || rest.len == 0);
    return 0;
}

/* The list of a DeleteObjects request, and its answer. */
#include "wire/s3/delete.h"

#include "base/cleanup.h"

#include <errno.h>

/* Seven elements an object, and some that are not known yet. */
const struct xml_limits s3_delete_limits = {S3_DELETE_BYTES_MAX, S3_DELETE_OBJECTS_MAX * 10};

static int read_object(const struct xml_element *element, struct s3_fault *fault,
                       struct s3_delete_object *ret_object)
{
    struct s3_field fields[] = {
        {.name = SLICE("Key"), .flags = S3_FIELD_NEEDED},
        {.name = SLICE("VersionId")},
        {.name = SLICE("ETag")},
        {.name = SLICE("LastModifiedTime")},
        {.name = SLICE("Size")},
    };
    int rc = s3_fields_take_some(element, fields, COUNT_OF(fields), fault);
    if (rc < 0)
        return rc;
    struct s3_delete_object object = {
        .key = s3_text(fields[0].found),
        .version_id = s3_word(fields[1].found),
        .etag = s3_word(fields[2].found),
        .last_modified = s3_word(fields[3].found),
        .has_size = fields[4].found != NULL,
    };
    if (object.key.len == 0)
        return s3_malformed(fault, fields[0].found, "is empty");
    if (object.version_id.len == 0)
        object.version_id = (struct slice){NULL, 0};
    rc = s3_number(fields[4].found, INT64_MAX, fault, &object.size);
    if (rc == 0)
        *ret_object = object;
    return rc;
}

int s3_delete_read(const struct xml_element *root, struct arena *arena, struct s3_fault *fault,
                   struct s3_delete *ret_delete)
{
    struct s3_field fields[] = {
        {.name = SLICE("Object"), .flags = S3_FIELD_NEEDED | S3_FIELD_MANY},
        {.name = SLICE("Quiet")},
    };
    struct s3_delete delete = {0};
    if (!slice_equal(root->name, SLICE("Delete")))
        return s3_malformed(fault, root, "is not <Delete>");
    int rc = s3_fields_take(root, fields, COUNT_OF(fields), fault);
    if (rc == 0)
        rc = s3_bool(fields[1].found, fault, &delete.is_quiet);
    if (rc < 0)
        return rc;
    if (fields[0].count > S3_DELETE_OBJECTS_MAX)
        return s3_malformed(fault, root, "lists more than 1000 objects");
    struct s3_delete_object *objects = arena_alloc_array(arena, fields[0].count, sizeof *objects);
    if (objects == NULL)
        return s3_fault_memory(fault);
    for (const struct xml_element *at = fields[0].found; at != NULL; at = xml_next_alike(at)) {
        rc = read_object(at, fault, &objects[delete.objects_count++]);
        if (rc < 0)
            return rc;
    }
    delete.objects = objects;
    *ret_delete = delete;
    return 0;
}

int s3_delete_parse(struct slice xml, struct arena *arena, struct s3_fault *fault,
                    struct s3_delete *ret_delete)
{
    const struct xml_element *root;
    int rc = s3_document_read(xml, &s3_delete_limits, SLICE("Delete"), arena, fault, &root);
    return rc < 0 ? rc : s3_delete_read(root, arena, fault, ret_delete);
}

int s3_delete_write(struct buffer *out, const struct s3_delete *delete)
{
    struct xml_writer writer;
    xml_writer_init(&writer, out);
    xml_open_root(&writer, "Delete", S3_NAME_SPACE);
    for (unsigned i = 0; i < delete->objects_count; i++) {
        const struct s3_delete_object *object = &delete->objects[i];
        xml_open(&writer, "Object");
        xml_element(&writer, "Key", object->key);
        xml_element_if(&writer, "VersionId", object->version_id);
        xml_element_if(&writer, "ETag", object->etag);
        xml_element_if(&writer, "LastModifiedTime", object->last_modified);
        if (object->has_size)
            xml_element_u64(&writer, "Size", object->size);
        xml_close(&writer);
    }
    if (delete->is_quiet)
        xml_element_bool(&writer, "Quiet", true);
    xml_close(&writer);
    return xml_writer_end(&writer);
}

void s3_delete_result_begin(struct xml_writer *writer, struct buffer *out)
{
    xml_writer_init(writer, out);
    xml_open_root(writer, "DeleteResult", S3_NAME_SPACE);
}

void s3_delete_result_add(struct xml_writer *writer, const struct s3_deleted *deleted)
{
    xml_open(writer, "Deleted");
    xml_element(writer, "Key", deleted->key);
    xml_element_if(writer, "VersionId", deleted->version_id);
    if (deleted->is_marker) {
        xml_element_bool(writer, "DeleteMarker", true);
        xml_element_if(writer, "DeleteMarkerVersionId", deleted->marker_version_id);
    }
    xml_close(writer);
}

void s3_delete_result_fault(struct xml_writer *writer, const struct s3_delete_object *object,
                            const struct s3_fault *fault)
{
    xml_open(writer, "Error");
    xml_element(writer, "Key", object->key);
    xml_element_if(writer, "VersionId", object->version_id);
    xml_element(writer, "Code", s3_code_name(fault->code));
    xml_element(writer, "Message", s3_fault_text(fault));
    xml_close(writer);
}

int s3_delete_result_end(struct xml_writer *writer)
{
    xml_close(writer);
    return xml_writer_end(writer);
}

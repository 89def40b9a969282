/* A version copied into one block. */
#include "store/object.h"

#include "base/memory.h"

#include <string.h>

struct object *object_create(const struct version *version)
{
    struct version copy = *version;
    struct slice *const slices[] = {&copy.key,      &copy.etag,    &copy.fields, &copy.tags,
                                    &copy.checksum, &copy.content, &copy.access, &copy.seal};
    size_t bytes = sizeof(struct object);
    for (unsigned i = 0; i < sizeof slices / sizeof slices[0]; i++)
        bytes += slices[i]->len;
    struct object *object = memory_alloc_raw(bytes);
    if (object == NULL)
        return NULL;
    char *at = object->memory;
    for (unsigned i = 0; i < sizeof slices / sizeof slices[0]; i++) {
        if (slices[i]->len > 0)
            memcpy(at, slices[i]->at, slices[i]->len);
        slices[i]->at = at;
        at += slices[i]->len;
    }
    atomic_init(&object->references, 1);
    object->bytes = bytes;
    object->version = copy;
    return object;
}

void object_unref(struct object *object)
{
    if (object != NULL &&
        atomic_fetch_sub_explicit(&object->references, 1, memory_order_acq_rel) == 1)
        memory_free(object);
}

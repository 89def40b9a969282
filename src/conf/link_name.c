/* Called by all of link_*.c where a name leads nowhere. */
#include "conf/link_name.h"

#include "conf/errors.h"
#include "conf/phrase.h"
#include "conf/value.h"

void link_refuse_name(struct reading *reading, const struct named *named, const char *what,
                      const struct map *known)
{
    struct phrase list;
    struct phrase_list names;
    const char *closest = NULL;
    unsigned distance = VALUE_DISTANCE_FAR;
    size_t cursor = 0;
    const struct map_entry *entry;
    phrase_list_init(&names, &list);
    /* Nobody reads more, and looking for the closest of many names takes its time. */
    if (reading->errors->count == CONF_ERRORS_MAX)
        cursor = known->entries_count;
    while ((entry = map_next(known, &cursor)) != NULL) {
        phrase_list_add(&names, entry->key);
        if (value_is_closer(named->name, entry->key, &distance))
            closest = entry->key.at;
    }
    if (closest != NULL)
        reading_error(reading, named->place, "no %s is called \"%.*s\"; did you mean \"%s\"?", what,
                      SLICE_ARG(named->name), closest);
    else if (names.count > 0)
        reading_error(reading, named->place, "no %s is called \"%.*s\"; there are: %s", what,
                      SLICE_ARG(named->name), list.text);
    else
        reading_error(reading, named->place,
                      "no %s is called \"%.*s\", and there are none in this file", what,
                      SLICE_ARG(named->name));
}

/* Reading, writing and asking of notifications. */
#include "wire/s3/notification.h"

#include "base/cleanup.h"
#include "wire/s3/match.h"
#include "wire/s3/names.h"
#include "wire/xml/writer.h"

#include <assert.h>
#include <errno.h>

#define TOPIC        "arn:weir:webhook:::"
#define ID_BYTES_MAX 255

static const struct slice event_names[S3_EVENT_KINDS] = {
#define NAME(name, text) [S3_EVENT_##name] = SLICE(text),
    S3_EVENTS(NAME)
#undef NAME
};

struct slice s3_event_name(enum s3_event event)
{
    assert(event < S3_EVENT_KINDS);
    return event_names[event];
}

static int read_events(const struct s3_field *field, struct s3_fault *fault, unsigned *ret_events)
{
    unsigned events = 0;
    for (const struct xml_element *at = field->found; at != NULL; at = xml_next_alike(at)) {
        unsigned event = 0;
        while (event < S3_EVENT_KINDS && !slice_equal(event_names[event], s3_word(at)))
            event++;
        if (event == S3_EVENT_KINDS)
            return s3_fault_say(fault, S3_INVALID_ARGUMENT,
                                "The event '%.*s' is not supported for notifications",
                                (int)(at->text.len < 64 ? at->text.len : 64), at->text.at);
        events |= 1U << event;
    }
    *ret_events = events;
    return 0;
}

static int read_topic(const struct xml_element *element, struct s3_fault *fault,
                      struct slice *ret_webhook)
{
    struct slice topic = s3_word(element);
    struct slice name = slice_from(topic, sizeof TOPIC - 1);
    bool is_name = slice_starts_with(topic, SLICE(TOPIC)) && name.len > 0 &&
                   name.len <= S3_WEBHOOK_NAME_BYTES_MAX;
    for (size_t i = 0; i < name.len && is_name; i++) {
        char c = ascii_lower(name.at[i]);
        is_name = ascii_is_digit(c) || (c >= 'a' && c <= 'z') || memchr("-_.", c, 3) != NULL;
    }
    if (!is_name)
        return s3_fault_say(fault, S3_INVALID_ARGUMENT,
                            "Unable to validate the following destination configurations: the "
                            "Topic of a webhook is " TOPIC "NAME");
    *ret_webhook = name;
    return 0;
}

static int read_filter_rule(const struct xml_element *element, struct s3_fault *fault,
                            struct s3_notification *notification)
{
    struct s3_field fields[] = {
        {.name = SLICE("Name"), .flags = S3_FIELD_NEEDED},
        {.name = SLICE("Value"), .flags = S3_FIELD_NEEDED},
    };
    int rc = s3_fields_take(element, fields, COUNT_OF(fields), fault);
    if (rc < 0)
        return rc;
    struct slice name = s3_word(fields[0].found);
    struct slice *place = slice_equal_nocase(name, SLICE("prefix"))   ? &notification->prefix
                          : slice_equal_nocase(name, SLICE("suffix")) ? &notification->suffix
                                                                      : NULL;
    if (place == NULL)
        return s3_fault_say(fault, S3_INVALID_ARGUMENT,
                            "filter rule name must be either prefix or suffix");
    if (place->at != NULL)
        return s3_fault_say(fault, S3_INVALID_ARGUMENT,
                            "Cannot specify more than one %.*s rule in a filter.", SLICE_ARG(name));
    *place = s3_text(fields[1].found);
    if (place->len > S3_KEY_BYTES_MAX)
        return s3_fault_say(fault, S3_INVALID_ARGUMENT,
                            "Size of filter rule value cannot exceed "
                            "1024 bytes in UTF-8");
    return 0;
}

static int read_filter(const struct xml_element *element, struct s3_fault *fault,
                       struct s3_notification *notification)
{
    struct s3_field keys[] = {{.name = SLICE("S3Key")}};
    struct s3_field rules[] = {{.name = SLICE("FilterRule"), .flags = S3_FIELD_MANY}};
    int rc = s3_fields_take(element, keys, COUNT_OF(keys), fault);
    if (rc == 0)
        rc = s3_fields_take(keys[0].found, rules, COUNT_OF(rules), fault);
    for (const struct xml_element *at = rules[0].found; rc == 0 && at != NULL;
         at = xml_next_alike(at))
        rc = read_filter_rule(at, fault, notification);
    return rc;
}

static int read_one(const struct xml_element *element, unsigned number, struct arena *arena,
                    struct s3_fault *fault, struct s3_notification *ret_notification)
{
    struct s3_field fields[] = {
        {.name = SLICE("Id")},
        {.name = SLICE("Topic"), .flags = S3_FIELD_NEEDED},
        {.name = SLICE("Event"), .flags = S3_FIELD_NEEDED | S3_FIELD_MANY},
        {.name = SLICE("Filter")},
    };
    struct s3_notification notification = {0};
    int rc = s3_fields_take(element, fields, COUNT_OF(fields), fault);
    if (rc == 0)
        rc = read_topic(fields[1].found, fault, &notification.webhook);
    if (rc == 0)
        rc = read_events(&fields[2], fault, &notification.events);
    if (rc == 0 && fields[3].found != NULL)
        rc = read_filter(fields[3].found, fault, &notification);
    if (rc < 0)
        return rc;
    notification.id = s3_text(fields[0].found);
    if (notification.id.len == 0)
        notification.id = s3_rule_name(element, number, arena);
    if (notification.id.at == NULL)
        return s3_fault_memory(fault);
    if (notification.id.len > ID_BYTES_MAX)
        return s3_fault_say(fault, S3_INVALID_ARGUMENT, "The Id is longer than 255 characters");
    *ret_notification = notification;
    return 0;
}

static int refuse_others(const struct xml_element *root, struct s3_fault *fault)
{
    static const struct slice others[] = {
        SLICE("QueueConfiguration"),
        SLICE("CloudFunctionConfiguration"),
        SLICE("EventBridgeConfiguration"),
    };
    for (size_t i = 0; i < COUNT_OF(others); i++) {
        if (xml_child(root, others[i]) != NULL)
            return s3_fault_say(fault, S3_NOT_IMPLEMENTED,
                                "%.*s is not implemented: tell a webhook by TopicConfiguration, "
                                "its Topic " TOPIC "NAME",
                                SLICE_ARG(others[i]));
    }
    return 0;
}

int s3_notifications_parse(struct slice xml, struct arena *arena, struct s3_fault *fault,
                           struct s3_notifications *ret_notifications)
{
    struct s3_field fields[] = {
        {.name = SLICE("TopicConfiguration"), .flags = S3_FIELD_MANY},
    };
    const struct xml_element *root;
    int rc = s3_configuration_read(xml, SLICE("NotificationConfiguration"), arena, fault, &root);
    if (rc == 0)
        rc = refuse_others(root, fault);
    if (rc == 0)
        rc = s3_fields_take(root, fields, COUNT_OF(fields), fault);
    if (rc < 0)
        return rc;
    if (fields[0].count > S3_NOTIFICATIONS_MAX)
        return s3_fault_say(fault, S3_INVALID_ARGUMENT,
                            "There are more than %d notification configurations",
                            S3_NOTIFICATIONS_MAX);
    struct s3_notification *items = arena_alloc_array(arena, fields[0].count, sizeof *items);
    struct s3_notifications all = {items, 0};
    if (items == NULL)
        return s3_fault_memory(fault);
    for (const struct xml_element *at = fields[0].found; at != NULL; at = xml_next_alike(at)) {
        struct s3_notification *item = &items[all.count];
        rc = read_one(at, all.count + 1, arena, fault, item);
        if (rc < 0)
            return rc;
        for (unsigned i = 0; i < all.count; i++) {
            if (slice_equal(items[i].id, item->id))
                return s3_fault_say(fault, S3_INVALID_ARGUMENT,
                                    "Configurations cannot share the same Id");
        }
        all.count++;
    }
    *ret_notifications = all;
    return 0;
}

static void write_filter_rule(struct xml_writer *writer, struct slice name, struct slice value)
{
    if (value.at == NULL)
        return;
    xml_open(writer, "FilterRule");
    xml_element(writer, "Name", name);
    xml_element(writer, "Value", value);
    xml_close(writer);
}

static void write_one(struct xml_writer *writer, const struct s3_notification *notification)
{
    xml_open(writer, "TopicConfiguration");
    xml_element(writer, "Id", notification->id);
    xml_open(writer, "Topic");
    xml_text(writer, SLICE(TOPIC));
    xml_text(writer, notification->webhook);
    xml_close(writer);
    for (unsigned event = 0; event < S3_EVENT_KINDS; event++) {
        if (notification->events & 1U << event)
            xml_element(writer, "Event", event_names[event]);
    }
    if (notification->prefix.at != NULL || notification->suffix.at != NULL) {
        xml_open(writer, "Filter");
        xml_open(writer, "S3Key");
        write_filter_rule(writer, SLICE("prefix"), notification->prefix);
        write_filter_rule(writer, SLICE("suffix"), notification->suffix);
        xml_close(writer);
        xml_close(writer);
    }
    xml_close(writer);
}

int s3_notifications_write(struct buffer *out, const struct s3_notifications *notifications)
{
    struct xml_writer writer;
    xml_writer_init(&writer, out);
    xml_open_root(&writer, "NotificationConfiguration", S3_NAME_SPACE);
    for (unsigned i = 0; i < notifications->count; i++)
        write_one(&writer, &notifications->items[i]);
    xml_close(&writer);
    return xml_writer_end(&writer);
}

bool s3_notification_matches(const struct s3_notification *notification, enum s3_event event,
                             struct slice key)
{
    bool is_asked = false;
    for (unsigned i = 0; i < S3_EVENT_KINDS && !is_asked; i++)
        is_asked =
            (notification->events & 1U << i) && s3_match_star(event_names[i], s3_event_name(event));
    return is_asked && slice_starts_with(key, notification->prefix) &&
           slice_ends_with(key, notification->suffix);
}

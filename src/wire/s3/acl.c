/* Three forms are read into one list, which is written as a document or as lines. */
#include "wire/s3/acl.h"

#include "base/cleanup.h"
#include "wire/s3/checksum.h"
#include "wire/xml/writer.h"

#include <errno.h>

static const struct {
    enum s3_permission permission;
    char letter;
    struct slice name;
    struct slice field;
} permissions[] = {
    {S3_FULL_CONTROL, 'F', SLICE("FULL_CONTROL"), SLICE("x-amz-grant-full-control")},
    {S3_READ, 'R', SLICE("READ"), SLICE("x-amz-grant-read")},
    {S3_WRITE, 'W', SLICE("WRITE"), SLICE("x-amz-grant-write")},
    {S3_READ_ACP, 'r', SLICE("READ_ACP"), SLICE("x-amz-grant-read-acp")},
    {S3_WRITE_ACP, 'w', SLICE("WRITE_ACP"), SLICE("x-amz-grant-write-acp")},
};

static const struct {
    struct slice uri;
    struct slice kept;
} groups[] = {
    [S3_ALL_USERS] = {SLICE("http://acs.amazonaws.com/groups/global/AllUsers"), SLICE("*")},
    [S3_AUTHENTICATED_USERS] = {SLICE("http://acs.amazonaws.com/groups/global/AuthenticatedUsers"),
                                SLICE("+")},
    [S3_LOG_DELIVERY] = {SLICE("http://acs.amazonaws.com/groups/s3/LogDelivery"), SLICE("log")},
};

int s3_owner_id_make(struct slice name, char ret_id[static S3_OWNER_ID_BYTES])
{
    struct s3_sum sum;
    unsigned char bytes[S3_SUM_BYTES_MAX];
    if (s3_sum_begin(&sum, S3_CHECKSUM_SHA256) < 0)
        return -ENOMEM;
    s3_sum_add(&sum, name);
    (void)s3_hex_write(bytes, s3_sum_end(&sum, bytes), ret_id);
    s3_sum_finish(&sum);
    return 0;
}

static int add(struct s3_acl *acl, struct s3_grant grant, struct s3_fault *fault)
{
    if (acl->count == S3_GRANTS_MAX)
        return s3_fault_say(fault, S3_INVALID_REQUEST, "There are more than 100 grants");
    acl->grants[acl->count++] = grant;
    return 0;
}

static int find_group(struct slice uri, struct s3_fault *fault, enum s3_grantee *ret_grantee)
{
    for (unsigned i = 0; i < COUNT_OF(groups); i++) {
        if (slice_equal(groups[i].uri, uri)) {
            *ret_grantee = (enum s3_grantee)i;
            return 0;
        }
    }
    return s3_fault_say(fault, S3_INVALID_ARGUMENT, "Invalid group uri");
}

/* Documents. */

static int read_grantee(const struct xml_element *element, struct s3_fault *fault,
                        struct s3_grant *grant)
{
    struct s3_field who[] = {
        {.name = SLICE("ID")},
        {.name = SLICE("DisplayName")},
        {.name = SLICE("URI")},
        {.name = SLICE("EmailAddress")},
    };
    int rc = s3_fields_take(element, who, COUNT_OF(who), fault);
    if (rc < 0)
        return rc;
    if (who[0].count + who[2].count + who[3].count != 1)
        return s3_malformed(fault, element, "needs one of ID, URI and EmailAddress");
    if (who[3].found != NULL)
        return s3_fault_set(fault, S3_UNRESOLVABLE_GRANT_BY_EMAIL_ADDRESS);
    if (who[2].found != NULL)
        return find_group(s3_word(who[2].found), fault, &grant->grantee);
    grant->grantee = S3_ONE_OWNER;
    grant->id = s3_word(who[0].found);
    return 0;
}

static int read_grant(const struct xml_element *element, struct s3_fault *fault, struct s3_acl *acl)
{
    struct slice names[COUNT_OF(permissions)];
    struct s3_field fields[] = {
        {.name = SLICE("Grantee"), .flags = S3_FIELD_NEEDED},
        {.name = SLICE("Permission"), .flags = S3_FIELD_NEEDED},
    };
    struct s3_grant grant = {.grantee = S3_ONE_OWNER};
    unsigned index = 0;
    for (size_t i = 0; i < COUNT_OF(permissions); i++)
        names[i] = permissions[i].name;
    int rc = s3_fields_take(element, fields, COUNT_OF(fields), fault);
    if (rc == 0)
        rc = s3_choice(fields[1].found, names, COUNT_OF(names), fault, &index);
    if (rc == 0)
        rc = read_grantee(fields[0].found, fault, &grant);
    grant.permission = permissions[index].permission;
    return rc < 0 ? rc : add(acl, grant, fault);
}

int s3_acl_read_grants(const struct xml_element *element, struct s3_fault *fault,
                       struct s3_acl *acl)
{
    struct s3_field grants[] = {{.name = SLICE("Grant"), .flags = S3_FIELD_MANY}};
    int rc = s3_fields_take(element, grants, COUNT_OF(grants), fault);
    if (rc == 0 && grants[0].count > S3_GRANTS_MAX)
        return s3_malformed(fault, element, "has more than 100 grants");
    for (const struct xml_element *at = grants[0].found; at != NULL && rc == 0;
         at = xml_next_alike(at))
        rc = read_grant(at, fault, acl);
    return rc;
}

static int read_policy(const struct xml_element *root, struct s3_fault *fault, struct s3_acl *acl)
{
    struct s3_field fields[] = {
        {.name = SLICE("Owner"), .flags = S3_FIELD_NEEDED},
        {.name = SLICE("AccessControlList"), .flags = S3_FIELD_NEEDED},
    };
    struct s3_field owner[] = {{.name = SLICE("ID")}, {.name = SLICE("DisplayName")}};
    int rc = s3_fields_take(root, fields, COUNT_OF(fields), fault);
    if (rc == 0)
        rc = s3_fields_take(fields[0].found, owner, COUNT_OF(owner), fault);
    if (rc < 0)
        return rc;
    acl->owner_id = s3_word(owner[0].found);
    return s3_acl_read_grants(fields[1].found, fault, acl);
}

int s3_acl_parse(struct slice xml, struct arena *arena, struct s3_fault *fault,
                 struct s3_acl *ret_acl)
{
    const struct xml_element *root;
    ret_acl->count = 0;
    int rc = s3_configuration_read(xml, SLICE("AccessControlPolicy"), arena, fault, &root);
    if (rc == 0)
        rc = read_policy(root, fault, ret_acl);
    if (rc < 0 && fault->code == S3_MALFORMED_XML)
        fault->code = S3_MALFORMED_ACL;
    return rc;
}

static void put_grant(struct xml_writer *xml, const struct s3_grant *grant, s3_owner_name *name_of,
                      const void *arg)
{
    xml_open(xml, "Grant");
    if (grant->grantee == S3_ONE_OWNER) {
        xml_open_typed(xml, "Grantee", "CanonicalUser");
        xml_element(xml, "ID", grant->id);
        xml_element_if(xml, "DisplayName", name_of(arg, grant->id));
    } else {
        xml_open_typed(xml, "Grantee", "Group");
        xml_element(xml, "URI", groups[grant->grantee].uri);
    }
    xml_close(xml);
    for (size_t i = 0; i < COUNT_OF(permissions); i++) {
        if (permissions[i].permission == grant->permission)
            xml_element(xml, "Permission", permissions[i].name);
    }
    xml_close(xml);
}

void s3_acl_put_grants(struct xml_writer *xml, const struct s3_acl *acl, s3_owner_name *name_of,
                       const void *arg)
{
    for (unsigned i = 0; i < acl->count; i++)
        put_grant(xml, &acl->grants[i], name_of, arg);
}

int s3_acl_write(struct buffer *out, const struct s3_acl *acl, s3_owner_name *name_of,
                 const void *arg)
{
    struct xml_writer xml;
    xml_writer_init(&xml, out);
    xml_open_root(&xml, "AccessControlPolicy", S3_NAME_SPACE);
    xml_open(&xml, "Owner");
    xml_element(&xml, "ID", acl->owner_id);
    xml_element_if(&xml, "DisplayName", name_of(arg, acl->owner_id));
    xml_close(&xml);
    xml_open(&xml, "AccessControlList");
    s3_acl_put_grants(&xml, acl, name_of, arg);
    xml_close(&xml);
    xml_close(&xml);
    return xml_writer_end(&xml);
}

/* Words and fields. */

int s3_acl_parse_word(struct slice word, struct slice owner_id, struct slice bucket_owner_id,
                      struct s3_fault *fault, struct s3_acl *ret_acl)
{
    static const struct {
        struct slice word;
        unsigned count;
        struct s3_grant grants[2]; /* besides the owner's; without an id: the bucket's owner */
    } words[] = {
        {SLICE("private"), 0, {{0}}},
        {SLICE("public-read"), 1, {{S3_READ, S3_ALL_USERS, {0}}}},
        {SLICE("public-read-write"),
         2,
         {{S3_READ, S3_ALL_USERS, {0}}, {S3_WRITE, S3_ALL_USERS, {0}}}},
        {SLICE("authenticated-read"), 1, {{S3_READ, S3_AUTHENTICATED_USERS, {0}}}},
        {SLICE("bucket-owner-read"), 1, {{S3_READ, S3_ONE_OWNER, {0}}}},
        {SLICE("bucket-owner-full-control"), 1, {{S3_FULL_CONTROL, S3_ONE_OWNER, {0}}}},
        {SLICE("aws-exec-read"), 0, {{0}}},
        {SLICE("log-delivery-write"),
         2,
         {{S3_WRITE, S3_LOG_DELIVERY, {0}}, {S3_READ_ACP, S3_LOG_DELIVERY, {0}}}},
    };
    size_t at = 0;
    while (word.at != NULL && at < COUNT_OF(words) && !slice_equal(words[at].word, word))
        at++;
    if (at == COUNT_OF(words))
        return s3_fault_say(fault, S3_INVALID_ARGUMENT, "The x-amz-acl is not one of S3's");
    ret_acl->owner_id = owner_id;
    ret_acl->count = 1;
    ret_acl->grants[0] = (struct s3_grant){S3_FULL_CONTROL, S3_ONE_OWNER, owner_id};
    for (unsigned i = 0; i < words[at].count; i++) {
        struct s3_grant grant = words[at].grants[i];
        if (grant.grantee == S3_ONE_OWNER)
            grant.id = bucket_owner_id;
        if (grant.grantee != S3_ONE_OWNER || !slice_equal(bucket_owner_id, owner_id))
            ret_acl->grants[ret_acl->count++] = grant;
    }
    return 0;
}

/* id="…", also without the quotes. */
static int add_grantee(struct s3_acl *acl, enum s3_permission permission, struct slice text,
                       struct s3_fault *fault)
{
    struct s3_grant grant = {permission, S3_ONE_OWNER, {0}};
    ptrdiff_t sign = slice_find(text, '=');
    struct slice kind = slice_trim(slice_first(text, sign < 0 ? 0 : (size_t)sign));
    struct slice value = slice_trim(slice_from(text, sign < 0 ? text.len : (size_t)sign + 1));
    if (value.len >= 2 && value.at[0] == '"' && value.at[value.len - 1] == '"')
        value = slice_of(value.at + 1, value.len - 2);
    if (slice_equal_nocase(kind, SLICE("emailAddress")))
        return s3_fault_set(fault, S3_UNRESOLVABLE_GRANT_BY_EMAIL_ADDRESS);
    int rc = 0;
    if (slice_equal_nocase(kind, SLICE("uri")))
        rc = find_group(value, fault, &grant.grantee);
    else if (slice_equal_nocase(kind, SLICE("id")))
        grant.id = value;
    else
        rc = s3_fault_say(fault, S3_INVALID_ARGUMENT,
                          "Argument format not recognized: id=\"…\" or uri=\"…\" was expected");
    return rc < 0 ? rc : add(acl, grant, fault);
}

int s3_acl_add_field(struct s3_acl *acl, struct slice name, struct slice value,
                     struct s3_fault *fault)
{
    size_t at = 0;
    int rc = 0;
    while (at < COUNT_OF(permissions) && !slice_equal_nocase(permissions[at].field, name))
        at++;
    while (at < COUNT_OF(permissions) && rc == 0 && value.len > 0) {
        ptrdiff_t comma = slice_find(value, ',');
        size_t len = comma < 0 ? value.len : (size_t)comma;
        rc = add_grantee(acl, permissions[at].permission, slice_first(value, len), fault);
        value = slice_from(value, comma < 0 ? len : len + 1);
    }
    return rc;
}

/* Lines. */

int s3_acl_keep(struct buffer *out, const struct s3_acl *acl)
{
    int rc = buffer_append(out, acl->owner_id);
    for (unsigned i = 0; i < acl->count && rc == 0; i++) {
        const struct s3_grant *grant = &acl->grants[i];
        char head[] = {'\n', 'F', ' '};
        for (size_t k = 0; k < COUNT_OF(permissions); k++) {
            if (permissions[k].permission == grant->permission)
                head[1] = permissions[k].letter;
        }
        rc = buffer_append(out, slice_of(head, sizeof head));
        if (rc == 0)
            rc = buffer_append(out, grant->grantee == S3_ONE_OWNER ? grant->id
                                                                   : groups[grant->grantee].kept);
    }
    return rc;
}

static struct s3_grant read_line(struct slice line)
{
    struct s3_grant grant = {S3_FULL_CONTROL, S3_ONE_OWNER, slice_from(line, 2)};
    for (size_t i = 0; i < COUNT_OF(permissions); i++) {
        if (permissions[i].letter == line.at[0])
            grant.permission = permissions[i].permission;
    }
    for (unsigned i = 0; i < COUNT_OF(groups); i++) {
        if (slice_equal(groups[i].kept, grant.id))
            grant.grantee = (enum s3_grantee)i;
    }
    return grant;
}

void s3_acl_read(struct slice kept, struct slice owner_id, struct s3_acl *ret_acl)
{
    struct slice rest = kept;
    ret_acl->owner_id = s3_acl_owner(kept, owner_id);
    ret_acl->count = 0;
    if (kept.len == 0)
        ret_acl->grants[ret_acl->count++] =
            (struct s3_grant){S3_FULL_CONTROL, S3_ONE_OWNER, owner_id};
    for (bool is_owner = true; rest.len > 0; is_owner = false) {
        ptrdiff_t end = slice_find(rest, '\n');
        struct slice line = slice_first(rest, end < 0 ? rest.len : (size_t)end);
        rest = slice_from(rest, end < 0 ? rest.len : (size_t)end + 1);
        if (!is_owner && line.len > 2 && ret_acl->count < S3_GRANTS_MAX)
            ret_acl->grants[ret_acl->count++] = read_line(line);
    }
}

struct slice s3_acl_owner(struct slice kept, struct slice owner_id)
{
    ptrdiff_t end = slice_find(kept, '\n');
    return kept.len == 0 ? owner_id : slice_first(kept, end < 0 ? kept.len : (size_t)end);
}

bool s3_acl_allows(const struct s3_acl *acl, struct slice id, enum s3_permission permission,
                   bool has_groups)
{
    for (unsigned i = 0; i < acl->count; i++) {
        const struct s3_grant *grant = &acl->grants[i];
        bool is_meant = grant->grantee == S3_ALL_USERS             ? has_groups
                        : grant->grantee == S3_AUTHENTICATED_USERS ? has_groups && id.at != NULL
                        : grant->grantee == S3_ONE_OWNER
                            ? id.at != NULL && slice_equal(grant->id, id)
                            : false;
        if (is_meant && (grant->permission & permission) == permission)
            return true;
    }
    return false;
}

bool s3_acl_is_public(const struct s3_acl *acl)
{
    for (unsigned i = 0; i < acl->count; i++) {
        if (acl->grants[i].grantee == S3_ALL_USERS ||
            acl->grants[i].grantee == S3_AUTHENTICATED_USERS)
            return true;
    }
    return false;
}

bool s3_acl_is_private(const struct s3_acl *acl)
{
    const struct s3_grant *grant = &acl->grants[0];
    return acl->count == 1 && grant->grantee == S3_ONE_OWNER &&
           grant->permission == S3_FULL_CONTROL && slice_equal(grant->id, acl->owner_id);
}

/* The document is read in full, so that a malformed one is told from one that grants too much. */
#include "wire/s3/acl.h"

#include "base/cleanup.h"
#include "wire/xml/writer.h"

#include <errno.h>

static const struct {
    struct slice name;
    enum s3_permission permission;
    char letter;
} permissions[] = {
    {SLICE("FULL_CONTROL"), S3_MAY_ALL, 'F'},    {SLICE("WRITE"), S3_MAY_WRITE, 'W'},
    {SLICE("WRITE_ACP"), S3_MAY_WRITE_ACL, 'w'}, {SLICE("READ"), S3_MAY_READ, 'R'},
    {SLICE("READ_ACP"), S3_MAY_READ_ACL, 'r'},
};

static const struct {
    struct slice uri; /* a NULL start: named by an id */
    char letter;
} grantees[] = {
    [S3_GRANTEE_USER] = {{NULL, 0}, 'u'},
    [S3_GRANTEE_ALL] = {SLICE(S3_ALL_USERS), 'a'},
    [S3_GRANTEE_AUTHENTICATED] = {SLICE(S3_AUTHENTICATED), 'k'},
    [S3_GRANTEE_LOG] = {SLICE(S3_LOG_DELIVERY), 'l'},
};

static size_t row_of(enum s3_permission permission)
{
    size_t i = 0;
    while (permissions[i].permission != permission)
        i++;
    return i;
}

static int find_group(struct slice uri, struct s3_fault *fault, enum s3_grantee *ret_grantee)
{
    for (size_t i = S3_GRANTEE_ALL; i < COUNT_OF(grantees); i++) {
        if (slice_equal(grantees[i].uri, uri)) {
            *ret_grantee = (enum s3_grantee)i;
            return 0;
        }
    }
    return s3_fault_say(fault, S3_INVALID_ARGUMENT, "Invalid group uri");
}

static int add(struct s3_acl *acl, enum s3_permission permission, enum s3_grantee grantee,
               struct slice id, struct s3_fault *fault)
{
    if (acl->count == S3_GRANTS_MAX)
        return s3_fault_say(fault, S3_MALFORMED_ACL, "A list has at most %d grants", S3_GRANTS_MAX);
    if (grantee == S3_GRANTEE_USER &&
        (id.len == 0 || id.len > S3_GRANTEE_LEN_MAX || slice_find(id, '\n') >= 0))
        return s3_fault_say(fault, S3_INVALID_ARGUMENT, "Invalid id");
    acl->at[acl->count++] = (struct s3_grant){permission, grantee, id};
    return 0;
}

/* Documents. */

static int read_grant(const struct xml_element *grant, struct s3_fault *fault, struct s3_acl *acl)
{
    struct s3_field fields[] = {
        {.name = SLICE("Grantee"), .flags = S3_FIELD_NEEDED},
        {.name = SLICE("Permission"), .flags = S3_FIELD_NEEDED},
    };
    struct s3_field who[] = {
        {.name = SLICE("ID")},
        {.name = SLICE("DisplayName")},
        {.name = SLICE("URI")},
        {.name = SLICE("EmailAddress")},
    };
    struct slice names[COUNT_OF(permissions)];
    enum s3_grantee grantee = S3_GRANTEE_USER;
    unsigned permission = 0;
    for (size_t i = 0; i < COUNT_OF(permissions); i++)
        names[i] = permissions[i].name;
    int rc = s3_fields_take(grant, fields, COUNT_OF(fields), fault);
    if (rc == 0)
        rc = s3_choice(fields[1].found, names, COUNT_OF(names), fault, &permission);
    if (rc == 0)
        rc = s3_fields_take(fields[0].found, who, COUNT_OF(who), fault);
    if (rc < 0)
        return rc;
    if (who[0].count + who[2].count + who[3].count != 1)
        return s3_malformed(fault, fields[0].found, "needs one of ID, URI and EmailAddress");
    if (who[3].count > 0)
        return s3_fault_set(fault, S3_UNRESOLVABLE_GRANT_BY_EMAIL_ADDRESS);
    if (who[2].count > 0)
        rc = find_group(s3_word(who[2].found), fault, &grantee);
    return rc < 0 ? rc
                  : add(acl, permissions[permission].permission, grantee, s3_word(who[0].found),
                        fault);
}

static int read_policy(const struct xml_element *root, struct slice owner_id,
                       struct s3_fault *fault, struct s3_acl *acl)
{
    struct s3_field fields[] = {
        {.name = SLICE("Owner"), .flags = S3_FIELD_NEEDED},
        {.name = SLICE("AccessControlList"), .flags = S3_FIELD_NEEDED},
    };
    struct s3_field owner[] = {{.name = SLICE("ID"), .flags = S3_FIELD_NEEDED},
                               {.name = SLICE("DisplayName")}};
    struct s3_field grants[] = {{.name = SLICE("Grant"), .flags = S3_FIELD_MANY}};
    int rc = s3_fields_take(root, fields, COUNT_OF(fields), fault);
    if (rc == 0)
        rc = s3_fields_take(fields[0].found, owner, COUNT_OF(owner), fault);
    if (rc == 0)
        rc = s3_fields_take(fields[1].found, grants, COUNT_OF(grants), fault);
    if (rc == 0 && !slice_equal(s3_word(owner[0].found), owner_id))
        return s3_fault_set(fault, S3_ACCESS_DENIED);
    for (const struct xml_element *at = grants[0].found; rc == 0 && at != NULL;
         at = xml_next_alike(at))
        rc = read_grant(at, fault, acl);
    return rc;
}

int s3_acl_parse(struct slice xml, struct slice owner_id, struct arena *arena,
                 struct s3_fault *fault, struct s3_acl *ret_acl)
{
    const struct xml_element *root;
    ret_acl->count = 0;
    int rc = s3_configuration_read(xml, SLICE("AccessControlPolicy"), arena, fault, &root);
    if (rc == 0)
        rc = read_policy(root, owner_id, fault, ret_acl);
    if (rc < 0 && fault->code == S3_MALFORMED_XML)
        fault->code = S3_MALFORMED_ACL;
    return rc;
}

static void write_grant(struct xml_writer *writer, const struct s3_owner *owner,
                        const struct s3_grant *grant)
{
    bool is_user = grant->grantee == S3_GRANTEE_USER;
    xml_open(writer, "Grant");
    xml_open_typed(writer, "Grantee", is_user ? "CanonicalUser" : "Group");
    if (is_user) {
        xml_element(writer, "ID", grant->id);
        xml_element_if(writer, "DisplayName",
                       slice_equal(grant->id, owner->id) ? owner->name : grant->id);
    } else {
        xml_element(writer, "URI", grantees[grant->grantee].uri);
    }
    xml_close(writer);
    xml_element(writer, "Permission", permissions[row_of(grant->permission)].name);
    xml_close(writer);
}

int s3_acl_write(struct buffer *out, const struct s3_owner *owner, const struct s3_acl *acl)
{
    struct xml_writer writer;
    xml_writer_init(&writer, out);
    xml_open_root(&writer, "AccessControlPolicy", S3_NAME_SPACE);
    xml_open(&writer, "Owner");
    xml_element(&writer, "ID", owner->id);
    xml_element_if(&writer, "DisplayName", owner->name);
    xml_close(&writer);
    xml_open(&writer, "AccessControlList");
    for (unsigned i = 0; i < acl->count; i++)
        write_grant(&writer, owner, &acl->at[i]);
    xml_close(&writer);
    xml_close(&writer);
    return xml_writer_end(&writer);
}

/* Words and fields of a head. */

int s3_acl_of_word(struct slice word, struct slice owner_id, struct s3_fault *fault,
                   struct s3_acl *ret_acl)
{
    enum { NONE = -1 };
    static const struct {
        struct slice word;
        int grantee;
        unsigned permissions;
    } words[] = {
        {SLICE("private"), NONE, 0},
        {SLICE("bucket-owner-full-control"), NONE, 0},
        {SLICE("bucket-owner-read"), NONE, 0},
        {SLICE("aws-exec-read"), NONE, 0},
        {SLICE("public-read"), S3_GRANTEE_ALL, S3_MAY_READ},
        {SLICE("public-read-write"), S3_GRANTEE_ALL, S3_MAY_READ | S3_MAY_WRITE},
        {SLICE("authenticated-read"), S3_GRANTEE_AUTHENTICATED, S3_MAY_READ},
        {SLICE("log-delivery-write"), S3_GRANTEE_LOG, S3_MAY_WRITE | S3_MAY_READ_ACL},
    };
    static const enum s3_permission bits[] = {S3_MAY_READ, S3_MAY_WRITE, S3_MAY_READ_ACL};
    size_t i = 0;
    while (i < COUNT_OF(words) && !slice_equal(words[i].word, word))
        i++;
    if (i == COUNT_OF(words))
        return s3_fault_say(fault, S3_INVALID_ARGUMENT, "The x-amz-acl is not one of S3's");
    ret_acl->count = 0;
    ret_acl->at[ret_acl->count++] = (struct s3_grant){S3_MAY_ALL, S3_GRANTEE_USER, owner_id};
    for (size_t j = 0; j < COUNT_OF(bits); j++) {
        if (words[i].permissions & bits[j])
            ret_acl->at[ret_acl->count++] =
                (struct s3_grant){bits[j], (enum s3_grantee)words[i].grantee, {NULL, 0}};
    }
    return 0;
}

static struct slice unquoted(struct slice text)
{
    bool is_quoted = text.len >= 2 && text.at[0] == '"' && text.at[text.len - 1] == '"';
    return is_quoted ? slice_of(text.at + 1, text.len - 2) : text;
}

int s3_acl_add_field(struct s3_acl *acl, enum s3_permission permission, struct slice value,
                     struct s3_fault *fault)
{
    struct slice part;
    int rc = 0;
    while (rc == 0 && slice_cut(&value, ',', &part)) {
        part = slice_trim(part);
        ptrdiff_t equals = slice_find(part, '=');
        struct slice kind = slice_first(part, equals < 0 ? 0 : (size_t)equals);
        struct slice who = unquoted(slice_trim(slice_from(part, (size_t)(equals + 1))));
        enum s3_grantee grantee = S3_GRANTEE_USER;
        if (slice_equal_nocase(kind, SLICE("emailAddress")))
            return s3_fault_set(fault, S3_UNRESOLVABLE_GRANT_BY_EMAIL_ADDRESS);
        if (slice_equal_nocase(kind, SLICE("uri")))
            rc = find_group(who, fault, &grantee);
        else if (!slice_equal_nocase(kind, SLICE("id")))
            rc = s3_fault_say(fault, S3_INVALID_ARGUMENT, "Argument format not recognized");
        if (rc == 0)
            rc = add(acl, permission, grantee, who, fault);
    }
    return rc;
}

bool s3_acl_is_public(const struct s3_acl *acl)
{
    for (unsigned i = 0; i < acl->count; i++) {
        if (acl->at[i].grantee == S3_GRANTEE_ALL || acl->at[i].grantee == S3_GRANTEE_AUTHENTICATED)
            return true;
    }
    return false;
}

/* Packed. */

void s3_acl_pack(struct writer *writer, const struct s3_acl *acl)
{
    for (unsigned i = 0; i < acl->count; i++) {
        const struct s3_grant *grant = &acl->at[i];
        write_char(writer, permissions[row_of(grant->permission)].letter);
        write_char(writer, grantees[grant->grantee].letter);
        write_slice(writer, grant->id);
        write_char(writer, '\n');
    }
}

static bool unpack_line(struct slice line, struct s3_grant *ret_grant)
{
    size_t permission = 0, grantee = 0;
    if (line.len < 2)
        return false;
    while (permission < COUNT_OF(permissions) && permissions[permission].letter != line.at[0])
        permission++;
    while (grantee < COUNT_OF(grantees) && grantees[grantee].letter != line.at[1])
        grantee++;
    if (permission == COUNT_OF(permissions) || grantee == COUNT_OF(grantees))
        return false;
    *ret_grant = (struct s3_grant){permissions[permission].permission, (enum s3_grantee)grantee,
                                   slice_from(line, 2)};
    return true;
}

void s3_acl_unpack(struct slice packed, struct s3_acl *ret_acl)
{
    struct slice line;
    ret_acl->count = 0;
    while (ret_acl->count < S3_GRANTS_MAX && slice_cut(&packed, '\n', &line))
        ret_acl->count += unpack_line(line, &ret_acl->at[ret_acl->count]) ? 1 : 0;
}

unsigned s3_acl_permissions(struct slice packed, struct slice id, bool with_public)
{
    struct slice line;
    struct s3_grant grant;
    unsigned bits = 0;
    while (slice_cut(&packed, '\n', &line)) {
        if (!unpack_line(line, &grant))
            continue;
        bool is_his = grant.grantee == S3_GRANTEE_ALL             ? with_public
                      : grant.grantee == S3_GRANTEE_AUTHENTICATED ? with_public && id.at != NULL
                      : grant.grantee == S3_GRANTEE_USER
                          ? id.at != NULL && slice_equal(grant.id, id)
                          : false;
        bits |= is_his ? (unsigned)grant.permission : 0;
    }
    return bits;
}

/*
 * Certificates are parsed once for each content, identities made once for each set of certificates
 * and terms; both are found again by a digest of all that they are made of.
 */
#include "edge/tls/identities.h"

#include "base/cleanup.h"
#include "base/log.h"
#include "base/writer.h"
#include "conf/credentials.h"

#include <errno.h>

#define NAME_BYTES 128

struct credential {
    atomic_uint references;
    uint64_t digest[2];
    struct tls_certificate *certificate; /* counted */
};

struct making {
    struct identities *self;
    const struct bundle *bundle;
    const struct identities *previous;
    struct map listed;   /* name → struct listed_certificate */
    struct map by_place; /* of a certificate in the file → struct credential */
    unsigned listed_max;
};

/* Digests: two hashes of all that is put in, each part behind its length. */

struct digest {
    uint64_t parts[2];
};

static void digest_add(struct digest *digest, struct slice bytes)
{
    for (unsigned i = 0; i < 2; i++) {
        struct hash_key key = {digest->parts[i], bytes.len + i};
        digest->parts[i] = hash_bytes(key, bytes);
    }
}

static void digest_begin(struct digest *digest)
{
    *digest = (struct digest){{0x7765697261, 0x7765697262}};
}

static struct slice digest_slice(const uint64_t *parts)
{
    return slice_of(parts, 2 * sizeof *parts);
}

/* Credentials. */

static struct credential *credential_ref(struct credential *credential)
{
    atomic_fetch_add_explicit(&credential->references, 1, memory_order_relaxed);
    return credential;
}

static void credential_unref(struct credential *credential)
{
    if (credential == NULL || atomic_fetch_sub(&credential->references, 1) != 1)
        return;
    tls_certificate_unref(credential->certificate);
    memory_free(credential);
}

const struct tls_certificate *credential_certificate(const struct credential *credential)
{
    return credential->certificate;
}

/* Keeps a reference of its own. */
static int remember_credential(struct identities *self, struct credential *credential)
{
    int rc = map_set(&self->credentials, digest_slice(credential->digest), credential);
    if (rc == 0)
        credential_ref(credential);
    return rc;
}

static struct credential *find_credential(const struct making *making, const struct digest *digest)
{
    struct slice key = digest_slice(digest->parts);
    struct credential *known = map_get(&making->self->credentials, key);
    if (known == NULL && making->previous != NULL)
        known = map_get(&making->previous->credentials, key);
    return known;
}

/* *ret_credential is borrowed from the set; it stays NULL for what is of no use. */
static int take_credential(struct making *making, struct slice name, struct slice chain,
                           struct slice key, struct credential **ret_credential)
{
    struct digest digest;
    struct error error = {0};
    digest_begin(&digest);
    digest_add(&digest, chain);
    digest_add(&digest, key);
    struct credential *credential = find_credential(making, &digest);
    if (credential != NULL) {
        bool is_mine = map_get(&making->self->credentials, digest_slice(digest.parts)) != NULL;
        *ret_credential = credential;
        return is_mine ? 0 : remember_credential(making->self, credential);
    }
    credential = NEW(struct credential);
    if (credential == NULL)
        return -ENOMEM;
    atomic_init(&credential->references, 1);
    memcpy(credential->digest, digest.parts, sizeof digest.parts);
    int rc = tls_certificate_parse(chain, key, &credential->certificate, &error);
    if (rc == 0) {
        rc = remember_credential(making->self, credential);
        *ret_credential = rc == 0 ? credential : NULL;
    } else if (rc != -ENOMEM) {
        log_error("the certificate %.*s is left out: %s", SLICE_ARG(name), error.text);
        rc = 0;
    }
    credential_unref(credential);
    return rc;
}

static void list_certificate(struct making *making, struct slice name, enum conf_tls_source source,
                             const struct credential *credential)
{
    struct identities *self = making->self;
    if (map_get(&making->listed, name) != NULL || self->listed_count == making->listed_max)
        return;
    struct listed_certificate *listed = &self->listed[self->listed_count++];
    *listed = (struct listed_certificate){name, source,
                                          credential == NULL ? NULL : credential->certificate};
    (void)map_set(&making->listed, name, listed); /* twice in a list does no harm */
}

static int take_pair(struct making *making, const struct conf_certificate *conf,
                     struct credential **ret_credential)
{
    struct slice chain, key;
    int rc = 0;
    if (bundle_find(making->bundle, conf->certificate, &chain) &&
        bundle_find(making->bundle, conf->key, &key))
        rc = take_credential(making, conf->certificate, chain, key, ret_credential);
    list_certificate(making, conf->certificate, CONF_TLS_FILES, *ret_credential);
    return rc;
}

/* Of the snapshot; the list of a listener is looked at for each of its sites. */
static int take_files(struct making *making, const struct conf_certificate *conf,
                      struct credential **ret_credential)
{
    struct slice place = slice_of(&conf->place, sizeof conf->place);
    *ret_credential = map_get(&making->by_place, place);
    if (*ret_credential != NULL)
        return 0;
    int rc = take_pair(making, conf, ret_credential);
    return rc < 0 || *ret_credential == NULL ? rc
                                             : map_set(&making->by_place, place, *ret_credential);
}

static int take_managed(struct making *making, const struct conf_managed *managed,
                        struct credential **ret_credential)
{
    char room[CREDENTIALS_NAME_BYTES];
    struct slice content;
    int rc = 0;
    if (bundle_find(making->bundle, credentials_managed_name(managed, room), &content))
        rc = take_credential(making, managed->id, content, content, ret_credential);
    list_certificate(making, managed->id, managed->source, *ret_credential);
    return rc;
}

struct slice certificate_source(const struct listed_certificate *listed)
{
    return listed->source == CONF_TLS_FILES  ? SLICE("file")
           : listed->source == CONF_TLS_ACME ? SLICE("acme")
                                             : SLICE("internal");
}

/* What is shown. */

static struct shown *shown_ref(struct shown *shown)
{
    atomic_fetch_add_explicit(&shown->references, 1, memory_order_relaxed);
    return shown;
}

static void shown_unref(struct shown *shown)
{
    if (shown == NULL || atomic_fetch_sub(&shown->references, 1) != 1)
        return;
    tls_identity_unref(shown->tls);
    for (unsigned i = 0; i < shown->credentials_count; i++)
        credential_unref(shown->credentials[i]);
    memory_free(shown);
}

/* The credentials of one `shown`, borrowed from the set. */
struct selection {
    struct credential *at[TLS_CERTIFICATES_MAX];
    unsigned count;
};

static bool has_kind(const struct selection *selection, const struct credential *credential)
{
    enum tls_key_kind kind = tls_certificate_key_kind(credential->certificate);
    for (unsigned i = 0; i < selection->count; i++) {
        if (tls_certificate_key_kind(selection->at[i]->certificate) == kind)
            return true;
    }
    return false;
}

static void select_one(struct selection *selection, struct credential *credential)
{
    if (credential != NULL && selection->count < TLS_CERTIFICATES_MAX &&
        !has_kind(selection, credential))
        selection->at[selection->count++] = credential;
}

/* Of each kind of key the first that is for this domain; or the first at all. */
static void select_for(struct selection *selection, struct credential *const *all, unsigned count,
                       struct slice domain)
{
    selection->count = 0;
    for (unsigned i = 0; i < count; i++) {
        if (all[i] != NULL && credentials_cover(all[i]->certificate, domain))
            select_one(selection, all[i]);
    }
    for (unsigned i = 0; i < count && selection->count == 0; i++)
        select_one(selection, all[i]);
}

static struct slice authorities_of(const struct making *making, const struct conf_identity *conf)
{
    struct slice authorities = {0};
    if (conf->client_auth.mode != CONF_CLIENT_NONE)
        (void)bundle_find(making->bundle, conf->client_auth.ca, &authorities);
    return authorities;
}

/* The site, and whom it lets in: sessions are resumed, and requests answered, under that alone. */
static struct slice name_of(const struct conf_identity *conf, struct slice authorities, char *room,
                            size_t room_len)
{
    struct writer writer;
    struct digest digest;
    bool is_tcp = conf->site == NULL;
    writer_init(&writer, room, room_len);
    bool is_proxy = is_tcp && conf->listeners[0]->protocol == CONF_PROTOCOL_PROXY;
    write_char(&writer, is_proxy ? 'p' : is_tcp ? 't' : 's');
    write_slice(&writer, is_tcp ? conf->listeners[0]->name : conf->site->name);
    if (conf->client_auth.mode != CONF_CLIENT_NONE) {
        digest_begin(&digest);
        digest_add(&digest, authorities);
        write_char(&writer, '\n');
        write_u64(&writer, conf->client_auth.mode);
        write_hex(&writer, digest.parts[0], 16);
        write_hex(&writer, digest.parts[1], 16);
    }
    return writer_slice(&writer);
}

static enum tls_alpn alpn_of(const struct conf_identity *conf)
{
    bool has_requests = conf->site != NULL || conf->listeners[0]->protocol == CONF_PROTOCOL_PROXY;
    return !has_requests ? TLS_ALPN_NONE : conf->has_h2 ? TLS_ALPN_HTTP2 : TLS_ALPN_HTTP1;
}

static int make_tls(struct shown *shown, const struct conf_identity *conf, struct slice authorities)
{
    static const enum tls_client_auth modes[] = {[CONF_CLIENT_NONE] = TLS_CLIENT_NONE,
                                                 [CONF_CLIENT_OPTIONAL] = TLS_CLIENT_OPTIONAL,
                                                 [CONF_CLIENT_REQUIRE] = TLS_CLIENT_REQUIRE};
    struct tls_certificate *certificates[TLS_CERTIFICATES_MAX];
    struct error error = {0};
    for (unsigned i = 0; i < shown->credentials_count; i++)
        certificates[i] = shown->credentials[i]->certificate;
    const struct tls_identity_settings settings = {
        .certificates = certificates,
        .certificates_count = shown->credentials_count,
        .is_modern = conf->is_modern,
        .alpn = alpn_of(conf),
        .client_auth = modes[conf->client_auth.mode],
        .client_authorities_pem = authorities,
        .name = shown->name,
    };
    int rc =
        shown->credentials_count == 0 ? 0 : tls_identity_create(&settings, &shown->tls, &error);
    if (rc == 0 || rc == -ENOMEM)
        return rc;
    log_error("%.*s is not served by TLS: %s",
              SLICE_ARG(conf->site == NULL ? conf->listeners[0]->name : conf->site->name),
              error.text);
    return 0;
}

static int create_shown(const struct conf_identity *conf, const struct selection *selection,
                        const struct digest *digest, struct slice name, struct slice authorities,
                        struct shown **ret_shown)
{
    struct shown *shown = memory_alloc(sizeof *shown + name.len);
    if (shown == NULL)
        return -ENOMEM;
    char *copy = (char *)(shown + 1);
    memcpy(copy, name.at, name.len);
    atomic_init(&shown->references, 1);
    memcpy(shown->digest, digest->parts, sizeof digest->parts);
    shown->name = slice_of(copy, name.len);
    shown->asks_clients = conf->client_auth.mode != CONF_CLIENT_NONE;
    for (unsigned i = 0; i < selection->count; i++)
        shown->credentials[shown->credentials_count++] = credential_ref(selection->at[i]);
    int rc = make_tls(shown, conf, authorities);
    if (rc < 0)
        shown_unref(shown);
    else
        *ret_shown = shown;
    return rc;
}

static void digest_terms(struct digest *digest, const struct conf_identity *conf,
                         const struct selection *selection, struct slice name)
{
    const unsigned terms[] = {conf->is_modern, (unsigned)alpn_of(conf)};
    digest_begin(digest);
    digest_add(digest, slice_of(terms, sizeof terms));
    digest_add(digest, name);
    for (unsigned i = 0; i < selection->count; i++)
        digest_add(digest, digest_slice(selection->at[i]->digest));
}

/* *ret_shown is borrowed from the set. */
static int take_shown(struct making *making, const struct conf_identity *conf,
                      const struct selection *selection, struct shown **ret_shown)
{
    struct identities *self = making->self;
    struct slice authorities = authorities_of(making, conf);
    char room[NAME_BYTES];
    struct digest digest;
    struct slice name = name_of(conf, authorities, room, sizeof room);
    digest_terms(&digest, conf, selection, name);
    struct slice key = digest_slice(digest.parts);
    struct shown *shown = map_get(&self->shown, key);
    if (shown != NULL) {
        *ret_shown = shown;
        return 0;
    }
    if (making->previous != NULL)
        shown = map_get(&making->previous->shown, key);
    int rc = 0;
    if (shown != NULL)
        shown_ref(shown);
    else
        rc = create_shown(conf, selection, &digest, name, authorities, &shown);
    if (rc == 0)
        rc = map_set(&self->shown, digest_slice(shown->digest), shown);
    if (rc < 0)
        shown_unref(shown);
    else
        *ret_shown = shown;
    return rc;
}

/* Names. */

static int add_domain(struct identity_names *names, struct slice domain, struct shown *shown)
{
    if (names->first == NULL || names->first->tls == NULL)
        names->first = shown;
    if (slice_equal(domain, SLICE("*"))) {
        names->any = shown;
        return 0;
    }
    if (slice_starts_with(domain, SLICE("*."))) {
        struct slice below = slice_from(domain, 2);
        if (below.len > names->wildcard_max)
            names->wildcard_max = below.len;
        return map_set(&names->wildcards, below, shown);
    }
    return map_set(&names->exact, domain, shown);
}

static int add_to_listeners(struct making *making, const struct conf_identity *conf,
                            struct slice domain, struct shown *shown)
{
    struct identities *self = making->self;
    int rc = 0;
    for (unsigned i = 0; rc == 0 && i < conf->listeners_count; i++) {
        size_t listener = (size_t)(conf->listeners[i] - self->snapshot->listeners);
        rc = add_domain(&self->listeners[listener], domain, shown);
    }
    return rc;
}

static int gather(struct making *making, const struct conf_identity *conf,
                  struct credential **ret_all)
{
    int rc = 0;
    if (conf->managed != NULL)
        return take_managed(making, conf->managed, &ret_all[0]);
    for (unsigned i = 0; rc == 0 && i < conf->certificates_count; i++)
        rc = take_files(making, &conf->certificates[i], &ret_all[i]);
    return rc;
}

static int add_identity(struct making *making, const struct conf_identity *conf)
{
    unsigned count = conf->managed != NULL ? 1 : conf->certificates_count;
    SCOPED_FREE struct credential **all =
        memory_alloc_array((size_t)count + 1, sizeof(struct credential *));
    struct selection selection = {.count = 0};
    struct shown *shown = NULL;
    int rc = all == NULL ? -ENOMEM : gather(making, conf, all);
    for (unsigned i = 0; rc == 0 && i < conf->domains_count; i++) {
        if (i == 0 || count > 1) {
            select_for(&selection, all, count, conf->domains[i]);
            rc = take_shown(making, conf, &selection, &shown);
        }
        if (rc == 0)
            rc = add_to_listeners(making, conf, conf->domains[i], shown);
    }
    return rc;
}

static int add_routes(struct identity_names *names, const struct conf_listener *listener)
{
    int rc = 0;
    for (unsigned i = 0; rc == 0 && i < listener->sni_count; i++) {
        struct conf_sni_route *route = &listener->sni[i];
        bool is_wild = slice_starts_with(route->name, SLICE("*."));
        rc = is_wild ? map_set(&names->wild_routes, slice_from(route->name, 2), route)
                     : map_set(&names->routes, route->name, route);
    }
    return rc;
}

static int add_identities(struct making *making)
{
    const struct snapshot *snapshot = making->self->snapshot;
    int rc = 0;
    for (unsigned i = 0; rc == 0 && i < snapshot->sites_count; i++) {
        const struct conf_site *site = &snapshot->sites[i];
        for (unsigned k = 0; rc == 0 && k < site->identities_count; k++)
            rc = add_identity(making, &site->identities[k]);
    }
    for (unsigned i = 0; rc == 0 && i < snapshot->listeners_count; i++) {
        if (snapshot->listeners[i].identity != NULL)
            rc = add_identity(making, snapshot->listeners[i].identity);
        if (rc == 0)
            rc = add_routes(&making->self->listeners[i], &snapshot->listeners[i]);
    }
    return rc;
}

/* Targets. */

static void digest_client(struct digest *digest, const struct tls_client_settings *settings,
                          const struct credential *credential)
{
    const unsigned terms[] = {settings->is_verified, settings->has_h2};
    digest_begin(digest);
    digest_add(digest, slice_of(terms, sizeof terms));
    digest_add(digest, settings->server_name);
    digest_add(digest, settings->authorities_pem);
    if (credential != NULL)
        digest_add(digest, digest_slice(credential->digest));
}

/* One with the same terms: those of another group will do as well. */
static struct tls_client *find_client(const struct identities *identities,
                                      const struct digest *digest)
{
    unsigned count = identities == NULL ? 0 : identities->snapshot->groups_count;
    for (unsigned i = 0; i < count; i++) {
        const struct spoken *spoken = &identities->clients[i];
        if (spoken->client != NULL &&
            memcmp(spoken->digest, digest->parts, sizeof digest->parts) == 0)
            return spoken->client;
    }
    return NULL;
}

static int make_client(struct making *making, const struct conf_group *group, struct spoken *spoken)
{
    const struct conf_group_tls *tls = &group->tls;
    const struct conf_certificate files = {tls->place, tls->certificate, tls->key};
    struct credential *credential = NULL;
    struct digest digest;
    struct error error = {0};
    int rc = tls->certificate.len == 0 ? 0 : take_pair(making, &files, &credential);
    if (rc < 0)
        return rc;
    struct tls_client_settings settings = {
        .server_name = tls->server_name,
        .is_verified = tls->verify != 0,
        .certificate = credential == NULL ? NULL : credential->certificate,
        .has_h2 = group->protocol == CONF_PROTOCOL_H2,
        .has_http1 = group->protocol != CONF_PROTOCOL_H2,
    };
    if (tls->verify)
        (void)bundle_find(making->bundle, tls->ca.len > 0 ? tls->ca : SLICE(CREDENTIALS_SYSTEM),
                          &settings.authorities_pem);
    digest_client(&digest, &settings, credential);
    memcpy(spoken->digest, digest.parts, sizeof digest.parts);
    struct tls_client *known = find_client(making->previous, &digest);
    if (known != NULL) {
        spoken->client = tls_client_ref(known);
        return 0;
    }
    rc = tls_client_create(&settings, &spoken->client, &error);
    if (rc == 0 || rc == -ENOMEM)
        return rc;
    /* Never in plain: one that believes nobody. */
    log_error("the targets of %.*s cannot be spoken to by TLS: %s", SLICE_ARG(group->name),
              error.text);
    const struct tls_client_settings nobody = {.is_verified = true, .has_http1 = true};
    memset(spoken->digest, 0, sizeof spoken->digest);
    return tls_client_create(&nobody, &spoken->client, &error);
}

static int make_clients(struct making *making)
{
    const struct snapshot *snapshot = making->self->snapshot;
    int rc = 0;
    for (unsigned i = 0; rc == 0 && i < snapshot->groups_count; i++) {
        if (snapshot->groups[i].tls.enabled)
            rc = make_client(making, &snapshot->groups[i], &making->self->clients[i]);
    }
    return rc;
}

/* The whole. */

static unsigned count_certificates(const struct snapshot *snapshot)
{
    unsigned count = snapshot->managed_count + snapshot->groups_count;
    for (unsigned i = 0; i < snapshot->listeners_count; i++)
        count += snapshot->listeners[i].tls.certificates_count;
    for (unsigned i = 0; i < snapshot->sites_count; i++) {
        for (unsigned k = 0; k < snapshot->sites[i].identities_count; k++)
            count += snapshot->sites[i].identities[k].certificates_count;
    }
    return count;
}

static int fill(struct making *making)
{
    struct identities *self = making->self;
    const struct snapshot *snapshot = self->snapshot;
    static const struct hash_key key = {0x736e69, 0x6e616d65};
    making->listed_max = count_certificates(snapshot);
    map_init(&self->shown, key);
    map_init(&self->credentials, key);
    self->listeners =
        memory_alloc_array((size_t)snapshot->listeners_count + 1, sizeof *self->listeners);
    self->listed = memory_alloc_array((size_t)making->listed_max + 1, sizeof *self->listed);
    self->clients = memory_alloc_array((size_t)snapshot->groups_count + 1, sizeof *self->clients);
    if (self->listeners == NULL || self->listed == NULL || self->clients == NULL)
        return -ENOMEM;
    for (unsigned i = 0; i < snapshot->listeners_count; i++) {
        map_init(&self->listeners[i].exact, key);
        map_init(&self->listeners[i].wildcards, key);
        map_init(&self->listeners[i].routes, key);
        map_init(&self->listeners[i].wild_routes, key);
    }
    int rc = add_identities(making);
    return rc < 0 ? rc : make_clients(making);
}

/*
 * Identities that are shared with the set before get them too: it is the same certificate, and a
 * word that is newer, or none where it is no longer to be told.
 */
static int staple_all(const struct making *making)
{
    size_t cursor = 0;
    const struct map_entry *entry;
    int rc = 0;
    while (rc == 0 && (entry = map_next(&making->self->shown, &cursor)) != NULL) {
        const struct shown *shown = entry->value;
        for (unsigned i = 0; rc == 0 && shown->tls != NULL && i < shown->credentials_count; i++) {
            char room[CREDENTIALS_NAME_BYTES];
            struct slice word = {0};
            struct slice name = credentials_staple_name(shown->credentials[i]->certificate, room);
            (void)bundle_find(making->bundle, name, &word);
            rc = tls_identity_staple(shown->tls, i, word);
        }
    }
    return rc;
}

int identities_create(struct snapshot *snapshot, const struct bundle *bundle,
                      const struct identities *previous, struct identities **ret_identities)
{
    struct bundle empty;
    bundle_init(&empty);
    struct making making = {.self = NEW(struct identities),
                            .bundle = bundle == NULL ? &empty : bundle,
                            .previous = previous};
    if (making.self == NULL)
        return -ENOMEM;
    map_init(&making.listed, (struct hash_key){1, 2});
    map_init(&making.by_place, (struct hash_key){1, 2});
    atomic_init(&making.self->references, 1);
    making.self->snapshot = snapshot_ref(snapshot);
    int rc = fill(&making);
    if (rc == 0)
        rc = staple_all(&making);
    map_finish(&making.listed);
    map_finish(&making.by_place);
    if (rc < 0)
        identities_unref(making.self);
    else
        *ret_identities = making.self;
    return rc;
}

struct identities *identities_ref(struct identities *identities)
{
    atomic_fetch_add_explicit(&identities->references, 1, memory_order_relaxed);
    return identities;
}

void identities_unref(struct identities *self)
{
    size_t cursor = 0;
    const struct map_entry *entry;
    if (self == NULL || atomic_fetch_sub(&self->references, 1) != 1)
        return;
    while ((entry = map_next(&self->shown, &cursor)) != NULL)
        shown_unref(entry->value);
    cursor = 0;
    while ((entry = map_next(&self->credentials, &cursor)) != NULL)
        credential_unref(entry->value);
    map_finish(&self->shown);
    map_finish(&self->credentials);
    for (unsigned i = 0; self->listeners != NULL && i < self->snapshot->listeners_count; i++) {
        map_finish(&self->listeners[i].exact);
        map_finish(&self->listeners[i].wildcards);
        map_finish(&self->listeners[i].routes);
        map_finish(&self->listeners[i].wild_routes);
    }
    for (unsigned i = 0; self->clients != NULL && i < self->snapshot->groups_count; i++)
        tls_client_unref(self->clients[i].client);
    memory_free(self->clients);
    memory_free(self->listeners);
    memory_free(self->listed);
    snapshot_unref(self->snapshot);
    memory_free(self);
}

/* Looking up. */

/* The longest of the names below which it lies. SNI has at most 255 bytes, hosts may have more. */
static void *find_below(const struct map *wildcards, size_t len_max, struct slice name)
{
    void *found = NULL;
    while (found == NULL && wildcards->used > 0) {
        ptrdiff_t dot = slice_find(name, '.');
        if (dot < 0)
            break;
        name = slice_from(name, (size_t)dot + 1);
        if (name.len > 0 && name.len <= len_max)
            found = map_get(wildcards, name);
    }
    return found;
}

const struct shown *identities_find(const struct identities *identities, unsigned listener,
                                    struct slice name)
{
    const struct identity_names *names = &identities->listeners[listener];
    struct shown *shown = name.len == 0 ? NULL : map_get(&names->exact, name);
    if (shown == NULL)
        shown = find_below(&names->wildcards, names->wildcard_max, name);
    if (shown == NULL)
        shown = names->any != NULL ? names->any : names->first;
    return shown;
}

const struct conf_sni_route *identities_route(const struct identities *identities,
                                              unsigned listener, struct slice name)
{
    const struct identity_names *names = &identities->listeners[listener];
    const struct conf_sni_route *route = name.len == 0 ? NULL : map_get(&names->routes, name);
    return route != NULL ? route : find_below(&names->wild_routes, SIZE_MAX, name);
}

bool identities_admit(const struct identities *identities, unsigned listener, struct slice host,
                      const struct tls_connection *connection)
{
    const struct shown *wanted = identities_find(identities, listener, host);
    const struct tls_identity *met =
        connection == NULL ? NULL : tls_connection_identity(connection);
    if (wanted == NULL || met == NULL)
        return wanted == NULL || !wanted->asks_clients;
    if (slice_equal(wanted->name, tls_identity_name(met)))
        return true;
    return !wanted->asks_clients && tls_identity_client_auth(met) == TLS_CLIENT_NONE;
}

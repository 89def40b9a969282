/*
 * Terms are resolved for each site and listener; those that agree are one identity. Where Weir gets
 * the certificates, the site's names are parted by who can certify them. Called by link.c.
 */
#include "conf/link_tls.h"

#include "base/writer.h"
#include "conf/public_name.h"
#include "conf/value.h"

#include <stdlib.h>

#define HTTPS_PORT          443
#define REDIRECT_STATUS     308
#define NAMES_MAX           100 /* of a certificate: public authorities take no more */
#define ID_NAME_LEN_MAX     100
#define ID_HASH_DIGITS      8
#define IDENTITIES_PER_TERM 2 /* internal and public names */

struct managed_link {
    struct conf_managed *managed;
    struct managed_link *next;
};

void link_tls_init(struct tls_linking *linking, struct reading *reading, struct snapshot *snapshot)
{
    *linking = (struct tls_linking){.reading = reading, .snapshot = snapshot};
    map_init(&linking->known, (struct hash_key){1, 2});
}

void link_tls_finish(struct tls_linking *linking)
{
    map_finish(&linking->known);
}

/* Certificates that Weir gets. */

static bool is_host(struct slice name)
{
    return value_is_host(slice_starts_with(name, SLICE("*.")) ? slice_from(name, 2) : name);
}

static int compare_names(const void *a, const void *b)
{
    const struct slice *x = a, *y = b;
    bool x_is_host = is_host(*x), y_is_host = is_host(*y);
    if (x_is_host != y_is_host)
        return x_is_host ? -1 : 1;
    if (x->len != y->len)
        return x->len < y->len ? -1 : 1;
    return slice_compare(*x, *y);
}

/* An address as certificates have it. */
static struct slice without_brackets(struct slice domain)
{
    bool has_brackets = domain.len > 2 && domain.at[0] == '[';
    return has_brackets ? slice_of(domain.at + 1, domain.len - 2) : domain;
}

static uint64_t hash_names(const struct conf_managed *managed)
{
    uint64_t hash = managed->source == CONF_TLS_ACME ? 1 : 0;
    for (unsigned i = 0; i < managed->names_count; i++)
        hash = hash_bytes((struct hash_key){hash, 0x746c73}, managed->names[i]);
    return hash;
}

/* "_.example.org-0123abcd": a file's name, told apart by all names and the source. */
static struct slice make_id(struct reading *reading, const struct conf_managed *managed)
{
    char *room = reading_alloc(reading, reading->arena, ID_NAME_LEN_MAX + ID_HASH_DIGITS + 2, 1);
    struct slice name = slice_first(managed->names[0], ID_NAME_LEN_MAX);
    struct writer writer;
    if (room == NULL)
        return (struct slice){NULL, 0};
    writer_init(&writer, room, ID_NAME_LEN_MAX + ID_HASH_DIGITS + 1);
    for (size_t i = 0; i < name.len; i++) {
        bool is_plain = name.at[i] != '*' && name.at[i] != ':';
        write_char(&writer, is_plain ? name.at[i] : '_');
    }
    write_char(&writer, '-');
    write_hex(&writer, hash_names(managed) >> 32, ID_HASH_DIGITS);
    return writer_slice(&writer);
}

/* The one with these names, which are sorted here; NULL without memory. */
static const struct conf_managed *manage(struct tls_linking *linking, struct conf_place place,
                                         enum conf_tls_source source, struct slice *names,
                                         unsigned count)
{
    struct reading *reading = linking->reading;
    struct conf_managed *managed = reading_alloc(reading, reading->arena, 1, sizeof *managed);
    struct managed_link *link = reading_alloc(reading, reading->scratch, 1, sizeof *link);
    if (managed == NULL || link == NULL)
        return NULL;
    qsort(names, count, sizeof *names, compare_names);
    *managed = (struct conf_managed){
        .place = place, .source = source, .names = names, .names_count = count};
    managed->id = make_id(reading, managed);
    if (managed->id.at == NULL)
        return NULL;
    const struct conf_managed *known = map_get(&linking->known, managed->id);
    if (known != NULL)
        return known;
    reading->out_of_memory |= map_set(&linking->known, managed->id, managed) < 0;
    *link = (struct managed_link){managed, NULL};
    *(linking->last == NULL ? &linking->first : &linking->last->next) = link;
    linking->last = link;
    return managed;
}

void link_tls_managed(struct tls_linking *linking)
{
    struct reading *reading = linking->reading;
    struct snapshot *snapshot = linking->snapshot;
    snapshot->managed =
        reading_alloc(reading, reading->arena, linking->known.used, sizeof(struct conf_managed *));
    for (struct managed_link *link = linking->first; link != NULL && snapshot->managed != NULL;
         link = link->next)
        snapshot->managed[snapshot->managed_count++] = link->managed;
}

/* What a site and a listener say together. */

static struct conf_tls resolve(const struct conf_tls *site, const struct conf_tls *listener)
{
    const struct conf_tls *source = site->has_source ? site : listener;
    const struct conf_tls *auth = site->has_client_auth ? site : listener;
    struct conf_tls tls = {
        .place = site->place.line > 0 ? site->place : listener->place,
        .source = source->source,
        .certificates = source->certificates,
        .certificates_count = source->certificates_count,
        .is_modern = site->has_versions ? site->is_modern : listener->is_modern,
        .has_h2 = site->has_http2       ? site->has_h2
                  : listener->has_http2 ? listener->has_h2
                                        : 1,
        .client_auth = auth->client_auth,
    };
    if (!auth->has_client_auth)
        tls.client_auth.mode = CONF_CLIENT_NONE;
    return tls;
}

static bool are_alike(const struct conf_tls *a, const struct conf_tls *b)
{
    return a->source == b->source && a->certificates == b->certificates &&
           a->is_modern == b->is_modern && a->has_h2 == b->has_h2 &&
           a->client_auth.mode == b->client_auth.mode &&
           slice_equal(a->client_auth.ca, b->client_auth.ca);
}

/* Listeners where the same terms hold. */
struct term {
    struct conf_tls tls;
    const struct conf_listener **listeners;
    unsigned listeners_count;
};

/* Returns how many there are, each with room for all listeners. */
static unsigned gather_terms(struct reading *reading, const struct draft_site *from,
                             const struct conf_site *site, struct term *terms)
{
    unsigned count = 0;
    for (unsigned i = 0; i < site->listeners_count; i++) {
        const struct conf_listener *listener = site->listeners[i];
        unsigned k = 0;
        if (listener->tls.source == CONF_TLS_OFF)
            continue;
        struct conf_tls tls = resolve(&from->tls, &listener->tls);
        while (k < count && !are_alike(&terms[k].tls, &tls))
            k++;
        if (k == count) {
            terms[k] = (struct term){.tls = tls};
            terms[k].listeners = reading_alloc(reading, reading->arena, site->listeners_count,
                                               sizeof(struct conf_listener *));
            if (terms[k].listeners == NULL)
                return 0;
            count++;
        }
        terms[k].listeners[terms[k].listeners_count++] = listener;
    }
    return count;
}

/* Identities of a site. */

struct naming {
    struct tls_linking *linking;
    const struct draft_site *from;
    struct conf_site *site;
    const struct term *term;
    struct slice *names; /* of one certificate, and of one identity */
    struct slice *domains;
    unsigned count, domains_count;
    enum conf_tls_source source; /* of what is collected now */
};

static struct conf_identity *add_identity(struct naming *naming)
{
    const struct term *term = naming->term;
    struct conf_identity *identity = &naming->site->identities[naming->site->identities_count++];
    *identity = (struct conf_identity){
        .site = naming->site,
        .is_modern = term->tls.is_modern != 0,
        .has_h2 = term->tls.has_h2 != 0,
        .client_auth = term->tls.client_auth,
        .listeners = term->listeners,
        .listeners_count = term->listeners_count,
    };
    return identity;
}

/* What has been collected is a certificate. */
static void close_names(struct naming *naming)
{
    if (naming->count == 0)
        return;
    struct conf_identity *identity = add_identity(naming);
    identity->managed =
        manage(naming->linking, naming->from->place, naming->source, naming->names, naming->count);
    identity->domains = naming->domains;
    identity->domains_count = naming->domains_count;
    naming->count = naming->domains_count = 0;
}

static bool open_names(struct naming *naming, enum conf_tls_source source)
{
    struct reading *reading = naming->linking->reading;
    naming->source = source;
    naming->names = reading_alloc(reading, reading->arena, NAMES_MAX, sizeof *naming->names);
    /* And "*". */
    naming->domains =
        reading_alloc(reading, reading->arena, NAMES_MAX + 1, sizeof *naming->domains);
    return naming->names != NULL && naming->domains != NULL;
}

static void add_name(struct naming *naming, enum conf_tls_source source, struct slice domain)
{
    if (naming->count == NAMES_MAX)
        close_names(naming);
    if (naming->count == 0 && !open_names(naming, source))
        return;
    naming->names[naming->count++] = without_brackets(domain);
    naming->domains[naming->domains_count++] = domain;
}

/* Nobody can be asked for a certificate of this name. */
static bool cannot_be_asked_for(struct naming *naming, const struct named *domain)
{
    struct tls_linking *linking = naming->linking;
    const struct slice name = domain->name;
    bool is_wildcard = slice_starts_with(name, SLICE("*."));
    if (is_wildcard && linking->snapshot->acme.challenge == CONF_ACME_DNS)
        return false;
    if (is_wildcard && naming->term->tls.source == CONF_TLS_AUTO)
        reading_warning(linking->reading, domain->place,
                        "no certificate for \"%.*s\": public authorities certify a wildcard by "
                        "\"acme: { challenge: dns }\" only; or give \"tls\" a certificate",
                        SLICE_ARG(name));
    else if (is_wildcard)
        reading_error(linking->reading, domain->place,
                      "\"%.*s\" needs \"acme: { challenge: dns, hook: … }\": a wildcard is "
                      "certified in no other way",
                      SLICE_ARG(name));
    return is_wildcard;
}

/* "*.localhost" stands for a whole top-level name: OpenSSL and browsers believe no such wildcard.
 */
static void warn_of_wide(struct naming *naming, const struct named *domain)
{
    const struct slice name = domain->name;
    if (slice_starts_with(name, SLICE("*.")) && slice_find(slice_from(name, 2), '.') < 0)
        reading_warning(naming->linking->reading, domain->place,
                        "clients believe no certificate for \"%.*s\", a wildcard right below a "
                        "top-level name; name the hosts, or put a label between: *.dev.%.*s",
                        SLICE_ARG(name), SLICE_ARG(slice_from(name, 2)));
}

/* The names that `source` is for, and not another one. */
static void add_names_of(struct naming *naming, enum conf_tls_source source)
{
    enum conf_tls_source wanted = naming->term->tls.source;
    for (unsigned i = 0; i < naming->from->domains_count; i++) {
        const struct named *domain = &naming->from->domains[i];
        if (domain->name.len == 0 || slice_equal(domain->name, SLICE("*")))
            continue;
        enum conf_tls_source own = wanted != CONF_TLS_AUTO        ? wanted
                                   : public_name_is(domain->name) ? CONF_TLS_ACME
                                                                  : CONF_TLS_INTERNAL;
        if (own == source && source == CONF_TLS_INTERNAL)
            warn_of_wide(naming, domain);
        if (own == source && !(source == CONF_TLS_ACME && cannot_be_asked_for(naming, domain)))
            add_name(naming, source, domain->name);
    }
    close_names(naming);
}

static struct slice *local_names(struct reading *reading, unsigned *ret_count)
{
    static const char *const local[] = {"localhost", "127.0.0.1", "::1"};
    struct slice *names = reading_alloc(reading, reading->arena, 3, sizeof *names);
    *ret_count = names == NULL ? 0 : 3;
    for (unsigned i = 0; i < *ret_count; i++)
        names[i] = slice_of_cstr(local[i]);
    return names;
}

static bool has_any(const struct conf_site *site)
{
    for (unsigned i = 0; i < site->domains_count; i++) {
        if (slice_equal(site->domains[i], SLICE("*")))
            return true;
    }
    return false;
}

/* Whoever comes by another name is shown the site's first certificate; one for this machine, when
 * the site has no name at all. */
static void add_any(struct naming *naming, unsigned first)
{
    struct reading *reading = naming->linking->reading;
    struct conf_site *site = naming->site;
    if (!has_any(site))
        return;
    if (site->identities_count == first && naming->term->tls.source == CONF_TLS_ACME) {
        reading_error(reading, naming->term->tls.place,
                      "\"acme\" needs names to certify, and the site \"%.*s\" has \"*\" alone",
                      SLICE_ARG(site->name));
        return;
    }
    if (site->identities_count == first) {
        unsigned count;
        struct slice *names = local_names(reading, &count);
        if (count == 0 || !open_names(naming, CONF_TLS_INTERNAL))
            return;
        struct conf_identity *identity = add_identity(naming);
        identity->managed =
            manage(naming->linking, naming->from->place, CONF_TLS_INTERNAL, names, count);
        identity->domains = naming->domains;
    }
    struct conf_identity *identity = &site->identities[first];
    identity->domains[identity->domains_count++] = SLICE("*");
}

static void add_term(struct naming *naming)
{
    const struct conf_tls *tls = &naming->term->tls;
    unsigned first = naming->site->identities_count;
    if (tls->source == CONF_TLS_FILES) {
        struct conf_identity *identity = add_identity(naming);
        identity->certificates = tls->certificates;
        identity->certificates_count = tls->certificates_count;
        identity->domains = naming->site->domains;
        identity->domains_count = naming->site->domains_count;
        return;
    }
    add_names_of(naming, CONF_TLS_INTERNAL);
    add_names_of(naming, CONF_TLS_ACME);
    add_any(naming, first);
}

static void add_identities(struct tls_linking *linking, const struct draft_site *from,
                           struct conf_site *site)
{
    struct reading *reading = linking->reading;
    struct term *terms =
        reading_alloc(reading, reading->scratch, site->listeners_count, sizeof *terms);
    unsigned count = terms == NULL ? 0 : gather_terms(reading, from, site, terms);
    size_t most = (size_t)count * (from->domains_count / NAMES_MAX + IDENTITIES_PER_TERM);
    site->identities = reading_alloc(reading, reading->arena, most, sizeof *site->identities);
    for (unsigned i = 0; i < count && site->identities != NULL && !reading->out_of_memory; i++) {
        struct naming naming = {.linking = linking, .from = from, .site = site, .term = &terms[i]};
        linking->snapshot->has_client_auth |= terms[i].tls.client_auth.mode != CONF_CLIENT_NONE;
        add_term(&naming);
    }
}

/* Sites. */

/* Anywhere: with one of these modes, or with REQUIRE alone. */
static bool asks_clients(const struct conf_site *site, enum conf_client_auth_mode least)
{
    for (unsigned i = 0; i < site->identities_count; i++) {
        if (site->identities[i].client_auth.mode >= least)
            return true;
    }
    return false;
}

static void check_subjects(struct reading *reading, const struct conf_site *site)
{
    bool asks = asks_clients(site, CONF_CLIENT_OPTIONAL);
    for (unsigned i = 0; i < site->rules_count; i++) {
        const struct conf_rule *rule = &site->rules[i];
        if (rule->match.client_subjects_count > 0 && !asks)
            reading_error(reading, rule->place,
                          "\"client_certificate\" never holds: neither the site nor a listener of "
                          "it asks for certificates by \"tls: { client_auth: … }\"");
    }
}

static const struct conf_listener *https_listener(const struct conf_site *site)
{
    for (unsigned i = 0; i < site->listeners_count; i++) {
        if (site->listeners[i]->tls.source != CONF_TLS_OFF)
            return site->listeners[i];
    }
    return NULL;
}

/* Whoever stands in front may speak TLS, and say so. */
static bool has_trusted_proxy(const struct conf_site *site)
{
    for (unsigned i = 0; i < site->listeners_count; i++) {
        if (site->listeners[i]->trusted_proxies_count > 0)
            return true;
    }
    return false;
}

static void link_redirect(struct tls_linking *linking, const struct draft_site *from,
                          struct conf_site *site)
{
    const struct conf_listener *https = https_listener(site);
    bool is_on = from->redirect_https == DRAFT_REDIRECT_ON;
    if (from->redirect_https == DRAFT_REDIRECT_UNSAID)
        is_on = linking->has_default_listeners && site->identities_count > 0;
    if (is_on && https == NULL && !has_trusted_proxy(site))
        reading_error(linking->reading, from->redirect_https_place,
                      "there is no HTTPS to go to: none of the site's listeners has \"tls\"");
    site->redirects_https = is_on;
    site->https = https;
    uint16_t port = https == NULL ? HTTPS_PORT : https->address.port;
    struct slice to = SLICE("https://{host}{path}{query}");
    if (port != 0 && port != HTTPS_PORT)
        to = arena_format(linking->reading->arena, "https://{host}:%u{path}{query}", port);
    linking->reading->out_of_memory |= to.at == NULL;
    site->https_redirect = (struct conf_redirect){.status = REDIRECT_STATUS, .to = to};
}

static void link_hsts(struct reading *reading, struct conf_site *site)
{
    struct conf_field *field = reading_alloc(reading, reading->arena, 1, sizeof *field);
    if (!site->hsts.enabled || field == NULL)
        return;
    *field = (struct conf_field){SLICE("Strict-Transport-Security"), site->hsts.value};
    site->hsts_edits = (struct conf_header_edits){.set = field, .set_count = 1};
    site->has_filters = true;
    for (unsigned i = 0; i < site->rules_count; i++)
        site->rules[i].has_filters = true;
}

void link_tls_site(struct tls_linking *linking, const struct draft_site *from,
                   struct conf_site *site)
{
    bool is_wanted = from->tls.source != CONF_TLS_OFF;
    site->hsts = from->hsts;
    if (is_wanted && site->listeners_count > 0 && https_listener(site) == NULL)
        reading_error(linking->reading, from->tls.place,
                      "none of the site's listeners has \"tls\": give one \"tls: auto\"");
    if (https_listener(site) != NULL)
        add_identities(linking, from, site);
    check_subjects(linking->reading, site);
    site->needs_client_certificate = asks_clients(site, CONF_CLIENT_REQUIRE);
    link_hsts(linking->reading, site);
    link_redirect(linking, from, site);
}

/* Connections that are decrypted before they are passed on: whoever asks for what is shown the
 * same. */
void link_tls_listener(struct tls_linking *linking, struct conf_listener *listener)
{
    struct reading *reading = linking->reading;
    const struct conf_tls *tls = &listener->tls;
    if (tls->source == CONF_TLS_OFF)
        return;
    struct conf_identity *identity = reading_alloc(reading, reading->arena, 1, sizeof *identity);
    const struct conf_listener **listeners =
        reading_alloc(reading, reading->arena, 1, sizeof *listeners);
    struct slice *any = reading_alloc(reading, reading->arena, 1, sizeof *any);
    if (identity == NULL || listeners == NULL || any == NULL)
        return;
    listeners[0] = listener;
    any[0] = SLICE("*");
    *identity = (struct conf_identity){
        .certificates = tls->certificates,
        .certificates_count = tls->certificates_count,
        .is_modern = tls->is_modern != 0,
        .has_h2 =
            listener->protocol == CONF_PROTOCOL_PROXY && (!tls->has_http2 || tls->has_h2 != 0),
        .client_auth = tls->client_auth,
        .domains = any,
        .domains_count = 1,
        .listeners = listeners,
        .listeners_count = 1,
    };
    if (tls->source == CONF_TLS_ACME)
        reading_error(reading, tls->place,
                      "a listener without sites has no names to certify: give it a "
                      "certificate, or \"internal\" for this machine's own");
    else if (tls->source != CONF_TLS_FILES) {
        unsigned count;
        struct slice *names = local_names(reading, &count);
        if (count > 0)
            identity->managed = manage(linking, listener->place, CONF_TLS_INTERNAL, names, count);
    }
    listener->identity = identity;
}

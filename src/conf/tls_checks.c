/* What one row about TLS alone cannot say. */
#include "conf/tls_checks.h"

#define MS_PER_S        1000
#define PRELOAD_AGE_MIN INT64_C(31536000000) /* what hstspreload.org takes: a year */

static const struct tree_node *given(const struct tree_node *node, const char *key)
{
    return node->kind == TREE_MAP ? tree_get(node, key) : NULL;
}

/* "-" is standard output to other keys. */
static void refuse_dash(struct reading *reading, const struct tree_node *node, const char *key,
                        struct slice path)
{
    const struct tree_node *child = given(node, key);
    if (child != NULL && child->kind == TREE_SCALAR && path.at != NULL && path.len == 0)
        reading_error(reading, child->place, "\"%s\" is a file's path, not \"-\"", key);
}

static void refuse_lone_key(struct reading *reading, const struct tree_node *node)
{
    const struct tree_node *key = given(node, "key");
    if (key != NULL && given(node, "certificate") == NULL)
        reading_error(reading, key->key_place, "\"key\" belongs to a \"certificate\"");
}

void check_certificate(struct reading *reading, const struct tree_node *node, void *object)
{
    struct conf_certificate *one = object;
    refuse_dash(reading, node, "certificate", one->certificate);
    refuse_dash(reading, node, "key", one->key);
    if (one->key.len == 0)
        one->key = one->certificate;
}

/* The short form of a list with one certificate. */
static void take_single(struct reading *reading, const struct tree_node *node, struct conf_tls *tls)
{
    const struct tree_node *certificate = given(node, "certificate");
    refuse_dash(reading, node, "certificate", tls->certificate);
    refuse_dash(reading, node, "key", tls->key);
    refuse_lone_key(reading, node);
    if (tls->certificate.len == 0)
        return;
    tls->certificates = reading_alloc(reading, reading->arena, 1, sizeof *tls->certificates);
    if (tls->certificates == NULL)
        return;
    tls->certificates_count = 1;
    tls->certificates[0] = (struct conf_certificate){
        .place = certificate->key_place,
        .certificate = tls->certificate,
        .key = tls->key.len > 0 ? tls->key : tls->certificate,
    };
}

void check_tls(struct reading *reading, const struct tree_node *node, void *object)
{
    static const char *const sources[] = {"issuer", "certificate", "certificates"};
    struct conf_tls *tls = object;
    const struct tree_node *first = NULL;
    for (size_t i = 0; i < 3; i++) {
        const struct tree_node *child = given(node, sources[i]);
        if (child != NULL && first != NULL)
            reading_error(reading, child->key_place,
                          "\"%s\" and \"%.*s\" both say where certificates come from: keep one",
                          sources[i], SLICE_ARG(first->key));
        first = first != NULL ? first : child;
    }
    take_single(reading, node, tls);
    tls->has_source = first != NULL || node->kind == TREE_SCALAR;
    tls->has_versions = given(node, "versions") != NULL;
    tls->has_http2 = given(node, "http2") != NULL;
    tls->has_client_auth = given(node, "client_auth") != NULL;
    if (tls->certificates_count > 0)
        tls->source = CONF_TLS_FILES;
    else if (tls->source == CONF_TLS_OFF)
        tls->source = CONF_TLS_AUTO;
}

/* `true` alone, `false`, or a map, which says so too. */
static void enable(struct reading *reading, const struct tree_node *node, unsigned *enabled)
{
    const struct tree_node *word = given(node, "enabled");
    if (node->kind == TREE_MAP && word == NULL)
        *enabled = 1;
    if (word != NULL && !*enabled && node->count > 1)
        reading_error(reading, word->place, "it is not wanted, and more is said of it");
}

static void write_hsts(struct reading *reading, struct conf_hsts *hsts)
{
    hsts->value = arena_format(
        reading->arena, "max-age=%lld%s%s", (long long)(hsts->max_age_ms / MS_PER_S),
        hsts->include_subdomains ? "; includeSubDomains" : "", hsts->preload ? "; preload" : "");
    reading->out_of_memory |= hsts->value.at == NULL;
}

void check_hsts(struct reading *reading, const struct tree_node *node, void *object)
{
    struct conf_hsts *hsts = object;
    const struct tree_node *preload = given(node, "preload");
    enable(reading, node, &hsts->enabled);
    if (hsts->preload && (!hsts->include_subdomains || hsts->max_age_ms < PRELOAD_AGE_MIN))
        reading_error(reading, preload->place,
                      "\"preload\" needs \"include_subdomains: true\" and a \"max_age\" of at "
                      "least 365d: the lists take no others");
    if (hsts->enabled)
        write_hsts(reading, hsts);
}

void check_group_tls(struct reading *reading, const struct tree_node *node, void *object)
{
    struct conf_group_tls *tls = object;
    const struct tree_node *verify = given(node, "verify");
    const struct tree_node *name = given(node, "server_name");
    enable(reading, node, &tls->enabled);
    refuse_dash(reading, node, "ca", tls->ca);
    refuse_dash(reading, node, "certificate", tls->certificate);
    refuse_dash(reading, node, "key", tls->key);
    refuse_lone_key(reading, node);
    if (verify != NULL && !tls->verify && tls->ca.len > 0)
        reading_error(reading, verify->place,
                      "\"ca\" says whose certificates are believed, and \"verify\" that all are");
    if (slice_starts_with(tls->server_name, SLICE("*")))
        reading_error(reading, name->place, "\"server_name\" is one name, without a star");
    if (tls->key.len == 0)
        tls->key = tls->certificate;
}

void check_acme(struct reading *reading, const struct tree_node *node, void *object)
{
    const struct conf_acme *acme = object;
    const struct tree_node *directory = given(node, "directory");
    const struct tree_node *challenge = given(node, "challenge");
    const struct tree_node *hook = given(node, "hook");
    refuse_dash(reading, node, "ca", acme->ca);
    refuse_dash(reading, node, "hook", acme->hook);
    if (directory != NULL && (!slice_starts_with(acme->directory, SLICE("https://")) ||
                              slice_find(acme->directory, ' ') >= 0))
        reading_error(reading, directory->place,
                      "\"directory\" is an address that begins with https://");
    if (challenge != NULL && acme->challenge == CONF_ACME_DNS && hook == NULL)
        reading_error(reading, challenge->place,
                      "\"challenge: dns\" needs a \"hook\": a program that sets the record");
    refuse_dash(reading, node, "eab_key", acme->eab_key);
    if ((given(node, "eab_id") == NULL) != (given(node, "eab_key") == NULL))
        reading_error(reading, node->place, "\"eab_id\" and \"eab_key\" go together");
    if (hook != NULL && acme->challenge != CONF_ACME_DNS)
        reading_error(reading, hook->key_place, "\"hook\" is for \"challenge: dns\" only");
}

bool is_mail_address(struct slice text)
{
    ptrdiff_t at = slice_find(text, '@');
    return at > 0 && (size_t)at + 1 < text.len && slice_find(text, ' ') < 0 &&
           slice_find(slice_from(text, (size_t)at + 1), '@') < 0;
}

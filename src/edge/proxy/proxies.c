/* Made with the plane, on worker 0. */
#include "edge/proxy/proxies.h"

#include "base/cleanup.h"
#include "edge/policy/passwords.h"
#include "edge/proxy/rules.h"

#include <errno.h>

static struct slice name_series(struct slice name)
{
    static const struct slice before = SLICE("proxy:");
    char *text = memory_alloc(before.len + name.len);
    if (text == NULL)
        return (struct slice){0};
    memcpy(text, before.at, before.len);
    memcpy(text + before.len, name.at, name.len);
    return slice_of(text, before.len + name.len);
}

static int make(struct proxy *proxy, const struct conf_forward_proxy *conf, struct hash_key key)
{
    proxy->conf = conf;
    proxy->guard = (struct network_guard){.denies_private = conf->denies_private != 0,
                                          .except = conf->private_except,
                                          .except_count = conf->private_except_count};
    proxy->rules = proxy_rules_create(conf, key);
    proxy->series = memory_alloc_array(conf->rules_count + 1, sizeof *proxy->series);
    proxy->series_name = name_series(conf->name);
    if (conf->users.enabled)
        proxy->passwords = passwords_create(&conf->users);
    bool is_whole = proxy->rules != NULL && proxy->series != NULL &&
                    proxy->series_name.at != NULL &&
                    (proxy->passwords != NULL || !conf->users.enabled);
    return is_whole ? 0 : -ENOMEM;
}

int proxies_create(const struct snapshot *snapshot, struct hash_key key, struct proxy **ret_proxies)
{
    struct proxy *proxies = memory_alloc_array(snapshot->proxies_count + 1, sizeof *proxies);
    int rc = proxies == NULL ? -ENOMEM : 0;
    for (unsigned i = 0; rc == 0 && i < snapshot->proxies_count; i++)
        rc = make(&proxies[i], &snapshot->proxies[i], key);
    if (rc < 0)
        proxies_destroy(snapshot, proxies);
    else
        *ret_proxies = proxies;
    return rc;
}

void proxies_destroy(const struct snapshot *snapshot, struct proxy *proxies)
{
    for (unsigned i = 0; proxies != NULL && i < snapshot->proxies_count; i++) {
        proxy_rules_destroy(proxies[i].rules);
        passwords_destroy(proxies[i].passwords);
        for (unsigned k = 0; proxies[i].series != NULL && k <= snapshot->proxies[i].rules_count;
             k++)
            series_release(atomic_load(&proxies[i].series[k]));
        memory_free(proxies[i].series);
        memory_free((void *)(uintptr_t)proxies[i].series_name.at);
    }
    memory_free(proxies);
}

bool proxies_listen_at(const struct snapshot *snapshot, const struct address *address)
{
    for (unsigned i = 0; i < snapshot->proxies_count; i++) {
        const struct conf_listener *listener = &snapshot->listeners[snapshot->proxies[i].listener];
        if (listener->address.port == address_port(address))
            return address_is_own(address);
    }
    return false;
}

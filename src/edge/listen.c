/* Addresses of listeners made into sockets; blocking calls of the start, before any thread. */
#include "edge/listen.h"

#include "os/descriptor.h"
#include "os/kernel.h"

#include <errno.h>

#define BACKLOG 4096

static int resolve(const struct conf_address *conf, struct address *ret_address)
{
    switch (conf->kind) {
    case CONF_ADDRESS_UNIX:
        return address_from_path(conf->host, ret_address);
    case CONF_ADDRESS_IP:
        return address_from_ip(conf->host.len == 0 ? SLICE("::") : conf->host, conf->port,
                               ret_address);
    case CONF_ADDRESS_NAME:
        if (slice_equal_nocase(conf->host, SLICE("localhost")))
            return address_from_ip(SLICE("127.0.0.1"), conf->port, ret_address);
        break;
    }
    return -EINVAL;
}

static int explain(const struct conf_address *conf, int rc, struct error *ret_error)
{
    switch (rc) {
    case -EADDRINUSE:
        return error_set(ret_error, rc,
                         "cannot listen on %.*s: the address is in use by another program; stop it "
                         "or choose another address",
                         SLICE_ARG(conf->text));
    case -EACCES:
        return error_set(ret_error, rc,
                         "cannot listen on %.*s: permission denied; ports below 1024 need root or "
                         "CAP_NET_BIND_SERVICE, or choose one above",
                         SLICE_ARG(conf->text));
    case -EADDRNOTAVAIL:
        return error_set(ret_error, rc,
                         "cannot listen on %.*s: this machine does not have that address",
                         SLICE_ARG(conf->text));
    case -EINVAL:
        return error_set(ret_error, rc,
                         "cannot listen on %.*s: write an IP address of this machine, or only "
                         "\":port\" for all",
                         SLICE_ARG(conf->text));
    default:
        return error_set_errno(ret_error, rc, "cannot listen on %.*s", SLICE_ARG(conf->text));
    }
}

static int open_listener(const struct conf_address *conf, bool beside, struct error *ret_error)
{
    struct kernel *kernel = NULL;
    int rc = kernel_real_create(&kernel);
    if (rc < 0)
        return error_set_errno(ret_error, rc, "cannot make an event queue");
    struct address address;
    rc = resolve(conf, &address);
    if (rc == 0)
        rc = kernel->ops->listen(kernel, &address, BACKLOG, beside);
    if (rc == -EAFNOSUPPORT && conf->host.len == 0 &&
        address_from_ip(SLICE("0.0.0.0"), conf->port, &address) == 0)
        rc = kernel->ops->listen(kernel, &address, BACKLOG, beside);
    kernel_real_destroy(kernel);
    return rc < 0 ? explain(conf, rc, ret_error) : rc;
}

int listen_open(const struct conf_address *conf, struct error *ret_error)
{
    return open_listener(conf, false, ret_error);
}

int listen_open_beside(const struct conf_address *conf, struct error *ret_error)
{
    int fd = open_listener(conf, true, ret_error);
    if (fd >= 0)
        descriptor_share_port(fd, false);
    return fd;
}

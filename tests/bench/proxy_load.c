/*
 * The client of forward proxies: what wrk does not speak. One thread, connections in rounds: all
 * say something, then all hear. Prints what it did, one word and a number a line.
 *
 *   proxy_load request PROXY TARGET COUNT CONNECTIONS [CREDENTIALS]   requests in absolute form
 *   proxy_load connect PROXY TARGET COUNT CONNECTIONS                 tunnels, opened and closed
 *   proxy_load tunnel  PROXY TARGET PATH                              one answer through a tunnel
 *   proxy_load idle    PROXY TARGET COUNT                             tunnels, until a line comes
 *
 * PROXY and TARGET are ports of 127.0.0.1; CREDENTIALS is a file of base64, a line for each request
 * in turn.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define CONNECTIONS_MAX 60000
#define HEAD_BYTES_MAX  4096
#define TAKE_BYTES      (1 << 20)

static int proxy_port, target_port;
static char *credentials[10000];
static size_t credentials_count;

static void die(const char *what)
{
    (void)fprintf(stderr, "proxy_load: %s: %s\n", what, strerror(errno));
    exit(1);
}

static int open_connection(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons((unsigned short)proxy_port),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int yes = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        die("socket");
    if (connect(fd, (struct sockaddr *)&address, sizeof address) < 0)
        die("connect");
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    return fd;
}

static void say(int fd, const char *text, size_t len)
{
    if (send(fd, text, len, MSG_NOSIGNAL) != (ssize_t)len)
        die("send");
}

/* Reads a head and the body that its Content-Length tells, or only the head. Returns the status. */
static int hear(int fd, int has_body)
{
    char head[HEAD_BYTES_MAX + 1];
    size_t len = 0;
    char *end = NULL;
    while (end == NULL) {
        ssize_t got = recv(fd, head + len, HEAD_BYTES_MAX - len, 0);
        if (got <= 0)
            return 0;
        len += (size_t)got;
        head[len] = '\0';
        end = strstr(head, "\r\n\r\n");
    }
    const char *field = strcasestr(head, "\r\ncontent-length:");
    size_t body = has_body && field != NULL && field < end ? strtoul(field + 17, NULL, 10) : 0;
    size_t have = len - (size_t)(end + 4 - head);
    char rest[HEAD_BYTES_MAX];
    while (have < body) {
        ssize_t got = recv(fd, rest, sizeof rest, 0);
        if (got <= 0)
            return 0;
        have += (size_t)got;
    }
    return atoi(head + 9);
}

static int ask_tunnel(int fd)
{
    char text[200];
    int len =
        snprintf(text, sizeof text, "CONNECT 127.0.0.1:%d HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n\r\n",
                 target_port, target_port);
    say(fd, text, (size_t)len);
    return 0;
}

static void run_requests(size_t count, size_t connections)
{
    static int fds[CONNECTIONS_MAX];
    size_t failed = 0, done = 0;
    char text[HEAD_BYTES_MAX];
    for (size_t i = 0; i < connections; i++)
        fds[i] = open_connection();
    while (done < count) {
        for (size_t i = 0; i < connections; i++) {
            int len =
                snprintf(text, sizeof text,
                         "GET http://127.0.0.1:%d/ HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n%s%s%s\r\n",
                         target_port, target_port,
                         credentials_count > 0 ? "Proxy-Authorization: Basic " : "",
                         credentials_count > 0 ? credentials[(done + i) % credentials_count] : "",
                         credentials_count > 0 ? "\r\n" : "");
            say(fds[i], text, (size_t)len);
        }
        for (size_t i = 0; i < connections; i++)
            failed += hear(fds[i], 1) != 200;
        done += connections;
    }
    (void)printf("done %zu\nfailed %zu\n", done, failed);
}

static void run_connects(size_t count, size_t connections)
{
    static int fds[CONNECTIONS_MAX];
    size_t failed = 0, done = 0;
    while (done < count) {
        for (size_t i = 0; i < connections; i++) {
            fds[i] = open_connection();
            ask_tunnel(fds[i]);
        }
        for (size_t i = 0; i < connections; i++)
            failed += hear(fds[i], 0) != 200;
        for (size_t i = 0; i < connections; i++)
            (void)close(fds[i]);
        done += connections;
    }
    (void)printf("done %zu\nfailed %zu\n", done, failed);
}

/* The bytes are dropped by the kernel: what the client costs is none of the proxy's. */
static void run_tunnel(const char *path)
{
    char text[400];
    size_t bytes = 0;
    ssize_t got;
    int fd = open_connection();
    ask_tunnel(fd);
    if (hear(fd, 0) != 200)
        die("no tunnel");
    int len = snprintf(text, sizeof text, "GET %s HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
                       path);
    say(fd, text, (size_t)len);
    while ((got = recv(fd, NULL, TAKE_BYTES, MSG_TRUNC)) > 0)
        bytes += (size_t)got;
    (void)printf("done %zu\nfailed 0\n", bytes);
}

static void run_idle(size_t count)
{
    size_t failed = 0;
    for (size_t i = 0; i < count; i++) {
        int fd = open_connection();
        ask_tunnel(fd);
        failed += hear(fd, 0) != 200;
    }
    (void)printf("done %zu\nfailed %zu\n", count, failed);
    (void)fflush(stdout);
    (void)getchar();
}

static void read_credentials(const char *path)
{
    char *line = NULL;
    size_t size = 0;
    ssize_t len;
    FILE *file = fopen(path, "r");
    if (file == NULL)
        die(path);
    while (credentials_count < 10000 && (len = getline(&line, &size, file)) > 0) {
        line[strcspn(line, "\n")] = '\0';
        credentials[credentials_count++] = strdup(line);
    }
    free(line);
    (void)fclose(file);
}

int main(int argc, char **argv)
{
    if (argc < 5)
        return 2;
    const char *mode = argv[1];
    proxy_port = atoi(argv[2]);
    target_port = atoi(argv[3]);
    size_t count = strtoul(argv[4], NULL, 10),
           connections = argc > 5 ? strtoul(argv[5], NULL, 10) : 1;
    if (argc > 6)
        read_credentials(argv[6]);
    if (connections == 0 || connections > CONNECTIONS_MAX)
        return 2;
    if (strcmp(mode, "request") == 0)
        run_requests(count, connections);
    else if (strcmp(mode, "connect") == 0)
        run_connects(count, connections);
    else if (strcmp(mode, "tunnel") == 0)
        run_tunnel(argv[4]);
    else if (strcmp(mode, "idle") == 0)
        run_idle(count);
    else
        return 2;
    return 0;
}

/*
 * What HTTP/1 heads cost: nanoseconds for the scan, for scan and parse, and for writing a forwarded
 * head. Prints one line each: the best of several batches, since others use the machine too.
 * Several heads take turns, so that the branch predictor does not learn a single one by heart. An
 * argument chooses the measurements whose name holds it.
 */
#include "base/cleanup.h"
#include "wire/h1/head.h"
#include "wire/h1/serialise.h"

#include <assert.h>
#include <stdio.h>
#include <time.h>

#define ROUNDS  100000
#define BATCHES 30

static const struct slice requests[] = {
    SLICE("GET /api/notes?page=2 HTTP/1.1\r\n"
          "Host: notes.example.org\r\n"
          "User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0\r\n"
          "Accept: application/json\r\n"
          "Accept-Language: en-US,en;q=0.5\r\n"
          "Accept-Encoding: gzip, deflate, br, zstd\r\n"
          "Connection: keep-alive\r\n"
          "Cookie: session=5d41402abc4b2a76\r\n"
          "\r\n"),
    SLICE("GET /assets/index-4f2a.js HTTP/1.1\r\n"
          "Host: notes.example.org\r\n"
          "Connection: keep-alive\r\n"
          "User-Agent: Mozilla/5.0 (X11; Linux x86_64) Chrome/126.0.0.0 Safari/537.36\r\n"
          "Accept: */*\r\n"
          "Referer: https://notes.example.org/\r\n"
          "Accept-Encoding: gzip, deflate, br\r\n"
          "Accept-Language: de\r\n"
          "If-None-Match: \"4f2a91\"\r\n"
          "\r\n"),
    SLICE("POST /api/notes HTTP/1.1\r\n"
          "Host: notes.example.org\r\n"
          "User-Agent: curl/7.88.1\r\n"
          "Accept: */*\r\n"
          "X-Csrf-Token: 8f14e45fceea167a5a36dedd4bea2543\r\n"
          "Authorization: Bearer "
          "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.e30.Et9HFtf9R3GEMA0IICOfFMVX\r\n"
          "Content-Type: application/json\r\n"
          "Content-Length: 42\r\n"
          "\r\n"),
};

static const struct slice responses[] = {
    SLICE("HTTP/1.1 200 OK\r\n"
          "Server: gunicorn\r\n"
          "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n"
          "Connection: keep-alive\r\n"
          "Content-Type: application/json\r\n"
          "X-Frame-Options: DENY\r\n"
          "Content-Length: 1024\r\n"
          "Vary: Cookie\r\n"
          "\r\n"),
    SLICE("HTTP/1.1 200 OK\r\n"
          "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n"
          "Content-Type: text/html; charset=utf-8\r\n"
          "Transfer-Encoding: chunked\r\n"
          "Cache-Control: max-age=60\r\n"
          "ETag: \"33a64df551425fcc55e4d42a148795d9\"\r\n"
          "\r\n"),
};

static double now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

static int scan(struct slice bytes)
{
    struct h1_scan state = {0};
    struct h1_refusal refusal;
    return h1_scan(&state, bytes, &refusal);
}

static void scan_one(unsigned round)
{
    struct slice bytes = requests[round % COUNT_OF(requests)];
    int len = scan(bytes);
    assert((size_t)len == bytes.len);
}

static struct field fields[HTTP_FIELDS_MAX];

static void request_one(unsigned round)
{
    struct slice bytes = requests[round % COUNT_OF(requests)];
    struct request_head head;
    struct h1_refusal refusal;
    head.fields = (struct fields){fields, 0, COUNT_OF(fields)};
    bytes.len = (size_t)scan(bytes);
    int result = h1_parse_request(bytes, &head, &refusal);
    assert(result == 0);
}

static void response_one(unsigned round)
{
    struct slice bytes = responses[round % COUNT_OF(responses)];
    struct response_head head;
    struct h1_refusal refusal;
    head.fields = (struct fields){fields, 0, COUNT_OF(fields)};
    bytes.len = (size_t)scan(bytes);
    int result = h1_parse_response(bytes, METHOD_GET, &head, &refusal);
    assert(result == 0);
}

static struct request_head parsed[COUNT_OF(requests)];
static struct field parsed_fields[COUNT_OF(requests)][HTTP_FIELDS_MAX];

static void write_one(unsigned round)
{
    const struct request_head *head = &parsed[round % COUNT_OF(requests)];
    static char memory[4096];
    struct writer writer;
    writer_init(&writer, memory, sizeof memory);
    h1_write_request_line(&writer, head->method_name, head->target);
    h1_write_field(&writer, SLICE("Host"), head->authority);
    h1_write_forwarded(&writer, &head->fields, NULL);
    h1_write_end(&writer);
    assert(!writer.overflown);
}

static const char *wanted = "";

static void measure(const char *what, void one(unsigned round))
{
    if (strstr(what, wanted) == NULL)
        return;
    double best = 0;
    for (unsigned batch = 0; batch < BATCHES; batch++) {
        double start = now_ns();
        for (unsigned i = 0; i < ROUNDS; i++)
            one(i);
        double each = (now_ns() - start) / ROUNDS;
        if (batch == 0 || each < best)
            best = each;
    }
    printf("%-28s %6.1f ns\n", what, best);
}

int main(int argc, char **argv)
{
    if (argc > 1)
        wanted = argv[1];
    for (unsigned i = 0; i < COUNT_OF(requests); i++) {
        struct h1_refusal refusal;
        parsed[i].fields = (struct fields){parsed_fields[i], 0, HTTP_FIELDS_MAX};
        int result = h1_parse_request(requests[i], &parsed[i], &refusal);
        assert(result == 0);
    }
    measure("scan a request head", scan_one);
    measure("scan and parse a request", request_one);
    measure("scan and parse a response", response_one);
    measure("write a forwarded request", write_one);
    return 0;
}

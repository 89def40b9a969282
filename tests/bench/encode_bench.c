/*
 * Size and CPU time of each coding and level over JSON-like data, beside zlib used as nginx does: a
 * new deflate state for each body. Prints one line each. By hand: encode_bench [BYTES].
 */
#include "base/hash.h"
#include "base/memory.h"
#include "wire/encode/encoder.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <zlib.h>

static double cpu_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec * 1e6 + (double)now.tv_nsec / 1e3;
}

static size_t make_json(char *at, size_t bytes)
{
    static const char *const names[] = {"Ada", "Grace", "Edsger", "Barbara", "Donald", "Frances"};
    struct prng prng;
    prng_init(&prng, 7);
    struct writer writer;
    writer_init(&writer, at, bytes);
    write_literal(&writer, "[");
    for (unsigned i = 0; !writer.overflown; i++) {
        char line[400];
        int len = snprintf(
            line, sizeof line,
            "{\"id\":%u,\"name\":\"%s %c.\",\"email\":\"user%u@example.org\",\"active\":%s,"
            "\"balance\":%u.%02u,\"created\":\"2026-%02u-%02uT%02u:%02u:%02uZ\","
            "\"token\":\"%016llx\",\"tags\":[\"%s\",\"team-%u\"]},",
            i, names[prng_below(&prng, 6)], (char)('A' + prng_below(&prng, 26)),
            (unsigned)prng_below(&prng, 100000), prng_below(&prng, 2) ? "true" : "false",
            (unsigned)prng_below(&prng, 10000), (unsigned)prng_below(&prng, 100),
            (unsigned)prng_below(&prng, 12) + 1, (unsigned)prng_below(&prng, 28) + 1,
            (unsigned)prng_below(&prng, 24), (unsigned)prng_below(&prng, 60),
            (unsigned)prng_below(&prng, 60), (unsigned long long)prng_next(&prng),
            names[prng_below(&prng, 6)], (unsigned)prng_below(&prng, 20));
        write_bytes(&writer, line, (size_t)len);
    }
    return writer_slice(&writer).len;
}

static void measure(enum http_encoding encoding, unsigned level, struct slice data, char *out,
                    size_t out_len)
{
    struct encoder *encoder = encoder_create(encoding);
    double least = 1e9;
    size_t size = 0;
    for (int i = 0; i < 200 && encoder != NULL; i++) {
        struct writer writer;
        struct slice rest = data;
        writer_init(&writer, out, out_len);
        double start = cpu_us();
        if (encoder_begin(encoder, level, data.len) < 0 ||
            encoder_run(encoder, &rest, ENCODER_FINISH, &writer) != 0)
            abort();
        double took = cpu_us() - start;
        least = took < least ? took : least;
        size = writer_slice(&writer).len;
    }
    printf("%-5.*s %u  %7zu bytes  %6.0f us\n", SLICE_ARG(http_encoding_name(encoding)), level,
           size, least);
    encoder_destroy(encoder);
}

static void measure_anew(int level, struct slice data, char *out, size_t out_len)
{
    double least = 1e9;
    size_t size = 0;
    for (int i = 0; i < 200; i++) {
        double start = cpu_us();
        z_stream stream = {.next_in = (z_const Bytef *)(uintptr_t)data.at,
                           .avail_in = (unsigned)data.len,
                           .next_out = (Bytef *)out,
                           .avail_out = (unsigned)out_len};
        if (deflateInit2(&stream, level, Z_DEFLATED, 31, 8, Z_DEFAULT_STRATEGY) != Z_OK ||
            deflate(&stream, Z_FINISH) != Z_STREAM_END)
            abort();
        size = stream.total_out;
        deflateEnd(&stream);
        double took = cpu_us() - start;
        least = took < least ? took : least;
    }
    printf("zlib  %d  %7zu bytes  %6.0f us, a state for each body\n", level, size, least);
}

int main(int count, char **args)
{
    size_t bytes = count > 1 ? strtoul(args[1], NULL, 10) : 100 * 1024;
    size_t out_len = bytes + bytes / 2 + 4096;
    char *data = memory_alloc(bytes), *out = memory_alloc(out_len);
    if (data == NULL || out == NULL)
        return 1;
    struct slice json = slice_of(data, make_json(data, bytes));
    printf("%zu bytes of JSON\n", json.len);
    for (int level = 1; level <= 6; level++)
        measure_anew(level, json, out, out_len);
    for (enum http_encoding each = ENCODING_GZIP; each <= ENCODING_ZSTD; each++) {
        for (unsigned level = 1; level <= 6; level++)
            measure(each, level, json, out, out_len);
    }
    memory_free(data);
    memory_free(out);
    return 0;
}

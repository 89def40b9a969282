/*
 * How the store writes numbers and runs of bytes into records and rows: numbers as little-endian
 * base-128 with the highest bit for "more follows" (LEB128), runs of bytes behind their length.
 * Reading never passes the end: what does not fit is remembered, ask once at the end.
 */
#pragma once

#include "base/slice.h"
#include "base/writer.h"

#include <stdint.h>

#define CODEC_NUMBER_BYTES_MAX 10

static inline void codec_put(struct writer *writer, uint64_t value)
{
    char bytes[CODEC_NUMBER_BYTES_MAX];
    size_t len = 0;
    while (value >= 0x80) {
        bytes[len++] = (char)(value | 0x80);
        value >>= 7;
    }
    bytes[len++] = (char)value;
    write_bytes(writer, bytes, len);
}

static inline void codec_put_bytes(struct writer *writer, struct slice bytes)
{
    codec_put(writer, bytes.len);
    write_slice(writer, bytes);
}

/* What is left to be read; `failed` once something did not fit. */
struct codec {
    struct slice rest;
    bool failed;
};

static inline struct codec codec_of(struct slice bytes)
{
    return (struct codec){bytes, false};
}

static inline uint64_t codec_take(struct codec *codec)
{
    uint64_t value = 0;
    for (unsigned shift = 0; shift < 64 && codec->rest.len > 0; shift += 7) {
        unsigned char byte = (unsigned char)*codec->rest.at;
        codec->rest = slice_from(codec->rest, 1);
        value |= (uint64_t)(byte & 0x7f) << shift;
        if (byte < 0x80)
            return value;
    }
    codec->failed = true;
    codec->rest.len = 0;
    return 0;
}

/* Borrowed from what is read. */
static inline struct slice codec_take_raw(struct codec *codec, size_t len)
{
    struct slice part = slice_first(codec->rest, len);
    if (part.len < len) {
        codec->failed = true;
        codec->rest.len = 0;
        return (struct slice){0};
    }
    codec->rest = slice_from(codec->rest, len);
    return part;
}

static inline struct slice codec_take_bytes(struct codec *codec)
{
    uint64_t len = codec_take(codec);
    return codec_take_raw(codec, len > SIZE_MAX / 2 ? SIZE_MAX / 2 : (size_t)len);
}

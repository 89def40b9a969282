/* One table in the order of the alphabet; text is UTF-8, as the web has it. */
#include "edge/files/types.h"

#include "base/cleanup.h"

#define EXTENSION_BYTES_MAX 12

struct row {
    const char *extension;
    struct slice type;
};

#define ROW(extension, type)                                                                       \
    {                                                                                              \
        extension,                                                                                 \
        {                                                                                          \
            type, sizeof(type) - 1                                                                 \
        }                                                                                          \
    }
#define TEXT(subtype) "text/" subtype "; charset=utf-8"

static const struct row table[] = {
    ROW("3gp", "video/3gpp"),
    ROW("7z", "application/x-7z-compressed"),
    ROW("aac", "audio/aac"),
    ROW("apng", "image/apng"),
    ROW("atom", "application/atom+xml; charset=utf-8"),
    ROW("avi", "video/x-msvideo"),
    ROW("avif", "image/avif"),
    ROW("bin", "application/octet-stream"),
    ROW("bmp", "image/bmp"),
    ROW("br", "application/x-brotli"),
    ROW("bz2", "application/x-bzip2"),
    ROW("cjs", TEXT("javascript")),
    ROW("css", TEXT("css")),
    ROW("csv", TEXT("csv")),
    ROW("deb", "application/vnd.debian.binary-package"),
    ROW("doc", "application/msword"),
    ROW("docx", "application/vnd.openxmlformats-officedocument.wordprocessingml.document"),
    ROW("eot", "application/vnd.ms-fontobject"),
    ROW("epub", "application/epub+zip"),
    ROW("flac", "audio/flac"),
    ROW("geojson", "application/geo+json"),
    ROW("gif", "image/gif"),
    ROW("glb", "model/gltf-binary"),
    ROW("gltf", "model/gltf+json"),
    ROW("gz", "application/gzip"),
    ROW("heic", "image/heic"),
    ROW("htm", TEXT("html")),
    ROW("html", TEXT("html")),
    ROW("ico", "image/x-icon"),
    ROW("ics", TEXT("calendar")),
    ROW("jpeg", "image/jpeg"),
    ROW("jpg", "image/jpeg"),
    ROW("js", TEXT("javascript")),
    ROW("json", "application/json"),
    ROW("jsonld", "application/ld+json"),
    ROW("jxl", "image/jxl"),
    ROW("log", TEXT("plain")),
    ROW("m3u8", "application/vnd.apple.mpegurl"),
    ROW("m4a", "audio/mp4"),
    ROW("m4v", "video/mp4"),
    ROW("map", "application/json"),
    ROW("md", TEXT("markdown")),
    ROW("mjs", TEXT("javascript")),
    ROW("mov", "video/quicktime"),
    ROW("mp3", "audio/mpeg"),
    ROW("mp4", "video/mp4"),
    ROW("mpd", "application/dash+xml"),
    ROW("odp", "application/vnd.oasis.opendocument.presentation"),
    ROW("ods", "application/vnd.oasis.opendocument.spreadsheet"),
    ROW("odt", "application/vnd.oasis.opendocument.text"),
    ROW("oga", "audio/ogg"),
    ROW("ogg", "audio/ogg"),
    ROW("ogv", "video/ogg"),
    ROW("opus", "audio/ogg"),
    ROW("otf", "font/otf"),
    ROW("pdf", "application/pdf"),
    ROW("png", "image/png"),
    ROW("ppt", "application/vnd.ms-powerpoint"),
    ROW("pptx", "application/vnd.openxmlformats-officedocument.presentationml.presentation"),
    ROW("rss", "application/rss+xml; charset=utf-8"),
    ROW("rtf", "application/rtf"),
    ROW("svg", "image/svg+xml; charset=utf-8"),
    ROW("svgz", "image/svg+xml"),
    ROW("tar", "application/x-tar"),
    ROW("tgz", "application/gzip"),
    ROW("tif", "image/tiff"),
    ROW("tiff", "image/tiff"),
    ROW("ts", "video/mp2t"),
    ROW("ttf", "font/ttf"),
    ROW("txt", TEXT("plain")),
    ROW("vtt", TEXT("vtt")),
    ROW("wasm", "application/wasm"),
    ROW("wav", "audio/wav"),
    ROW("weba", "audio/webm"),
    ROW("webm", "video/webm"),
    ROW("webmanifest", "application/manifest+json"),
    ROW("webp", "image/webp"),
    ROW("woff", "font/woff"),
    ROW("woff2", "font/woff2"),
    ROW("xhtml", "application/xhtml+xml; charset=utf-8"),
    ROW("xls", "application/vnd.ms-excel"),
    ROW("xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
    ROW("xml", TEXT("xml")),
    ROW("xz", "application/x-xz"),
    ROW("yaml", "application/yaml"),
    ROW("yml", "application/yaml"),
    ROW("zip", "application/zip"),
    ROW("zst", "application/zstd"),
};

/* What follows the last dot of the last segment; empty when there is none. */
static struct slice extension_of(struct slice path)
{
    for (size_t i = path.len; i > 0; i--) {
        char c = path.at[i - 1];
        if (c == '/')
            break;
        if (c == '.')
            return slice_from(path, i);
    }
    return (struct slice){0};
}

static const struct row *find(struct slice path)
{
    struct slice extension = extension_of(path);
    char lower[EXTENSION_BYTES_MAX];
    if (extension.len == 0 || extension.len > sizeof lower)
        return NULL;
    for (size_t i = 0; i < extension.len; i++)
        lower[i] = ascii_lower(extension.at[i]);
    struct slice wanted = slice_of(lower, extension.len);
    size_t low = 0, high = COUNT_OF(table);
    while (low < high) {
        size_t middle = (low + high) / 2;
        int order = slice_compare(wanted, slice_of_cstr(table[middle].extension));
        if (order == 0)
            return &table[middle];
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return NULL;
}

struct slice content_type_of(struct slice path)
{
    const struct row *row = find(path);
    return row == NULL ? SLICE("application/octet-stream") : row->type;
}

bool content_type_is_known(struct slice path)
{
    return find(path) != NULL;
}

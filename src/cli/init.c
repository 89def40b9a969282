/*
 * `weir init`: looks at a folder, guesses what it holds by a few well-known files, and writes a
 * commented weir.yaml that runs it on a high port. It says what it assumed and never overwrites.
 */
#include "base/arena.h"
#include "base/buffer.h"
#include "base/cleanup.h"
#include "cli/cli.h"
#include "cli/options.h"
#include "cli/place.h"
#include "os/file.h"
#include "os/folder.h"
#include "os/proc.h"
#include "wire/json/json.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>

#define YAML_BYTES_MAX    65536
#define PACKAGE_BYTES_MAX (1 << 20)
#define PORT_FIRST        8080
#define PORTS_TRIED       100
#define NAME_BYTES        64

enum kind { KIND_DJANGO, KIND_PYTHON, KIND_NODE, KIND_STATIC };

struct found {
    enum kind kind;
    const char *directory;   /* "." or a folder below */
    const char *files;       /* a folder with an index.html beside a service; NULL: none */
    char module[NAME_BYTES]; /* of Django: the package with wsgi.py */
};

static const char *const service_folders[] = {".", "backend", "api", "server", "app"};
static const char *const files_folders[] = {"frontend/dist", "frontend/build", "dist",   "build",
                                            "public",        "frontend",       "static", "."};

static bool exists(const char *folder, const char *name)
{
    char path[PATH_MAX];
    struct file_info info;
    int len = snprintf(path, sizeof path, "%s/%s", folder, name);
    return len > 0 && (size_t)len < sizeof path && file_stat(path, &info) == 0;
}

struct wsgi_search {
    const char *folder;
    char *module;
};

static int is_django_package(void *arg, const char *name)
{
    struct wsgi_search *search = arg;
    char path[PATH_MAX];
    int len = snprintf(path, sizeof path, "%s/wsgi.py", name);
    if (len < 0 || (size_t)len >= sizeof path || !exists(search->folder, path))
        return 0;
    (void)snprintf(search->module, NAME_BYTES, "%s", name);
    return 1;
}

static bool has_start_script(const char *folder)
{
    char path[PATH_MAX];
    SCOPED(buffer_finish) struct buffer text;
    buffer_init(&text, PACKAGE_BYTES_MAX);
    int len = snprintf(path, sizeof path, "%s/package.json", folder);
    if (len < 0 || (size_t)len >= sizeof path || file_read_all(path, &text) < 0)
        return false;
    struct arena arena;
    const struct json *package = NULL;
    arena_init(&arena, NULL, 0, 4 * PACKAGE_BYTES_MAX);
    (void)json_parse(buffer_slice(&text), &arena, &package);
    bool has_start = json_get_text(json_get(package, SLICE("scripts")), SLICE("start")).len > 0;
    arena_finish(&arena);
    return has_start;
}

static bool find_service_in(const char *folder, struct found *found)
{
    struct wsgi_search search = {folder, found->module};
    found->directory = folder;
    if (exists(folder, "manage.py") && folder_each(folder, is_django_package, &search) == 1) {
        found->kind = KIND_DJANGO;
        return true;
    }
    if (exists(folder, "app.py") || exists(folder, "wsgi.py")) {
        (void)snprintf(found->module, sizeof found->module, "%s",
                       exists(folder, "wsgi.py") ? "wsgi" : "app");
        found->kind = KIND_PYTHON;
        return true;
    }
    found->kind = KIND_NODE;
    return has_start_script(folder);
}

static const char *find_files_folder(void)
{
    for (size_t i = 0; i < COUNT_OF(files_folders); i++) {
        if (exists(files_folders[i], "index.html"))
            return files_folders[i];
    }
    return NULL;
}

static bool look_round(struct found *found)
{
    found->files = find_files_folder();
    for (size_t i = 0; i < COUNT_OF(service_folders); i++) {
        if (find_service_in(service_folders[i], found)) {
            /* A page in the folder of the program itself is the program's business, and one at the
             * top would show the program's sources with it. */
            if (found->files != NULL &&
                (strcmp(found->files, found->directory) == 0 || strcmp(found->files, ".") == 0))
                found->files = NULL;
            return true;
        }
    }
    found->kind = KIND_STATIC;
    found->directory = found->files;
    return found->files != NULL;
}

static uint16_t free_port(void)
{
    uint64_t inodes[PROC_LISTENERS_MAX];
    for (uint16_t port = PORT_FIRST; port < PORT_FIRST + PORTS_TRIED; port++) {
        if (proc_listeners(port, inodes) == 0)
            return port;
    }
    return PORT_FIRST;
}

/* The folder's name as a name of the file: letters, digits, '-'. */
static void app_name(const char *folder, char ret_name[static NAME_BYTES])
{
    const char *slash = strrchr(folder, '/');
    const char *base = slash == NULL ? folder : slash + 1;
    size_t len = 0;
    for (; *base != '\0' && len < 30; base++) {
        char c = ascii_lower(*base);
        bool fits = (c >= 'a' && c <= 'z') || (ascii_is_digit(c) && len > 0);
        if (fits)
            ret_name[len++] = c;
        else if (len > 0 && ret_name[len - 1] != '-')
            ret_name[len++] = '-';
    }
    while (len > 0 && ret_name[len - 1] == '-')
        len--;
    ret_name[len] = '\0';
    if (len == 0 || strcmp(ret_name, "null") == 0) /* YAML's word for nothing */
        (void)snprintf(ret_name, NAME_BYTES, "app");
}

static const char *runner(const struct found *found)
{
    return exists(found->directory, "v/bin/gunicorn")       ? "v/bin/gunicorn"
           : exists(found->directory, "venv/bin/gunicorn")  ? "venv/bin/gunicorn"
           : exists(found->directory, ".venv/bin/gunicorn") ? ".venv/bin/gunicorn"
                                                            : "gunicorn";
}

static int write_command(const struct found *found, struct buffer *out)
{
    switch (found->kind) {
    case KIND_DJANGO:
        return buffer_format(out, "    command: %s --bind 127.0.0.1:$PORT %s.wsgi\n", runner(found),
                             found->module);
    case KIND_PYTHON:
        return buffer_format(out, "    command: %s --bind 127.0.0.1:$PORT %s:app\n", runner(found),
                             found->module);
    case KIND_NODE:
        return buffer_format(out, "    command: npm start        # it must listen on "
                                  "process.env.PORT\n");
    case KIND_STATIC:
        break;
    }
    return 0;
}

static int write_service(const struct found *found, struct buffer *out)
{
    int rc = buffer_format(out, "\nservices:\n  api:\n    directory: %s\n", found->directory);
    if (rc == 0)
        rc = write_command(found, out);
    if (rc == 0)
        rc = buffer_format(
            out,
            "    tasks: 2                  # so many run; one that dies is started anew\n"
            "    health: { path: / }       # a task takes requests once this answers 2xx or 3xx\n"
            "    # env: { NAME: value }\n");
    return rc;
}

static int write_rules(const struct found *found, struct buffer *out)
{
    if (found->kind == KIND_STATIC)
        return buffer_format(out, "      - files: %s\n", found->files);
    if (found->files == NULL)
        return buffer_format(out, "      - forward: api\n");
    return buffer_format(out,
                         "      - match: { path: \"/api/*\" }\n"
                         "        forward: api\n"
                         "      - files: ./%s\n"
                         "        fallback: /index.html   # for addresses that the front end makes "
                         "itself\n",
                         found->files);
}

static int write_yaml(const struct found *found, const char *name, uint16_t port,
                      struct buffer *out)
{
    int rc = buffer_format(
        out,
        "# Written by `weir init`. `weir check` tells what is wrong with it, `weir up` runs it.\n"
        "app: %s\n\n"
        "listeners:\n"
        "  http: { address: \"127.0.0.1:%u\" }   # \":80\" for all of this machine's addresses\n\n"
        "sites:\n"
        "  %s:\n"
        "    domains: [\"*\"]            # or names: [%s.example.org]\n"
        "    rules:                    # the first match wins\n",
        name, port, name, name);
    if (rc == 0)
        rc = write_rules(found, out);
    return rc < 0 || found->kind == KIND_STATIC ? rc : write_service(found, out);
}

static void tell(const struct found *found, const char *file, uint16_t port)
{
    static const char *const what[] = {"a Django application", "a Python (WSGI) application",
                                       "a Node application", "a folder of files"};
    bool is_here = strcmp(found->directory, ".") == 0;
    printf("wrote %s for %s in %s%s\n\nIt assumes that\n", file, what[found->kind],
           is_here ? "this folder" : "./", is_here ? "" : found->directory);
    if (found->kind == KIND_DJANGO)
        printf("  - gunicorn can be run as `%s`, and the application is %s.wsgi\n", runner(found),
               found->module);
    if (found->kind == KIND_PYTHON)
        printf("  - gunicorn can be run as `%s`, and the application is called `app` in %s.py\n",
               runner(found), found->module);
    if (found->kind == KIND_NODE)
        printf("  - `npm start` starts it, and it listens on the port in the variable PORT\n");
    if (found->kind != KIND_STATIC)
        printf("  - the path / answers when it is well; a path made for that is better\n");
    if (found->kind == KIND_DJANGO)
        printf("  - ALLOWED_HOSTS has the name you use: localhost and 127.0.0.1 for a start\n");
    if (found->kind != KIND_STATIC && found->files != NULL)
        printf("  - its paths begin with /api/, all others are files of ./%s\n", found->files);
    printf("  - port %u is yours to use\n\nNext: weir up, then open http://127.0.0.1:%u/\n", port,
           port);
}

static int run(const struct place *place)
{
    struct found found = {0};
    char name[NAME_BYTES];
    SCOPED(buffer_finish) struct buffer yaml;
    buffer_init(&yaml, YAML_BYTES_MAX);
    if (exists(".", place->file)) {
        fprintf(stderr, "weir init: there is a %s already; nothing was changed\n", place->file);
        return 1;
    }
    if (!look_round(&found)) {
        fprintf(stderr,
                "weir init: found nothing here that it knows: no manage.py (Django), app.py or "
                "wsgi.py (Python), package.json with a start script (Node), index.html (files).\n"
                "Run it in your project's folder, or write %s by hand: docs/configuration.md\n",
                place->file);
        return 1;
    }
    uint16_t port = free_port();
    app_name(place->folder, name);
    int rc = write_yaml(&found, name, port, &yaml);
    if (rc == 0)
        rc = file_replace(place->file, buffer_slice(&yaml), 0644);
    if (rc < 0) {
        fprintf(stderr, "weir init: cannot write %s: %s\n", place->file, strerror(-rc));
        return 1;
    }
    tell(&found, place->file, port);
    return 0;
}

int cli_init(int argc, const char **argv)
{
    const char **arguments;
    const struct option_row options[] = {{.name = NULL}};
    const struct command_usage usage = {
        "init", "",
        "Writes a first weir.yaml for the project in this folder: Django, Flask and other WSGI,\n"
        "Node, or a folder of files. It says what it assumed, and never overwrites.",
        0, options};
    unsigned count;
    int exit_code;
    struct place place;
    if (!options_parse(&usage, argc, argv, &count, &arguments, &exit_code))
        return exit_code;
    return place_find("init", NULL, NULL, false, &place) ? run(&place) : 1;
}

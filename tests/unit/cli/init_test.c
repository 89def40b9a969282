/* The first weir.yaml of all kinds of projects is right, and says what was found. */
#include "scratch.h"

#include "base/cleanup.h"
#include "cli/cli.h"
#include "conf/snapshot.h"

static int run_init(struct scratch *scratch)
{
    const char *arguments[] = {"init", NULL};
    scratch_listen(scratch);
    int exit_code = cli_init(1, arguments);
    scratch_heard(scratch);
    return exit_code;
}

/* What was written, which must be right. */
static struct snapshot *read_written(void)
{
    struct conf_errors errors;
    struct snapshot *snapshot = NULL;
    conf_errors_init(&errors);
    int rc = snapshot_read("weir.yaml", NULL, &snapshot, &errors);
    for (unsigned i = 0; i < errors.count; i++)
        print_message("%u: %.*s\n", errors.at[i].place.line, SLICE_ARG(errors.at[i].text));
    conf_errors_finish(&errors);
    assert_int_equal(rc, 0);
    return snapshot;
}

static void expect_slice(struct slice slice, const char *text)
{
    if (!slice_equal(slice, slice_of_cstr(text)))
        fail_msg("\"%.*s\" is not \"%s\"", SLICE_ARG(slice), text);
}

/* A path below the folder, "" for the folder itself. */
static void expect_folder(const struct scratch *scratch, struct slice path, const char *below)
{
    char expected[PATH_MAX + 64];
    (void)snprintf(expected, sizeof expected, "%s%s%s", scratch->folder,
                   below[0] == '\0' ? "" : "/", below);
    expect_slice(path, expected);
}

struct project {
    const char *files[5]; /* "path" or "path=content" */
    const char *command;  /* of the service; NULL: none */
    const char *directory;
    const char *root; /* of the files that are served; NULL: none */
    const char *said;
};

static const struct project projects[] = {
    {{"manage.py", "shop/wsgi.py"},
     "gunicorn --bind 127.0.0.1:$PORT shop.wsgi",
     "",
     NULL,
     "a Django application in this folder"},
    {{"backend/manage.py", "backend/shop/wsgi.py", "frontend/dist/index.html"},
     "gunicorn --bind 127.0.0.1:$PORT shop.wsgi",
     "backend",
     "frontend/dist",
     "a Django application in ./backend"},
    {{"manage.py", "shop/wsgi.py", ".venv/bin/gunicorn"},
     ".venv/bin/gunicorn --bind 127.0.0.1:$PORT shop.wsgi",
     "",
     NULL,
     "run as `.venv/bin/gunicorn`"},
    {{"app.py", "static/index.html"},
     "gunicorn --bind 127.0.0.1:$PORT app:app",
     "",
     "static",
     "called `app` in app.py"},
    {{"api/wsgi.py"}, "gunicorn --bind 127.0.0.1:$PORT wsgi:app", "api", NULL, "in wsgi.py"},
    {{"package.json={\"scripts\": {\"start\": \"node .\"}}"},
     "npm start",
     "",
     NULL,
     "a Node application"},
    {{"server/package.json={\"scripts\": {\"start\": \"node .\"}}", "dist/index.html"},
     "npm start",
     "server",
     "dist",
     "a Node application in ./server"},
    {{"public/index.html"}, NULL, NULL, "public", "a folder of files in ./public"},
    {{"index.html", "package.json={\"scripts\": {\"build\": \"vite\"}}"},
     NULL,
     NULL,
     "",
     "a folder of files in this folder"},
};

static void write_project(const struct project *project)
{
    for (size_t i = 0; i < COUNT_OF(project->files) && project->files[i] != NULL; i++) {
        struct slice rest = slice_of_cstr(project->files[i]), path;
        char name[128];
        (void)slice_cut(&rest, '=', &path);
        (void)snprintf(name, sizeof name, "%.*s", SLICE_ARG(path));
        scratch_write(name, rest.at == NULL ? "" : rest.at);
    }
}

static void check_service(const struct scratch *scratch, const struct project *project,
                          const struct snapshot *snapshot)
{
    assert_int_equal(snapshot->services_count, project->command == NULL ? 0 : 1);
    if (project->command == NULL)
        return;
    expect_slice(snapshot->services[0].command, project->command);
    expect_folder(scratch, snapshot->services[0].directory, project->directory);
    assert_true(snapshot->services[0].group->health.enabled);
}

static void check_rules(const struct scratch *scratch, const struct project *project,
                        const struct snapshot *snapshot)
{
    const struct conf_site *site = &snapshot->sites[0];
    unsigned expected = (project->command != NULL) + (project->root != NULL);
    assert_int_equal(site->rules_count, expected);
    if (project->command != NULL) {
        assert_int_equal(site->rules[0].action, CONF_ACTION_FORWARD);
        assert_int_equal(site->rules[0].match.paths_count, project->root != NULL);
    }
    if (project->root == NULL)
        return;
    const struct conf_rule *rule = &site->rules[expected - 1];
    assert_int_equal(rule->action, CONF_ACTION_FILES);
    expect_folder(scratch, rule->files.root, project->root);
    assert_int_equal(rule->files.fallback.len > 0, project->command != NULL);
}

static void each_kind_of_project_gets_a_file_that_runs_it(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(projects); i++) {
        struct scratch scratch;
        scratch_begin(&scratch, "my-app");
        write_project(&projects[i]);
        assert_int_equal(run_init(&scratch), 0);
        if (strstr(scratch.said.at, projects[i].said) == NULL)
            fail_msg("\"%s\" was not said: %s", projects[i].said, scratch.said.at);
        assert_string_equal(scratch.why.at, "");
        struct snapshot *snapshot = read_written();
        expect_slice(snapshot->app, "my-app");
        check_service(&scratch, &projects[i], snapshot);
        check_rules(&scratch, &projects[i], snapshot);
        snapshot_unref(snapshot);
        scratch_end(&scratch);
    }
}

/* It would hand out the service's own sources. */
static void a_page_at_the_top_is_not_served_beside_a_service_below_it(void **state)
{
    (void)state;
    struct scratch scratch;
    scratch_begin(&scratch, "shop");
    scratch_write("index.html", "");
    scratch_write("backend/app.py", "");
    assert_int_equal(run_init(&scratch), 0);
    struct snapshot *snapshot = read_written();
    assert_int_equal(snapshot->sites[0].rules_count, 1);
    assert_int_equal(snapshot->sites[0].rules[0].action, CONF_ACTION_FORWARD);
    snapshot_unref(snapshot);
    scratch_end(&scratch);
}

static void the_folder_s_name_becomes_a_name_of_the_file(void **state)
{
    (void)state;
    static const struct {
        const char *folder, *app;
    } cases[] = {
        {"shop", "shop"},
        {"My Shop_2.0", "my-shop-2-0"},
        {"2nd-try-", "nd-try"},
        {"...", "app"},
        {"größe", "gr-e"},
        {"a-very-long-name-of-a-folder-that-goes-on", "a-very-long-name-of-a-folder-t"},
        {"true", "true"},
        {"null", "app"},
        {"no", "no"},
        {"on", "on"},
        {"y", "y"},
        {"123", "app"},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct scratch scratch;
        scratch_begin(&scratch, cases[i].folder);
        scratch_write("index.html", "");
        assert_int_equal(run_init(&scratch), 0);
        struct snapshot *snapshot = read_written();
        expect_slice(snapshot->app, cases[i].app);
        expect_slice(snapshot->sites[0].name, cases[i].app);
        snapshot_unref(snapshot);
        scratch_end(&scratch);
    }
}

static void a_file_that_is_there_is_never_overwritten(void **state)
{
    (void)state;
    struct scratch scratch;
    scratch_begin(&scratch, "shop");
    scratch_write("index.html", "");
    scratch_write("weir.yaml", "mine");
    assert_int_equal(run_init(&scratch), 1);
    assert_string_equal(scratch.said.at, "");
    assert_non_null(strstr(scratch.why.at, "there is a weir.yaml already"));
    struct buffer text;
    buffer_init(&text, 100);
    assert_int_equal(file_read_all("weir.yaml", &text), 0);
    assert_true(slice_equal(buffer_slice(&text), SLICE("mine")));
    buffer_finish(&text);
    scratch_end(&scratch);
}

static void an_unknown_project_is_told_what_was_looked_for(void **state)
{
    (void)state;
    struct scratch scratch;
    scratch_begin(&scratch, "shop");
    scratch_write("manage.py", ""); /* but no package with wsgi.py */
    scratch_write("package.json", "{\"scripts\": {}, \"dependencies\": {\"start\": \"1\"}}");
    assert_int_equal(run_init(&scratch), 1);
    assert_non_null(strstr(scratch.why.at, "found nothing here that it knows"));
    assert_int_not_equal(access("weir.yaml", F_OK), 0);
    scratch_end(&scratch);
}

static void it_takes_no_arguments(void **state)
{
    (void)state;
    struct scratch scratch;
    scratch_begin(&scratch, "shop");
    const char *arguments[] = {"init", "elsewhere", NULL};
    scratch_listen(&scratch);
    int exit_code = cli_init(2, arguments);
    scratch_heard(&scratch);
    assert_int_equal(exit_code, 2);
    assert_non_null(strstr(scratch.why.at, "elsewhere"));
    scratch_end(&scratch);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_kind_of_project_gets_a_file_that_runs_it),
        cmocka_unit_test(a_page_at_the_top_is_not_served_beside_a_service_below_it),
        cmocka_unit_test(the_folder_s_name_becomes_a_name_of_the_file),
        cmocka_unit_test(a_file_that_is_there_is_never_overwritten),
        cmocka_unit_test(an_unknown_project_is_told_what_was_looked_for),
        cmocka_unit_test(it_takes_no_arguments),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

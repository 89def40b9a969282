/* Later ones win over earlier ones of the same name: inherited, the service's env, Weir's own. */
#include "control/environment.h"

#include "base/cleanup.h"
#include "os/self.h"

#include <errno.h>

#define BYTES_MAX (4 << 20)
#define OWN_MAX   3 /* PORT, WEIR_TASK, WEIR_SERVICE */

static const struct slice inherited[] = {
    SLICE("PATH"),     SLICE("HOME"), SLICE("USER"),     SLICE("LOGNAME"),
    SLICE("SHELL"),    SLICE("LANG"), SLICE("LANGUAGE"), SLICE("LC_ALL"),
    SLICE("LC_CTYPE"), SLICE("TZ"),   SLICE("TMPDIR"),
};

static struct slice name_of(const char *variable)
{
    const char *equals = strchr(variable, '=');
    return slice_of(variable, equals == NULL ? strlen(variable) : (size_t)(equals - variable));
}

static int add(struct environment *environment, unsigned *count, struct slice variable)
{
    if (variable.at == NULL)
        return -ENOMEM;
    for (unsigned i = 0; i < *count; i++) {
        if (slice_equal(name_of(environment->variables[i]), name_of(variable.at))) {
            environment->variables[i] = variable.at;
            return 0;
        }
    }
    environment->variables[(*count)++] = variable.at;
    return 0;
}

static int add_inherited(struct environment *environment, unsigned *count)
{
    int rc = 0;
    for (const char *const *own = self_environment(); rc == 0 && *own != NULL; own++) {
        for (size_t i = 0; rc == 0 && i < COUNT_OF(inherited); i++) {
            if (slice_equal(name_of(*own), inherited[i]))
                rc = add(environment, count, slice_of_cstr(*own));
        }
    }
    return rc;
}

int environment_make(struct environment *environment, const struct conf_service *service,
                     const char *task_id, uint16_t port)
{
    struct arena *arena = &environment->arena;
    unsigned count = 0;
    arena_init(arena, NULL, 0, BYTES_MAX);
    environment->variables = arena_alloc_array(
        arena, COUNT_OF(inherited) + OWN_MAX + service->env_count + 1, sizeof(char *));
    int rc = environment->variables == NULL ? -ENOMEM : add_inherited(environment, &count);
    for (unsigned i = 0; rc == 0 && i < service->env_count; i++) {
        const struct conf_env *env = &service->env[i];
        rc = add(environment, &count,
                 arena_format(arena, "%.*s=%.*s", SLICE_ARG(env->name), SLICE_ARG(env->value)));
    }
    if (rc == 0)
        rc = add(environment, &count, arena_format(arena, "WEIR_TASK=%s", task_id));
    if (rc == 0)
        rc = add(environment, &count,
                 arena_format(arena, "WEIR_SERVICE=%.*s", SLICE_ARG(service->name)));
    if (rc == 0 && port != 0)
        rc = add(environment, &count, arena_format(arena, "PORT=%u", port));
    if (rc < 0)
        environment_finish(environment);
    return rc;
}

void environment_finish(struct environment *environment)
{
    arena_finish(&environment->arena);
    environment->variables = NULL;
}

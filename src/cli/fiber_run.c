/* A loop made, run and taken down again. */
#include "cli/fiber_run.h"

#include "os/kernel.h"
#include "os/loop.h"

struct call {
    int (*fn)(void *arg);
    void *arg;
    int result;
};

static void call_main(void *arg)
{
    struct call *call = arg;
    call->result = call->fn(call->arg);
    loop_stop(loop_current());
}

int fiber_run(int (*fn)(void *arg), void *arg)
{
    struct call call = {.fn = fn, .arg = arg};
    struct kernel *kernel = NULL;
    struct loop *loop = NULL;
    int rc = kernel_real_create(&kernel);
    if (rc == 0)
        rc = loop_create(kernel, &loop);
    if (rc == 0)
        rc = fiber_start(call_main, &call, NULL);
    if (rc == 0)
        rc = loop_run(loop);
    loop_destroy(loop);
    kernel_real_destroy(kernel);
    return rc < 0 ? rc : call.result;
}

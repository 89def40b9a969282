/* What a service asks to be run before its first task starts. */
#pragma once

#include "conf/snapshot.h"

struct control;

/*
 * Runs the service's build in its folder, its output shown as it comes. Waits in a fiber; a stop
 * ends it. 0, -ECANCELED when control stops, or -EPROTO when it failed, which has been told.
 */
int build_run(struct control *control, const struct conf_service *service);

/* The control process: started, started anew when it crashes, let go when the file has changed. */
#pragma once

#include "main/supervisor_internal.h"

/* Starts the fiber that keeps it running. 0 or an error. */
int control_start(struct supervisor *self);

/* The edge was started anew, or another one serves. */
void control_tell(struct supervisor *self);

/* It leaves its tasks to the next one, which has the configuration of now. */
void control_renew(struct supervisor *self);

void control_terminate(struct supervisor *self);

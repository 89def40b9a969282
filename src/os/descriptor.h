/* Descriptors that are not on a loop. */
#pragma once

/* Closes it; a negative one is left alone. */
void descriptor_close(int fd);

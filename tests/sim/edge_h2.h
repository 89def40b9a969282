/* A client of HTTP/2: nghttp2's own, so that an error of ours cannot hide behind itself. */
#pragma once

#include "edge_client.h"

/* Some requests at once on a connection of its own; each answer is judged. */
void clients_ask_by_h2(struct clients *clients);

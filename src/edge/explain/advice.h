/* What to do next about the usual causes of a wrong answer, in sentences. */
#pragma once

#include "base/json.h"
#include "edge/explain/decisions.h"

struct plane;

/* A list of texts under "advice"; empty when nothing is known. */
void advice_write(struct json_writer *json, const struct plane *plane,
                  const struct decision *decision);

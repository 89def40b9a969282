/* The actions that need nothing but the rule: `respond` and `redirect`. */
#pragma once

#include "conf/snapshot.h"

struct exchange;

void respond_run(struct exchange *exchange, const struct conf_respond *respond);
void redirect_run(struct exchange *exchange, const struct conf_redirect *redirect);

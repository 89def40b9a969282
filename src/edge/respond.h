/* The actions that need nothing but the rule: `respond` and `redirect`. */
#pragma once

#include "conf/snapshot.h"

struct exchange;

void respond_run(struct exchange *exchange, const struct conf_respond *respond);
void redirect_run(struct exchange *exchange, const struct conf_redirect *redirect);

/*
 * The path is that of a folder: 301 to the same with a slash, relative to the host, whatever stands
 * before us. 404 where a rewrite makes a folder's name of a path that has its slash already:
 * another one would lead nowhere.
 */
void respond_with_folder(struct exchange *exchange);

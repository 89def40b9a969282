/* YAML that is broken, told in words that help. */
#pragma once

#include "conf/snapshot.h"

struct yaml_parser_s;

/*
 * Notes why the parser stopped. `text` is what it was given. Returns -EINVAL, or -ENOMEM when that
 * is why.
 */
int syntax_error_note(const struct yaml_parser_s *parser, struct slice text,
                      struct conf_errors *errors);

/* What a rule asks for besides its action, in words: one row each in policies.c. */
#pragma once

#include "base/json.h"
#include "conf/snapshot.h"

#define POLICY_VALUE_BYTES 512

/* Writes a list of {"name", "value"} under `name`: the keys of the rule and what they say. */
void policies_write(struct json_writer *json, const char *name, const struct conf_rule *rule);

/* The value of one key as a person reads it, in `text`; empty: the rule does not ask for it. */
struct slice policy_value(const char *key, const struct conf_rule *rule,
                          char text[static POLICY_VALUE_BYTES]);

/* An object with what the action does: its kind and settings. */
void action_write(struct json_writer *json, const char *name, const struct conf_rule *rule);

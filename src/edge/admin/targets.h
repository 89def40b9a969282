/* A group and its targets as the API tells them. */
#pragma once

struct json_writer;
struct target_group;

/* The members "name", "epoch", "unresolved" and "targets" of an object that is open. */
void targets_write(struct json_writer *json, struct target_group *group);

/*
 * The commands of the program, one file each. Each takes argv from its own name on and returns the
 * exit code: 0, 1 for a failure that has been told on standard error, 2 for wrong usage.
 */
#pragma once

int cli_bucket(int argc, const char **argv);
int cli_check(int argc, const char **argv);
int cli_explain(int argc, const char **argv);
int cli_init(int argc, const char **argv);
int cli_logs(int argc, const char **argv);
int cli_reload(int argc, const char **argv);
int cli_maintenance(int argc, const char **argv);
int cli_s3(int argc, const char **argv);
int cli_status(int argc, const char **argv);

/*
 * gRPC's health protocol, grpc.health.v1 (health-checking.md): the one message that is asked and
 * the one that is answered, in the bytes of protobuf.
 */
#pragma once

#include "base/writer.h"

#define GRPC_HEALTH_PATH SLICE("/grpc.health.v1.Health/Check")

/* Longer names of services are not asked for, longer answers not read. */
#define GRPC_HEALTH_NAME_BYTES_MAX   1000
#define GRPC_HEALTH_ANSWER_BYTES_MAX 256

enum grpc_health {
    GRPC_HEALTH_UNKNOWN,
    GRPC_HEALTH_SERVING,
    GRPC_HEALTH_NOT_SERVING,
    GRPC_HEALTH_SERVICE_UNKNOWN,
};

/* A HealthCheckRequest as a message of gRPC; an empty name stands for the whole server. */
void grpc_health_write(struct writer *writer, struct slice service);

/* A HealthCheckResponse as a message of gRPC, whole: its status, any number; or -EBADMSG. */
int grpc_health_parse(struct slice message);

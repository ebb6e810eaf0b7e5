/* SPDX-License-Identifier: MIT */
/* What it costs the hub's loop to record that a device connected: time and bytes of a record. */

#include <stdio.h>
#include <time.h>

#include "hub/operation.h"

#define RECORDS 100000
#define BATCH   1000

static double now_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

static int add_record(struct vd_event_batch *batch)
{
    const struct vd_principal who = {.auth_type = VD_AUTH_SAS};
    const struct vd_operation operation = {
        .category = VD_OPERATION_CONNECTIONS,
        .name = "deviceConnect",
        .duration_ms = 42,
        .device_id = "bench12345",
        .module_id = "",
        .protocol = "Mqtt",
        .auth_type = vd_operation_auth_type(&who),
        .address = "192.0.2.17",
        .client_type = VD_STR_LITERAL("azure-iot-device%2F1.18.4"),
    };
    struct vd_buf body = {0};
    struct vd_event event;
    int error = vd_operation_event(&operation, "localhost", &body, &event);

    if (error == VD_OK) {
        error = vd_event_batch_add(batch, &event);
    }
    vd_buf_release(&body);
    return error;
}

/* Prints the nanoseconds and the bytes of a record. */
int main(void)
{
    struct vd_event_batch batch = {0};
    double start = now_ns();
    size_t bytes = 0;
    int error = VD_OK;

    for (int i = 0; error == VD_OK && i < RECORDS; i++) {
        if (i % BATCH == 0) {
            bytes += batch.bytes.length;
            vd_event_batch_clear(&batch);
        }
        error = add_record(&batch);
    }
    if (error != VD_OK) {
        fprintf(stderr, "bench_hub_records: %s\n", vd_error_text(error));
        return 1;
    }
    printf("%.0f %zu\n", (now_ns() - start) / RECORDS, (bytes + batch.bytes.length) / RECORDS);
    vd_event_batch_release(&batch);
    return 0;
}

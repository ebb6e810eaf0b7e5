/* SPDX-License-Identifier: MIT */
/* The form in which the record of a device is stored. */

#include <string.h>

#include "center/detect/device_state.h"

/* The form of a stored record. */
#define FORMAT 1

#define FLAG_CONNECTED 1U
#define FLAG_SILENT    2U
#define FLAG_KNOWN     4U
#define FLAG_ENABLED   8U
#define FLAG_COPY      16U
#define FLAG_LATE      32U
#define FLAG_TOLD      1U
#define FLAG_PARTIAL   2U

static void put(struct vd_buf *out, uint64_t value, size_t length)
{
    uint8_t bytes[8];

    for (size_t i = 0; i < length; i++) {
        bytes[i] = (uint8_t)(value >> (8 * i));
    }
    vd_buf_append(out, bytes, length);
}

static void write_window(const struct vd_window *window, struct vd_buf *out)
{
    put(out, window->counter, 1);
    put(out, (window->is_told ? FLAG_TOLD : 0) | (window->is_partial ? FLAG_PARTIAL : 0), 1);
    put(out, (uint64_t)window->index, 8);
    put(out, (uint64_t)window->touched_ms, 8);
    put(out, window->count, 4);
    put(out, window->sampled, 1);
    for (uint32_t i = 0; i < window->sampled && i < VD_WINDOW_SAMPLES; i++) {
        put(out, window->samples[i].is_event ? 1 : 0, 1);
        put(out, window->samples[i].offset, 8);
        vd_buf_append(out, window->samples[i].event_id.bytes, sizeof(struct vd_uuid));
    }
    for (uint32_t i = 0; i < window->distinct_capacity; i++) {
        if (window->distinct[i] != 0) {
            put(out, window->distinct[i], 8);
        }
    }
}

void vd_device_state_write(const struct vd_device_state *state, struct vd_buf *out)
{
    const int64_t times[] = {state->member_since_ms, state->heard_ms, state->heard_observed,
        state->connected_ms, state->left_ms, state->clock_error_ms, state->clock_measured_ms,
        state->refused_ms, state->network_ms, state->message_ms, state->message_observed,
        state->pace_ms, state->ledger_hour};

    const uint64_t flags = (state->is_connected ? FLAG_CONNECTED : 0) |
        (state->is_silent ? FLAG_SILENT : 0) | (state->is_known ? FLAG_KNOWN : 0) |
        (state->is_enabled ? FLAG_ENABLED : 0) | (state->is_refused_copy ? FLAG_COPY : 0) |
        (state->is_late ? FLAG_LATE : 0);

    put(out, FORMAT, 1);
    put(out, flags, 1);
    for (size_t i = 0; i < sizeof times / sizeof times[0]; i++) {
        put(out, (uint64_t)times[i], 8);
    }
    vd_buf_append(out, state->heard_address.bytes, sizeof state->heard_address.bytes);
    vd_buf_append(out, state->connected_address.bytes, sizeof state->connected_address.bytes);
    vd_buf_append(out, state->refused_address.bytes, sizeof state->refused_address.bytes);
    put(out, state->refused_for, 1);
    put(out, strlen(state->group), 1);
    vd_buf_append_text(out, state->group);
    put(out, strlen(state->generation_id), 1);
    vd_buf_append_text(out, state->generation_id);
    put(out, state->window_count, 2);
    for (uint32_t i = 0; i < state->window_count; i++) {
        write_window(&state->windows[i], out);
    }
}

static int read_samples(struct vd_reader *reader, struct vd_window *window)
{
    window->sampled = vd_reader_u8(reader);
    if (window->sampled >= 2 * VD_WINDOW_SAMPLES) {
        window->sampled = 0;
        return VD_E_CORRUPT;
    }
    for (uint32_t i = 0; i < window->sampled && i < VD_WINDOW_SAMPLES; i++) {
        struct vd_counted *sample = &window->samples[i];
        struct vd_str id;

        sample->is_event = vd_reader_u8(reader) != 0;
        sample->offset = vd_reader_u64_le(reader);
        id = vd_reader_bytes(reader, sizeof sample->event_id.bytes);
        if (id.length == sizeof sample->event_id.bytes) {
            memcpy(sample->event_id.bytes, id.data, id.length);
        }
    }
    return reader->failed ? VD_E_CORRUPT : VD_OK;
}

static int read_window(struct vd_reader *reader, struct vd_device_state *state)
{
    const uint8_t counter = vd_reader_u8(reader);
    const uint8_t flags = vd_reader_u8(reader);
    const int64_t index = (int64_t)vd_reader_u64_le(reader);
    const int64_t touched_ms = (int64_t)vd_reader_u64_le(reader);
    const uint32_t count = vd_reader_u32_le(reader);
    struct vd_window *window = NULL;
    int error;

    if (reader->failed || counter >= VD_COUNTERS_END ||
        (counter == VD_COUNT_CONNECTIONS && count > VD_WINDOW_DISTINCT_MAX)) {
        return VD_E_CORRUPT;
    }
    error = vd_device_window_open(state, counter, index, &window);
    if (error != VD_OK || window == NULL) {
        return error != VD_OK ? error : VD_E_CORRUPT;
    }
    window->is_told = (flags & FLAG_TOLD) != 0;
    window->touched_ms = touched_ms;
    error = read_samples(reader, window);
    for (uint32_t i = 0; counter == VD_COUNT_CONNECTIONS && i < count && error == VD_OK; i++) {
        error = vd_window_add_distinct(window, vd_reader_u64_le(reader), VD_WINDOW_DISTINCT_MAX);
    }
    if (error == VD_OK && counter == VD_COUNT_CONNECTIONS && window->count != count) {
        return VD_E_CORRUPT; /* a flow is there twice */
    }
    window->count = count;
    window->is_partial = (flags & FLAG_PARTIAL) != 0;
    window->is_changed = false;
    return error;
}

static void read_addresses(struct vd_reader *reader, struct vd_device_state *state)
{
    struct vd_address *const addresses[] = {
        &state->heard_address, &state->connected_address, &state->refused_address};

    for (size_t i = 0; i < sizeof addresses / sizeof addresses[0]; i++) {
        const struct vd_str bytes = vd_reader_bytes(reader, sizeof addresses[i]->bytes);

        if (bytes.length == sizeof addresses[i]->bytes) {
            memcpy(addresses[i]->bytes, bytes.data, bytes.length);
        }
    }
}

static int read_group(struct vd_reader *reader, struct vd_device_state *state)
{
    const struct vd_str group = vd_reader_bytes(reader, vd_reader_u8(reader));
    char name[VD_FLEET_GROUP_MAX + 1];

    if (reader->failed || vd_str_copy(group, name, sizeof name) != VD_OK) {
        return VD_E_CORRUPT;
    }
    return vd_device_state_set_group(state, name);
}

static int read_generation(struct vd_reader *reader, struct vd_device_state *state)
{
    const struct vd_str id = vd_reader_bytes(reader, vd_reader_u8(reader));

    return reader->failed ||
            vd_str_copy(id, state->generation_id, sizeof state->generation_id) != VD_OK
        ? VD_E_CORRUPT
        : VD_OK;
}

int vd_device_state_read(struct vd_device_state *state, struct vd_str body)
{
    struct vd_reader reader;
    int64_t *const times[] = {&state->member_since_ms, &state->heard_ms, &state->heard_observed,
        &state->connected_ms, &state->left_ms, &state->clock_error_ms, &state->clock_measured_ms,
        &state->refused_ms, &state->network_ms, &state->message_ms, &state->message_observed,
        &state->pace_ms, &state->ledger_hour};
    uint8_t flags;
    uint32_t windows;
    int error;

    vd_reader_init(&reader, body.data, body.length);
    if (vd_reader_u8(&reader) > FORMAT) {
        return VD_E_NEWER;
    }
    flags = vd_reader_u8(&reader);
    state->is_connected = (flags & FLAG_CONNECTED) != 0;
    state->is_silent = (flags & FLAG_SILENT) != 0;
    state->is_known = (flags & FLAG_KNOWN) != 0;
    state->is_enabled = (flags & FLAG_ENABLED) != 0;
    state->is_refused_copy = (flags & FLAG_COPY) != 0;
    state->is_late = (flags & FLAG_LATE) != 0;
    for (size_t i = 0; i < sizeof times / sizeof times[0]; i++) {
        *times[i] = (int64_t)vd_reader_u64_le(&reader);
    }
    read_addresses(&reader, state);
    state->refused_for = vd_reader_u8(&reader);
    error = read_group(&reader, state);
    error = error == VD_OK ? read_generation(&reader, state) : error;
    windows = vd_reader_u16_le(&reader);
    for (uint32_t i = 0; i < windows && error == VD_OK; i++) {
        error = read_window(&reader, state);
    }
    if (error == VD_OK && (reader.failed || vd_reader_left(&reader) != 0)) {
        error = VD_E_CORRUPT;
    }
    if (error != VD_OK) {
        vd_device_windows_free(state);
    }
    return error;
}

/* SPDX-License-Identifier: MIT */
/* Looks through the devices once a minute for those that fell silent. */

#include "center/detect/silence.h"

#include <inttypes.h>
#include <stdlib.h>

#include "center/detect/engine_internal.h"
#include "lib/clock.h"
#include "lib/json_text.h"

static const char *const steps[] = {
    "See whether the device has power and a network: others behind the same address are the quickest hint.",
    "See whether it tries to connect and is refused: its refused logins, and what it can alert about, are shown by `vedette doctor`.",
    "If it was taken out of service, disable or delete its identity.",
    NULL,
};

/* Service Stop; ICS: Denial of Service, Device Restart/Shutdown. */
static const char *const techniques[] = {"T1489", "T0814", "T0816", NULL};

const struct vd_rule vd_rule_device_silent = {
    .alert_type = "IoT_DeviceSilent",
    .display_name = "Device silent",
    .severity = "Low",
    .remediation_steps = steps,
    .techniques = techniques,
};

static int64_t quiet_for(const struct vd_engine *engine, const struct vd_device_state *state)
{
    return engine->observed_ms - state->heard_observed;
}

static bool may_be_silent(const struct vd_device_state *state)
{
    return state->heard_ms != 0 && (state->is_enabled || !state->is_known) && !state->is_gone;
}

static bool falls_silent(const struct vd_engine *engine, const struct vd_device_state *state)
{
    return may_be_silent(state) && !state->is_silent &&
        quiet_for(engine, state) >= engine->settings.silent_after_ms;
}

static bool has_address(const struct vd_device_state *state)
{
    static const struct vd_address none = {{0}};

    return memcmp(&state->heard_address, &none, sizeof none) != 0;
}

/* Devices by the address that they were last heard from, and by when: made once for all that fall silent in a minute. */
struct peer {
    struct vd_address address;
    int64_t heard_observed;
};

struct peers {
    struct peer *list;
    size_t count;
};

static int compare_peers(const void *a, const void *b)
{
    const struct peer *x = a;
    const struct peer *y = b;
    const int by_address = memcmp(&x->address, &y->address, sizeof x->address);

    return by_address != 0
        ? by_address
        : (x->heard_observed > y->heard_observed) - (x->heard_observed < y->heard_observed);
}

static int make_peers(const struct vd_engine *engine, struct peers *peers)
{
    peers->list = calloc(engine->states.count, sizeof *peers->list);
    if (peers->list == NULL) {
        return VD_E_NOMEM;
    }
    for (size_t i = 0; i < engine->states.size; i++) {
        const struct vd_device_state *state = engine->states.slots[i];

        if (state != NULL && may_be_silent(state) && has_address(state)) {
            peers->list[peers->count++] =
                (struct peer){state->heard_address, state->heard_observed};
        }
    }
    qsort(peers->list, peers->count, sizeof *peers->list, compare_peers);
    return VD_OK;
}

/* How many come before that time at that address. */
static size_t peers_before(
    const struct peers *peers, const struct vd_address *address, int64_t heard_observed)
{
    const struct peer key = {*address, heard_observed};
    size_t low = 0;
    size_t high = peers->count;

    while (low < high) {
        const size_t middle = low + (high - low) / 2;

        if (compare_peers(&peers->list[middle], &key) < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

/* Those behind its address that went silent together with it, and how many there are. */
struct company {
    size_t silent;
    size_t all;
    bool is_shared; /* it is one matter of them all */
};

static struct company company_of(
    const struct vd_engine *engine, const struct peers *peers, const struct vd_device_state *state)
{
    const struct vd_address *address = &state->heard_address;
    const int64_t from = state->heard_observed - VD_SILENCE_TOGETHER_MS;
    const int64_t until = state->heard_observed + VD_SILENCE_TOGETHER_MS;
    /* Who was heard later than this is not about to be silent. */
    const int64_t quiet =
        engine->observed_ms - engine->settings.silent_after_ms + VD_SILENCE_TOGETHER_MS;
    struct company company = {0};

    if (has_address(state)) {
        company.all =
            peers_before(peers, address, INT64_MAX) - peers_before(peers, address, INT64_MIN);
        company.silent = peers_before(peers, address, (until < quiet ? until : quiet) + 1) -
            peers_before(peers, address, from);
    }
    company.is_shared = company.silent >= VD_SILENCE_GROUP_MIN && company.silent * 2 > company.all;
    return company;
}

static void put_hours(struct vd_buf *out, int64_t ms)
{
    if (ms >= 2 * 3600000LL) {
        vd_buf_printf(out, "%" PRId64 " hours", ms / 3600000);
    } else {
        vd_buf_printf(out, "%" PRId64 " minutes", ms / 60000);
    }
}

static void write_evidence(
    struct vd_buf *out, const struct vd_device_state *state, const char *heard, const char *address)
{
    char time[VD_TIME_TEXT_SIZE];

    vd_buf_append(out, "{", 1);
    vd_json_append_text_member(out, "deviceId", vd_str_from(state->device_id));
    vd_json_append_text_member(out, "lastHeard", vd_str_from(heard));
    if (address[0] != '\0') {
        vd_json_append_text_member(out, "address", vd_str_from(address));
    }
    if (state->connected_ms != 0) {
        vd_time_format(state->connected_ms, time);
        vd_json_append_text_member(out, "lastConnected", vd_str_from(time));
    }
    vd_buf_append(out, "}", 1);
}

static void describe(struct vd_buf *out, const struct vd_engine *engine,
    const struct vd_device_state *state, const struct company *company, const char *heard,
    const char *address)
{
    if (company->is_shared) {
        vd_buf_printf(out,
            "%zu of %zu devices behind %s fell silent within an hour, about %s. One cause is "
            "likely: their gateway, their network or their power.",
            company->silent, company->all, address, heard);
        return;
    }
    vd_buf_printf(out, "Device %s has sent nothing for ", state->device_id);
    put_hours(out, quiet_for(engine, state));
    vd_buf_printf(out, ". It was last heard of at %s%s%s.", heard,
        address[0] != '\0' ? ", from " : "", address);
}

static int report(const struct vd_engine *engine, const struct peers *peers,
    const struct vd_device_state *state, struct vd_findings *findings)
{
    const struct company company = company_of(engine, peers, state);
    struct vd_finding finding = {
        .rule = &vd_rule_device_silent,
        .start_ms = state->heard_ms,
        .end_ms = engine->now_ms,
    };
    struct vd_buf description = {0};
    struct vd_buf evidence = {0};
    char heard[VD_TIME_TEXT_SIZE];
    char address[VD_ADDRESS_TEXT_SIZE] = "";
    int error;

    vd_time_format(state->heard_ms, heard);
    if (has_address(state)) {
        vd_address_format(
            &state->heard_address, !vd_address_is_ipv4(&state->heard_address), address);
    }
    if (company.is_shared) {
        snprintf(finding.subject, sizeof finding.subject, "%s", address);
    } else {
        finding.device_id = vd_str_from(state->device_id);
    }
    finding.cause = vd_str_from(address);
    describe(&description, engine, state, &company, heard, address);
    write_evidence(&evidence, state, heard, address);
    finding.description = (struct vd_str){(const char *)description.data, description.length};
    finding.evidence = (struct vd_str){(const char *)evidence.data, evidence.length};
    error = description.error != VD_OK ? description.error : evidence.error;
    if (error == VD_OK) {
        error = vd_findings_add(findings, &finding);
    }
    vd_buf_release(&description);
    vd_buf_release(&evidence);
    return error;
}

/* Those that were heard of, as they were told last. */
static void count_silent(struct vd_engine *engine)
{
    engine->stats.silent = 0;
    engine->stats.reporting = 0;
    for (size_t i = 0; i < engine->states.size; i++) {
        const struct vd_device_state *state = engine->states.slots[i];

        if (state != NULL && state->heard_ms != 0) {
            *(state->is_silent ? &engine->stats.silent : &engine->stats.reporting) += 1;
        }
    }
}

int vd_engine_judge_silence(struct vd_engine *engine, struct vd_findings *findings)
{
    struct peers peers = {0};
    int error = VD_OK;

    count_silent(engine);
    if (engine->settings.silent_after_ms == 0) {
        return VD_OK;
    }
    for (size_t i = 0; i < engine->states.size && error == VD_OK; i++) {
        struct vd_device_state *state = engine->states.slots[i];

        if (state == NULL || !falls_silent(engine, state)) {
            continue;
        }
        error = peers.list == NULL ? make_peers(engine, &peers) : VD_OK;
        error = error == VD_OK ? report(engine, &peers, state, findings) : error;
        if (error == VD_OK) {
            state->is_silent = true;
            engine->stats.silent++;
            engine->stats.reporting--;
            error = vd_device_states_touch(&engine->states, state);
        }
    }
    free(peers.list);
    return error;
}

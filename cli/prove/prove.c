/* SPDX-License-Identifier: MIT */
/* `vedette prove`: causes alerts for real, waits for them, says how long they took, and cleans up. */

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cli/client.h"
#include "cli/commands.h"
#include "cli/data_dir.h"
#include "cli/prove/proof.h"
#include "cli/table.h"
#include "lib/clock.h"
#include "lib/config.h"
#include "lib/resource.h"
#include "lib/uuid.h"

#define POLL_MS 100
#define TEND_MS 1000
/* So long an alert may take: one that needs no window to close, and one that does. */
#define WAIT_MS      20000
#define WAIT_SLOW_MS 300000
/* How long a counter-example's alert is waited for once the other one is there. */
#define SETTLE_MS 1000

/* Two of everything, and nothing of what should not be. */
static const char max_rules[] = "{\"timeWindowRules\":["
#define MAX_RULE(type, max)                                                                   \
    "{\"ruleType\":\"" type "\",\"isEnabled\":true,\"minThreshold\":0,\"maxThreshold\":" #max \
    ",\"timeWindowSize\":\"PT1H\"}"
    MAX_RULE("ActiveConnectionsNotInAllowedRange", 2) "," MAX_RULE(
        "MqttC2DMessagesNotInAllowedRange", 2) "," MAX_RULE("MqttD2CMessagesNotInAllowedRange",
        4) "," MAX_RULE("DirectMethodInvokesNotInAllowedRange",
        2) "," MAX_RULE("MqttC2DRejectedMessagesNotInAllowedRange",
        0) "," MAX_RULE("QueuePurgesNotInAllowedRange",
        0) "," MAX_RULE("TwinUpdatesNotInAllowedRange",
        3) "," MAX_RULE("UnauthorizedOperationsNotInAllowedRange",
        0) "],\"allowlistRules\":[{\"ruleType\":\"ConnectionToIpNotAllowed\",\"isEnabled\":true,"
           "\"allowlistValues\":[\"192.0.2.0/24\"]}]}";

static const char min_rules[] =
    "{\"timeWindowRules\":[{\"ruleType\":\"MqttC2DMessagesNotInAllowedRange\",\"isEnabled\":true,"
    "\"minThreshold\":1,\"maxThreshold\":1000,\"timeWindowSize\":\"PT1M\"}]}";

struct run {
    const struct vd_invocation *invocation;
    struct vd_prover prover;
    struct vd_proof *proofs;
    size_t count;
};

/* What was made for proofs must not stay when somebody gives up waiting. The second signal ends it as it stands. */
static volatile sig_atomic_t is_interrupted;

static void interrupt(int number)
{
    (void)number;
    is_interrupted = 1;
}

static void watch_signals(void)
{
    struct sigaction action = {.sa_handler = interrupt, .sa_flags = (int)SA_RESETHAND};

    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
}

static void give_up(struct vd_proof *proof)
{
    if (proof->state == VD_PROOF_WAITING) {
        proof->state = VD_PROOF_FAILED;
        vd_proof_fail(proof, "interrupted");
    }
}

static void pause_ms(long ms)
{
    const struct timespec pause = {ms / 1000, ms % 1000 * 1000000};

    nanosleep(&pause, NULL);
}

/* ---- Where the hub is ---- */

static int read_hub(struct run *run)
{
    struct vd_prover *prover = &run->prover;
    const struct vd_api_request request = {.method = "GET", .path = "/status"};
    json_t *status = vd_client_json(prover->data_dir, &request);
    const json_t *hub = json_object_get(status, "hub");
    const json_int_t port = json_integer_value(json_object_get(hub, "port"));
    struct vd_config config;
    struct vd_config_problem problem;
    struct vd_resource_scope scope;
    char path[VD_PATH_SIZE];
    const bool is_running = json_is_object(hub);

    json_decref(status);
    if (status == NULL) {
        return VD_E_IO;
    }
    vd_config_defaults(&config);
    if (!is_running) {
        vd_cli_fail("no service runs on %s: start it by `vedette serve`", prover->data_dir);
        return VD_E_IO;
    }
    if (vd_data_path(prover->data_dir, VD_FILE_CONFIG, path) != VD_OK ||
        vd_config_read(&config, path, &problem) != VD_OK ||
        vd_data_path(prover->data_dir, VD_FILE_CA, path) != VD_OK) {
        vd_cli_fail("%s: the configuration cannot be read", prover->data_dir);
        return VD_E_IO;
    }
    snprintf(prover->hub.ca_file, sizeof prover->hub.ca_file, "%s", path);
    snprintf(prover->hub.host_name, sizeof prover->hub.host_name, "%s", config.hub_name);
    snprintf(prover->hub.address, sizeof prover->hub.address, "%s",
        strcmp(config.mqtt_listen.address, "0.0.0.0") == 0  ? "127.0.0.1"
            : strcmp(config.mqtt_listen.address, "::") == 0 ? "::1"
                                                            : config.mqtt_listen.address);
    prover->hub.port = (uint16_t)port;
    vd_config_scope(&config, &scope);
    vd_resource_hub_id(&scope, prover->management);
    return VD_OK;
}

/* ---- Before ---- */

static int make_device(struct vd_proof *proof, const char *name, char key[64])
{
    char body[96];
    json_t *device;
    const char *text;

    snprintf(body, sizeof body, "{\"deviceId\":\"%s\"}", name);
    device = vd_proof_call(proof, "POST", "/devices", NULL, body);
    text = json_string_value(json_object_get(
        json_object_get(json_object_get(device, "authentication"), "symmetricKey"), "primaryKey"));
    if (device != NULL && (text == NULL || vd_text_copy(text, key, 64) != VD_OK)) {
        vd_proof_fail(proof, "%s has no key", name);
        json_decref(device);
        return VD_E_IO;
    }
    json_decref(device);
    return device != NULL ? VD_OK : VD_E_IO;
}

static int join_group(struct vd_proof *proof, const char *device)
{
    char path[128];
    char body[128];
    json_t *answer;

    snprintf(path, sizeof path, "/devices/%s/group", device);
    snprintf(body, sizeof body, "{\"group\":\"%s-%s\"}", proof->prover->mark, proof->row->group);
    answer = vd_proof_call(proof, "PUT", path, NULL, body);
    json_decref(answer);
    return answer != NULL ? VD_OK : VD_E_IO;
}

static int prepare(struct vd_proof *proof)
{
    int error = VD_OK;

    if (!proof->row->has_devices) {
        return VD_OK;
    }
    error = make_device(proof, proof->device, proof->key);
    error = error == VD_OK ? make_device(proof, proof->counter, proof->counter_key) : error;
    if (error == VD_OK && proof->row->group != NULL) {
        error = join_group(proof, proof->device);
        error = error == VD_OK ? join_group(proof, proof->counter) : error;
    }
    return error;
}

static int put_rules(struct run *run, const char *group, const char *rules)
{
    char path[96];
    const struct vd_api_request request = {
        .method = "PUT", .path = path, .body = vd_str_from(rules)};
    json_t *answer;

    snprintf(path, sizeof path, "/groups/%s-%s", run->prover.mark, group);
    answer = vd_client_json(run->prover.data_dir, &request);
    json_decref(answer);
    return answer != NULL ? VD_OK : VD_E_IO;
}

/* Waits until the center has had everything that was recorded before. */
static int wait_for_center(struct run *run)
{
    const struct vd_api_request request = {.method = "GET", .path = "/status"};
    const int64_t until_ms = vd_clock_monotonic_ms() + WAIT_MS;
    json_int_t end = -1;

    while (vd_clock_monotonic_ms() < until_ms && !is_interrupted) {
        json_t *status = vd_client_json(run->prover.data_dir, &request);
        const json_t *center = json_object_get(status, "center");
        const json_int_t next = json_integer_value(json_object_get(center, "nextOffset"));

        if (end < 0) {
            /* What was recorded until now is in the log a moment later. */
            pause_ms(SETTLE_MS / 2);
            end = next + json_integer_value(json_object_get(center, "behind")) + 1;
        } else if (json_integer_value(json_object_get(center, "behind")) == 0) {
            json_decref(status);
            return VD_OK;
        }
        json_decref(status);
        if (status == NULL) {
            return VD_E_IO;
        }
        pause_ms(POLL_MS);
    }
    if (is_interrupted) {
        return VD_OK;
    }
    vd_cli_fail("the center does not keep up: see `vedette status`");
    return VD_E_TIMEOUT;
}

/* ---- Waiting ---- */

/* The newest alert of the type about the device, or about the hub with that subject; NULL: none yet. */
static json_t *find_alert(struct vd_proof *proof, const char *device, const char *subject)
{
    char query[400];
    json_t *answer;
    json_t *found = NULL;

    snprintf(query, sizeof query, "type=%s%s%s&limit=50", proof->row->name,
        device != NULL ? "&device=" : "", device != NULL ? device : "");
    answer = vd_proof_call(proof, "GET", "/alerts", query, NULL);
    for (size_t i = 0; i < json_array_size(json_object_get(answer, "alerts")); i++) {
        json_t *alert = json_array_get(json_object_get(answer, "alerts"), i);
        const char *about = json_string_value(json_object_get(alert, "subject"));

        if (found == NULL && (subject == NULL || (about != NULL && strcmp(about, subject) == 0))) {
            found = json_incref(alert);
        }
    }
    json_decref(answer);
    return found;
}

/* Whether the recommendation is active, of what this proof made. */
static bool is_recommended(struct vd_proof *proof)
{
    char path[128];
    json_t *one;
    char *resources;
    bool active;

    snprintf(path, sizeof path, "/recommendations/%s", proof->row->name);
    one = vd_proof_call(proof, "GET", path, NULL, NULL);
    resources = json_dumps(json_object_get(one, "resources"), JSON_COMPACT);
    active = strcmp(json_string_value(json_object_get(one, "state")) != NULL
                     ? json_string_value(json_object_get(one, "state"))
                     : "",
                 "Active") == 0;
    if (active && (proof->row->has_devices || proof->row->clean != NULL)) {
        active = resources != NULL &&
            strstr(resources, proof->row->has_devices ? proof->device : proof->subject) != NULL;
    }
    free(resources);
    json_decref(one);
    return active;
}

static void look(struct vd_proof *proof)
{
    json_t *alert = NULL;
    bool is_there;

    if (proof->row->is_recommendation) {
        is_there = is_recommended(proof);
    } else {
        alert = proof->row->has_devices ? find_alert(proof, proof->device, NULL)
                                        : find_alert(proof, NULL, proof->subject);
        is_there = alert != NULL;
    }
    if (is_there) {
        const char *id = json_string_value(json_object_get(alert, "id"));

        proof->state = VD_PROOF_PROVED;
        proof->problem[0] = '\0';
        proof->took_ms = vd_clock_monotonic_ms() - proof->caused_ms;
        snprintf(proof->alert_id, sizeof proof->alert_id, "%s", id != NULL ? id : "");
    } else if (vd_clock_monotonic_ms() - proof->caused_ms >
        (proof->row->is_slow ? WAIT_SLOW_MS : WAIT_MS)) {
        proof->state = VD_PROOF_FAILED;
        vd_proof_fail(proof, "no alert came within %d seconds",
            (proof->row->is_slow ? WAIT_SLOW_MS : WAIT_MS) / 1000);
    }
    json_decref(alert);
}

static void tend(struct vd_proof *proof)
{
    if (proof->state == VD_PROOF_WAITING && proof->row->tend != NULL &&
        proof->row->tend(proof) != VD_OK) {
        proof->state = VD_PROOF_FAILED;
    }
}

static void cause(struct vd_proof *proof)
{
    if (proof->state == VD_PROOF_WAITING && proof->row->cause(proof) != VD_OK) {
        proof->state = VD_PROOF_FAILED;
    }
}

/* The counter-example must have stayed without. */
static void check_counter(struct vd_proof *proof)
{
    json_t *alert = NULL;

    if (proof->state == VD_PROOF_PROVED && proof->row->has_devices &&
        !proof->row->is_recommendation) {
        alert = find_alert(proof, proof->counter, NULL);
    }
    if (alert != NULL) {
        proof->state = VD_PROOF_FAILED;
        vd_proof_fail(proof, "the counter-example alerted too: %s", proof->row->counter);
    }
    json_decref(alert);
}

/* ---- After ---- */

/* The alerts stay, resolved, with the word that they were proofs. */
static void resolve(struct vd_proof *proof)
{
    char path[96];

    if (proof->alert_id[0] != '\0') {
        snprintf(path, sizeof path, "/alerts/%s/resolve", proof->alert_id);
        (void)vd_proof_status(proof, "POST", path, "{\"text\":\"caused by vedette prove\"}");
    }
}

/* What is made to prove one row alerts elsewhere too: all of these devices and subjects. */
static void resolve_others(struct run *run)
{
    char query[96];
    struct vd_api_answer answer = {0};
    char problem[256];
    const struct vd_api_request request = {
        .method = "POST",
        .path = "/alerts",
        .query = query,
        .body = VD_STR_LITERAL("{\"action\":\"resolve\",\"text\":\"caused by vedette prove\"}"),
    };

    snprintf(query, sizeof query, "text=%s", run->prover.mark);
    if (vd_client_call(run->prover.data_dir, &request, &answer, problem, sizeof problem) == VD_OK) {
        json_decref(answer.body);
    }
}

static void remove_device(struct vd_proof *proof, const char *device)
{
    char path[128];

    snprintf(path, sizeof path, "/devices/%s", device);
    (void)vd_proof_status(proof, "DELETE", path, NULL);
}

static void clean(struct vd_proof *proof)
{
    if (proof->row->clean != NULL && (proof->has_cause || proof->row->tend != NULL)) {
        proof->row->clean(proof);
    }
    if (proof->row->has_devices) {
        remove_device(proof, proof->device);
        remove_device(proof, proof->counter);
    }
    resolve(proof);
}

static void remove_rules(struct run *run)
{
    static const char *const groups[] = {"max", "min"};
    char path[96];

    for (size_t i = 0; i < 2; i++) {
        snprintf(path, sizeof path, "/groups/%s-%s", run->prover.mark, groups[i]);
        (void)vd_proof_status(&run->proofs[0], "DELETE", path, NULL);
    }
}

/* ---- The run ---- */

static bool any_waits(const struct run *run)
{
    for (size_t i = 0; i < run->count; i++) {
        if (run->proofs[i].state == VD_PROOF_WAITING) {
            return true;
        }
    }
    return false;
}

static void tell(const struct vd_proof *proof)
{
    static const char *const words[] = {
        [VD_PROOF_WAITING] = "waiting",
        [VD_PROOF_PROVED] = "proved",
        [VD_PROOF_FAILED] = "FAILED",
        [VD_PROOF_SKIPPED] = "skipped",
    };

    printf("%-8s %-52s ", words[proof->state], proof->row->name);
    if (proof->state == VD_PROOF_PROVED) {
        printf("%6.2f s  %s; not by: %s\n", (double)proof->took_ms / 1000, proof->row->about,
            proof->row->counter);
    } else {
        printf("          %s\n", proof->problem);
    }
    fflush(stdout);
}

/* Looks at each that was caused and waits. */
static void look_at_all(struct run *run)
{
    for (size_t i = 0; i < run->count; i++) {
        if (run->proofs[i].state == VD_PROOF_WAITING && run->proofs[i].caused_ms != 0) {
            look(&run->proofs[i]);
        }
    }
}

static int prepare_all(struct run *run)
{
    int error = put_rules(run, "max", max_rules);

    error = error == VD_OK ? put_rules(run, "min", min_rules) : error;
    for (size_t i = 0; i < run->count && error == VD_OK && !is_interrupted; i++) {
        if (prepare(&run->proofs[i]) != VD_OK) {
            run->proofs[i].state = VD_PROOF_FAILED;
        }
    }
    return error == VD_OK ? wait_for_center(run) : error;
}

static int run_all(struct run *run, bool is_json)
{
    int error;

    watch_signals();
    error = prepare_all(run);
    for (size_t i = 0; i < run->count && error == VD_OK && !is_interrupted; i++) {
        cause(&run->proofs[i]);
        look_at_all(run); /* or the next cause would count as its time */
    }
    while (error == VD_OK && any_waits(run) && !is_interrupted) {
        look_at_all(run);
        for (size_t i = 0; i < run->count; i++) {
            tend(&run->proofs[i]);
        }
        pause_ms(POLL_MS);
    }
    pause_ms(SETTLE_MS);
    is_interrupted = 0; /* from here on it is cleaned up */
    for (size_t i = 0; i < run->count; i++) {
        give_up(&run->proofs[i]);
        check_counter(&run->proofs[i]);
        clean(&run->proofs[i]);
        if (!is_json) {
            tell(&run->proofs[i]);
        }
    }
    remove_rules(run);
    (void)!wait_for_center(run); /* cleaning up alerts too */
    resolve_others(run);
    return error;
}

static void name_all(struct run *run)
{
    for (size_t i = 0; i < run->count; i++) {
        struct vd_proof *proof = &run->proofs[i];
        const size_t number = (size_t)(proof->row - vd_proof_row_at(0)) + 1;

        proof->prover = &run->prover;
        snprintf(proof->device, sizeof proof->device, "%s-%zu", run->prover.mark, number);
        snprintf(proof->counter, sizeof proof->counter, "%s-%zu-not", run->prover.mark, number);
        snprintf(proof->subject, sizeof proof->subject, "%s-%zu", run->prover.mark, number);
    }
}

static int choose(struct run *run, const char *name)
{
    run->proofs = calloc(VD_PROOF_ROWS, sizeof *run->proofs);
    for (size_t i = 0; run->proofs != NULL && i < VD_PROOF_ROWS; i++) {
        const struct vd_proof_row *row = vd_proof_row_at(i);

        if (name == NULL || strcmp(row->name, name) == 0) {
            run->proofs[run->count++].row = row;
        }
    }
    if (run->count == 0) {
        return vd_cli_fail("%s: there is no such row; `vedette prove --list` names them", name);
    }
    return VD_EXIT_OK;
}

static json_t *proof_json(const struct vd_proof *proof)
{
    static const char *const states[] = {"waiting", "proved", "failed", "skipped"};

    return json_pack("{s:s, s:s, s:s, s:s, s:I, s:s, s:s}", "name", proof->row->name, "about",
        proof->row->about, "counterExample", proof->row->counter, "state", states[proof->state],
        "milliseconds", (json_int_t)proof->took_ms, "alertId", proof->alert_id, "problem",
        proof->problem);
}

/* How it went; the exit status. */
static int sum_up(const struct run *run, bool is_json)
{
    json_t *array = json_array();
    size_t proved = 0;
    size_t failed = 0;
    size_t skipped = 0;

    for (size_t i = 0; i < run->count; i++) {
        proved += run->proofs[i].state == VD_PROOF_PROVED ? 1 : 0;
        skipped += run->proofs[i].state == VD_PROOF_SKIPPED ? 1 : 0;
        failed += run->proofs[i].state == VD_PROOF_FAILED ? 1 : 0;
        json_array_append_new(array, proof_json(&run->proofs[i]));
    }
    if (is_json) {
        json_t *json = json_pack("{s:O, s:I, s:I, s:I, s:I}", "proofs", array, "total",
            (json_int_t)run->count, "proved", (json_int_t)proved, "failed", (json_int_t)failed,
            "skipped", (json_int_t)skipped);

        vd_print_json(json);
        json_decref(json);
    } else {
        printf("%zu of %zu proved, %zu failed, %zu skipped\n", proved, run->count, failed, skipped);
    }
    json_decref(array);
    return proved + skipped == run->count ? VD_EXIT_OK : VD_EXIT_FAILURE;
}

static int list_rows(void)
{
    static const char *const columns[] = {"NAME", "CAUSED BY", "NOT BY"};
    struct vd_table table = {.columns = columns, .column_count = 3};

    for (size_t i = 0; i < VD_PROOF_ROWS; i++) {
        vd_table_add(&table, vd_proof_row_at(i)->name);
        vd_table_add(&table, vd_proof_row_at(i)->about);
        vd_table_add(&table, vd_proof_row_at(i)->counter);
    }
    vd_table_print(&table, true);
    return VD_EXIT_OK;
}

int vd_cmd_prove(const struct vd_invocation *invocation)
{
    const bool all = vd_invocation_value(invocation, "all") != NULL;
    const bool is_json = invocation->output == VD_OUTPUT_JSON;
    struct run run = {.invocation = invocation, .prover = {.data_dir = invocation->data_dir}};
    struct vd_uuid id;
    int status;

    if (vd_invocation_value(invocation, "list") != NULL) {
        return list_rows();
    }
    if (all == (invocation->argument_count > 0)) {
        return vd_cli_usage(invocation, "give the name of a row, or --all");
    }
    status = choose(&run, all ? NULL : invocation->arguments[0]);
    if (status == VD_EXIT_OK && (read_hub(&run) != VD_OK || vd_uuid_random(&id) != VD_OK)) {
        status = VD_EXIT_FAILURE;
    }
    if (status == VD_EXIT_OK) {
        snprintf(run.prover.mark, sizeof run.prover.mark, "vedette-proof-%02x%02x%02x%02x",
            id.bytes[0], id.bytes[1], id.bytes[2], id.bytes[3]);
        name_all(&run);
        status = run_all(&run, is_json) == VD_OK ? sum_up(&run, is_json) : VD_EXIT_FAILURE;
    }
    free(run.proofs);
    return status;
}

const struct vd_option vd_prove_options[] = {
    {"all", NULL, "all rows of the catalogue"},
    {"list", NULL, "names the rows"},
    {NULL, NULL, NULL},
};

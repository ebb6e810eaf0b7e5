/* SPDX-License-Identifier: MIT */
/* Gathers what says whether the service lives and is ready, and judges it. */

#include "api/health.h"

#include <sys/statvfs.h>
#include <unistd.h>

#include "api/handlers.h"
#include "lib/clock.h"
#include "lib/damage.h"

/* Nobody needs one: who sends a little hears that it is the method. */
#define BODY_MAX_BYTES 1024

const struct vd_health_reason_row vd_health_reason_rows[VD_HEALTH_REASON_COUNT] = {
#define VD_HEALTH_ROW(id, code, is_life, text) {code, is_life, text},
    VD_HEALTH_REASONS(VD_HEALTH_ROW)
#undef VD_HEALTH_ROW
};

/* ---- The judge ---- */

static vd_health_reasons bit_if(bool holds, enum vd_health_reason reason)
{
    return holds ? (vd_health_reasons)1 << reason : 0;
}

static bool is_older(int64_t beat_ms, int64_t now_ms, int64_t bound_ms)
{
    return beat_ms != 0 && now_ms - beat_ms > bound_ms;
}

static vd_health_reasons judge_life(const struct vd_health_facts *facts)
{
    const int64_t at_ms = facts->taken_ms;

    return bit_if(is_older(facts->hub_ms, at_ms, VD_HEALTH_LOOP_MS), VD_HEALTH_HUB) |
        bit_if(is_older(facts->committer_ms, at_ms, VD_HEALTH_COMMITTER_MS), VD_HEALTH_COMMITTER) |
        bit_if(is_older(facts->center_ms, at_ms, VD_HEALTH_CENTER_MS), VD_HEALTH_CENTER) |
        bit_if(is_older(facts->https_ms, at_ms, VD_HEALTH_LOOP_MS), VD_HEALTH_HTTPS) |
        bit_if(is_older(facts->local_ms, at_ms, VD_HEALTH_LOOP_MS), VD_HEALTH_LOCAL);
}

static vd_health_reasons judge_stores(const struct vd_health_facts *facts)
{
    return bit_if(facts->log_is_unwritable, VD_HEALTH_LOG) |
        bit_if(facts->state_is_unwritable, VD_HEALTH_STATE) |
        bit_if(facts->center_is_stalled, VD_HEALTH_STALLED) |
        bit_if(facts->behind > VD_HEALTH_BEHIND_MAX, VD_HEALTH_BEHIND) |
        bit_if(facts->folder_is_unwritable, VD_HEALTH_FOLDER) |
        bit_if(facts->store_is_damaged, VD_HEALTH_DAMAGE) |
        bit_if(facts->free_bytes < VD_HEALTH_FREE_MIN_BYTES ||
                facts->free_files < VD_HEALTH_FREE_MIN_FILES,
            VD_HEALTH_DISK);
}

static vd_health_reasons judge_certificate(
    const struct vd_health_certificate *certificate, int64_t utc_ms)
{
    return bit_if(certificate->until_ms != 0 && utc_ms >= certificate->until_ms,
               VD_HEALTH_CERTIFICATE) |
        bit_if(utc_ms < certificate->from_ms, VD_HEALTH_EARLY) |
        bit_if(certificate->is_misnamed, VD_HEALTH_NAME);
}

vd_health_reasons vd_health_judge(const struct vd_health_facts *facts, int64_t now_ms)
{
    vd_health_reasons reasons;

    if (facts->is_stopping) {
        return bit_if(true, VD_HEALTH_STOPPING);
    }
    if (facts->taken_ms == 0) {
        return bit_if(true, VD_HEALTH_STARTING);
    }
    /* Beats are judged as of when they were seen: who has not looked for long would find all of them old. */
    reasons = judge_life(facts) | judge_stores(facts);
    reasons |= bit_if(is_older(facts->taken_ms, now_ms, VD_HEALTH_PROBER_MS), VD_HEALTH_PROBER);
    reasons |= bit_if(is_older(facts->waiting_since_ms, facts->taken_ms, VD_HEALTH_WAITING_MS),
        VD_HEALTH_WORKERS);
    reasons |= judge_certificate(&facts->certificate, facts->utc_ms);
    reasons |= bit_if(facts->audit_problems > 0, VD_HEALTH_AUDIT);
    reasons |=
        bit_if(facts->audit_problems == 0 && facts->audit_passes == 0, VD_HEALTH_AUDIT_PENDING);
    return reasons;
}

bool vd_health_is_live(vd_health_reasons reasons)
{
    for (unsigned i = 0; i < VD_HEALTH_REASON_COUNT; i++) {
        if ((reasons >> i & 1U) != 0 && vd_health_reason_rows[i].is_life) {
            return false;
        }
    }
    return true;
}

/* ---- The facts ---- */

void vd_health_init(struct vd_health *health)
{
    *health = (struct vd_health){.api = NULL};
    pthread_mutex_init(&health->lock, NULL);
}

void vd_health_release(struct vd_health *health)
{
    pthread_mutex_destroy(&health->lock);
}

static void see_hub(const struct vd_api *api, struct vd_health_facts *facts)
{
    struct vd_hub_beats beats;
    struct vd_hub_stats stats;

    if (api->hub != NULL) {
        vd_hub_beats_get(api->hub, &beats);
        vd_hub_stats_get(api->hub, &stats);
        facts->hub_ms = beats.loop_ms;
        facts->committer_ms = beats.committer_ms;
        facts->log_is_unwritable = stats.log_unwritable != 0;
    }
    facts->state_is_unwritable = api->state != NULL && vd_state_is_unwritable(api->state);
}

static void see_center(const struct vd_api *api, struct vd_health_facts *facts)
{
    struct vd_center_stats stats;
    uint64_t end = 0;

    if (api->center == NULL) {
        return;
    }
    vd_center_stats_get(api->center, &stats);
    facts->center_ms = vd_center_beat_ms(api->center);
    facts->center_is_stalled = stats.stalled != 0;
    if (api->log != NULL && vd_event_log_end(api->log, 0, &end) == VD_OK &&
        end > stats.next_offset) {
        facts->behind = end - stats.next_offset;
    }
}

static void see_audit(const struct vd_api *api, struct vd_health_facts *facts)
{
    struct vd_audit_stats stats;

    facts->audit_passes = 1;
    if (api->audit != NULL) {
        vd_audit_stats_get(api->audit, &stats);
        facts->audit_problems = stats.problems;
        facts->audit_passes = stats.passes;
    }
}

static void see_disk(const struct vd_api *api, struct vd_health_facts *facts)
{
    struct statvfs disk;

    facts->free_bytes = UINT64_MAX;
    facts->free_files = UINT64_MAX;
    if (api->data_dir == NULL) {
        return;
    }
    facts->folder_is_unwritable = access(api->data_dir, W_OK | X_OK) != 0;
    if (statvfs(api->data_dir, &disk) == 0) {
        facts->free_bytes = (uint64_t)disk.f_bavail * disk.f_frsize;
        /* Some file systems make files as they are needed. */
        facts->free_files = disk.f_files > 0 ? disk.f_favail : UINT64_MAX;
    }
}

static void see_server(struct vd_http *http, int64_t *loop_ms, struct vd_health_facts *facts)
{
    struct vd_http_beats beats;

    if (http == NULL) {
        return;
    }
    vd_http_beats_get(http, &beats);
    *loop_ms = beats.loop_ms;
    if (beats.waiting_since_ms != 0 &&
        (facts->waiting_since_ms == 0 || beats.waiting_since_ms < facts->waiting_since_ms)) {
        facts->waiting_since_ms = beats.waiting_since_ms;
    }
}

void vd_health_probe(struct vd_health *health)
{
    struct vd_health_facts facts = {
        .utc_ms = vd_clock_utc_ms(), .store_is_damaged = vd_damage_is_known()};

    see_hub(health->api, &facts);
    see_center(health->api, &facts);
    see_audit(health->api, &facts);
    see_disk(health->api, &facts);
    see_server(health->https, &facts.https_ms, &facts);
    see_server(health->local, &facts.local_ms, &facts);
    facts.taken_ms = vd_clock_monotonic_ms();
    pthread_mutex_lock(&health->lock);
    facts.certificate = health->facts.certificate;
    facts.is_stopping = health->facts.is_stopping;
    health->facts = facts;
    pthread_mutex_unlock(&health->lock);
}

void vd_health_set_certificate(
    struct vd_health *health, const struct vd_health_certificate *certificate)
{
    pthread_mutex_lock(&health->lock);
    health->facts.certificate = *certificate;
    pthread_mutex_unlock(&health->lock);
}

void vd_health_set_stopping(struct vd_health *health)
{
    pthread_mutex_lock(&health->lock);
    health->facts.is_stopping = true;
    pthread_mutex_unlock(&health->lock);
}

vd_health_reasons vd_health_now(struct vd_health *health)
{
    struct vd_health_facts facts;

    pthread_mutex_lock(&health->lock);
    facts = health->facts;
    pthread_mutex_unlock(&health->lock);
    return vd_health_judge(&facts, vd_clock_monotonic_ms());
}

/* ---- Who tells ---- */

json_t *vd_health_json(vd_health_reasons reasons)
{
    json_t *list = json_array();

    for (unsigned i = 0; i < VD_HEALTH_REASON_COUNT; i++) {
        if ((reasons >> i & 1U) != 0 &&
            json_array_append_new(list,
                json_pack("{s:s, s:s}", "code", vd_health_reason_rows[i].code, "text",
                    vd_health_reason_rows[i].text)) != 0) {
            json_decref(list);
            return NULL;
        }
    }
    return json_pack("{s:b, s:b, s:o}", "live", vd_health_is_live(reasons) ? 1 : 0, "ready",
        reasons == 0 ? 1 : 0, "reasons", list);
}

void vd_api_health(
    const struct vd_api *api, const struct vd_api_args *args, struct vd_api_answer *answer)
{
    (void)args;
    if (api->health == NULL) {
        vd_api_fail(answer, 503, "NotRunning", "no service runs on the data directory");
    } else {
        vd_api_reply(answer, 200, vd_health_json(vd_health_now(api->health)));
    }
}

/* The codes alone: who asks may be anybody. */
static json_t *short_json(vd_health_reasons reasons, bool only_life)
{
    json_t *list = json_array();
    bool is_well = true;

    for (unsigned i = 0; i < VD_HEALTH_REASON_COUNT; i++) {
        if ((reasons >> i & 1U) != 0 && (vd_health_reason_rows[i].is_life || !only_life)) {
            is_well = false;
            json_array_append_new(list, json_string(vd_health_reason_rows[i].code));
        }
    }
    return json_pack("{s:s, s:o}", "status", is_well ? "ok" : "failed", "reasons", list);
}

static void face_call(
    void *context, const struct vd_http_request *request, struct vd_http_answer *answer)
{
    const bool only_life = strcmp(request->path, VD_HEALTH_LIVE_PATH) == 0;
    const vd_health_reasons reasons = vd_health_now(context);

    if (strcmp(request->method, "GET") != 0 && strcmp(request->method, "HEAD") != 0) {
        answer->status = 405;
        return;
    }
    answer->status = (only_life ? vd_health_is_live(reasons) : reasons == 0) ? 200 : 503;
    answer->body = short_json(reasons, only_life);
}

static void local_call(
    void *context, const struct vd_http_request *request, struct vd_http_answer *answer)
{
    (void)request;
    answer->body = vd_health_json(vd_health_now(context));
    answer->status = answer->body != NULL ? 200 : 500;
}

static void face_refuse(int status, struct vd_http_answer *answer)
{
    answer->status = status;
}

static bool face_takes(const char *path)
{
    return strcmp(path, VD_HEALTH_LIVE_PATH) == 0 || strcmp(path, VD_HEALTH_READY_PATH) == 0;
}

static bool local_takes(const char *path)
{
    return strcmp(path, VD_HEALTH_LOCAL_PATH) == 0;
}

struct vd_http_face vd_health_local_face(struct vd_health *health)
{
    return (struct vd_http_face){
        .prefix = VD_HEALTH_LOCAL_PATH,
        .takes = local_takes,
        .is_prompt = true,
        .call = local_call,
        .refuse = face_refuse,
        .context = health,
    };
}

struct vd_http_face vd_health_face(struct vd_health *health)
{
    static const struct vd_http_pair headers[] = {{"Cache-Control", "no-store"}};

    return (struct vd_http_face){
        .prefix = "/",
        .takes = face_takes,
        .body_max_bytes = BODY_MAX_BYTES,
        .is_prompt = true,
        .call = face_call,
        .refuse = face_refuse,
        .context = health,
        .headers = headers,
        .header_count = 1,
    };
}

/* SPDX-License-Identifier: MIT */
/* What devices without MQTT do over HTTPS: send a message; get one, and complete, reject or abandon it. */

#include <event2/keyvalq_struct.h>
#include <strings.h>

#include "api/service/internal.h"
#include "api/twins.h"
#include "lib/clock.h"
#include "lib/secret.h"
#include "lib/url.h"

#define PROPERTY_PREFIX "iothub-app-"

/* System properties of a bag and the headers that stand for them. */
static const struct {
    const char *name;
    const char *header;
} system_properties[] = {
    {"$.mid", "iothub-messageid"},
    {"$.cid", "iothub-correlationid"},
    {"$.uid", "iothub-userid"},
    {"$.to", "iothub-to"},
    {"$.exp", "iothub-expiry"},
    {"$.ct", "iothub-contenttype"},
    {"$.ce", "iothub-contentencoding"},
    {"$.ifid", "iothub-interface-id"},
    {"$.ctime", "iothub-creation-time-utc"},
    {"iothub-ack", "iothub-ack"},
};

#define SYSTEM_PROPERTIES (sizeof system_properties / sizeof system_properties[0])

/* ---- Messages of the device ---- */

struct posting {
    struct vd_service *service;
    struct vd_http_later *later;
    int error;
    int64_t enqueued_ms;
    int64_t bytes;
    char device_id[VD_ID_MAX + 1];
    char address[64];
};

/* Of the types vd_post_done and vd_http_resumed. */
static void posted(void *context, int error)
{
    struct posting *posting = context;

    posting->error = error;
    vd_http_resume(posting->later);
}

static void record_ingress(const struct posting *posting)
{
    char enqueued[VD_TIME_TEXT_SIZE];

    vd_time_format(posting->enqueued_ms, enqueued);
    vd_record_operation(posting->service->config.recorder,
        &(struct vd_operation){
            .category = VD_OPERATION_TELEMETRY,
            .name = "ingress",
            .device_id = posting->device_id,
            .protocol = "Https",
            .address = posting->address,
            .properties = {{"messageCount", NULL, 1}, {"messageSizeInBytes", NULL, posting->bytes},
                {"EventEnqueuedUtcTime", enqueued, 0}},
        });
}

static void answer_posted(void *context, struct vd_http_answer *answer)
{
    struct posting *posting = context;

    if (posting->error == VD_OK) {
        record_ingress(posting);
        answer->status = 204;
    } else {
        vd_service_fail(answer, VD_FAULT_ServiceUnavailable, NULL);
    }
    free(posting);
}

/* False: a header would be a property of the system's, or of no name. */
static bool bag_of_headers(const struct vd_http_request *request, struct vd_buf *bag)
{
    for (size_t i = 0; i < SYSTEM_PROPERTIES; i++) {
        const char *value = vd_http_header(request, system_properties[i].header);

        if (value != NULL && system_properties[i].name[0] == '$') {
            vd_bag_add(bag, system_properties[i].name, value);
        }
    }
    for (const struct evkeyval *at = request->headers->tqh_first; at != NULL;
         at = at->next.tqe_next) {
        const char *name = at->key + sizeof PROPERTY_PREFIX - 1;

        if (strncasecmp(at->key, PROPERTY_PREFIX, sizeof PROPERTY_PREFIX - 1) != 0) {
            continue;
        }
        if (name[0] == '\0' || name[0] == '$') {
            return false;
        }
        vd_bag_add(bag, name, at->value);
    }
    return true;
}

static bool bag_is_valid(struct vd_str text)
{
    struct vd_bag walk = {.bag = text};
    struct vd_str name;
    struct vd_str value;
    int error;

    while ((error = vd_bag_next(&walk, &name, &value)) == VD_OK) {
    }
    return error == VD_E_NOT_FOUND;
}

static void post(struct vd_service *service, const struct vd_service_args *args,
    const struct vd_event *event, struct vd_http_answer *answer)
{
    struct posting *posting = calloc(1, sizeof *posting);
    int error = VD_E_NOMEM;

    if (posting != NULL && args->request->later != NULL) {
        posting->service = service;
        posting->later = args->request->later;
        posting->enqueued_ms = event->enqueued_ms;
        posting->bytes = (int64_t)(event->body.length + event->properties.length);
        snprintf(posting->device_id, sizeof posting->device_id, "%s", args->device_id);
        snprintf(posting->address, sizeof posting->address, "%s", args->request->peer);
        error = vd_hub_post(service->config.hub, event, posted, posting);
    }
    if (error == VD_OK) {
        vd_http_later(args->request->later, answer_posted, posting);
        return;
    }
    free(posting);
    vd_service_fail(answer,
        error == VD_E_LIMIT ? VD_FAULT_ThrottlingException : VD_FAULT_ServiceUnavailable, NULL);
}

void vd_service_post_event(
    struct vd_service *service, const struct vd_service_args *args, struct vd_http_answer *answer)
{
    const char *interface = vd_http_header(args->request, "iothub-interface-id");
    struct vd_buf bag = {.max = VD_MESSAGE_PROPERTIES_MAX};
    struct vd_event event = {
        .kind = interface != NULL && strcmp(interface, VD_INTERFACE_SECURITY) == 0
            ? VD_EVENT_SECURITY
            : VD_EVENT_TELEMETRY,
        .over_https = true,
        .enqueued_ms = vd_clock_utc_ms(),
        .device_id = vd_str_from(args->device_id),
        .address = vd_str_from(args->request->peer),
        .body = args->request->body,
    };
    const bool is_named = bag_of_headers(args->request, &bag);

    event.properties = (struct vd_str){(const char *)bag.data, bag.length};
    if (service->config.hub == NULL) {
        vd_service_fail(answer, VD_FAULT_ServiceUnavailable, NULL);
    } else if (!is_named) {
        vd_service_fail(
            answer, VD_FAULT_ArgumentInvalid, "a property's name is empty or begins with '$'");
    } else if (bag.error != VD_OK || !bag_is_valid(event.properties)) {
        vd_service_fail(answer, VD_FAULT_ArgumentInvalid,
            "the properties are longer than 16 KiB, too many, or not UTF-8");
    } else {
        post(service, args, &event, answer);
    }
    vd_buf_release(&bag);
}

/* ---- Messages to the device ---- */

struct work {
    struct vd_state_key key;
    int64_t now_ms;
    const char *lock; /* of settling; NULL: a message is taken */
    enum vd_c2d_event how;
    struct vd_c2d_delivery delivery;
    bool found;
    struct vd_c2d_endings endings;
};

static int run(void *context, struct vd_state_store *store)
{
    struct work *work = context;

    return work->lock == NULL ? vd_state_c2d_take(store, &work->key, VD_HUB_C2D_LOCK_MS,
                                    work->now_ms, &work->delivery, &work->found, &work->endings)
                              : vd_state_c2d_settle(store, &work->key, work->lock, work->how,
                                    work->now_ms, &work->found, &work->endings);
}

static void work_release(struct work *work)
{
    vd_c2d_delivery_release(&work->delivery);
    vd_c2d_endings_release(&work->endings);
}

/* False: answered. */
static bool work_do(struct vd_service *service, const struct vd_service_args *args,
    struct work *work, struct vd_http_answer *answer)
{
    struct vd_identity identity = {0};
    int error;

    if (service->config.hub != NULL && !vd_hub_may_ask(service->config.hub, args->device_id)) {
        vd_service_fail(answer, VD_FAULT_ThrottlingException, NULL);
        return false;
    }
    error = vd_registry_get(service->config.registry, args->device_id, "", &identity);
    if (error == VD_OK && service->config.state == NULL) {
        error = VD_E_CLOSED;
    }
    if (error == VD_OK) {
        work->key = vd_twins_key(&identity);
        work->now_ms = vd_clock_utc_ms();
        error = vd_state_do(service->config.state, run, work);
    }
    vd_secret_wipe(&identity, sizeof identity);
    if (error != VD_OK) {
        vd_service_fail(answer, vd_service_fault_of_state(error, false), NULL);
        return false;
    }
    vd_record_endings(service->config.recorder, "Https", &work->endings);
    return true;
}

/* A property of the bag as a header. What cannot stand in a header's name stays encoded there. */
static void add_property(
    struct vd_http_content *content, struct vd_str encoded_name, struct vd_str encoded_value)
{
    char value[VD_MESSAGE_PROPERTIES_MAX];
    char name[VD_MESSAGE_PROPERTIES_MAX + sizeof PROPERTY_PREFIX];
    size_t length = 0;

    if (vd_url_decode(encoded_value, value, sizeof value - 1, &length) != VD_OK) {
        return;
    }
    value[length] = '\0';
    for (size_t i = 0; i < SYSTEM_PROPERTIES; i++) {
        if (vd_url_equal(encoded_name, vd_str_from(system_properties[i].name))) {
            vd_http_content_header(content, system_properties[i].header, value);
            return;
        }
    }
    snprintf(name, sizeof name, PROPERTY_PREFIX "%.*s", VD_STR_ARG(encoded_name));
    vd_http_content_header(content, name, value);
}

static struct vd_http_content *content_of(struct vd_c2d_delivery *delivery)
{
    struct vd_http_content *content = vd_http_content_new();
    struct vd_bag walk = {
        .bag = {(const char *)delivery->properties.data, delivery->properties.length}};
    struct vd_str name;
    struct vd_str value;
    char text[VD_TIME_TEXT_SIZE + 16];

    if (content == NULL) {
        return NULL;
    }
    vd_http_content_header(content, "Content-Type", "application/octet-stream");
    snprintf(text, sizeof text, "\"%s\"", delivery->lock);
    vd_http_content_header(content, "ETag", text);
    snprintf(text, sizeof text, "%lld", (long long)delivery->sequence);
    vd_http_content_header(content, "iothub-sequencenumber", text);
    vd_time_format(delivery->enqueued_ms, text);
    vd_http_content_header(content, "iothub-enqueuedtime", text);
    snprintf(text, sizeof text, "%u", delivery->deliveries);
    vd_http_content_header(content, "iothub-deliverycount", text);
    while (vd_bag_next(&walk, &name, &value) == VD_OK) {
        add_property(content, name, value);
    }
    content->body = delivery->body;
    delivery->body = (struct vd_buf){0};
    if (content->headers.error != VD_OK) {
        vd_http_content_free(content);
        return NULL;
    }
    return content;
}

void vd_service_receive(
    struct vd_service *service, const struct vd_service_args *args, struct vd_http_answer *answer)
{
    struct work work = {.lock = NULL};

    if (work_do(service, args, &work, answer)) {
        answer->content = work.found ? content_of(&work.delivery) : NULL;
        answer->status = !work.found ? 204 : answer->content != NULL ? 200 : 500;
    }
    work_release(&work);
}

/* The lock is in the path, and once more as the ETag that is wanted. */
static bool is_wanted(const struct vd_service_args *args)
{
    const char *etag = vd_http_header(args->request, "If-Match");
    size_t length;

    if (etag == NULL) {
        return true;
    }
    length = strlen(etag);
    if (length >= 2 && etag[0] == '"' && etag[length - 1] == '"') {
        etag++;
        length -= 2;
    }
    return vd_str_equal_text((struct vd_str){etag, length}, args->lock);
}

static void settle(struct vd_service *service, const struct vd_service_args *args,
    enum vd_c2d_event how, struct vd_http_answer *answer)
{
    struct work work = {.lock = args->lock, .how = how};
    struct vd_bus *bus = service->config.bus;

    if (!is_wanted(args)) {
        vd_service_fail(answer, VD_FAULT_PreconditionFailed, NULL);
    } else if (work_do(service, args, &work, answer)) {
        if (!work.found) {
            vd_service_fail(answer, VD_FAULT_DeviceMessageLockLost, NULL);
        } else {
            answer->status = 204;
        }
        if (work.found && how == VD_C2D_ABANDON && bus != NULL) {
            bus->ops->c2d_waiting(bus, args->device_id);
        }
    }
    work_release(&work);
}

/* True if the query has the word, with or without a value. */
static bool asks_for(const char *query, const char *word)
{
    const size_t length = strlen(word);

    for (const char *at = query; at != NULL && *at != '\0';) {
        const size_t part = strcspn(at, "&");

        if (part >= length && memcmp(at, word, length) == 0 &&
            (part == length || at[length] == '=')) {
            return true;
        }
        at += part + (at[part] == '&' ? 1 : 0);
    }
    return false;
}

void vd_service_settle(
    struct vd_service *service, const struct vd_service_args *args, struct vd_http_answer *answer)
{
    settle(service, args,
        asks_for(args->request->query, "reject") ? VD_C2D_REJECT : VD_C2D_COMPLETE, answer);
}

void vd_service_abandon(
    struct vd_service *service, const struct vd_service_args *args, struct vd_http_answer *answer)
{
    settle(service, args, VD_C2D_ABANDON, answer);
}

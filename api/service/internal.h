/* SPDX-License-Identifier: MIT */
/* Between the parts of the service API: the request taken apart, rights, faults, and the JSON of identities. */

#ifndef VEDETTE_API_SERVICE_INTERNAL_H
#define VEDETTE_API_SERVICE_INTERNAL_H

#include <pthread.h>

#include "api/service/identity_json.h"
#include "api/service/service.h"
#include "hub/limiter.h"
#include "lib/log.h"

struct vd_service {
    struct vd_service_config config;
    pthread_mutex_t lock;        /* for what follows */
    struct vd_limiter *refusals; /* by address of the peer */
    struct vd_log_limit log_refused;
    unsigned grouped_queries; /* under way */
};

struct vd_service_args {
    const struct vd_http_request *request;
    const struct evkeyvalq *params; /* of the query, decoded */
    const char *device_id;          /* NULL: none in the path; else valid */
    const char *module_id;          /* likewise */
    const char *number;             /* that is the last segment; NULL: none */
    const char *lock;               /* of a message; likewise */
    const char *policy;             /* that authorised the request; "": the device itself did */
};

typedef void vd_service_handler(
    struct vd_service *service, const struct vd_service_args *args, struct vd_http_answer *answer);

#define VD_RIGHT_OF_DEVICE ((enum vd_right)0)

/* A row of the table of routes. */
struct vd_service_route {
    const char *method;
    const char *pattern; /* {d}, {m}: a device id, a module id; {n}: a number; {l}: a lock */
    enum vd_right
        right; /* of a policy; VD_RIGHT_OF_DEVICE: the device itself may, and nobody else */
    size_t body_max_bytes;
    vd_service_handler *handler;
};

const struct vd_service_route *vd_service_routes(size_t *count);

/* True if its requests are in the audit trail: it changes something, and not as a device does. */
bool vd_service_route_is_audited(const struct vd_service_route *route);

/* X(name, HTTP status, code of the service of old, text). */
#define VD_SERVICE_FAULTS(X)                                                               \
    X(ArgumentInvalid, 400, 400004, "malformed or out of range")                           \
    X(BulkRegistryOperationFailure, 400, 400013, "some identities were left as they were") \
    X(IotHubUnauthorizedAccess, 401, 401002, "Unauthorized")                               \
    X(GenericForbidden, 403, 403000, "the policy does not have the right that this needs") \
    X(DeviceMaximumQueueDepthExceeded, 403, 403004, "the device's queue is full")          \
    X(GenericNotFound, 404, 404000, "there is no such path")                               \
    X(DeviceNotFound, 404, 404001, "there is no such device")                              \
    X(ModuleNotFound, 404, 404010, "there is no such module")                              \
    X(DeviceNotOnline, 404, 404103, "the device did not connect in time")                  \
    X(GenericMethodNotAllowed, 405, 405000, "the method is not for this path")             \
    X(DeviceAlreadyExists, 409, 409001, "the device exists already")                       \
    X(ModuleAlreadyExistsOnDevice, 409, 409301, "the module exists already")               \
    X(PreconditionFailed, 412, 412002, "the ETag is not that of what is there now")        \
    X(DeviceMessageLockLost, 412, 412003, "the device does not have the message any more") \
    X(RequestEntityTooLarge, 413, 413000, "the body is too large")                         \
    X(ThrottlingException, 429, 429001, "too many requests, try again later")              \
    X(ServerError, 500, 500001, "the hub could not do it")                                 \
    X(BadDeviceResponse, 502, 502000, "the device answered something that is not JSON")    \
    X(ServiceUnavailable, 503, 503001, "the hub cannot do it now, try again later")        \
    X(GatewayTimeout, 504, 504101, "the device did not answer in time")

enum vd_service_fault {
#define VD_SERVICE_FAULT_ENUM(name, status, code, text) VD_FAULT_##name,
    VD_SERVICE_FAULTS(VD_SERVICE_FAULT_ENUM)
#undef VD_SERVICE_FAULT_ENUM
};

/* The name in "ErrorCode:NAME" and its text. Static. */
const char *vd_service_fault_name(enum vd_service_fault fault);
const char *vd_service_fault_text(enum vd_service_fault fault);

/* Answers with the fault; `detail` (NULL: the fault's own text) says what is wrong with what. */
void vd_service_fail(
    struct vd_http_answer *answer, enum vd_service_fault fault, const char *detail);

/* The fault of that name as an operation's result. */
struct vd_result vd_service_fault_result(const char *name);

/* The fault that stands for the registry's `error` about an identity. */
enum vd_service_fault vd_service_fault_of(int error, bool is_module);

/* The same for an error of the registry or of the hub's state. */
enum vd_service_fault vd_service_fault_of_state(int error, bool is_module);

/* Answers with `body`, which is the answer's from now on; NULL: memory ran out. */
void vd_service_reply(struct vd_http_answer *answer, json_t *body);

/* True if the request may use `right` (enum vd_right; 0: if any policy signed it); `policy` is then the name of the one
 * that did. False: answered, with 401, 403 or 429. */
bool vd_service_authorise(struct vd_service *service, const struct vd_http_request *request,
    uint32_t right, char policy[VD_NAME_MAX + 1], struct vd_http_answer *answer);

/* True if the request comes from the device that its path names, by a token as over MQTT. False: answered likewise. */
bool vd_service_authorise_device(struct vd_service *service, const struct vd_http_request *request,
    const char *device_id, struct vd_http_answer *answer);

/* ---- Identities ---- */

/* As the SDKs know it, with its keys. NULL: no memory. */
json_t *vd_service_identity_json(
    const struct vd_service *service, const struct vd_identity *identity);

/* How a change of an identity ended: VD_OK, or `fault` with `detail` (static; NULL: the fault's own text). */
struct vd_service_change {
    bool is_done;
    enum vd_service_fault fault;
    const char *detail;
};

/* What may be asked of one identity. `etag`: that it must have; NULL or "*": whatever it has. */
struct vd_service_change vd_service_create(
    struct vd_service *service, const json_t *body, struct vd_identity *identity);
struct vd_service_change vd_service_update(
    struct vd_service *service, const json_t *body, const char *etag, struct vd_identity *identity);
struct vd_service_change vd_service_delete(
    struct vd_service *service, const char *device_id, const char *module_id, const char *etag);

/* ---- Records ---- */

/* A header of the answer; NULL: it has none. */
const char *vd_service_answer_header(const struct vd_http_answer *answer, const char *name);

/* Records what the request was answered, if its handler's operations are recorded. */
void vd_service_record(struct vd_service *service, vd_service_handler *handler,
    const struct vd_service_args *args, const struct vd_http_answer *answer, int64_t duration_ms);

/* Records a call of a method that did not come to the hub, which records those that do. */
void vd_service_record_refused_call(
    struct vd_service *service, const struct vd_service_args *args, enum vd_service_fault fault);

/* Records one item of a bulk operation: `name` is create, update or delete. */
void vd_service_record_bulk(struct vd_service *service, const struct vd_service_args *args,
    const char *name, const struct vd_identity *identity, const struct vd_service_change *change);

/* Adds to identities, an array of what vd_service_identity_json makes, how many messages wait for each and when it was heard
 * of. The errors of the state. */
VD_NODISCARD int vd_service_add_state(const struct vd_service *service, json_t *identities);

/* ---- Handlers ---- */

vd_service_handler vd_service_put_identity;
vd_service_handler vd_service_get_identity;
vd_service_handler vd_service_delete_identity;
vd_service_handler vd_service_list_devices;
vd_service_handler vd_service_list_modules;
vd_service_handler vd_service_bulk;
vd_service_handler vd_service_device_statistics;
vd_service_handler vd_service_connection_statistics;
vd_service_handler vd_service_empty_list;
vd_service_handler vd_service_call_method;
vd_service_handler vd_service_get_twin;
vd_service_handler vd_service_patch_twin;
vd_service_handler vd_service_replace_twin;
vd_service_handler vd_service_query;
vd_service_handler vd_service_send;
vd_service_handler vd_service_purge;
vd_service_handler vd_service_get_feedback;
vd_service_handler vd_service_remove_feedback;
/* Of the device itself: */
vd_service_handler vd_service_post_event;
vd_service_handler vd_service_receive;
vd_service_handler vd_service_settle; /* completes, or rejects with ?reject */
vd_service_handler vd_service_abandon;

#endif

/* SPDX-License-Identifier: MIT */
/* The API without its transport: a method, a path and a body give a status and JSON. */

#ifndef VEDETTE_API_API_H
#define VEDETTE_API_API_H

#include <jansson.h>

#include "api/activity.h"
#include "api/audit.h"
#include "api/http.h"
#include "center/center.h"
#include "hub/export/export.h"
#include "hub/hub.h"
#include "hub/sweeper.h"
#include "lib/bus.h"
#include "lib/resource.h"

/* A body of a request: an indicator list of some millions of lines. */
#define VD_API_BODY_MAX_BYTES (64 << 20)

/* The stores that a route works on: a bit mask. */
#define VD_NEEDS_REGISTRY  1U
#define VD_NEEDS_ALERTS    2U
#define VD_NEEDS_ANALYTICS 4U
#define VD_NEEDS_LOG       8U
#define VD_NEEDS_STATE     16U
#define VD_NEEDS_AUDIT     32U
#define VD_NEEDS_ALL       63U

struct vd_health;
struct vd_notifier;

struct vd_api;

struct vd_api_backup_wish {
    const char *directory; /* absolute */
    bool with_master_key;
    const atomic_bool *is_unwanted; /* NULL: never */
};

/* Writes a backup of all stores: *out is the answer, the caller's. VD_E_EXISTS, VD_E_BUSY, VD_E_DENIED, VD_E_FULL ... with the
 * reason in error_text. */
typedef int vd_api_backup(const struct vd_api *api, const struct vd_api_backup_wish *wish,
    json_t **out, char *error_text, size_t error_size);

/* Has the service read its configuration again, as cli/serve_reload.h says. Any thread. */
typedef int vd_api_reload(void *context, json_t **out, char *error_text, size_t error_size);

/* What the handlers work on. Stores that no route called needs may be NULL. */
struct vd_api {
    struct vd_registry *registry;
    struct vd_alert_store *alerts;
    struct vd_analytics *analytics;
    struct vd_event_log *log;
    struct vd_state *state;
    struct vd_sweeper *sweeper;     /* hears of removed identities; NULL: the next start sweeps */
    struct vd_bus *bus;             /* NULL: no hub is running */
    struct vd_hub *hub;             /* for its counters; NULL likewise */
    struct vd_center *center;       /* for its counters; NULL likewise */
    struct vd_export *exporter;     /* for its counters; NULL likewise */
    const char *host_name;          /* as connection strings name the hub: `host`, or `host:port` */
    struct vd_resource_scope scope; /* of the hub in the management API */
    struct vd_notifier *notifier;   /* for how sinks do; NULL likewise */
    struct vd_fleet *fleet;         /* NULL: nobody is in any group */
    struct vd_detect_settings detection; /* for backtests */
    const struct vd_recorder *recorder;  /* of the activity log; NULL: nothing is recorded */
    struct vd_audit *audit;              /* the audit trail; NULL likewise */
    uint16_t https_port; /* on which back ends and the management API are served; 0: they are not */
    bool has_portal;     /* the portal's pages are served there too */
    atomic_uint query_max_rows; /* set by vd_api_set_query_limits */
    atomic_uint query_timeout_ms;
    vd_api_backup *backup; /* NULL: none can be written */
    vd_api_reload *reload; /* NULL: no service is running */
    void *reload_context;
    const char *data_dir;     /* that it is of */
    int64_t started_ms;       /* UTC; 0: no service is running */
    struct vd_health *health; /* NULL: no service is running */
};

/* Of queries, rows and time; 0: as in struct vd_query_limits. Any thread. */
void vd_api_set_query_limits(struct vd_api *api, uint32_t max_rows, uint32_t timeout_ms);

/* Who asks. All zero: nobody, who may do nothing. */
struct vd_api_caller {
    enum vd_role role;
    const char *token;   /* the name of the one he signed in with; NULL: he is on this machine */
    const char *address; /* numeric, where there is a token */
    const uid_t *user;   /* whose process, where there is none; NULL: not known */
};

/* The owner, who reaches the data directory. `user` must outlive what is returned. */
struct vd_api_caller vd_api_local_caller(const uid_t *user);

struct vd_api_request {
    const char *method;
    const char *path;  /* percent-encoded, without the query */
    const char *query; /* `name=value&...`, percent-encoded; NULL or empty: none */
    struct vd_str body;
    struct vd_api_caller caller;
    const atomic_bool *is_gone; /* true once nobody waits for the answer; NULL: somebody does */
};

struct vd_api_answer {
    int status;   /* of HTTP */
    json_t *body; /* the caller's to free; NULL with 204, and when memory ran out (500) */
};

/* The stores that the request works on; 0 for one that no route takes. */
unsigned vd_api_needs(const struct vd_api_request *request);

/*
 * Answers a request. Any thread; blocks for the disk, a query for up to its time limit. Readers may read everything but
 * credentials; contributors read those too and change everything but them; owners change credentials, policies and tokens:
 * 403 Forbidden for less. What changes something is in the audit trail, or refused with 503 AuditUnavailable. What names files of this machine is for callers on it.
 * Faults: {"error":{"code","message"}} with a status of 400 and above.
 *
 * GET /devices                     {"devices":[...],"truncated"}, without keys
 * POST /devices                    {"deviceId"[,"status","statusReason"][,"authenticationType"][,"primaryKey","secondaryKey"]
 *                                  [,"primaryThumbprint","secondaryThumbprint"]}; 201, the device with its credentials
 * PATCH /devices/{id}?etag=        {["status","statusReason","authenticationType","primaryKey","secondaryKey",
 *                                  "newPrimaryKey","newSecondaryKey","primaryThumbprint","secondaryThumbprint"]}: what is
 *                                  absent stays, "" is a thumbprint no more, true a key made anew; the device as it is then.
 *                                  Its connection is ended unless it stands on what it stood on
 * GET, DELETE /devices/{id}        the device, but for readers with its credentials, of a device with keys its connection string
 *                                  too; 204, and its connection is ended
 * POST /devices/{id}/methods, /devices/{id}/modules/{mid}/methods
 *                                  {"methodName"[,"payload","responseTimeoutInSeconds","connectTimeoutInSeconds"]};
 *                                  {"status","payload"}; waits for the device, over HTTP without holding a thread;
 *                                  404 DeviceNotOnline, 504 GatewayTimeout, 429, 502 BadDeviceResponse, 503
 * GET, PATCH, PUT /devices/{id}/twin?etag=, /devices/{id}/modules/{mid}/twin
 *                                  body: {["tags","properties":{"desired"}]}, merged or replaced as hub/twin.h says; the twin
 * PUT /devices/{id}/group          {"group"}: puts the device into the security group, null: into none, by the tag of its
 *                                  security module's twin; the module is made where it is missing; {"deviceId","group"}
 * POST /devices/{id}/messages      {"payload"|"payloadBase64"[,"messageId","correlationId","userId","contentType",
 *                                  "contentEncoding","ack","ttlSeconds","properties":{}]}; 201, {"messageId"}; 403 beyond 50
 * DELETE /devices/{id}/messages    {"purged"}
 * GET /feedback?after=&limit=      {"feedback":[...]}, as api/commands.h says
 * DELETE /feedback?upTo=           204
 * POST /twins/query                {"query"[,"maxRows","continuation"]}; {"rows","areTwins","continuation"}, which is "" at
 *                                  the end
 * POST /backup                    {"directory"[,"withMasterKey"]}, of the owner on this machine; 201 {"directory","cut","files","bytes",
 *                                  "pauseMicroseconds","hasMasterKey"} when it is whole, minutes later; 409 while another is written, or
 *                                  if the directory exists
 * POST /reload                    of the owner on this machine; {"changed":[],"needsRestart":[],"certificateUntil"}: names of properties of
 *                                  the configuration, and of the certificate's file; 409 ReloadRefused: nothing was changed, and why
 * GET /ip-filter                   {"etag", "properties":{...}} as hub/ip_filter.h reads them
 * PUT /ip-filter?etag=             body: the properties; the same. With an etag: 412 if another is there
 * GET /certificates                {"certificates":[...]}, CA certificates that devices' certificates may lead to
 * POST /certificates               {"name","certificate"[,"isVerified"]}, base64 of PEM or DER; 201, the certificate
 * GET, DELETE /certificates/{id}   by name; 204
 * POST /certificates/{id}/code     a new verification code, as "verificationCode" of the certificate
 * POST /certificates/{id}/verify   {"certificate"}: one with the code as its CN, signed by the CA's key; verified from then on
 * GET /policies                    {"policies":[{"keyName","rights"}]}
 * POST /policies                   {"keyName","rights"[,"primaryKey","secondaryKey"]}; 201, the policy with its keys
 * GET, DELETE /policies/{id}       one with its keys and connection string; 204
 * POST /policies/{id}/rotate       {"key":"primary"|"secondary"|"both"}: makes them anew; the policy. Connections that
 *                                  lean on a key or policy that is gone are ended
 * GET /tokens                      {"tokens":[...]}: bearer tokens of the management API, without their text
 * POST /tokens                     {"name","role"[,"expiresInSeconds","createdBy"]}; 201, the token with its text, once. Who has
 *                                  a token of his own is named by that as the maker
 * DELETE /tokens/{id}              204
 * GET /alerts?{filter}&limit=&before=&changedAfter=&sort=
 *                                  {"alerts":[...],"next","change"}, as center/store/alert_store.h says, 1,000 at most; next: `before` of the next page,
 *                                  0 at the end; change: `changedAfter` of what changes from now on, 0 without any alert. sort: newest (else), or severity, and then the newest. filter: device, type, cause, severity, state (Open: New or InProgress),
 *                                  from, to (times, of when it was raised), text, group (of devices that are in it now)
 * GET /alerts/{id}                 id or a prefix of it; with its history and its query (center/alert_query.h)
 * POST /alerts/{id}/start, /resolve, /reopen
 *                                  {["text","ifChange"]}; the alert. 409 in a state that it is not for; 412 if ifChange is
 *                                  not its change number any more
 * POST /alerts/{id}/dismiss        {"reason"[,"until","suppress","text","ifChange"]}: FalsePositive, Expected, Duplicate, Other.
 *                                  Later alerts of the same type, device, module and subject are dismissed until then, or for
 *                                  ever; with suppress false none are, and the alert is New again when it is found again
 * POST /alerts/{id}/notes          {"text"[,"ifChange"]}
 * POST /alerts?{filter}            {"action"} and what it takes as above: to all of the filter, which may not be empty, that
 *                                  are in a state for it; {"changed"}
 * GET /alert-groups?{filter}&limit=&among=
 *                                  {"groups":[...]}: by type and cause, the latest first, as center/store/alert_store.h says; among:
 *                                  of the newest so many alerts of the filter
 * GET /alert-counts?{filter}       {"counts":[{"state","alerts"}],"isPartial"}; isPartial: 10,000 were counted, there may be more
 * GET /groups                      {"groups":[{"name","properties","deviceCount"}],"deviceCounts":{}}: device security groups
 *                                  with their rules; the counts are of all groups that twins name, with rules or without
 * GET, DELETE /groups/{id}         with "devices", at most 1,000 of them; 204
 * PUT /groups/{id}                 body: the properties of the management API's deviceSecurityGroups; the complete rules
 * POST /groups/{id}/test?seconds=  body: likewise; what they would have found in the last seconds (default a day, at most
 *                                  30 days), as center/backtest.h says. Nothing is stored
 * POST /groups/{id}/propose?days=  rules proposed from what the group's devices did in the last days (1 to 30, else 7): {"name",
 *                                  "properties" (complete, to be sent by PUT if they are liked),"changes":[{"ruleType","added":[],
 *                                  "removed":[],"why"}],"suspicious":[{"address","indicator","feed"}] (they were met, and a feed
 *                                  names them: not proposed),"devices","flows","from","to"}. Nothing is stored
 * GET /notify                      {"sinks":[{"name","kind","settings","minSeverity","waiting","delivered","skipped","dead",
 *                                  "state","lastError","lastErrorTime"}]}: where alerts go
 * POST /notify                     {"name","kind","settings"[,"secret","minSeverity"]}, as center/notify/sink.h says; 201
 * DELETE /notify/{id}, POST /notify/{id}/test   204
 * GET /notify-dead?limit=          {"deadNotifications":[...]}, as center/store/sinks.h says
 * POST /notify-dead/{id}/replay, DELETE /notify-dead/{id}   by number; 204
 * GET /doctor?group=               which alerts can fire now, and which not: {"devices","isPartial","warnings":[],"alerts":{
 *                                  type:{"displayName","canFire","cannotFire","why":{reason: devices}}}}, of the first 1,000 devices
 * GET /doctor/{id}                 of one device: {"deviceId","group","isEnabled","lastHeard","warnings":[],"alerts":[
 *                                  {"alertType","displayName","canFire","why"}]}
 * GET /recommendations             {"recommendations":[...]}, as center/store/recommendations.h says
 * GET /recommendations/{id}        one by its type, with its "history" and "fix": null or {"description","request":{"method",
 *                                  "path","body"},"then"}: the request that removes the cause, for whoever wants it, and what is
 *                                  left to do after it, or null
 * GET /dead-letters?limit=&device=&reason=&before=&from=   {"deadLetters":[...],"count","open"}, the newest first; reason: a piece
 *                                  of it; before, from: offsets; count: of device and reason, open: those that no replay has taken
 * GET /dead-letters/{offset}?body=auto|json|text|hex   one with its properties and body
 * POST /dead-letters/{offset}/replay   202 {"queued","isRunning","next"}: it is read once more, when the service runs; 409 AlreadyTaken
 * POST /dead-letters/replay?device=&reason=&from=   likewise of all that no replay has taken, the oldest first; "next" is the offset
 *                                  to go on from, null at the end
 * DELETE /dead-letters/{offset}    204
 * DELETE /dead-letters?device=&reason=|all=true   {"deleted"}
 * GET /feeds                       {"feeds":[...]}, as center/store/feeds.h gives them
 * GET, DELETE /feeds/{id}          one of them; 204
 * PUT /feeds/{id}                  body: {["settings","text","credential"]}: settings as center/intel/feed_settings.h has them, the
 *                                  text of a feed without a file and URL, and a URL's credential as center/store/feeds.h has it.
 *                                  What is absent stays; the feed. Nothing is changed unless the text is of the format. A URL
 *                                  is fetched; that may go on when this is answered ("next" of its "source" is then null)
 * POST /feeds/{id}/refresh         reads its file again, or fetches its URL likewise; the feed
 * POST /indicators?feed=           body: the text of a feed, which replaces what it had; the feed, with "total" of all feeds
 * GET /indicators?address=         {"address","matches","indicators":[{"indicator","feed","isException","severity","confidence",
 *                                  "tlp","description","validFrom","validUntil","line"}]}, all that hold it, valid or not;
 *                                  "matches" is the one that a flow would raise an alert for now, or null
 * POST /query                      {"sql"}, of callers on this machine; {"columns","rows","truncated","cutBy"}. {"kql"[,"timespan","parameters","explain"]}: center/query.h; of
 *                                  what is wrong with its text error.place says where: {"line","column","offset","length","text"}
 *                                  "check":true does not run it: {"columns","render","parameters":[{"name","type","hasDefault",
 *                                  "default"}]}, where parameters need no value, or {"problem":{"message","place"}}
 * GET /query/names                 what a query may name: {"tables":[{"name","timeColumn","columns":[{"name","type"}]}],
 *                                  "operators","keywords","functions","aggregates"}
 * GET /queries                     {"queries":[...]}: center/store/saved_queries.h; those that are delivered stand first
 * GET /queries/{id}                one of them
 * PUT /queries/{id}                a document of center/saved_query.h; 201 or 200, the query as it is then
 * DELETE /queries/{id}
 * POST /queries/{id}/run           {["parameters","timespan","explain"]}: as POST /query with "kql". Where the query declares
 *                                  groupMembers and `device` is given, the devices of its group are filled in.
 * GET /inventory?search=&state=&group=&sort=&limit=&after=
 *                                  devices as the center knows them, read off what it keeps: {"devices":[row],"next","counts":{
 *                                  "reporting","late","silent","refused","never","disabled","total"}}. row: {"deviceId","group",
 *                                  "state","isEnabled","isConnected","lastHeard","address","openAlerts":{"High","Medium","Low"},
 *                                  "clockErrorMs","authenticationType","usualSeconds"}; times and address null where they are not
 *                                  known, usualSeconds: its usual longest pause between messages (docs/devices.md). search: how the id begins; sort:
 *                                  deviceId (else), lastHeard (longest ago first), -lastHeard, openAlerts (those with open alerts
 *                                  only, the worst first); limit: 1 to 1,000, else 100; after: "next" of the page before, which is
 *                                  null at the end. counts: of search and group, whatever the state
 * GET /inventory/{id}              the same row with "generationId","createdTime","statusReason","hasSecurityModule","hasGroupTag",
 *                                  "groupHasRules","reasons":[text] (why it is in its state, and what is wrong with it),
 *                                  "connectedSince","lastConnected","lastDisconnected","connectedAddress","lastMessage",
 *                                  "lastNetworkActivity","clockMeasured","refused":null|{"time","reason","text" (it in words),
 *                                  "address","looksCopied"},
 *                                  "versions":null|{"module","os","hardware","time"},"coverage":null|[{"day","countedPackets",
 *                                  "reportedPackets","missedPackets","share"}] of 7 days; null: raw events are not stored,
 *                                  "recommendations":[{"type","displayName","severity"}]: active, with it among their resources
 * GET /overview?since=             what the overview shows, of counts that are kept: {"alerts":{"open":{"High","Medium","Low"},"new"
 *                                  (raised since that time, else within a day),"days":[{"day","High","Medium","Low"}] (raised, 30
 *                                  days, the earliest first)},"devices":{counts as above},"recommendations":{"open":{"High","Medium",
 *                                  "Low"}},"coverage":{"reportedPackets","overflowedPackets","malformedPackets","givenUpPackets",
 *                                  "withheldPackets","share" (0 to 1; null: nothing was reported),"mostDevices" (that reported in one
 *                                  hour),"hours":[{"hour","reportedPackets","missedPackets","share","devices"}],"losses":[{"deviceId",
 *                                  "missedPackets"}] (who lost most)} of 24 hours,"ingest":{
 *                                  "since" (the start: of the last message, and of refused connections),"messagesPerSecond" (of
 *                                  devices),"backlog","lastMessage","deadLetters","refusedConnections","connections",
 *                                  "isStalled","storesRawEvents"},"notices":[{"code","severity","text"}]}
 * GET /audit?who=&what=&kind=&outcome=&from=&to=&limit=&before=   {"records":[...],"next"}: lib/audit.h; who, what: pieces of
 *                                  them; before: a sequence, "next" of the page before, 0 at the end. For owners, as all of these
 * GET /audit/{id}                  one record by its sequence
 * GET /audit-export?since=         {"head","from","to"}: the first line of an exported file, and which records are in it
 * GET /audit-export?from=&to=      {"lines":[...],"next"}: lines from `from` on; next: null at the end
 * GET /status                      versions and counters, and "sinks" as GET /notify has them
 * GET /health                      {"live","ready","reasons":[{"code","text"}]}, as api/health.h judges; 503 where no service runs
 * /subscriptions/..., /providers/...   the management API (docs/management.md), in the caller's role and without headers
 */
void vd_api_call(
    const struct vd_api *api, const struct vd_api_request *request, struct vd_api_answer *answer);

/* The same from a server's request but with that path and caller. What waits for a device is answered later. */
void vd_api_answer_http(const struct vd_api *api, struct vd_api_caller caller, const char *path,
    const struct vd_http_request *request, struct vd_http_answer *answer);

/* The same as a face of a server, which must be one that only the owner reaches; `api` must outlive it. */
struct vd_http_face vd_api_face(struct vd_api *api);

#endif

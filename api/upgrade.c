/* SPDX-License-Identifier: MIT */
/* Judges a handshake, refuses it, or hands the connection to the hub, which says the last word of it. */

#include "api/upgrade.h"

#include <event2/keyvalq_struct.h>
#include <stdlib.h>
#include <strings.h>

#include "api/http_tls.h"
#include "hub/hub.h"
#include "hub/websocket.h"
#include "lib/clock.h"
#include "lib/url.h"

#define LOG_BURST 20
#define BLANKS    " \t"

/* On its way to the hub. */
struct handover {
    struct vd_hub *hub;
    size_t length;
    char answer[256];
};

void vd_upgrade_init(struct vd_upgrade *upgrade, const struct vd_http_upgrade *to)
{
    *upgrade = (struct vd_upgrade){.to = *to, .log_refused.burst = LOG_BURST};
}

/* True if a list `a, b, c` holds the token; the subprotocol's case counts, that of others does not. */
static bool list_has(const char *list, const char *token, bool is_exact)
{
    const size_t wanted = strlen(token);

    while (*list != '\0') {
        size_t length;

        list += strspn(list, BLANKS ",");
        length = strcspn(list, BLANKS ",");
        if (length == wanted &&
            (is_exact ? strncmp(list, token, length) : strncasecmp(list, token, length)) == 0) {
            return true;
        }
        list += length;
    }
    return false;
}

/* A header may stand there several times, each with a part of the list. */
static bool headers_have(
    const struct evkeyvalq *headers, const char *name, const char *token, bool is_exact)
{
    for (const struct evkeyval *at = headers->tqh_first; at != NULL; at = at->next.tqe_next) {
        if (strcasecmp(at->key, name) == 0 && list_has(at->value, token, is_exact)) {
            return true;
        }
    }
    return false;
}

/* The status of the answer, 101 if the handshake is good: then `accept` is set. *reason says what is wrong. */
static int judge(const struct evkeyvalq *headers, const char *protocol,
    char accept[VD_WEBSOCKET_ACCEPT_SIZE], const char **reason)
{
    const char *key = evhttp_find_header(headers, "Sec-WebSocket-Key");
    const char *version = evhttp_find_header(headers, "Sec-WebSocket-Version");

    if (!headers_have(headers, "Upgrade", "websocket", false) ||
        !headers_have(headers, "Connection", "upgrade", false)) {
        *reason = "no_upgrade";
        return 426;
    }
    if (version == NULL || strcmp(version, "13") != 0) {
        *reason = "version";
        return 426;
    }
    if (evhttp_find_header(headers, "Host") == NULL || key == NULL ||
        vd_websocket_accept(key, accept) != VD_OK) {
        *reason = "host_or_key";
        return 400;
    }
    if (!headers_have(headers, "Sec-WebSocket-Protocol", protocol, true)) {
        *reason = "subprotocol"; /* [MQTT-6.0.0-3] */
        return 400;
    }
    return 101;
}

static void refuse(
    struct vd_upgrade *upgrade, struct evhttp_request *request, int status, const char *reason)
{
    struct evhttp_connection *connection = evhttp_request_get_connection(request);
    struct evkeyvalq *headers = evhttp_request_get_output_headers(request);
    char *address = NULL;
    ev_uint16_t port = 0;
    uint32_t held_back;

    evhttp_connection_get_peer(connection, &address, &port);
    if (vd_log_allowed(&upgrade->log_refused, vd_clock_monotonic_ms(), &held_back)) {
        vd_log(VD_LOG_WARN, "api.upgrade_refused", "status=%d reason=%s address=%s held_back=%u",
            status, reason, address != NULL ? address : "", held_back);
    }
    if (status == 426) {
        evhttp_add_header(headers, "Upgrade", "websocket");
        evhttp_add_header(headers, "Sec-WebSocket-Version", "13");
    }
    evhttp_add_header(headers, "Connection", "close");
    vd_http_tls_end(request);
    evhttp_send_reply(request, status, NULL, NULL);
}

static void on_taken(void *context, const struct vd_http_tls_taken *what)
{
    struct handover *handover = context;

    vd_hub_adopt(handover->hub,
        &(struct vd_hub_arrival){
            what->fd, what->ssl, {handover->answer, handover->length}, what->early});
    free(handover);
}

/* False: there is no memory, or what it takes besides. */
static bool hand_over(
    struct vd_upgrade *upgrade, struct evhttp_request *request, const char *accept)
{
    struct handover *handover = malloc(sizeof *handover);

    if (handover == NULL) {
        return false;
    }
    handover->hub = upgrade->to.hub;
    handover->length = (size_t)snprintf(handover->answer, sizeof handover->answer,
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Accept: %s\r\nSec-WebSocket-Protocol: %.32s\r\n\r\n",
        accept, upgrade->to.protocol);
    if (!vd_http_tls_take(request, on_taken, handover)) {
        free(handover);
        return false;
    }
    return true;
}

bool vd_upgrade_takes(struct vd_upgrade *upgrade, struct evhttp_request *request)
{
    const struct evhttp_uri *uri = evhttp_request_get_evhttp_uri(request);
    const char *path = uri != NULL ? evhttp_uri_get_path(uri) : NULL;
    char accept[VD_WEBSOCKET_ACCEPT_SIZE];
    const char *reason = "";
    int status;

    if (upgrade->to.path == NULL || path == NULL ||
        evhttp_request_get_command(request) != EVHTTP_REQ_GET ||
        !vd_url_equal(vd_str_from(path), vd_str_from(upgrade->to.path))) {
        return false;
    }
    status =
        judge(evhttp_request_get_input_headers(request), upgrade->to.protocol, accept, &reason);
    if (status == 101 && hand_over(upgrade, request, accept)) {
        return true;
    }
    if (status == 101) {
        status = 503;
        reason = "no_room";
    }
    refuse(upgrade, request, status, reason);
    return true;
}

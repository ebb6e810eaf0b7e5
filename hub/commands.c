/* SPDX-License-Identifier: MIT */
/* The queue of what other threads ask of the loop, and the doing of it. */

#include "hub/commands.h"

#include "hub/connection.h"
#include "hub/delivery.h"
#include "hub/paces.h"
#include "hub/session_reply.h"
#include "lib/log.h"
#include "lib/secret.h"

enum command_kind {
    COMMAND_DISCONNECT,
    COMMAND_DESIRED,
    COMMAND_C2D,
};

struct command {
    STAILQ_ENTRY(command) next;
    enum command_kind kind;
    bool with_modules;
    char device_id[VD_ID_MAX + 1];
    char module_id[VD_ID_MAX + 1];
    int64_t version; /* of desired properties */
    size_t length;   /* of `text`, their change */
    char text[];
};

/* ---- Any thread ---- */

/* NULL: out of memory, or no identity has such an id. */
static struct command *command_new(
    enum command_kind kind, const char *device_id, const char *module_id, struct vd_str text)
{
    struct command *command = calloc(1, sizeof *command + text.length);

    if (command == NULL) {
        vd_log(VD_LOG_ERROR, "hub.command_lost", "reason=\"%s\" device=\"%s\"",
            vd_error_text(VD_E_NOMEM), device_id);
        return NULL;
    }
    command->kind = kind;
    command->with_modules = module_id == NULL;
    if (vd_text_copy(device_id, command->device_id, sizeof command->device_id) != VD_OK ||
        vd_text_copy(module_id != NULL ? module_id : "", command->module_id,
            sizeof command->module_id) != VD_OK) {
        free(command);
        return NULL;
    }
    command->length = text.length;
    if (text.length > 0) {
        memcpy(command->text, text.data, text.length);
    }
    return command;
}

static void enqueue(struct vd_hub *hub, struct command *command)
{
    if (command == NULL) {
        return;
    }
    pthread_mutex_lock(&hub->lock);
    STAILQ_INSERT_TAIL(&hub->commands, command, next);
    pthread_mutex_unlock(&hub->lock);
    vd_hub_wake(hub);
}

void vd_hub_disconnect(struct vd_hub *hub, const char *device_id, const char *module_id)
{
    enqueue(hub, command_new(COMMAND_DISCONNECT, device_id, module_id, (struct vd_str){"", 0}));
}

void vd_hub_desired_changed(struct vd_hub *hub, const char *device_id, const char *module_id,
    int64_t version, struct vd_str change)
{
    struct command *command =
        command_new(COMMAND_DESIRED, device_id, module_id != NULL ? module_id : "", change);

    if (command != NULL) {
        command->version = version;
    }
    enqueue(hub, command);
}

void vd_hub_c2d_waiting(struct vd_hub *hub, const char *device_id)
{
    enqueue(hub, command_new(COMMAND_C2D, device_id, "", (struct vd_str){"", 0}));
}

void vd_hub_set_ip_filter(struct vd_hub *hub, const struct vd_ip_filter *filter)
{
    pthread_mutex_lock(&hub->lock);
    hub->next_ip_filter = *filter;
    hub->has_next_ip_filter = true;
    pthread_mutex_unlock(&hub->lock);
    vd_hub_wake(hub);
}

void vd_hub_set_rates(struct vd_hub *hub, const struct vd_hub_rates *rates)
{
    pthread_mutex_lock(&hub->lock);
    hub->next_rates = *rates;
    hub->has_next_rates = true;
    pthread_mutex_unlock(&hub->lock);
    vd_hub_wake(hub);
}

void vd_hub_policies_changed(struct vd_hub *hub)
{
    pthread_mutex_lock(&hub->lock);
    hub->policies_changed = true;
    pthread_mutex_unlock(&hub->lock);
    vd_hub_wake(hub);
}

void vd_commands_ask_stop(struct vd_hub *hub)
{
    pthread_mutex_lock(&hub->lock);
    hub->stop_asked = true;
    pthread_mutex_unlock(&hub->lock);
    vd_hub_wake(hub);
}

bool vd_commands_stop_asked(struct vd_hub *hub)
{
    bool asked;

    pthread_mutex_lock(&hub->lock);
    asked = hub->stop_asked;
    pthread_mutex_unlock(&hub->lock);
    return asked;
}

/* ---- The loop ---- */

/* Ends a connection that the filter refuses. Of those that are not let in yet only the ones were judged already that wait to
 * hear what is kept of them: the rest is judged by the filter when its CONNECT comes. */
static void filter_out(struct vd_session *session)
{
    if (session->state == VD_SESSION_CONNECTED) {
        vd_session_apply(session, VD_SESSION_FILTERED);
    } else if (session->state == VD_SESSION_CONNECTING && session->is_waiting) {
        vd_session_refuse(session, VD_REFUSED_ADDRESS);
    }
}

/* Takes over a filter that another thread has set, and ends the connections that it refuses. */
static void take_ip_filter(struct vd_hub *hub)
{
    bool is_new;

    pthread_mutex_lock(&hub->lock);
    is_new = hub->has_next_ip_filter;
    if (is_new) {
        hub->ip_filter = hub->next_ip_filter;
        hub->has_next_ip_filter = false;
    }
    pthread_mutex_unlock(&hub->lock);
    for (uint32_t i = 0; is_new && i < hub->max_connections; i++) {
        struct connection *c = hub->slots[i].connection;

        if (c != NULL && !vd_ip_filter_accepts(&hub->ip_filter, c->peer.bytes, c->peer.length)) {
            filter_out(&c->session);
        }
    }
}

static void take_rates(struct vd_hub *hub)
{
    pthread_mutex_lock(&hub->lock);
    if (hub->has_next_rates) {
        vd_paces_set(hub, &hub->next_rates);
        hub->has_next_rates = false;
    }
    pthread_mutex_unlock(&hub->lock);
}

/* Policies as they are now; one without rights is gone, or could not be read. */
struct policies_now {
    struct vd_policy known[VD_HUB_POLICIES_MAX];
    size_t count;
};

/* NULL: there is none of that name, or more are named than there can be. */
static const struct vd_policy *policy_now(
    struct vd_hub *hub, struct policies_now *now, const char *name)
{
    struct vd_policy *policy;

    for (size_t i = 0; i < now->count; i++) {
        if (strcmp(now->known[i].name, name) == 0) {
            return &now->known[i];
        }
    }
    if (now->count == VD_HUB_POLICIES_MAX) {
        return NULL;
    }
    policy = &now->known[now->count];
    if (vd_registry_policy_get(hub->session_host.registry, name, policy) != VD_OK) {
        *policy = (struct vd_policy){.rights = 0};
        if (vd_text_copy(name, policy->name, sizeof policy->name) != VD_OK) {
            return NULL;
        }
    }
    now->count++;
    return policy;
}

/* Whom a policy let in stays only if it would again: without an answer nobody does, and whoever may comes back. */
static void take_policies(struct vd_hub *hub)
{
    struct policies_now *now;
    bool changed;

    pthread_mutex_lock(&hub->lock);
    changed = hub->policies_changed;
    hub->policies_changed = false;
    pthread_mutex_unlock(&hub->lock);
    if (!changed) {
        return;
    }
    now = calloc(1, sizeof *now);
    for (uint32_t i = 0; i < hub->max_connections; i++) {
        struct connection *c = hub->slots[i].connection;
        const struct vd_principal *who = c != NULL ? &c->session.principal : NULL;
        const struct vd_policy *policy;

        if (who == NULL || who->policy[0] == '\0') {
            continue;
        }
        policy = now != NULL ? policy_now(hub, now, who->policy) : NULL;
        if (policy == NULL || !vd_auth_policy_holds(who, policy)) {
            vd_session_apply(&c->session, VD_SESSION_POLICY_CHANGED);
        }
    }
    if (now != NULL) {
        vd_secret_wipe(now, sizeof *now);
        free(now);
    }
}

static void disconnect(struct vd_hub *hub, const struct command *command)
{
    const char *module_id = command->with_modules ? NULL : command->module_id;
    struct vd_session *session;

    while ((session = vd_presence_take(hub->presence, command->device_id, module_id)) != NULL) {
        vd_session_apply(session, VD_SESSION_REMOVED);
    }
}

static void run(struct vd_hub *hub, const struct command *command)
{
    struct vd_session *session;

    if (command->kind == COMMAND_DISCONNECT) {
        disconnect(hub, command);
        return;
    }
    session = vd_presence_find(hub->presence, command->device_id, command->module_id);
    if (session == NULL || session->state != VD_SESSION_CONNECTED) {
        return; /* it learns of it when it is back */
    }
    if (command->kind == COMMAND_DESIRED) {
        vd_delivery_desired(
            session, command->version, (struct vd_str){command->text, command->length});
    } else {
        vd_delivery_wanted((struct connection *)session);
    }
}

void vd_commands_run(struct vd_hub *hub)
{
    struct command_list commands = STAILQ_HEAD_INITIALIZER(commands);
    struct command *command;

    take_ip_filter(hub);
    take_rates(hub);
    take_policies(hub);
    pthread_mutex_lock(&hub->lock);
    STAILQ_CONCAT(&commands, &hub->commands);
    pthread_mutex_unlock(&hub->lock);
    while ((command = STAILQ_FIRST(&commands)) != NULL) {
        STAILQ_REMOVE_HEAD(&commands, next);
        run(hub, command);
        free(command);
    }
}

void vd_commands_release(struct vd_hub *hub)
{
    struct command *command;

    while ((command = STAILQ_FIRST(&hub->commands)) != NULL) {
        STAILQ_REMOVE_HEAD(&hub->commands, next);
        free(command);
    }
}

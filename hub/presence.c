/* SPDX-License-Identifier: MIT */
/* A hash table of sessions by device id; a device's modules share its bucket. */

#include "hub/presence.h"

#include <pthread.h>
#include <sys/random.h>

#include "hub/siphash.h"

struct vd_presence {
    pthread_mutex_t lock; /* guards all that follows */
    uint64_t key[2];      /* ids are chosen by others: it must not be theirs to guess */
    size_t mask;
    struct vd_presence_entry **buckets;
};

struct vd_presence *vd_presence_new(uint32_t expected)
{
    struct vd_presence *self = calloc(1, sizeof *self);
    size_t buckets = 64;

    while (buckets < expected) {
        buckets *= 2;
    }
    if (self == NULL) {
        return NULL;
    }
    pthread_mutex_init(&self->lock, NULL);
    self->mask = buckets - 1;
    self->buckets = calloc(buckets, sizeof(struct vd_presence_entry *));
    if (self->buckets == NULL ||
        getrandom(self->key, sizeof self->key, 0) != (ssize_t)sizeof self->key) {
        vd_presence_free(self);
        return NULL;
    }
    return self;
}

void vd_presence_free(struct vd_presence *presence)
{
    if (presence != NULL) {
        pthread_mutex_destroy(&presence->lock);
        free(presence->buckets);
        free(presence);
    }
}

static struct vd_presence_entry **bucket_of(struct vd_presence *self, const char *device_id)
{
    return &self->buckets[vd_siphash(self->key, device_id, strlen(device_id)) & self->mask];
}

/* The entry of that identity, or of any of the device where module_id is NULL. Called with the lock. */
static struct vd_presence_entry *find(
    struct vd_presence *self, const char *device_id, const char *module_id)
{
    struct vd_presence_entry *entry = *bucket_of(self, device_id);

    for (; entry != NULL; entry = entry->next) {
        const struct vd_principal *who = &entry->session->principal;

        if (strcmp(who->device_id, device_id) == 0 &&
            (module_id == NULL || strcmp(who->module_id, module_id) == 0)) {
            return entry;
        }
    }
    return NULL;
}

static void unlink_entry(struct vd_presence_entry *entry)
{
    *entry->link = entry->next;
    if (entry->next != NULL) {
        entry->next->link = entry->link;
    }
    *entry = (struct vd_presence_entry){0};
}

struct vd_session *vd_presence_claim(
    struct vd_presence *presence, struct vd_presence_entry *entry, struct vd_session *session)
{
    const struct vd_principal *who = &session->principal;
    struct vd_presence_entry **bucket;
    struct vd_presence_entry *old;
    struct vd_session *taken = NULL;

    pthread_mutex_lock(&presence->lock);
    old = find(presence, who->device_id, who->module_id);
    if (old != NULL) {
        taken = old->session;
        unlink_entry(old);
    }
    bucket = bucket_of(presence, who->device_id);
    *entry = (struct vd_presence_entry){session, *bucket, bucket};
    if (*bucket != NULL) {
        (*bucket)->link = &entry->next;
    }
    *bucket = entry;
    pthread_mutex_unlock(&presence->lock);
    return taken;
}

void vd_presence_remove(struct vd_presence *presence, struct vd_presence_entry *entry)
{
    pthread_mutex_lock(&presence->lock);
    if (entry->link != NULL) {
        unlink_entry(entry);
    }
    pthread_mutex_unlock(&presence->lock);
}

bool vd_presence_has(struct vd_presence *presence, const char *device_id, const char *module_id)
{
    bool found;

    pthread_mutex_lock(&presence->lock);
    found = find(presence, device_id, module_id != NULL ? module_id : "") != NULL;
    pthread_mutex_unlock(&presence->lock);
    return found;
}

struct vd_session *vd_presence_find(
    struct vd_presence *presence, const char *device_id, const char *module_id)
{
    const struct vd_presence_entry *entry;
    struct vd_session *session;

    pthread_mutex_lock(&presence->lock);
    entry = find(presence, device_id, module_id);
    session = entry != NULL ? entry->session : NULL;
    pthread_mutex_unlock(&presence->lock);
    return session;
}

struct vd_session *vd_presence_take(
    struct vd_presence *presence, const char *device_id, const char *module_id)
{
    struct vd_presence_entry *entry;
    struct vd_session *session = NULL;

    pthread_mutex_lock(&presence->lock);
    entry = find(presence, device_id, module_id);
    if (entry != NULL) {
        session = entry->session;
        unlink_entry(entry);
    }
    pthread_mutex_unlock(&presence->lock);
    return session;
}

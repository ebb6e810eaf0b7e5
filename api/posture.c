/* SPDX-License-Identifier: MIT */
/* Looks through the registry for credentials that are used twice, and at filter and diagnostic settings. */

#include "api/posture.h"

#include <openssl/crypto.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>
#include <string.h>

#include "api/solution.h"
#include "hub/export/setting.h"
#include "hub/ip_filter.h"

#define DIGEST_BYTES 16
#define SALT_BYTES   32

/* A credential of an identity. */
struct mark {
    uint8_t digest[DIGEST_BYTES];
    bool is_key;
    size_t name; /* where its identity stands in the names */
};

struct look {
    uint8_t salt[SALT_BYTES];
    struct mark *marks;
    size_t count;
    size_t capacity;
    struct vd_buf names; /* "device" or "device/module" and a NUL, one behind the other */
    uint64_t devices;
    int error;
};

static void add_mark(struct look *look, const void *secret, size_t length, bool is_key, size_t name)
{
    const size_t capacity = look->capacity > 0 ? look->capacity * 2 : 1024;
    uint8_t digest[EVP_MAX_MD_SIZE];
    unsigned digest_length = 0;
    struct mark *larger;

    if (length == 0 || look->error != VD_OK) {
        return;
    }
    if (look->count == look->capacity) {
        larger = realloc(look->marks, capacity * sizeof *larger);
        if (larger == NULL) {
            look->error = VD_E_NOMEM;
            return;
        }
        look->marks = larger;
        look->capacity = capacity;
    }
    if (HMAC(EVP_sha256(), look->salt, SALT_BYTES, secret, length, digest, &digest_length) ==
        NULL) {
        look->error = VD_E_NOMEM;
        return;
    }
    look->marks[look->count] = (struct mark){.is_key = is_key, .name = name};
    memcpy(look->marks[look->count++].digest, digest, DIGEST_BYTES);
    OPENSSL_cleanse(digest, sizeof digest);
}

static bool take_identity(void *context, const struct vd_identity *identity)
{
    struct look *look = context;
    const size_t name = look->names.length;
    const bool is_module = identity->module_id[0] != '\0';

    vd_buf_printf(
        &look->names, "%s%s%s", identity->device_id, is_module ? "/" : "", identity->module_id);
    vd_buf_append(&look->names, "", 1);
    look->devices += is_module ? 0 : 1;
    if (look->names.error != VD_OK) {
        look->error = look->names.error;
        return false;
    }
    if (identity->auth_type == VD_AUTH_SAS) {
        add_mark(look, identity->primary_key.bytes, identity->primary_key.length, true, name);
        add_mark(look, identity->secondary_key.bytes, identity->secondary_key.length, true, name);
    }
    for (size_t i = 0; i < 2 && identity->auth_type == VD_AUTH_THUMBPRINT; i++) {
        add_mark(look, identity->thumbprints[i], strlen(identity->thumbprints[i]), false, name);
    }
    return look->error == VD_OK;
}

static int compare_marks(const void *a, const void *b)
{
    const struct mark *x = a;
    const struct mark *y = b;
    const int order = memcmp(x->digest, y->digest, DIGEST_BYTES);

    return order != 0 ? order : x->name < y->name ? -1 : x->name > y->name;
}

static int rank_of(char letter)
{
    return letter == '/' ? 1 : (unsigned char)letter;
}

static int compare_names(const void *a, const void *b, void *context)
{
    const char *names = context;

    const char *x = names + *(const size_t *)a;
    const char *y = names + *(const size_t *)b;

    /* Modules right behind their device: ids may hold letters that come before the slash. */
    while (*x == *y && *x != '\0') {
        x++;
        y++;
    }
    return rank_of(*x) - rank_of(*y);
}

static const char *name_of(const struct look *look, size_t name)
{
    return (const char *)look->names.data + name;
}

/* Identities that share what the marks from `from` to `to` have; one that has it twice counts once. */
static json_t *group_json(const struct look *look, size_t from, size_t to, size_t *identities)
{
    json_t *list = json_array();

    *identities = 0;
    for (size_t i = from; i < to; i++) {
        if (i > from && look->marks[i].name == look->marks[i - 1].name) {
            continue;
        }
        ++*identities;
        if (*identities <= VD_POSTURE_IDENTITIES_MAX) {
            json_array_append_new(list, json_string(name_of(look, look->marks[i].name)));
        }
    }
    return json_pack("{s:s, s:I, s:o}", "kind",
        look->marks[from].is_key ? "SymmetricKey" : "Thumbprint", "count", (json_int_t)*identities,
        "identities", list);
}

/* How many devices the names are of: "device" and "device/module" are one. */
static uint64_t count_devices(const struct look *look, size_t *names, size_t count)
{
    uint64_t devices = 0;
    const char *last = "";
    size_t last_length = 0;

    if (count > 0) {
        qsort_r(names, count, sizeof *names, compare_names, look->names.data);
    }
    for (size_t i = 0; i < count; i++) {
        const char *name = name_of(look, names[i]);
        const size_t length = strcspn(name, "/");

        if (length != last_length || memcmp(name, last, length) != 0) {
            devices++;
            last = name;
            last_length = length;
        }
    }
    return devices;
}

/* The largest groups first, as far as they are named. */
static void keep_group(json_t *shared, json_t *group)
{
    const json_int_t count = json_integer_value(json_object_get(group, "count"));
    size_t at = json_array_size(shared);

    while (at > 0 &&
        json_integer_value(json_object_get(json_array_get(shared, at - 1), "count")) < count) {
        at--;
    }
    json_array_insert_new(shared, at, group);
    if (json_array_size(shared) > VD_POSTURE_GROUPS_MAX) {
        json_array_remove(shared, json_array_size(shared) - 1);
    }
}

static int find_shared(struct look *look, struct vd_posture *out)
{
    size_t *names = calloc(look->count + 1, sizeof *names);
    size_t name_count = 0;

    if (names == NULL) {
        return VD_E_NOMEM;
    }
    qsort(look->marks, look->count, sizeof *look->marks, compare_marks);
    for (size_t from = 0, to; from < look->count; from = to) {
        size_t identities = 0;
        json_t *group;

        for (to = from + 1; to < look->count &&
             memcmp(look->marks[to].digest, look->marks[from].digest, DIGEST_BYTES) == 0;
             to++) {
        }
        if (to == from + 1) {
            continue;
        }
        group = group_json(look, from, to, &identities);
        if (identities < 2) {
            json_decref(group); /* both keys of one identity */
            continue;
        }
        out->shared_groups++;
        for (size_t i = from; i < to; i++) {
            names[name_count++] = look->marks[i].name;
        }
        keep_group(out->shared, group);
    }
    out->devices = count_devices(look, names, name_count);
    free(names);
    return VD_OK;
}

static int read_credentials(struct vd_registry *registry, struct vd_posture *out)
{
    struct look look = {0};
    int error = RAND_bytes(look.salt, SALT_BYTES) == 1 ? VD_OK : VD_E_IO;

    if (error == VD_OK) {
        error = vd_registry_list(registry, NULL, NULL, take_identity, &look);
    }
    error = error == VD_OK ? look.error : error;
    if (error == VD_OK) {
        out->devices_total = look.devices;
        error = look.count > 0 ? find_shared(&look, out) : VD_OK;
    }
    OPENSSL_cleanse(look.salt, sizeof look.salt);
    free(look.marks);
    vd_buf_release(&look.names);
    return error;
}

/* ---- Filter and settings ---- */

static int read_filter(struct vd_registry *registry, struct vd_posture *out)
{
    struct vd_ip_filter filter;
    int error = vd_ip_filter_load(registry, &filter, NULL, NULL);
    bool refuses_all = false;

    if (error != VD_OK) {
        return error;
    }
    out->has_filter = filter.count > 0 || !filter.accepts_rest;
    for (size_t i = 0; i < filter.count && !refuses_all; i++) {
        const struct vd_ip_rule *rule = &filter.rules[i];
        char mask[32];

        /* What stands behind a rule for everything never counts. */
        refuses_all = !rule->accepts && rule->prefix == 0;
        if (rule->accepts) {
            snprintf(mask, sizeof mask, "%u.%u.%u.%u/%u", rule->network >> 24,
                rule->network >> 16 & 0xff, rule->network >> 8 & 0xff, rule->network & 0xff,
                rule->prefix);
            json_array_append_new(out->accepted,
                json_pack("{s:s, s:s, s:i}", "filterName", rule->name, "ipMask", mask, "prefix",
                    rule->prefix));
        }
    }
    out->refuses_rest_ipv4 = refuses_all || !filter.accepts_rest;
    out->refuses_rest_ipv6 = !filter.accepts_rest;
    return VD_OK;
}

static int read_settings(struct vd_registry *registry, struct vd_posture *out)
{
    struct vd_diagnostic_setting settings[VD_DIAGNOSTIC_SETTINGS_MAX];
    struct vd_buf text = {0};
    uint64_t etag;
    size_t count = 0;
    int error = vd_registry_setting_get(registry, VD_DIAGNOSTIC_SETTINGS, &text, &etag);

    if (error == VD_OK) {
        error = vd_diagnostic_settings_parse(
            (struct vd_str){(const char *)text.data, text.length}, settings, &count);
    }
    vd_buf_release(&text);
    for (size_t i = 0; error == VD_OK && i < count; i++) {
        json_array_append_new(out->settings, json_string(settings[i].name));
        out->exports_logs = out->exports_logs || settings[i].categories != 0;
    }
    return error == VD_E_NOT_FOUND ? VD_OK : error;
}

static int posture_read(struct vd_posture_source *source, struct vd_posture *out)
{
    struct vd_registry *registry = ((struct vd_api_posture *)source)->registry;
    struct vd_posture posture = {
        .shared = json_array(), .accepted = json_array(), .settings = json_array()};
    struct vd_solution_switches switches;
    int error = posture.shared != NULL && posture.accepted != NULL && posture.settings != NULL
        ? VD_OK
        : VD_E_NOMEM;

    if (error == VD_OK) {
        error = read_credentials(registry, &posture);
    }
    if (error == VD_OK) {
        error = read_filter(registry, &posture);
    }
    if (error == VD_OK) {
        error = read_settings(registry, &posture);
    }
    if (error == VD_OK) {
        error = vd_solution_switches_read(registry, &switches);
    }
    if (error == VD_OK) {
        posture.disabled = switches.disabled_recommendations;
    }
    if (error != VD_OK) {
        vd_posture_release(&posture);
        return error;
    }
    *out = posture;
    return VD_OK;
}

static const struct vd_posture_source_ops posture_ops = {.read = posture_read};

void vd_api_posture_init(struct vd_api_posture *posture, struct vd_registry *registry)
{
    *posture = (struct vd_api_posture){{&posture_ops}, registry};
}

/* SPDX-License-Identifier: MIT */
/* Writes and reads records and heads of the audit trail. */

#include "lib/audit_record.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "lib/clock.h"
#include "lib/json_text.h"

#define FORM 1

const char *vd_audit_outcome(int status)
{
    if (status < 400) {
        return VD_AUDIT_DONE;
    }
    return status == 401 || status == 403 ? VD_AUDIT_REFUSED : VD_AUDIT_FAILED;
}

/* ---- Hashes ---- */

int vd_audit_hash_of(struct vd_str text, struct vd_audit_hash *out)
{
    unsigned length = 0;

    return EVP_Digest(text.data, text.length, out->bytes, &length, EVP_sha256(), NULL) == 1
        ? VD_OK
        : VD_E_NOMEM;
}

int vd_audit_mac_of(
    const uint8_t key[VD_MASTER_KEY_BYTES], struct vd_str text, struct vd_audit_hash *out)
{
    unsigned length = 0;

    return HMAC(EVP_sha256(), key, VD_MASTER_KEY_BYTES, (const unsigned char *)text.data,
               text.length, out->bytes, &length) != NULL
        ? VD_OK
        : VD_E_NOMEM;
}

bool vd_audit_hash_equal(const struct vd_audit_hash *a, const struct vd_audit_hash *b)
{
    return CRYPTO_memcmp(a->bytes, b->bytes, sizeof a->bytes) == 0;
}

void vd_audit_hash_format(const struct vd_audit_hash *hash, char out[VD_AUDIT_HASH_TEXT_SIZE])
{
    static const char digits[] = "0123456789abcdef";

    for (size_t i = 0; i < VD_AUDIT_HASH_BYTES; i++) {
        out[2 * i] = digits[hash->bytes[i] >> 4];
        out[2 * i + 1] = digits[hash->bytes[i] & 15];
    }
    out[VD_AUDIT_HASH_TEXT_SIZE - 1] = '\0';
}

/* Of lower case alone: a text has one form. -1: none. */
static int digit_of(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

int vd_audit_hash_parse(const char *text, size_t length, struct vd_audit_hash *out)
{
    struct vd_audit_hash hash;

    if (length != VD_AUDIT_HASH_TEXT_SIZE - 1) {
        return VD_E_INVALID;
    }
    for (size_t i = 0; i < VD_AUDIT_HASH_BYTES; i++) {
        const int high = digit_of(text[2 * i]);
        const int low = digit_of(text[2 * i + 1]);

        if (high < 0 || low < 0) {
            return VD_E_INVALID;
        }
        hash.bytes[i] = (uint8_t)(high << 4 | low);
    }
    *out = hash;
    return VD_OK;
}

/* ---- A hash as the last member ---- */

static void append_hash(struct vd_buf *out, const char *name, const struct vd_audit_hash *hash)
{
    char text[VD_AUDIT_HASH_TEXT_SIZE];

    vd_audit_hash_format(hash, text);
    vd_json_append_text_member(out, name, vd_str_from(text));
}

void vd_audit_member_add(
    struct vd_buf *out, struct vd_str text, const char *name, const struct vd_audit_hash *hash)
{
    vd_buf_append(out, text.data, text.length - 1);
    append_hash(out, name, hash);
    vd_buf_append(out, "}", 1);
}

int vd_audit_member_cut(
    struct vd_str line, const char *name, struct vd_buf *text, struct vd_audit_hash *hash)
{
    char front[32];
    const int front_length = snprintf(front, sizeof front, ",\"%s\":\"", name);
    const size_t hash_length = VD_AUDIT_HASH_TEXT_SIZE - 1;
    const size_t length = (size_t)front_length + hash_length + 2;
    const char *at;

    if (front_length < 0 || (size_t)front_length >= sizeof front || line.length <= length) {
        return VD_E_INVALID;
    }
    at = line.data + line.length - length;
    if (memcmp(at, front, (size_t)front_length) != 0 || memcmp(at + length - 2, "\"}", 2) != 0 ||
        vd_audit_hash_parse(at + front_length, hash_length, hash) != VD_OK) {
        return VD_E_INVALID;
    }
    vd_buf_append(text, line.data, line.length - length);
    vd_buf_append(text, "}", 1);
    return text->error;
}

/* ---- Records ---- */

/* The texts of an entry, each with its name, by their order in a record. */
struct texts {
    const char *name;
    size_t offset;
};

#define TEXT(member)                                     \
    {                                                    \
#member, offsetof(struct vd_audit_entry, member) \
    }

static const struct texts before_status[] = {TEXT(kind), TEXT(who), TEXT(role), TEXT(address),
    TEXT(via), TEXT(method), TEXT(path), TEXT(resource), TEXT(query)};
static const struct texts behind_status[] = {
    TEXT(outcome), TEXT(request), TEXT(changed), TEXT(digest), TEXT(note)};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const char **text_at(const struct texts *text, struct vd_audit_entry *entry)
{
    return (const char **)(void *)((char *)entry + text->offset);
}

static void write_texts(
    struct vd_buf *out, const struct texts *texts, size_t count, const struct vd_audit_entry *entry)
{
    struct vd_audit_entry copy = *entry;

    for (size_t i = 0; i < count; i++) {
        const char *text = *text_at(&texts[i], &copy);
        const struct vd_str value = {
            text != NULL ? text : "", text != NULL ? strnlen(text, VD_AUDIT_TEXT_MAX) : 0};

        vd_json_append_text_member(out, texts[i].name, value);
    }
}

void vd_audit_record_write(struct vd_buf *out, uint64_t sequence,
    const struct vd_audit_hash *previous, const struct vd_audit_entry *entry)
{
    char time[VD_TIME_TEXT_SIZE];

    vd_time_format(entry->time_ms != 0 ? entry->time_ms : vd_clock_utc_ms(), time);
    vd_buf_append(out, "{", 1);
    vd_json_append_number_member(out, "sequence", sequence);
    vd_json_append_text_member(out, "time", vd_str_from(time));
    write_texts(out, before_status, COUNT(before_status), entry);
    vd_json_append_signed_member(out, "status", entry->status);
    write_texts(out, behind_status, COUNT(behind_status), entry);
    append_hash(out, "previous", previous);
    vd_buf_append(out, "}", 1);
}

static bool read_texts(
    const json_t *json, const struct texts *texts, size_t count, struct vd_audit_entry *entry)
{
    for (size_t i = 0; i < count; i++) {
        const char **text = text_at(&texts[i], entry);

        *text = json_string_value(json_object_get(json, texts[i].name));
        if (*text == NULL) {
            return false;
        }
    }
    return true;
}

static int read_hash(const json_t *json, const char *name, struct vd_audit_hash *out)
{
    const json_t *text = json_object_get(json, name);

    return json_is_string(text)
        ? vd_audit_hash_parse(json_string_value(text), json_string_length(text), out)
        : VD_E_INVALID;
}

/* A number that is not negative. */
static bool read_number(const json_t *json, const char *name, uint64_t *out)
{
    const json_t *number = json_object_get(json, name);

    if (!json_is_integer(number) || json_integer_value(number) < 0) {
        return false;
    }
    *out = (uint64_t)json_integer_value(number);
    return true;
}

static bool read_time(const json_t *json, int64_t *out)
{
    const char *text = json_string_value(json_object_get(json, "time"));

    return text != NULL && vd_time_parse(text, out) == VD_OK;
}

/* Members beside the texts: sequence, time, status, previous. */
#define OTHER_MEMBERS 4

int vd_audit_record_read(struct vd_str text, struct vd_audit_record *out)
{
    struct vd_audit_record record = {0};
    uint64_t status = 0;

    if (text.length > VD_AUDIT_RECORD_MAX) {
        return VD_E_INVALID;
    }
    record.json = json_loadb(text.data, text.length, JSON_REJECT_DUPLICATES, NULL);
    if (!json_is_object(record.json) ||
        json_object_size(record.json) !=
            COUNT(before_status) + COUNT(behind_status) + OTHER_MEMBERS ||
        !read_texts(record.json, before_status, COUNT(before_status), &record.entry) ||
        !read_texts(record.json, behind_status, COUNT(behind_status), &record.entry) ||
        !read_number(record.json, "sequence", &record.sequence) ||
        !read_number(record.json, "status", &status) || status > 999 ||
        !read_time(record.json, &record.entry.time_ms) ||
        read_hash(record.json, "previous", &record.previous) != VD_OK) {
        json_decref(record.json);
        return VD_E_INVALID;
    }
    record.entry.status = (int)status;
    *out = record;
    return VD_OK;
}

void vd_audit_record_release(struct vd_audit_record *record)
{
    json_decref(record->json);
    record->json = NULL;
}

/* ---- Heads ---- */

int vd_audit_keys_derive(const uint8_t master[VD_MASTER_KEY_BYTES],
    uint8_t head[VD_MASTER_KEY_BYTES], uint8_t digest[VD_MASTER_KEY_BYTES])
{
    const int error = vd_secret_derive(master, "vedette audit head", head);

    return error == VD_OK ? vd_secret_derive(master, "vedette audit digest", digest) : error;
}

void vd_audit_head_write(
    struct vd_buf *out, const struct vd_audit_head *head, const uint8_t key[VD_MASTER_KEY_BYTES])
{
    struct vd_buf text = {0};
    struct vd_audit_hash mac;
    char time[VD_TIME_TEXT_SIZE];

    vd_time_format(head->time_ms, time);
    vd_buf_append(&text, "{", 1);
    vd_json_append_number_member(&text, "vedetteAudit", FORM);
    vd_json_append_text_member(&text, "kind", vd_str_from(head->kind));
    vd_json_append_text_member(&text, "trail", vd_str_from(head->trail));
    vd_json_append_text_member(&text, "time", vd_str_from(time));
    vd_json_append_number_member(&text, "from", head->from);
    append_hash(&text, "base", &head->base);
    vd_json_append_number_member(&text, "to", head->to);
    append_hash(&text, "last", &head->last);
    vd_json_append_number_member(&text, "open", head->open);
    append_hash(&text, "openDigest", &head->open_digest);
    vd_buf_append(&text, "}", 1);
    if (text.error == VD_OK) {
        const struct vd_str body = {(const char *)text.data, text.length};

        text.error = vd_audit_mac_of(key, body, &mac);
        if (text.error == VD_OK) {
            vd_audit_member_add(out, body, "mac", &mac);
        }
    }
    out->error = out->error == VD_OK ? text.error : out->error;
    vd_buf_release(&text);
}

static bool read_text(const json_t *json, const char *name, char *out, size_t size)
{
    const char *text = json_string_value(json_object_get(json, name));

    return text != NULL && vd_text_copy(text, out, size) == VD_OK;
}

static int head_parse(struct vd_str text, struct vd_audit_head *out)
{
    struct vd_audit_head head = {.kind = ""};
    json_t *json = json_loadb(text.data, text.length, JSON_REJECT_DUPLICATES, NULL);
    uint64_t form = 0;
    int error = VD_E_INVALID;

    if (json_is_object(json) && read_number(json, "vedetteAudit", &form) && form == FORM &&
        read_text(json, "kind", head.kind, sizeof head.kind) &&
        read_text(json, "trail", head.trail, sizeof head.trail) && read_time(json, &head.time_ms) &&
        read_number(json, "from", &head.from) && read_number(json, "to", &head.to) &&
        read_number(json, "open", &head.open) && read_hash(json, "base", &head.base) == VD_OK &&
        read_hash(json, "last", &head.last) == VD_OK &&
        read_hash(json, "openDigest", &head.open_digest) == VD_OK && head.from >= 1 &&
        head.to + 1 >= head.from) {
        *out = head;
        error = VD_OK;
    }
    json_decref(json);
    return error;
}

int vd_audit_head_read(struct vd_str line, const uint8_t *key, struct vd_audit_head *out)
{
    struct vd_buf text = {0};
    struct vd_audit_head head;
    struct vd_audit_hash mac;
    struct vd_audit_hash right;
    int error = line.length <= VD_AUDIT_LINE_MAX ? VD_OK : VD_E_INVALID;

    if (error == VD_OK) {
        error = vd_audit_member_cut(line, "mac", &text, &mac);
    }
    if (error == VD_OK) {
        error = head_parse((struct vd_str){(const char *)text.data, text.length}, &head);
    }
    if (error == VD_OK && key != NULL) {
        error = vd_audit_mac_of(key, (struct vd_str){(const char *)text.data, text.length}, &right);
        if (error == VD_OK && !vd_audit_hash_equal(&mac, &right)) {
            error = VD_E_DENIED;
        }
    }
    if (error == VD_OK) {
        *out = head;
    }
    vd_buf_release(&text);
    return error;
}

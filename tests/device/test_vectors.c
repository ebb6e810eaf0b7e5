/* SPDX-License-Identifier: MIT */
/* Known answers: messages of the module of old, read by flatc with our schema, hold what they should. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <arpa/inet.h>
#include <dirent.h>

#include <cmocka.h>

#include "tests/device/flatc.h"

#define VECTOR_BYTES_MAX 65536
#define VECTORS_MAX      64

/* --- flatc's JSON in the form of the vectors' -------------------------------------------------- */

static json_t *hex_id(const json_t *id)
{
    const json_t *bytes = json_object_get(id, "bytes");
    char text[33] = "";

    for (size_t i = 0; i < 16; i++) {
        snprintf(text + 2 * i, 3, "%02x", (unsigned)json_real_value(json_array_get(bytes, i)));
    }
    return json_string(text);
}

static json_t *address_text(const json_t *address)
{
    const size_t words = json_is_array(address) ? 4 : 1;
    unsigned char bytes[16];
    char text[INET6_ADDRSTRLEN];

    for (size_t i = 0; i < words; i++) {
        const json_t *word = words == 1 ? address : json_array_get(address, i);
        const uint32_t value = (uint32_t)json_real_value(word);

        for (unsigned b = 0; b < 4; b++) {
            bytes[4 * i + b] = (unsigned char)(value >> 8 * b);
        }
    }
    assert_non_null(inet_ntop(words == 1 ? AF_INET : AF_INET6, bytes, text, sizeof text));
    return json_string(text);
}

/* The fields of an entry and of its `common`, side by side; addresses as text. */
static json_t *flat_entry(json_t *entry, int family)
{
    static const char *const names[] = {"local_address", "remote_address"};
    const json_t *from = json_object_get(entry, "addresses");
    json_t *flat = json_copy(json_object_get(entry, "common"));

    for (size_t i = 0; i < 2; i++) {
        const json_t *address = json_object_get(from != NULL ? from : entry, names[i]);

        if (address != NULL) {
            json_object_set_new(flat, names[i], address_text(address));
        }
    }
    if (from != NULL) {
        json_object_set_new(flat, "family", json_real(family));
    }
    return flat;
}

static json_t *flat_entries(const json_t *entries, int family, json_t *into)
{
    for (size_t i = 0; i < json_array_size(entries); i++) {
        json_array_append_new(into, flat_entry(json_array_get(entries, i), family));
    }
    return into;
}

static json_t *flat_event(const json_t *event)
{
    json_t *payload = json_object_get(event, "payload");
    json_t *flat = json_copy(payload);
    json_t *flows = json_array();

    json_object_set_new(flat, "id", hex_id(json_object_get(event, "id")));
    json_object_set(flat, "payload", json_object_get(event, "payload_type"));
    json_object_set(flat, "time", json_object_get(event, "time"));
    json_object_set(flat, "collection_interval", json_object_get(event, "collection_interval"));
    flat_entries(json_object_get(payload, "ipv4_activity"), 4, flows);
    flat_entries(json_object_get(payload, "ipv6_activity"), 6, flows);
    json_object_set_new(flat, "flows", flows);
    for (int family = 4; family <= 6; family += 2) {
        const char *name = family == 4 ? "ipv4_ports" : "ipv6_ports";

        json_object_set_new(
            flat, name, flat_entries(json_object_get(payload, name), family, json_array()));
    }
    return flat;
}

/* --- Comparing ---------------------------------------------------------------------------------- */

static void assert_holds(json_t *expected, json_t *found, const char *where);

static void assert_object(json_t *expected, json_t *found, const char *where)
{
    const char *key;
    json_t *value;

    json_object_foreach(expected, key, value)
    {
        char path[256];

        snprintf(path, sizeof path, "%s.%s", where, key);
        assert_holds(value, json_object_get(found, key), path);
    }
}

static void assert_array(json_t *expected, json_t *found, const char *where)
{
    if (json_array_size(found) != json_array_size(expected)) {
        fail_msg("%s has %zu entries, not %zu", where, json_array_size(found),
            json_array_size(expected));
    }
    for (size_t i = 0; i < json_array_size(expected); i++) {
        char path[256];

        snprintf(path, sizeof path, "%s[%zu]", where, i);
        assert_holds(json_array_get(expected, i), json_array_get(found, i), path);
    }
}

/* Whatever is expected is there. */
static void assert_holds(json_t *expected, json_t *found, const char *where)
{
    if (json_is_object(expected)) {
        assert_object(expected, found, where);
    } else if (json_is_array(expected)) {
        assert_array(expected, found, where);
    } else if (!json_equal(expected, found)) {
        fail_msg("%s differs", where);
    }
}

static void assert_vector(json_t *expected, json_t *decoded, const char *name)
{
    json_t *flat = json_copy(decoded);
    json_t *events = json_array();
    const json_t *from = json_object_get(decoded, "events");

    for (size_t i = 0; i < json_array_size(from); i++) {
        json_array_append_new(events, flat_event(json_array_get(from, i)));
    }
    json_object_set_new(flat, "events", events);
    json_object_del(expected, "source");
    json_object_del(expected, "size");
    assert_holds(expected, flat, name);
    json_decref(flat);
}

/* --- The vectors -------------------------------------------------------------------------------- */

static const char *vectors_folder(void)
{
    const char *folder = getenv("VEDETTE_VECTORS");

    return folder != NULL ? folder : VD_SOURCE_DIR "/../shared/vectors";
}

static int is_message(const struct dirent *entry)
{
    const char *end = strrchr(entry->d_name, '.');

    return end != NULL && strcmp(end, ".bin") == 0;
}

static void add_vector(struct flatc *flatc, const char *name)
{
    static uint8_t bytes[VECTOR_BYTES_MAX];
    char path[512];
    FILE *file;
    size_t length;

    snprintf(path, sizeof path, "%s/%s", vectors_folder(), name);
    file = fopen(path, "rb");
    assert_non_null(file);
    length = fread(bytes, 1, sizeof bytes, file);
    fclose(file);
    flatc_add(flatc, bytes, length);
}

static void compare_vector(const struct flatc *flatc, unsigned number, const char *name)
{
    json_t *decoded = flatc_json(flatc, number);
    json_error_t error;
    json_t *expected;
    char path[512];

    snprintf(path, sizeof path, "%s/%.*s.json", vectors_folder(), (int)(strlen(name) - 4), name);
    expected = json_load_file(path, JSON_DECODE_INT_AS_REAL, &error);
    assert_non_null(expected);
    assert_vector(expected, decoded, name);
    json_decref(expected);
    json_decref(decoded);
}

static void test_vectors__hold_what_they_should(void **state)
{
    struct dirent **names = NULL;
    const int count = scandir(vectors_folder(), &names, is_message, alphasort);
    struct flatc flatc;

    (void)state;
    if (count < 0) {
        print_message("no vectors at %s: nothing compared\n", vectors_folder());
        return;
    }
    assert_in_range(count, 1, VECTORS_MAX);
    flatc_open(&flatc);
    for (int i = 0; i < count; i++) {
        add_vector(&flatc, names[i]->d_name);
    }
    assert_int_equal(flatc_decode(&flatc), 0);
    for (int i = 0; i < count; i++) {
        compare_vector(&flatc, (unsigned)i, names[i]->d_name);
        free(names[i]);
    }
    free(names);
    flatc_close(&flatc);
    print_message("%d vectors compared\n", count);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_vectors__hold_what_they_should),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

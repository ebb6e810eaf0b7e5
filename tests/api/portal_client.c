/* SPDX-License-Identifier: MIT */
/* The portal in tests. */

#include "tests/api/portal_client.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/log.h"

struct vd_api portal_api;
struct vd_http *portal_http;
char portal_certificate[96];
char portal_recorded[4096];
struct portal_answer portal_got;

static char folder[64];
static char key[96];
static char pages[96];
static char page[128];
static bool has_pages;
static struct vd_portal *portal;

/* Between two comments of a stream of events. */
#define BEAT_MS 300

static const uint8_t master[VD_MASTER_KEY_BYTES] = {11};

static int keep_record(struct vd_bus *bus, const struct vd_event *event)
{
    (void)bus;
    return vd_str_copy(event->body, portal_recorded, sizeof portal_recorded);
}

static const struct vd_bus_ops keeping_ops = {.record = keep_record};
static struct vd_bus keeping_bus = {&keeping_ops};
static const struct vd_recorder recorder = {.bus = &keeping_bus, .resource_id = HUB};

static void start(void)
{
    const char *const folders[] = {"/nowhere", pages};
    const struct vd_portal_config config = {
        &portal_api, management, master, folders, has_pages ? 2 : 1, BEAT_MS};
    struct vd_http_face faces[2];
    const struct vd_http_config server = {
        .address = "127.0.0.1",
        .certificate_file = portal_certificate,
        .private_key_file = key,
        .workers = 3,
        .faces = faces,
        .face_count = COUNT(faces),
    };
    char reason[256] = "";

    assert_int_equal(vd_portal_new(&config, &portal), VD_OK);
    faces[0] = vd_portal_face(portal);
    faces[1] = vd_management_face(management);
    if (vd_http_start(&server, &portal_http, reason, sizeof reason) != VD_OK) {
        fail_msg("%s", reason);
    }
}

static int stop(void)
{
    const bool ended = vd_http_stop(portal_http, 20000);

    portal_http = NULL;
    vd_portal_free(portal);
    portal = NULL;
    return ended ? 0 : -1;
}

void portal_restart(void)
{
    assert_int_equal(stop(), 0);
    start();
}

static int begin(void **state, bool with_pages)
{
    if (management_set_up(state) != 0) {
        return -1;
    }
    portal_api = (struct vd_api){.registry = registry,
        .alerts = alerts,
        .recorder = &recorder,
        .audit = management_audit,
        .host_name = "hub.test",
        .scope = {.subscription = SUB, .resource_group = "fleet", .hub = "hub"}};
    portal_recorded[0] = '\0';
    has_pages = with_pages;
    start();
    return 0;
}

int portal_set_up(void **state)
{
    return begin(state, true);
}

int portal_set_up_bare(void **state)
{
    return begin(state, false);
}

int portal_tear_down(void **state)
{
    const int stopped = stop();

    return management_tear_down(state) == 0 ? stopped : -1;
}

int portal_make_scene(void **state)
{
    FILE *file;

    (void)state;
    snprintf(folder, sizeof folder, "/tmp/vedette-portal-XXXXXX");
    if (mkdtemp(folder) == NULL) {
        return -1;
    }
    snprintf(portal_certificate, sizeof portal_certificate, "%s/certificate.pem", folder);
    snprintf(key, sizeof key, "%s/key.pem", folder);
    snprintf(pages, sizeof pages, "%s/pages", folder);
    snprintf(page, sizeof page, "%s/index.html", pages);
    if (mkdir(pages, 0700) != 0 || (file = fopen(page, "w")) == NULL) {
        return -1;
    }
    fputs("<!doctype html>", file);
    fclose(file);
    return tls_client_make_certificate(portal_certificate, key) ? 0 : -1;
}

int portal_remove_scene(void **state)
{
    (void)state;
    unlink(portal_certificate);
    unlink(key);
    unlink(page);
    rmdir(pages);
    return rmdir(folder);
}

/* ---- The browser ---- */

/* Reads up to the end of the headers, which stay with their last line end. */
static void read_headers(struct tls_client *client)
{
    char *text = portal_got.headers;
    size_t n = 0;

    for (; n < 4 || memcmp(text + n - 4, "\r\n\r\n", 4) != 0; n++) {
        assert_true(n + 1 < sizeof portal_got.headers);
        if (!tls_client_read(client, text + n, 1)) {
            fail_msg("the connection ended after %zu bytes", n);
        }
    }
    text[n - 2] = '\0';
    portal_got.status = (int)strtol(text + sizeof "HTTP/1.1", NULL, 10);
}

int portal_ask(const char *method, const char *path, const char *headers, const char *body)
{
    struct tls_client client;
    struct vd_buf text = {0};
    const char *length;
    size_t count = 0;

    assert_true(tls_client_open(&client, vd_http_port(portal_http), portal_certificate, 0));
    vd_buf_printf(&text, "%s %s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n%s", method,
        path, headers != NULL ? headers : "");
    if (body != NULL) {
        vd_buf_printf(&text, "Content-Length: %zu\r\n", strlen(body));
    }
    vd_buf_printf(&text, "\r\n%s", body != NULL ? body : "");
    assert_int_equal(text.error, VD_OK);
    assert_true(tls_client_write(&client, text.data, text.length));
    vd_buf_release(&text);
    read_headers(&client);
    length = portal_header("Content-Length");
    if (length != NULL && strcmp(method, "HEAD") != 0) {
        count = strtoul(length, NULL, 10);
    }
    assert_true(count < sizeof portal_got.body);
    assert_true(tls_client_read(&client, portal_got.body, count));
    portal_got.body[count] = '\0';
    tls_client_close(&client);
    return portal_got.status;
}

int portal_ask_as(
    const struct portal_session *session, const char *method, const char *path, const char *body)
{
    char headers[512];

    snprintf(headers, sizeof headers, "Cookie: a=b; %s\r\n%s%s%s", session->cookie,
        strcmp(method, "GET") != 0 ? "X-Vedette-Csrf: " : "",
        strcmp(method, "GET") != 0 ? session->csrf : "", strcmp(method, "GET") != 0 ? "\r\n" : "");
    return portal_ask(method, path, headers, body);
}

void portal_sign_in(enum vd_role role, struct portal_session *out)
{
    char body[VD_TOKEN_TEXT_SIZE + 32];
    const char *cookie;
    json_t *session;

    snprintf(body, sizeof body, "{\"token\":\"%s\"}", tokens[role]);
    assert_int_equal(
        portal_ask("POST", "/portal/session", "Content-Type: application/json\r\n", body), 200);
    cookie = portal_header("Set-Cookie");
    assert_non_null(cookie);
    snprintf(out->cookie, sizeof out->cookie, "%.*s", (int)strcspn(cookie, ";"), cookie);
    session = json_loads(portal_got.body, 0, NULL);
    snprintf(
        out->csrf, sizeof out->csrf, "%s", json_string_value(json_object_get(session, "csrf")));
    json_decref(session);
}

const char *portal_header(const char *name)
{
    static char value[1024];
    const size_t length = strlen(name);

    for (const char *at = strstr(portal_got.headers, "\r\n"); at != NULL && at[2] != '\0';
         at = strstr(at + 2, "\r\n")) {
        if (strncasecmp(at + 2, name, length) == 0 && at[2 + length] == ':') {
            at += 2 + length + 1;
            at += strspn(at, " ");
            snprintf(value, sizeof value, "%.*s", (int)strcspn(at, "\r"), at);
            return value;
        }
    }
    return NULL;
}

const char *portal_fault(void)
{
    static char code[64];
    json_t *body = json_loads(portal_got.body, 0, NULL);
    const char *said = json_string_value(json_object_get(json_object_get(body, "error"), "code"));

    snprintf(code, sizeof code, "%s", said != NULL ? said : "");
    json_decref(body);
    return code;
}

/* SPDX-License-Identifier: MIT */
/* What a browser sends to the portal, a line each: its cookies, what it accepts, what it knows already, and a path. No session
 * but those that were begun here holds; a page is answered whole or as known. */

#include <event2/http.h>
#include <event2/keyvalq_struct.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "api/portal/files.h"
#include "api/portal/session.h"
#include "fuzz/replay.h"
#include "lib/log.h"
#include "tests/hub/memory_registry.h"

/* Before the sessions of the corpus end. */
#define NOW_MS    1800000000000LL
#define INPUT_MAX 16384
#define LINES     4

static struct memory_registry memory;
static struct vd_registry_ops ops;
static struct vd_portal_session_keys keys;
static struct vd_portal_files *files;

static void check(bool holds)
{
    if (!holds) {
        abort();
    }
}

static int fuzz_token_get(struct vd_registry *registry, const char *name, struct vd_token *out)
{
    (void)registry;
    *out = (struct vd_token){.role = VD_ROLE_READER, .hash = {1, 2, 3}};
    return vd_text_copy(name, out->name, sizeof out->name);
}

static int fuzz_token_used(struct vd_registry *registry, const char *name, int64_t used_ms)
{
    (void)registry;
    (void)name;
    (void)used_ms;
    return VD_OK;
}

/* Two pages, which are in memory once they are read. */
static void make_files(void)
{
    char folder[] = "/tmp/vedette-fuzz-XXXXXX";
    static const char *const names[] = {"index.html", "a.js"};
    char path[64];

    check(mkdtemp(folder) != NULL);
    for (size_t i = 0; i < 2; i++) {
        FILE *file;

        snprintf(path, sizeof path, "%s/%s", folder, names[i]);
        file = fopen(path, "w");
        check(file != NULL && fprintf(file, "%0*d", 1000, 7) == 1000 && fclose(file) == 0);
    }
    check(vd_portal_files_read(folder, &files) == VD_OK);
    for (size_t i = 0; i < 2; i++) {
        snprintf(path, sizeof path, "%s/%s", folder, names[i]);
        unlink(path);
    }
    rmdir(folder);
}

static void set_up(void)
{
    static const uint8_t master[VD_MASTER_KEY_BYTES] = {1};

    vd_log_set_level(VD_LOG_ERROR);
    memory_registry_init(&memory);
    ops = *memory.base.ops;
    ops.token_get = fuzz_token_get;
    ops.token_used = fuzz_token_used;
    memory.base.ops = &ops;
    check(vd_portal_session_keys_derive(master, &keys) == VD_OK);
    make_files();
}

/* One that holds is what is made of what it says, letter by letter. */
static void check_cookies(const char *header)
{
    const struct vd_str value = vd_portal_session_cookie(header);
    struct vd_portal_session_claim claim;
    struct vd_portal_session session;
    char text[VD_PORTAL_SESSION_TEXT_SIZE];
    char mac[VD_PORTAL_SESSION_MAC_SIZE];
    const bool has_form = vd_portal_session_parse(value, &claim) == VD_OK;

    check(value.length == 0 ||
        (value.data >= header && value.data + value.length <= header + strlen(header)));
    if (has_form) {
        const int length = snprintf(
            text, sizeof text, "%lld.%s.%s", (long long)claim.expires_s, claim.mac, claim.name);

        check(length < (int)sizeof text && vd_str_equal_text(value, text));
    }
    if (vd_portal_session_check(&keys, &memory.base, value, NOW_MS, &session) == VD_OK) {
        struct vd_portal_session again;
        const int64_t began_ms = (session.expires_s - VD_PORTAL_SESSION_S) * 1000;

        check(has_form && session.expires_s > NOW_MS / 1000);
        check(vd_portal_session_begin(&keys, &session.token, began_ms, &again, text) == VD_OK);
        check(vd_str_equal_text(value, text));
        check(vd_portal_session_csrf(&keys, &session, mac) == VD_OK);
        check(strcmp(mac, claim.mac) != 0); /* who has the one has not the other */
    }
}

static void check_page(char *const lines[LINES])
{
    struct evkeyvalq headers = {.tqh_last = &headers.tqh_first};
    const struct vd_http_request request = {.method = "GET", .headers = &headers};
    struct vd_http_answer answer = {.status = 500};

    /* libevent refuses what no header can be, as it does on the way in. */
    (void)evhttp_add_header(&headers, "Accept-Encoding", lines[1]);
    (void)evhttp_add_header(&headers, "If-None-Match", lines[2]);
    vd_portal_files_answer(files, lines[3], &request, &answer);
    evhttp_clear_headers(&headers);
    check(answer.status == 200 || answer.status == 304 || answer.status == 404);
    check((answer.status == 404) == (answer.content == NULL));
    check(answer.content == NULL || (answer.content->body.length > 0) == (answer.status == 200));
    vd_http_content_free(answer.content);
    json_decref(answer.body);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t length)
{
    static bool is_set_up;
    static char text[INPUT_MAX + 1];
    char *lines[LINES];
    char *at = text;

    if (!is_set_up) {
        set_up();
        is_set_up = true;
    }
    if (length > INPUT_MAX || memchr(data, '\0', length) != NULL) {
        return 0;
    }
    memcpy(text, data, length);
    text[length] = '\0';
    for (size_t i = 0; i < LINES; i++) {
        lines[i] = at;
        at += strcspn(at, "\n");
        if (*at == '\n') {
            *at++ = '\0';
        }
    }
    check_cookies(lines[0]);
    check_page(lines);
    return 0;
}

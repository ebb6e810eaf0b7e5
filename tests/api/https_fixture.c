/* SPDX-License-Identifier: MIT */
/* The HTTP server over TLS in tests. */

#include "tests/api/https_fixture.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/log.h"

struct vd_http *http;
char certificate[96];
char key[96];

static char folder[64];

int make_scene(void **state)
{
    (void)state;
    signal(SIGPIPE, SIG_IGN);
    vd_log_set_level(VD_LOG_ERROR);
    snprintf(folder, sizeof folder, "/tmp/vedette-https-XXXXXX");
    if (mkdtemp(folder) == NULL) {
        return -1;
    }
    snprintf(certificate, sizeof certificate, "%s/certificate.pem", folder);
    snprintf(key, sizeof key, "%s/key.pem", folder);
    return tls_client_make_certificate(certificate, key) ? 0 : -1;
}

int remove_scene(void **state)
{
    (void)state;
    unlink(certificate);
    unlink(key);
    return rmdir(folder);
}

struct vd_http_config config_of(const struct vd_http_face *faces, size_t face_count)
{
    return (struct vd_http_config){
        .address = "127.0.0.1",
        .certificate_file = certificate,
        .private_key_file = key,
        .workers = 2,
        .faces = faces,
        .face_count = face_count,
    };
}

void start_server(const struct vd_http_config *config)
{
    char reason[256] = "";

    if (vd_http_start(config, &http, reason, sizeof reason) != VD_OK) {
        fail_msg("%s", reason);
    }
    assert_int_not_equal(vd_http_port(http), 0);
}

int stop_server(void **state)
{
    const bool ended = vd_http_stop(http, PATIENCE_MS);

    (void)state;
    http = NULL;
    return ended ? 0 : -1;
}

void refuse(int status, struct vd_http_answer *answer)
{
    answer->body = json_pack("{s:i}", "refused", status);
}

/* ---- Clients ---- */

void open_client(struct tls_client *client)
{
    assert_true(tls_client_open(client, vd_http_port(http), certificate, 0));
}

void send_text(struct tls_client *client, const char *text)
{
    assert_true(tls_client_write(client, text, strlen(text)));
}

int read_headers(struct tls_client *client, char *text, size_t size)
{
    size_t n = 0;

    for (; n < 4 || memcmp(text + n - 4, "\r\n\r\n", 4) != 0; n++) {
        assert_true(n + 1 < size);
        if (!tls_client_read(client, text + n, 1)) {
            fail_msg("the connection ended after %zu bytes", n);
        }
    }
    text[n] = '\0';
    return (int)strtol(text + sizeof "HTTP/1.1", NULL, 10);
}

int read_answer(struct tls_client *client, char *headers, size_t size, json_t **body)
{
    const int status = read_headers(client, headers, size);
    const char *length_at = strstr(headers, "Content-Length: ");
    size_t length;
    char *text;

    assert_non_null(length_at);
    length = strtoul(length_at + 16, NULL, 10);
    text = malloc(length + 1);
    assert_non_null(text);
    assert_true(tls_client_read(client, text, length));
    if (body != NULL) {
        *body = json_loadb(text, length, 0, NULL);
    }
    free(text);
    return status;
}

int read_status(struct tls_client *client)
{
    char headers[1024];

    return read_answer(client, headers, sizeof headers, NULL);
}

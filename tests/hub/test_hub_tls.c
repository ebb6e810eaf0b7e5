/* SPDX-License-Identifier: MIT */
/* Another certificate while the hub runs: who connects sees it, who is connected notices nothing. */

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>

#include <cmocka.h>

#include "hub/tls.h"
#include "tests/hub/live_hub.h"

/* A second certificate, in the fixture's folder, which is emptied with it. */
static char certificate[96];
static char key[96];

static int set_up(void **state)
{
    const int failed = live_setup(state);
    const struct live_hub *f = *state;

    snprintf(certificate, sizeof certificate, "%s/next.pem", f->folder);
    snprintf(key, sizeof key, "%s/next.key", f->folder);
    return failed != 0 || !tls_client_make_certificate(certificate, key);
}

static int tear_down(void **state)
{
    unlink(certificate);
    unlink(key);
    return live_teardown(state);
}

static SSL_CTX *context_of(const char *certificate_file, const char *key_file)
{
    SSL_CTX *context = NULL;
    char error_text[256];

    assert_int_equal(vd_tls_context_new(
                         certificate_file, key_file, true, &context, error_text, sizeof error_text),
        VD_OK);
    return context;
}

static void test_tls__new_connections_see_the_next_certificate(void **state)
{
    struct live_hub *f = *state;
    struct tls_client before;
    struct tls_client after;

    live_start(f, &live_patient, 0);
    live_log_in(f, &before, "dev1");
    assert_false(tls_client_open(&after, vd_hub_port(f->hub), certificate, 0));
    assert_true(vd_hub_set_tls(f->hub, context_of(certificate, key)));
    assert_false(tls_client_open(&after, vd_hub_port(f->hub), f->certificate, 0));
    assert_true(tls_client_open(&after, vd_hub_port(f->hub), certificate, 0));
    live_publish(&before, LIVE_TOPIC, 1);
    live_expect_puback(&before, 1);
    tls_client_close(&after);
    tls_client_close(&before);
}

/* Opens with that session (NULL: none), says whether it was taken, and leaves with the next one. */
static bool resumes(struct live_hub *f, const char *trusted, int version, SSL_SESSION **session)
{
    const struct tls_client_identity identity = {.session = *session};
    const struct vd_key device_key = memory_key('a');
    struct vd_buf packet = {0};
    struct tls_client client;
    bool was_taken;

    assert_true(tls_client_open_as(&client, vd_hub_port(f->hub), trusted, version, &identity));
    was_taken = SSL_session_reused(client.ssl) == 1;
    SSL_SESSION_free(*session);
    /* TLS 1.3 sends its ticket behind the handshake: it is there with the first answer. */
    packet_connect_device(&packet, "dev1", NULL, &device_key, live_in_s(3600), 60);
    live_send(&client, &packet);
    live_expect(&client, "\x20\x02\x00\x00", 4);
    *session = SSL_get1_session(client.ssl);
    /* OpenSSL takes a session back for reuse only from a connection that ended well. */
    SSL_set_shutdown(client.ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
    tls_client_close(&client);
    return was_taken;
}

/* Who resumes has judged the certificate that is shown now. */
static void test_tls__tickets_go_with_their_certificate(void **state)
{
    static const int versions[] = {TLS1_2_VERSION, TLS1_3_VERSION};
    struct live_hub *f = *state;

    live_start(f, &live_patient, 0);
    for (size_t i = 0; i < sizeof versions / sizeof versions[0]; i++) {
        SSL_SESSION *session = NULL;

        assert_false(resumes(f, f->certificate, versions[i], &session));
        assert_true(resumes(f, f->certificate, versions[i], &session));
        /* The same certificate once more changes nothing. */
        assert_false(vd_hub_set_tls(f->hub, context_of(f->certificate, f->key)));
        assert_true(resumes(f, f->certificate, versions[i], &session));
        assert_true(vd_hub_set_tls(f->hub, context_of(certificate, key)));
        assert_false(resumes(f, certificate, versions[i], &session));
        assert_true(resumes(f, certificate, versions[i], &session));
        assert_true(vd_hub_set_tls(f->hub, context_of(f->certificate, f->key)));
        SSL_SESSION_free(session);
    }
}

/* ---- While clients come ---- */

#define EXCHANGES 100

static atomic_bool has_ended;

static void *exchange(void *argument)
{
    struct live_hub *f = argument;

    for (unsigned i = 1; i <= EXCHANGES; i++) {
        (void)vd_hub_set_tls(
            f->hub, i % 2 == 1 ? context_of(certificate, key) : context_of(f->certificate, f->key));
    }
    atomic_store(&has_ended, true);
    return NULL;
}

static void test_tls__certificates_change_while_clients_come(void **state)
{
    struct live_hub *f = *state;
    struct tls_client client;
    pthread_t thread;
    unsigned opened = 0;

    live_start(f, &live_patient, 0);
    atomic_store(&has_ended, false);
    assert_int_equal(pthread_create(&thread, NULL, exchange, f), 0);
    while (!atomic_load(&has_ended)) {
        if (tls_client_open(&client, vd_hub_port(f->hub), f->certificate, 0)) {
            opened++;
            tls_client_close(&client);
        }
    }
    pthread_join(thread, NULL);
    assert_true(opened > 0);
    assert_true(tls_client_open(&client, vd_hub_port(f->hub), f->certificate, 0));
    tls_client_close(&client);
}

#define LIVE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        LIVE(test_tls__new_connections_see_the_next_certificate),
        LIVE(test_tls__tickets_go_with_their_certificate),
        LIVE(test_tls__certificates_change_while_clients_come),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

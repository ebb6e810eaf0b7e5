/* SPDX-License-Identifier: MIT */
/* A live hub whose shared access policies change: who stays connected. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "hub/sas.h"
#include "tests/hub/live_hub.h"

/* With a token of that policy, signed by 32 bytes of `fill`. */
static void log_in_by_policy(struct live_hub *f, struct tls_client *client, const char *device,
    const char *policy, char fill)
{
    char user_name[256];
    char token[1024];
    struct vd_buf packet = {0};
    struct vd_key key = memory_key(fill);

    assert_int_equal(
        vd_sas_make(PACKET_HUB_NAME, &key, live_in_s(3600), policy, token, sizeof token), VD_OK);
    snprintf(user_name, sizeof user_name, PACKET_HUB_NAME "/%s/?api-version=2021-04-12", device);
    packet_connect(&packet, &(struct packet_connect){device, user_name, token, 60});
    live_open(f, client);
    live_send(client, &packet);
    live_expect(client, "\x20\x02\x00\x00", 4);
}

/* dev1 by the primary key of "device", dev2 by its own key. */
struct scene {
    struct live_hub *f;
    struct vd_policy *policy;
    struct tls_client by_policy;
    struct tls_client by_key;
};

static struct scene begin(void **state)
{
    struct scene s = {.f = *state};

    s.policy = memory_registry_add_policy(&s.f->registry, "device", VD_RIGHT_DEVICE_CONNECT, 'p');
    live_start(s.f, &live_patient, 0);
    log_in_by_policy(s.f, &s.by_policy, "dev1", "device", 'p');
    live_log_in(s.f, &s.by_key, "dev2");
    return s;
}

/* The other one is never touched. */
static void end(struct scene *s, bool stays)
{
    vd_hub_policies_changed(s->f->hub);
    if (stays) {
        /* Before the second answer the loop has done what it was asked for before the first. */
        live_ping(&s->by_policy);
        live_ping(&s->by_policy);
        tls_client_close(&s->by_policy);
    } else {
        live_expect_end(&s->by_policy);
        assert_false(vd_hub_is_connected(s->f->hub, "dev1", NULL));
    }
    live_ping(&s->by_key);
    tls_client_close(&s->by_key);
}

static void test_policies__nothing_changed(void **state)
{
    struct scene s = begin(state);

    end(&s, true);
}

static void test_policies__another_key_changed(void **state)
{
    struct scene s = begin(state);

    s.policy->secondary_key = memory_key('x');
    s.policy->rights |= VD_RIGHT_SERVICE_CONNECT;
    end(&s, true);
}

/* The keys have changed places: the one that signed is still there. */
static void test_policies__keys_swapped(void **state)
{
    struct scene s = begin(state);

    s.policy->secondary_key = memory_key('p');
    s.policy->primary_key = memory_key('x');
    end(&s, true);
}

static void test_policies__key_gone(void **state)
{
    struct scene s = begin(state);

    s.policy->primary_key = memory_key('x');
    end(&s, false);
}

static void test_policies__right_gone(void **state)
{
    struct scene s = begin(state);

    s.policy->rights = VD_RIGHT_SERVICE_CONNECT;
    end(&s, false);
}

static void test_policies__policy_gone(void **state)
{
    struct scene s = begin(state);

    s.f->registry.policy_count = 0;
    end(&s, false);
}

static void test_policies__registry_does_not_answer(void **state)
{
    struct scene s = begin(state);

    s.f->registry.fail_with = VD_E_IO;
    end(&s, false);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        LIVE_TEST(test_policies__nothing_changed),
        LIVE_TEST(test_policies__another_key_changed),
        LIVE_TEST(test_policies__keys_swapped),
        LIVE_TEST(test_policies__key_gone),
        LIVE_TEST(test_policies__right_gone),
        LIVE_TEST(test_policies__policy_gone),
        LIVE_TEST(test_policies__registry_does_not_answer),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

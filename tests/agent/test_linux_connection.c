/* SPDX-License-Identifier: MIT */
/* Tests of connection string, SAS token, user name and topic; the token against the openssl program. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>

#include <cmocka.h>

#include "azure_iot_security_module/ports/linux/asc_linux_connection.h"

/* Base64 of "0123456789abcdef0123456789abcdef" and of the 3 bytes fb ff fe. */
#define KEY       "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="
#define SHORT_KEY "+//+"

static void test_linux_connection__good(void **state)
{
    static const struct {
        const char *text, *hub, *host;
        uint16_t port;
        const char *device, *module;
        size_t key_length;
    } cases[] = {
        {"HostName=hub.example;DeviceId=d1;SharedAccessKey=" KEY, "hub.example", "hub.example",
            8883, "d1", "", 32},
        {"SharedAccessKey=" KEY ";DeviceId=d1;HostName=hub.example;", "hub.example", "hub.example",
            8883, "d1", "", 32},
        {"HostName=localhost:9883;DeviceId=d1;ModuleId=m1;SharedAccessKey=" KEY, "localhost:9883",
            "localhost", 9883, "d1", "m1", 32},
        {"HostName=hub;GatewayHostName=gw:1;DeviceId=d1;SharedAccessKey=" KEY, "hub", "gw", 1, "d1",
            "", 32},
        {"HostName=[fd00::1]:65535;DeviceId=d1;SharedAccessKey=" KEY, "[fd00::1]:65535", "fd00::1",
            65535, "d1", "", 32},
        {"HostName=[fd00::1];DeviceId=d1;SharedAccessKey=" SHORT_KEY, "[fd00::1]", "fd00::1", 8883,
            "d1", "", 3},
        {"HostName=h;DeviceId=a-:._%*?!(),=@$'Z9;SharedAccessKey=AA==", "h", "h", 8883,
            "a-:._%*?!(),=@$'Z9", "", 1},
        {"HostName=h;DeviceId=d;Unknown=x;SharedAccessKey=AAA=", "h", "h", 8883, "d", "", 2},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct asc_linux_connection c;

        print_message("%s\n", cases[i].text);
        assert_null(asc_linux_connection_parse(&c, cases[i].text));
        assert_string_equal(c.hub, cases[i].hub);
        assert_string_equal(c.host, cases[i].host);
        assert_int_equal(c.port, cases[i].port);
        assert_string_equal(c.device_id, cases[i].device);
        assert_string_equal(c.module_id, cases[i].module);
        assert_int_equal(c.key_length, cases[i].key_length);
    }
}

static void test_linux_connection__bad(void **state)
{
    static const struct {
        const char *text, *says;
    } cases[] = {
        {"", "needs"},
        {"HostName=h;DeviceId=d", "needs"},
        {"HostName=h;SharedAccessKey=" KEY, "needs"},
        {"DeviceId=d;SharedAccessKey=" KEY, "needs"},
        {"hostname=h;DeviceId=d;SharedAccessKey=" KEY, "needs"},
        {"HostName;DeviceId=d;SharedAccessKey=" KEY, "Name=Value"},
        {"=h;DeviceId=d;SharedAccessKey=" KEY, "Name=Value"},
        {"HostName=h;HostName=h;DeviceId=d;SharedAccessKey=" KEY, "twice"},
        {"HostName=h;SharedAccessKeyName=service;SharedAccessKey=" KEY, "back end"},
        {"HostName=;DeviceId=d;SharedAccessKey=" KEY, "HostName"},
        {"HostName=h:;DeviceId=d;SharedAccessKey=" KEY, "HostName"},
        {"HostName=h:0;DeviceId=d;SharedAccessKey=" KEY, "HostName"},
        {"HostName=h:65536;DeviceId=d;SharedAccessKey=" KEY, "HostName"},
        {"HostName=h:1x;DeviceId=d;SharedAccessKey=" KEY, "HostName"},
        {"HostName=h/x;DeviceId=d;SharedAccessKey=" KEY, "HostName"},
        {"HostName=:1;DeviceId=d;SharedAccessKey=" KEY, "HostName"},
        {"HostName=[::1;DeviceId=d;SharedAccessKey=" KEY, "HostName"},
        {"HostName=[::1]1;DeviceId=d;SharedAccessKey=" KEY, "HostName"},
        {"HostName=h;GatewayHostName= ;DeviceId=d;SharedAccessKey=" KEY, "GatewayHostName"},
        {"HostName=h;DeviceId=;SharedAccessKey=" KEY, "DeviceId"},
        {"HostName=h;DeviceId=a/b;SharedAccessKey=" KEY, "DeviceId"},
        {"HostName=h;DeviceId=a+b;SharedAccessKey=" KEY, "DeviceId"},
        {"HostName=h;DeviceId=a#;SharedAccessKey=" KEY, "DeviceId"},
        {"HostName=h;DeviceId=d;ModuleId=;SharedAccessKey=" KEY, "ModuleId"},
        {"HostName=h;DeviceId=d;SharedAccessKey=", "SharedAccessKey"},
        {"HostName=h;DeviceId=d;SharedAccessKey=AAA", "SharedAccessKey"},
        {"HostName=h;DeviceId=d;SharedAccessKey=A===", "SharedAccessKey"},
        {"HostName=h;DeviceId=d;SharedAccessKey====", "SharedAccessKey"},
        {"HostName=h;DeviceId=d;SharedAccessKey=AA=A", "SharedAccessKey"},
        {"HostName=h;DeviceId=d;SharedAccessKey=AA A", "SharedAccessKey"},
        {"HostName=h;DeviceId=d;SharedAccessKey=" KEY KEY KEY, "SharedAccessKey"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct asc_linux_connection c = {.port = 7};
        const char *error = asc_linux_connection_parse(&c, cases[i].text);

        print_message("%s\n", cases[i].text);
        assert_non_null(error);
        assert_non_null(strstr(error, cases[i].says));
        assert_null(strstr(error, "MDEy"));
        assert_int_equal(c.port, 7);
    }
}

/* The longest id that is allowed, and one more; a connection string cut at every length. */
static void test_linux_connection__bounds(void **state)
{
    static const char whole[] =
        "HostName=hub:1;DeviceId=d1;ModuleId=m1;GatewayHostName=[::1]:2;SharedAccessKey=" SHORT_KEY;
    struct asc_linux_connection c;
    char id[131];
    char text[400];
    unsigned good = 0;

    (void)state;
    memset(id, 'x', sizeof id);
    snprintf(text, sizeof text, "HostName=h;DeviceId=%.128s;SharedAccessKey=" KEY, id);
    assert_null(asc_linux_connection_parse(&c, text));
    snprintf(text, sizeof text, "HostName=h;DeviceId=%.129s;SharedAccessKey=" KEY, id);
    assert_non_null(asc_linux_connection_parse(&c, text));
    for (size_t length = 0; length < sizeof whole; length++) {
        char *cut = test_malloc(length + 1); /* exact, so that a read past it is seen */

        memcpy(cut, whole, length);
        cut[length] = '\0';
        good += asc_linux_connection_parse(&c, cut) == NULL;
        test_free(cut);
    }
    assert_int_equal(good, 1);
}

static void test_linux_connection__url_encode(void **state)
{
    static const char all[] = "AZaz09-_.~ !*'()/:%+=&\x7f\xc3\xa4";
    static const char encoded[] = "AZaz09-_.~%20%21%2A%27%28%29%2F%3A%25%2B%3D%26%7F%C3%A4";
    char out[sizeof encoded + 16];

    (void)state;
    assert_int_equal(asc_linux_url_encode(all, out, sizeof out), sizeof encoded - 1);
    assert_string_equal(out, encoded);
    for (size_t size = 1; size < sizeof encoded; size++) {
        memset(out, 0x55, sizeof out);
        assert_int_equal(asc_linux_url_encode(all, out, size), 0);
        assert_int_equal(out[size], 0x55);
    }
    assert_int_equal(asc_linux_url_encode(all, out, sizeof encoded), sizeof encoded - 1);
}

/* HMAC-SHA256 of `text` in base64 as the openssl program computes it. */
static void openssl_mac(const char *key_hex, const char *text, char *out, size_t size)
{
    char path[] = "/tmp/vedette-mac-XXXXXX";
    char command[512];
    int fd = mkstemp(path);
    FILE *pipe;

    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), (long)strlen(text));
    close(fd);
    snprintf(command, sizeof command,
        "openssl dgst -sha256 -mac HMAC -macopt hexkey:%s -binary %s | openssl base64 -A", key_hex,
        path);
    pipe = popen(command, "r");
    assert_non_null(pipe);
    assert_non_null(fgets(out, (int)size, pipe));
    assert_int_equal(pclose(pipe), 0);
    unlink(path);
}

static void test_linux_connection__token_is_what_openssl_signs(void **state)
{
    static const struct {
        const char *text, *key_hex, *sr;
    } cases[] = {
        {"HostName=hub.example;DeviceId=d1;SharedAccessKey=" KEY,
            "3031323334353637383961626364656630313233343536373839616263646566",
            "hub.example%2Fdevices%2Fd1"},
        {"HostName=localhost:9883;DeviceId=a@b;ModuleId=m(1);SharedAccessKey=" SHORT_KEY, "fbfffe",
            "localhost%3A9883%2Fdevices%2Fa%40b%2Fmodules%2Fm%281%29"},
        {"HostName=hub.example;GatewayHostName=gw;DeviceId=d1;SharedAccessKey=" SHORT_KEY, "fbfffe",
            "hub.example%2Fdevices%2Fd1"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct asc_linux_connection c;

        assert_null(asc_linux_connection_parse(&c, cases[i].text));
        /* Several expiries, so that '+', '/' and '=' of base64 turn up. */
        for (int64_t se = 1767225600; se < 1767225603; se++) {
            char token[ASC_LINUX_TOKEN_MAX_BYTES], signed_text[300], mac[100], sig[300], want[900];

            snprintf(signed_text, sizeof signed_text, "%s\n%lld", cases[i].sr, (long long)se);
            openssl_mac(cases[i].key_hex, signed_text, mac, sizeof mac);
            assert_true(asc_linux_url_encode(mac, sig, sizeof sig) > 0);
            snprintf(want, sizeof want, "SharedAccessSignature sr=%s&sig=%s&se=%lld", cases[i].sr,
                sig, (long long)se);
            assert_int_equal(asc_linux_token(&c, se, token, sizeof token), strlen(want));
            assert_string_equal(token, want);
            assert_int_equal(asc_linux_token(&c, se, token, strlen(want)), 0);
        }
    }
}

/* The longest of everything still makes a token, a user name and a topic. */
static void test_linux_connection__longest(void **state)
{
    struct asc_linux_connection c = {.key_length = ASC_LINUX_KEY_MAX_BYTES};
    char out[ASC_LINUX_TOKEN_MAX_BYTES];

    (void)state;
    memset(c.hub, 'h', sizeof c.hub - 1);
    memset(c.device_id, '%', sizeof c.device_id - 1);
    memset(c.module_id, '@', sizeof c.module_id - 1);
    assert_true(asc_linux_token(&c, INT64_MAX, out, sizeof out) > 1000);
    assert_true(asc_linux_user_name(&c, out, 2 * ASC_LINUX_NAME_MAX_BYTES + 256) > 500);
    assert_true(asc_linux_topic(&c, out, 2 * ASC_LINUX_ID_MAX_BYTES + 256) > 256);
    assert_int_equal(asc_linux_client_id(&c, out, 258), 257);
    assert_int_equal(asc_linux_client_id(&c, out, 257), 0);
}

static void test_linux_connection__names(void **state)
{
    struct asc_linux_connection c;
    char out[600];

    (void)state;
    assert_null(
        asc_linux_connection_parse(&c, "HostName=hub:1;DeviceId=d1;SharedAccessKey=" SHORT_KEY));
    assert_true(asc_linux_user_name(&c, out, sizeof out) > 0);
    assert_string_equal(
        out, "hub:1/d1/?api-version=2021-04-12&DeviceClientType=vedette%2F" VD_VERSION);
    assert_true(asc_linux_client_id(&c, out, sizeof out) > 0);
    assert_string_equal(out, "d1");
    assert_true(asc_linux_topic(&c, out, sizeof out) > 0);
    assert_string_equal(out,
        "devices/d1/messages/events/"
        "%24.ifid=urn%3Aazureiot%3ASecurity%3ASecurityAgent%3A1"
        "&mti=2.3-1-0-0");

    assert_null(asc_linux_connection_parse(
        &c, "HostName=hub;DeviceId=d1;ModuleId=m1;SharedAccessKey=" SHORT_KEY));
    assert_true(asc_linux_user_name(&c, out, sizeof out) > 0);
    assert_non_null(strstr(out, "hub/d1/m1/?api-version="));
    assert_true(asc_linux_client_id(&c, out, sizeof out) > 0);
    assert_string_equal(out, "d1/m1");
    assert_true(asc_linux_topic(&c, out, sizeof out) > 0);
    assert_non_null(strstr(out, "devices/d1/modules/m1/messages/events/%24.ifid="));
}

static void test_linux_connection__release_wipes_the_key(void **state)
{
    static const uint8_t zeros[ASC_LINUX_KEY_MAX_BYTES];
    struct asc_linux_connection c;

    (void)state;
    assert_null(asc_linux_connection_parse(&c, "HostName=hub;DeviceId=d1;SharedAccessKey=" KEY));
    asc_linux_connection_release(&c);
    assert_memory_equal(c.key, zeros, sizeof zeros);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_linux_connection__good),
        cmocka_unit_test(test_linux_connection__bad),
        cmocka_unit_test(test_linux_connection__bounds),
        cmocka_unit_test(test_linux_connection__url_encode),
        cmocka_unit_test(test_linux_connection__token_is_what_openssl_signs),
        cmocka_unit_test(test_linux_connection__longest),
        cmocka_unit_test(test_linux_connection__names),
        cmocka_unit_test(test_linux_connection__release_wipes_the_key),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

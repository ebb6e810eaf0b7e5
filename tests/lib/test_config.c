/* SPDX-License-Identifier: MIT */
/* Configuration: every type of property, files with faults, and the reference page. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/config.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static void test_config__defaults(void **state)
{
    struct vd_config config;

    (void)state;
    vd_config_defaults(&config);
    assert_string_equal(config.hub_name, "localhost");
    assert_string_equal(config.mqtt_listen.address, "0.0.0.0");
    assert_int_equal(config.mqtt_listen.port, 8883);
    assert_string_equal(config.https_listen.address, "");
    assert_int_equal(config.log_level, VD_LOG_INFO);
    assert_int_equal(config.analytics_memory_mib, 512);
    assert_int_equal(config.analytics_max_mib, 51200);
    assert_int_equal(config.analytics_raw_events_days, 30);
    assert_int_equal(config.analytics_diagnostics_days, 90);
    assert_int_equal(config.analytics_activity_days, 365);
    assert_string_equal(config.diagnostics_folder, "diagnostics");
    assert_string_equal(config.diagnostics_webhook, "");
    assert_string_equal(config.diagnostics_webhook_ca, "");
}

static void test_config__paths_and_urls(void **state)
{
    static const char *const urls[] = {"http://h", "HTTPS://u:p@h:1/p?q=s", "https://[::1]:1/"};
    static const char *const none[] = {"", "h", "ftp://h", "https://", "http:///p", "http://h p",
        "http://?q", "http://h\x01", "http://\xc3\xa4"};
    struct vd_config config;
    struct vd_config_problem problem = {""};
    const struct vd_str key = VD_STR_LITERAL("diagnostics.webhook");
    static char longest[VD_CONFIG_URL_SIZE + 1] = "http://";

    (void)state;
    vd_config_defaults(&config);
    for (size_t i = 0; i < COUNT(urls); i++) {
        assert_int_equal(vd_config_set(&config, key, vd_str_from(urls[i]), &problem), VD_OK);
        assert_string_equal(config.diagnostics_webhook, urls[i]);
    }
    for (size_t i = 0; i < COUNT(none); i++) {
        assert_int_equal(vd_config_set(&config, key, vd_str_from(none[i]), &problem), VD_E_INVALID);
    }
    memset(longest + 7, 'h', sizeof longest - 8);
    assert_int_equal(vd_config_set(&config, key, vd_str_from(longest), &problem), VD_E_INVALID);
    longest[sizeof longest - 2] = '\0';
    assert_int_equal(vd_config_set(&config, key, vd_str_from(longest), &problem), VD_OK);
    assert_int_equal(vd_config_set_pair(&config, "diagnostics.webhook=off", &problem), VD_OK);
    assert_string_equal(config.diagnostics_webhook, "");
    /* A secret is in no message. */
    assert_int_equal(vd_config_set_pair(&config, "diagnostics.webhook=htp://u:secret@h", &problem),
        VD_E_INVALID);
    assert_null(strstr(problem.text, "secret"));
    assert_non_null(strstr(problem.text, "http or https URL"));
    assert_int_equal(vd_config_set_pair(&config, "diagnostics.folder=/a b", &problem), VD_OK);
    assert_string_equal(config.diagnostics_folder, "/a b");
    assert_int_equal(vd_config_set_pair(&config, "diagnostics.folder=", &problem), VD_E_INVALID);
    assert_int_equal(vd_config_set_pair(&config, "diagnostics.folder=off", &problem), VD_OK);
    assert_string_equal(config.diagnostics_folder, "");
    assert_int_equal(vd_config_set_pair(&config, "diagnostics.webhook_ca=ca.pem", &problem), VD_OK);
    assert_string_equal(config.diagnostics_webhook_ca, "ca.pem");
    assert_int_equal(vd_config_set_pair(&config, "diagnostics.webhook_ca=system", &problem), VD_OK);
    assert_string_equal(config.diagnostics_webhook_ca, "");
}

static void test_config__sandbox(void **state)
{
    static const char *const wrong[] = {"security.folders=srv", "security.folders=/a:b",
        "security.folders=/a:", "security.folders=:/a", "security.folders=/a::/b",
        "security.folders=", "security.sandbox=on", "security.sandbox="};
    struct vd_config config;
    struct vd_config_problem problem = {""};

    (void)state;
    vd_config_defaults(&config);
    assert_true(config.security_sandbox);
    assert_string_equal(config.security_folders, "");
    assert_int_equal(vd_config_set_pair(&config, "security.sandbox=off", &problem), VD_OK);
    assert_int_equal(vd_config_set_pair(&config, "security.folders=/a b:/c", &problem), VD_OK);
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        assert_int_equal(vd_config_set_pair(&config, wrong[i], &problem), VD_E_INVALID);
    }
    assert_false(config.security_sandbox);
    assert_string_equal(config.security_folders, "/a b:/c");
    assert_int_equal(vd_config_set_pair(&config, "security.folders=none", &problem), VD_OK);
    assert_string_equal(config.security_folders, "");
}

static void test_config__scope(void **state)
{
    struct vd_config config;
    struct vd_config_problem problem = {""};
    struct vd_resource_scope scope;
    char id[VD_RESOURCE_ID_SIZE];

    (void)state;
    vd_config_defaults(&config);
    vd_config_scope(&config, &scope);
    vd_resource_hub_id(&scope, id);
    assert_string_equal(id,
        "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/vedette/providers/"
        "Microsoft.Devices/IotHubs/localhost");
    assert_int_equal(vd_config_set_pair(&config, "hub.name=hub7.example.com", &problem), VD_OK);
    assert_int_equal(vd_config_set_pair(&config,
                         "management.subscription=F81D4FAE-7DEC-11D0-A765-00A0C91E6BF6", &problem),
        VD_OK);
    assert_int_equal(
        vd_config_set_pair(&config, "management.resource_group=Fleet_(1).a", &problem), VD_OK);
    vd_config_scope(&config, &scope);
    vd_resource_hub_id(&scope, id);
    assert_string_equal(id,
        "/subscriptions/f81d4fae-7dec-11d0-a765-00a0c91e6bf6/resourceGroups/Fleet_(1).a/providers/"
        "Microsoft.Devices/IotHubs/hub7");
    assert_int_equal(vd_config_set_pair(&config, "management.hub=Main-2", &problem), VD_OK);
    vd_config_scope(&config, &scope);
    assert_string_equal(scope.hub, "Main-2");
    assert_int_equal(vd_config_set_pair(&config, "management.hub=auto", &problem), VD_OK);
    vd_config_scope(&config, &scope);
    assert_string_equal(scope.hub, "hub7");
}

static void test_config__file(void **state)
{
    static const char text[] = "# a comment\n"
                               "\n"
                               "hub.name = hub.example.com\r\n"
                               "  mqtt.listen=[::1]:0  \n"
                               "https.listen = 192.0.2.1:443\n"
                               "\tlog.level\t=\tdebug\n"
                               "#log.level = warn\n"
                               "analytics.threads = 256";
    struct vd_config config;
    struct vd_config_problem problem = {""};

    (void)state;
    vd_config_defaults(&config);
    assert_int_equal(vd_config_parse(&config, "f", VD_STR_LITERAL(text), &problem), VD_OK);
    assert_string_equal(config.hub_name, "hub.example.com");
    assert_string_equal(config.mqtt_listen.address, "::1");
    assert_int_equal(config.mqtt_listen.port, 0);
    assert_string_equal(config.https_listen.address, "192.0.2.1");
    assert_int_equal(config.https_listen.port, 443);
    assert_int_equal(vd_config_set_pair(&config, "https.listen=off", &problem), VD_OK);
    assert_string_equal(config.https_listen.address, "");
    assert_int_equal(config.log_level, VD_LOG_DEBUG);
    assert_int_equal(config.analytics_threads, 256);
    assert_int_equal(vd_config_parse(&config, "f", VD_STR_LITERAL(""), &problem), VD_OK);
    assert_string_equal(problem.text, "");
}

/* A fault names the file, the line, the key, the value and what is allowed. */
static void test_config__faults(void **state)
{
    static const struct {
        const char *text;
        const char *words[4];
    } cases[] = {
        {"\nhub.nam = x\n", {"conf, line 2", "hub.nam", "did you mean hub.name?", ""}},
        {"\nhouse.number = 4\n", {"conf, line 2", "house.number", "hub.name", "log.level"}},
        {"analytics.memory_mib = 63", {"line 1", "analytics.memory_mib", "63", "64 to 1048576"}},
        {"analytics.memory_mib = 1048577", {"line 1", "1048577", "64 to 1048576", ""}},
        {"analytics.threads = 99999999999999999999", {"99999999999999999999", "1 to 256", "", ""}},
        {"analytics.threads = -1", {"-1", "1 to 256", "", ""}},
        {"analytics.threads = 2x", {"2x", "1 to 256", "", ""}},
        {"analytics.threads =", {"analytics.threads", "1 to 256", "", ""}},
        {"hub.name = a_b", {"hub.name", "a_b", "host name", ""}},
        {"mqtt.listen = localhost:1", {"mqtt.listen", "localhost:1", "0.0.0.0:8883", "[::]:8883"}},
        {"https.listen = on", {"https.listen", "on", "0.0.0.0:443", "or off"}},
        {"management.subscription = 1", {"management.subscription", "= 1", "UUID", ""}},
        {"management.resource_group = a/b", {"a/b", "letters", "90", ""}},
        {"management.resource_group = a.", {"a.", "letters", "", ""}},
        {"management.resource_group =", {"management.resource_group", "letters", "", ""}},
        {"management.hub = -a", {"management.hub", "-a", "hyphens", "or auto"}},
        {"management.hub = a.b", {"a.b", "hyphens", "", ""}},
        {"log.level = loud", {"log.level", "loud", "debug", ""}},
        {"just words", {"just words", "key = value", "", ""}},
        {"log.level = info\n\nlog.level = warn", {"line 3", "log.level", "line 1", ""}},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct vd_config config;
        struct vd_config_problem problem = {""};

        vd_config_defaults(&config);
        assert_int_equal(
            vd_config_parse(&config, "vedette.conf", vd_str_from(cases[i].text), &problem),
            VD_E_INVALID);
        for (size_t j = 0; j < COUNT(cases[i].words); j++) {
            if (strstr(problem.text, cases[i].words[j]) == NULL) {
                fail_msg("no %s in: %s", cases[i].words[j], problem.text);
            }
        }
    }
}

static void test_config__set_leaves_it_on_failure(void **state)
{
    struct vd_config config;
    struct vd_config before;
    struct vd_config_problem problem = {""};

    (void)state;
    vd_config_defaults(&config);
    assert_int_equal(vd_config_set_pair(&config, "hub.name=h", &problem), VD_OK);
    assert_string_equal(config.hub_name, "h");
    before = config;
    assert_int_equal(vd_config_set_pair(&config, "hub.name=", &problem), VD_E_INVALID);
    assert_int_equal(
        vd_config_set_pair(&config, "mqtt.listen=1.2.3.4:70000", &problem), VD_E_INVALID);
    assert_int_equal(vd_config_set_pair(&config, "log.level", &problem), VD_E_INVALID);
    assert_int_equal(vd_config_set_pair(&config, "=", &problem), VD_E_INVALID);
    assert_memory_equal(&config, &before, sizeof config);
}

/* Long texts and odd bytes: bounded, and terminated. */
static void test_config__hostile_text(void **state)
{
    static char text[70000];
    struct vd_config config;
    struct vd_config_problem problem = {""};

    (void)state;
    vd_config_defaults(&config);
    memset(text, 'a', sizeof text);
    text[30000] = '=';
    assert_int_equal(
        vd_config_parse(&config, "f", (struct vd_str){text, 60000}, &problem), VD_E_INVALID);
    assert_true(strlen(problem.text) < sizeof problem.text);
    assert_int_equal(
        vd_config_parse(&config, "f", (struct vd_str){text, sizeof text}, &problem), VD_E_INVALID);
    assert_non_null(strstr(problem.text, "65536"));
    assert_int_equal(
        vd_config_parse(&config, "f", (struct vd_str){"log.level = in\0fo", 17}, &problem),
        VD_E_INVALID);
}

static void test_config__listen(void **state)
{
    static const struct {
        const char *text;
        const char *address;
        int port;
    } good[] = {{"127.0.0.1:8883", "127.0.0.1", 8883}, {"0.0.0.0:0", "0.0.0.0", 0},
        {"[::]:65535", "::", 65535}, {"[2001:db8::1]:1", "2001:db8::1", 1}};
    static const char *const bad[] = {"", ":", ":1", "127.0.0.1", "127.0.0.1:", "127.0.0.1:65536",
        "127.0.0.1:-1", "127.0.0.1: 1", "::1:8883", "[::1]", "[::1]8883", "[]:1", "[127.0.0.1]:1",
        "host:1", "127.0.0.256:1", "[fe80::1%eth0]:1"};
    struct vd_listen listen = {"", 0};
    char text[VD_ADDRESS_TEXT_SIZE + 8];

    (void)state;
    for (size_t i = 0; i < COUNT(good); i++) {
        assert_int_equal(vd_listen_parse(vd_str_from(good[i].text), &listen), VD_OK);
        assert_string_equal(listen.address, good[i].address);
        assert_int_equal(listen.port, good[i].port);
        vd_listen_format(&listen, listen.port, text);
        assert_string_equal(text, good[i].text);
    }
    for (size_t i = 0; i < COUNT(bad); i++) {
        struct vd_listen before = listen;

        if (vd_listen_parse(vd_str_from(bad[i]), &listen) != VD_E_INVALID) {
            fail_msg("taken: %s", bad[i]);
        }
        assert_memory_equal(&before, &listen, sizeof before);
    }
}

static void test_config__host_names(void **state)
{
    static const char *const good[] = {"a", "hub.example.com", "a-b.c", "10.0.0.1", "A1"};
    static const char *const bad[] = {"", ".", "a.", ".a", "a..b", "-a", "a-", "a.-b", "a-.b",
        "a b", "a_b", "a/b", "a:1", "h\xc3\xb6"};
    char label[80];

    (void)state;
    for (size_t i = 0; i < COUNT(good); i++) {
        assert_true(vd_host_name_is_valid(vd_str_from(good[i])));
    }
    for (size_t i = 0; i < COUNT(bad); i++) {
        assert_false(vd_host_name_is_valid(vd_str_from(bad[i])));
    }
    memset(label, 'a', sizeof label);
    assert_true(vd_host_name_is_valid((struct vd_str){label, 63}));
    assert_false(vd_host_name_is_valid((struct vd_str){label, 64}));
}

static void test_config__host_of_connection_strings(void **state)
{
    struct vd_config config;
    char host[VD_HOST_NAME_MAX + 8];

    (void)state;
    vd_config_defaults(&config);
    vd_config_host(&config, 8883, host);
    assert_string_equal(host, "localhost");
    vd_config_host(&config, 0, host);
    assert_string_equal(host, "localhost");
    vd_config_host(&config, 9883, host);
    assert_string_equal(host, "localhost:9883");
}

static char *written(void (*write)(FILE *out), size_t *length)
{
    char *text = NULL;
    FILE *out = open_memstream(&text, length);

    assert_non_null(out);
    write(out);
    assert_int_equal(fclose(out), 0);
    return text;
}

static void write_conf(FILE *out)
{
    vd_config_write_file(out, "hub.test", NULL);
}

static void write_conf_with_https(FILE *out)
{
    vd_config_write_file(out, "hub.test", "[::1]:443");
}

/* The file that init writes is taken, with and without its comment signs. */
static void test_config__written_file_is_read(void **state)
{
    struct vd_config config;
    struct vd_config defaults;
    struct vd_config_problem problem = {""};
    size_t length = 0;
    char *text = written(write_conf, &length);

    (void)state;
    vd_config_defaults(&defaults);
    vd_config_defaults(&config);
    assert_int_equal(vd_config_parse(&config, "f", (struct vd_str){text, length}, &problem), VD_OK);
    assert_string_equal(config.hub_name, "hub.test");
    for (char *at = text; (at = strstr(at, "\n#")) != NULL; at++) {
        at[1] = ' ';
    }
    vd_config_defaults(&config);
    assert_int_equal(vd_config_parse(&config, "f", (struct vd_str){text, length}, &problem), VD_OK);
    memset(config.hub_name, 0, sizeof config.hub_name);
    memset(defaults.hub_name, 0, sizeof defaults.hub_name);
    assert_memory_equal(&config, &defaults, sizeof config);
    free(text);
}

static void test_config__written_file_has_https(void **state)
{
    struct vd_config config;
    struct vd_config_problem problem = {""};
    size_t length = 0;
    char *text = written(write_conf_with_https, &length);

    (void)state;
    vd_config_defaults(&config);
    assert_int_equal(vd_config_parse(&config, "f", (struct vd_str){text, length}, &problem), VD_OK);
    assert_string_equal(config.https_listen.address, "::1");
    assert_int_equal(config.https_listen.port, 443);
    free(text);
}

/* docs/configuration.md is what `vedette config --reference` prints. */
static void test_config__reference_is_current(void **state)
{
    size_t length = 0;
    char *expected = written(vd_config_write_reference, &length);
    char *stored = calloc(1, length + 2);
    FILE *file = fopen(VD_SOURCE_DIR "/docs/configuration.md", "r");

    (void)state;
    assert_non_null(file);
    assert_non_null(stored);
    assert_int_equal(fread(stored, 1, length + 1, file), length);
    fclose(file);
    assert_string_equal(stored, expected);
    free(stored);
    free(expected);
}

static void test_config__read(void **state)
{
    char path[] = "/tmp/vedette-config-XXXXXX";
    struct vd_config config;
    struct vd_config_problem problem = {""};
    int fd = mkstemp(path);

    (void)state;
    vd_config_defaults(&config);
    assert_int_equal(write(fd, "log.level = warn\nx = 1\n", 23), 23);
    close(fd);
    assert_int_equal(vd_config_read(&config, path, &problem), VD_E_INVALID);
    assert_non_null(strstr(problem.text, path));
    assert_non_null(strstr(problem.text, "line 2"));
    assert_int_equal(truncate(path, 17), 0);
    assert_int_equal(vd_config_read(&config, path, &problem), VD_OK);
    assert_int_equal(config.log_level, VD_LOG_WARN);
    unlink(path);
    assert_int_equal(vd_config_read(&config, path, &problem), VD_E_NOT_FOUND);
    assert_non_null(strstr(problem.text, path));
    assert_int_equal(vd_config_read(&config, "/tmp", &problem), VD_E_IO);
}

static void set_all(struct vd_config *config, const char *const *pairs, size_t count)
{
    struct vd_config_problem problem = {""};

    vd_config_defaults(config);
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(vd_config_set_pair(config, pairs[i], &problem), VD_OK);
    }
}

static void test_config__difference(void **state)
{
    static const char *const before[] = {"hub.name=a-long-name.example", "log.level=warn",
        "mqtt.listen=127.0.0.1:8883", "alerts.keep_days=7"};
    static const char *const after[] = {"hub.name=x", "hub.name=a-long-name.example",
        "log.level=debug", "mqtt.listen=127.0.0.1:8884", "alerts.keep_days=7",
        "security.sandbox=off", "query.max_rows=5"};
    struct vd_config now;
    struct vd_config next;
    struct vd_config_difference difference;

    (void)state;
    set_all(&now, before, COUNT(before));
    set_all(&next, before, COUNT(before));
    vd_config_compare(&now, &next, &difference);
    assert_int_equal(difference.live_count + difference.waiting_count, 0);
    set_all(&next, after, COUNT(after));
    vd_config_compare(&now, &next, &difference);
    assert_int_equal(difference.live_count, 2);
    assert_string_equal(difference.live[0], "query.max_rows");
    assert_string_equal(difference.live[1], "log.level");
    assert_int_equal(difference.waiting_count, 2);
    assert_string_equal(difference.waiting[0], "mqtt.listen");
    assert_string_equal(difference.waiting[1], "security.sandbox");
    /* What is live is taken over; the rest waits, and is named again. */
    vd_config_take_live(&now, &next);
    assert_int_equal(now.log_level, VD_LOG_DEBUG);
    assert_int_equal(now.query_max_rows, 5);
    assert_int_equal(now.mqtt_listen.port, 8883);
    vd_config_compare(&now, &next, &difference);
    assert_int_equal(difference.live_count, 0);
    assert_int_equal(difference.waiting_count, 2);
}

/* Every property is one or the other, and is told from itself alone. */
static void test_config__each_difference(void **state)
{
    static const char *const others[] = {"1", "2", "x.example", "[::1]:1", "::1:1",
        "11111111-1111-1111-1111-111111111111", "/x", "https://x/", "off", "json", "warn", "100"};
    struct vd_config_property property;
    struct vd_config now;
    struct vd_config_problem problem = {""};

    (void)state;
    vd_config_defaults(&now);
    for (size_t i = 0; vd_config_property_at(i, &property); i++) {
        struct vd_config_difference difference = {.live_count = 0};

        for (size_t k = 0; k < COUNT(others); k++) {
            struct vd_config next = now;

            if (strcmp(property.initial, others[k]) != 0 &&
                vd_config_set(
                    &next, vd_str_from(property.name), vd_str_from(others[k]), &problem) == VD_OK) {
                vd_config_compare(&now, &next, &difference);
                break;
            }
        }
        if (difference.live_count + difference.waiting_count != 1 ||
            strcmp(property.name, property.is_live ? difference.live[0] : difference.waiting[0]) !=
                0) {
            fail_msg("%s", property.name);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_config__defaults),
        cmocka_unit_test(test_config__paths_and_urls),
        cmocka_unit_test(test_config__sandbox),
        cmocka_unit_test(test_config__scope),
        cmocka_unit_test(test_config__file),
        cmocka_unit_test(test_config__faults),
        cmocka_unit_test(test_config__set_leaves_it_on_failure),
        cmocka_unit_test(test_config__hostile_text),
        cmocka_unit_test(test_config__listen),
        cmocka_unit_test(test_config__host_names),
        cmocka_unit_test(test_config__host_of_connection_strings),
        cmocka_unit_test(test_config__written_file_is_read),
        cmocka_unit_test(test_config__written_file_has_https),
        cmocka_unit_test(test_config__reference_is_current),
        cmocka_unit_test(test_config__read),
        cmocka_unit_test(test_config__difference),
        cmocka_unit_test(test_config__each_difference),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT */
/* Who may what: shared access policies by the API of the machine, and `vedette token` and `vedette policy`. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#include <cmocka.h>

#include "api/api.h"
#include "hub/token.h"
#include "tests/cli/folder.h"

#define KEY_A "AAECAwQFBgcICQoLDA0ODw=="

static struct folder *folder;
static struct vd_config config;
static struct vd_stores stores;
static struct vd_api api;

static int set_up(void **state)
{
    if (folder_set_up(state) != 0) {
        return -1;
    }
    folder = *state;
    folder_open_stores(folder, &config, &stores);
    api = (struct vd_api){.registry = stores.registry, .host_name = "hub.test:9883"};
    return 0;
}

static int tear_down(void **state)
{
    vd_stores_close(&stores);
    return folder_tear_down(state);
}

/* The answer's JSON, the caller's to free; fails unless it has that status, and that code (NULL: none). */
static json_t *call(
    int status, const char *code, const char *method, const char *path, const char *body)
{
    const struct vd_api_request request = {.method = method,
        .path = path,
        .body = vd_str_from(body != NULL ? body : ""),
        .caller = vd_api_local_caller(NULL)};
    struct vd_api_answer answer;
    const char *said;

    vd_api_call(&api, &request, &answer);
    said = json_string_value(json_object_get(json_object_get(answer.body, "error"), "code"));
    if (answer.status != status || (code != NULL && (said == NULL || strcmp(said, code) != 0))) {
        fail_msg("%s %s %s: %d %s", method, path, body, answer.status, said != NULL ? said : "");
    }
    return answer.body;
}

static void expect(
    int status, const char *code, const char *method, const char *path, const char *body)
{
    json_decref(call(status, code, method, path, body));
}

static struct vd_policy stored(const char *name)
{
    struct vd_policy policy;

    assert_int_equal(vd_registry_policy_get(stores.registry, name, &policy), VD_OK);
    return policy;
}

static bool same(const struct vd_key *a, const struct vd_key *b)
{
    return a->length == b->length && memcmp(a->bytes, b->bytes, a->length) == 0;
}

static void test_access__policies(void **state)
{
    struct vd_policy before;
    struct vd_policy after;
    json_t *made = call(201, NULL, "POST", "/policies",
        "{\"keyName\":\"mine\",\"rights\":\"ServiceConnect, RegistryRead\",\"primaryKey\":\"" KEY_A
        "\"}");

    (void)state;
    assert_string_equal(json_string_value(json_object_get(made, "primaryKey")), KEY_A);
    assert_string_equal(
        json_string_value(json_object_get(made, "rights")), "RegistryRead, ServiceConnect");
    assert_string_equal(json_string_value(json_object_get(made, "connectionString")),
        "HostName=hub.test;SharedAccessKeyName=mine;SharedAccessKey=" KEY_A);
    json_decref(made);
    expect(409, "AlreadyExists", "POST", "/policies",
        "{\"keyName\":\"MINE\",\"rights\":\"ServiceConnect\"}");
    before = stored("mine");
    assert_int_equal(before.secondary_key.length, 32);
    expect(200, NULL, "POST", "/policies/mine/rotate", "{\"key\":\"secondary\"}");
    after = stored("mine");
    assert_true(same(&before.primary_key, &after.primary_key));
    assert_false(same(&before.secondary_key, &after.secondary_key));
    before = after;
    expect(200, NULL, "POST", "/policies/mine/rotate", "{\"key\":\"primary\"}");
    after = stored("mine");
    assert_false(same(&before.primary_key, &after.primary_key));
    assert_true(same(&before.secondary_key, &after.secondary_key));
    assert_int_equal(after.rights, before.rights);
    before = after;
    expect(200, NULL, "POST", "/policies/mine/rotate", "{\"key\":\"both\"}");
    after = stored("mine");
    assert_false(same(&before.primary_key, &after.primary_key));
    assert_false(same(&before.secondary_key, &after.secondary_key));
    expect(404, "NotFound", "DELETE", "/policies/Mine", NULL);
    expect(204, NULL, "DELETE", "/policies/mine", NULL);
    expect(404, "NotFound", "DELETE", "/policies/mine", NULL);
    expect(404, "NotFound", "POST", "/policies/mine/rotate", "{\"key\":\"both\"}");
    made = call(200, NULL, "GET", "/policies", NULL);
    assert_int_equal(json_array_size(json_object_get(made, "policies")), 5);
    json_decref(made);
}

static void test_access__policies_that_are_none(void **state)
{
    static const char *const cases[][2] = {
        {"{}", "InvalidName"},
        {"{\"keyName\":\"a b\",\"rights\":\"ServiceConnect\"}", "InvalidName"},
        {"{\"keyName\":\"a\"}", "InvalidRights"},
        {"{\"keyName\":\"a\",\"rights\":\"\"}", "InvalidRights"},
        {"{\"keyName\":\"a\",\"rights\":\"All\"}", "InvalidRights"},
        {"{\"keyName\":\"a\",\"rights\":\"ServiceConnect\",\"more\":1}", "InvalidBody"},
        {"{\"keyName\":\"a\",\"rights\":\"ServiceConnect\",\"primaryKey\":5}", "InvalidKey"},
        {"{\"keyName\":\"a\",\"rights\":\"ServiceConnect\",\"secondaryKey\":\"AAAA\"}",
            "InvalidKey"},
    };
    char body[128];

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        expect(400, cases[i][1], "POST", "/policies", cases[i][0]);
    }
    expect(400, "InvalidBody", "POST", "/policies/service/rotate", "{}");
    expect(400, "InvalidBody", "POST", "/policies/service/rotate", "{\"key\":\"third\"}");
    for (unsigned i = 5; i <= VD_HUB_POLICIES_MAX; i++) {
        snprintf(body, sizeof body, "{\"keyName\":\"p%u\",\"rights\":\"ServiceConnect\"}", i);
        expect(i < VD_HUB_POLICIES_MAX ? 201 : 409,
            i < VD_HUB_POLICIES_MAX ? NULL : "LimitExceeded", "POST", "/policies", body);
    }
}

/* ---- The commands ---- */

static char output[16384]; /* of the last run, both streams */

/* Runs `vedette WORDS` on the data directory, whose stores must be closed; its exit status. */
static int vedette(const char *words)
{
    char command[1024];
    FILE *stream;
    int status;

    snprintf(
        command, sizeof command, "'%s' %s --data-dir '%s' 2>&1", VD_PROGRAM, words, folder->data);
    stream = popen(command, "r");
    assert_non_null(stream);
    output[fread(output, 1, sizeof output - 1, stream)] = '\0';
    status = pclose(stream);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static void assert_said(const char *text)
{
    if (strstr(output, text) == NULL) {
        fail_msg("no \"%s\" in: %s", text, output);
    }
}

static json_t *said_json(void)
{
    json_error_t error;
    json_t *json = json_loads(output, 0, &error);

    if (json == NULL) {
        fail_msg("%s: %s", error.text, output);
    }
    return json;
}

static int set_up_closed(void **state)
{
    const int result = set_up(state);

    vd_stores_close(&stores);
    stores = (struct vd_stores){0};
    return result;
}

static void test_access__token_command(void **state)
{
    char reason[256] = "";
    struct vd_token token;
    json_t *made;

    (void)state;
    assert_int_equal(vedette("token list"), 0);
    assert_int_equal(
        vedette("token create --name ci --role contributor --expires 90d --output json"), 0);
    made = said_json();
    assert_string_equal(json_string_value(json_object_get(made, "role")), "contributor");
    assert_int_equal(json_string_length(json_object_get(made, "expires")), 24);
    /* The token that was shown is the one that is known. */
    assert_int_equal(
        vd_stores_open(folder->data, &config, VD_NEEDS_REGISTRY, &stores, reason, sizeof reason),
        VD_OK);
    assert_int_equal(vd_token_check(stores.registry,
                         vd_str_from(json_string_value(json_object_get(made, "token"))), 1, &token),
        VD_OK);
    vd_stores_close(&stores);
    stores = (struct vd_stores){0};
    assert_int_equal(vedette("token list"), 0);
    assert_said("ci");
    assert_null(strstr(output, json_string_value(json_object_get(made, "token"))));
    json_decref(made);
    assert_int_equal(vedette("token create --name ci --role reader"), 1);
    assert_int_equal(vedette("token create --name people --role owner"), 0);
    assert_said("vdt_people.");
    assert_int_equal(vedette("token list --output json"), 0);
    made = said_json();
    assert_int_equal(json_array_size(made), 2);
    json_decref(made);
    assert_int_equal(vedette("token delete ci"), 0);
    assert_int_equal(vedette("token delete ci"), 1);
    assert_int_equal(vedette("token list"), 0);
    assert_null(strstr(output, "contributor"));
}

static void test_access__token_command_misused(void **state)
{
    (void)state;
    assert_int_equal(vedette("token create --name ci"), 2);
    assert_int_equal(vedette("token create --role owner"), 2);
    assert_int_equal(vedette("token create --name ci --role owner --expires 5"), 2);
    assert_int_equal(vedette("token create --name ci --role owner --expires -5d"), 2);
    assert_int_equal(vedette("token create --name ci --role king"), 1);
    assert_said("reader, contributor or owner");
    assert_int_equal(vedette("token create --name 'c i' --role owner"), 1);
    assert_int_equal(vedette("token delete"), 2);
    assert_int_equal(vedette("token list --output json"), 0);
    assert_string_equal(output, "[]\n");
}

static void test_access__policy_command(void **state)
{
    (void)state;
    assert_int_equal(vedette("policy create ops --rights 'RegistryRead,ServiceConnect'"), 0);
    assert_said("RegistryRead, ServiceConnect");
    assert_said("SharedAccessKeyName=ops;");
    assert_int_equal(vedette("policy create ops --rights ServiceConnect"), 1);
    assert_int_equal(vedette("policy create ops2"), 2);
    assert_int_equal(vedette("policy create ops2 --rights Everything"), 1);
    assert_int_equal(vedette("policy rotate ops --key secondary"), 0);
    assert_int_equal(vedette("policy rotate ops"), 2);
    assert_int_equal(vedette("policy rotate ops --key third"), 2);
    assert_int_equal(vedette("policy rotate none --key both"), 1);
    assert_int_equal(vedette("policy delete ops"), 0);
    assert_said("deleted ops");
    assert_int_equal(vedette("policy delete ops"), 1);
    assert_int_equal(vedette("policy show ops"), 1);
}

/* The management API without a token: what is done is there, and recorded as the owner's. */
static void test_access__management_command(void **state)
{
    json_t *hub;

    (void)state;
    assert_int_equal(vedette("management get"), 0);
    hub = said_json();
    assert_string_equal(
        json_string_value(json_object_get(hub, "type")), "Microsoft.Devices/IotHubs");
    json_decref(hub);
    assert_int_equal(vedette("management PUT providers/microsoft.insights/diagnosticSettings/all "
                             "--body '{\"properties\":{\"storageAccountId\":\"/x\",\"logs\":"
                             "[{\"category\":\"Connections\",\"enabled\":true}]}}'"),
        0);
    assert_int_equal(vedette("management get providers/microsoft.insights/diagnosticSettings"), 0);
    assert_said("\"name\": \"all\"");
    assert_int_equal(
        vedette("management delete providers/microsoft.insights/diagnosticSettings/all"), 0);
    assert_string_equal(output, "{}\n");
    assert_int_equal(
        vedette("management get providers/microsoft.insights/diagnosticSettings/all"), 1);
    assert_int_equal(vedette("management post /providers/Microsoft.Devices/checkNameAvailability "
                             "--body '{\"name\":\"new\"}'"),
        1); /* not below a subscription */
    assert_int_equal(vedette("management get nothing"), 1);
    assert_said("there is no such resource");
    assert_int_equal(vedette("management put --body '{'"), 1);
    assert_int_equal(vedette("management frob"), 2);
    assert_int_equal(vedette("management put --body x --file y"), 2);
    assert_int_equal(vedette("management put --file /nowhere"), 1);
}

#define TEST(name)    cmocka_unit_test_setup_teardown(test_access__##name, set_up, tear_down)
#define COMMAND(name) cmocka_unit_test_setup_teardown(test_access__##name, set_up_closed, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(policies),
        TEST(policies_that_are_none),
        COMMAND(token_command),
        COMMAND(token_command_misused),
        COMMAND(policy_command),
        COMMAND(management_command),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

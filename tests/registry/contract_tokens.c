/* SPDX-License-Identifier: MIT */
/* The contract of every registry: bearer tokens, and changes of several things at once. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "hub/token.h"
#include "lib/clock.h"
#include "tests/registry/contract.h"

struct listed {
    char names[256];
    size_t count;
    size_t stop_after;
};

static bool collect(void *context, const struct vd_token *token)
{
    struct listed *listed = context;
    const size_t length = strlen(listed->names);

    snprintf(listed->names + length, sizeof listed->names - length, "%s ", token->name);
    listed->count++;
    return listed->count != listed->stop_after;
}

static struct vd_token token_of(const char *name, enum vd_role role)
{
    struct vd_token token = {.role = role};

    snprintf(token.name, sizeof token.name, "%s", name);
    memset(token.hash, name[0], sizeof token.hash);
    return token;
}

void registry_contract_tokens(struct vd_registry *registry)
{
    struct vd_token made = token_of("ops", VD_ROLE_OWNER);
    struct vd_token got = {0};
    struct listed all = {.stop_after = 0};
    struct listed first = {.stop_after = 1};
    const int64_t now = vd_clock_utc_ms();
    int64_t revisions[2] = {0, 0};
    int error = VD_OK;

    assert_int_equal(vd_registry_token_get(registry, "ops", &got), VD_E_NOT_FOUND);
    assert_int_equal(vd_registry_revision(registry, &revisions[0]), VD_OK);
    assert_int_equal(vd_registry_revision(registry, &revisions[1]), VD_OK);
    assert_int_equal(revisions[0], revisions[1]);
    snprintf(made.created_by, sizeof made.created_by, "root");
    made.expires_ms = now + 1000;
    made.last_used_ms = 5;
    assert_int_equal(vd_registry_token_create(registry, &made), VD_OK);
    assert_int_equal(vd_registry_revision(registry, &revisions[1]), VD_OK);
    assert_int_not_equal(revisions[0], revisions[1]);
    assert_true(made.created_ms >= now && made.created_ms < now + 60000);
    assert_int_equal(made.last_used_ms, 0);
    assert_int_equal(vd_registry_token_create(registry, &made), VD_E_EXISTS);
    assert_int_equal(vd_registry_token_get(registry, "ops", &got), VD_OK);
    assert_memory_equal(&got, &made, sizeof got);
    assert_int_equal(vd_registry_token_used(registry, "ops", now + 7), VD_OK);
    assert_int_equal(vd_registry_token_used(registry, "none", now), VD_OK);
    assert_int_equal(vd_registry_token_get(registry, "ops", &got), VD_OK);
    assert_int_equal(got.last_used_ms, now + 7);

    made = token_of("bad name", VD_ROLE_OWNER);
    assert_int_equal(vd_registry_token_create(registry, &made), VD_E_INVALID);
    made = token_of("other", (enum vd_role)4);
    assert_int_equal(vd_registry_token_create(registry, &made), VD_E_INVALID);
    made = token_of("other", VD_ROLE_READER);
    made.expires_ms = -1;
    assert_int_equal(vd_registry_token_create(registry, &made), VD_E_INVALID);
    made = token_of("a.b-c_d", VD_ROLE_CONTRIBUTOR);
    assert_int_equal(vd_registry_token_create(registry, &made), VD_OK);
    assert_int_equal(vd_registry_token_list(registry, collect, &all), VD_OK);
    assert_string_equal(all.names, "a.b-c_d ops ");
    assert_int_equal(vd_registry_token_list(registry, collect, &first), VD_OK);
    assert_int_equal(first.count, 1);
    assert_int_equal(vd_registry_token_remove(registry, "ops"), VD_OK);
    assert_int_equal(vd_registry_token_remove(registry, "ops"), VD_E_NOT_FOUND);
    assert_int_equal(vd_registry_token_get(registry, "ops", &got), VD_E_NOT_FOUND);

    for (int i = 1; error == VD_OK && i <= VD_HUB_TOKENS_MAX; i++) {
        char name[16];

        snprintf(name, sizeof name, "t%d", i);
        made = token_of(name, VD_ROLE_READER);
        error = vd_registry_token_create(registry, &made);
        assert_int_equal(error, i < VD_HUB_TOKENS_MAX ? VD_OK : VD_E_LIMIT);
    }
}

/* What a token's bearer shows, and what of it is enough. */
void registry_contract_token_check(struct vd_registry *registry)
{
    struct vd_token made = token_of("dots.and-more_", VD_ROLE_CONTRIBUTOR);
    struct vd_token got = {0};
    char text[VD_TOKEN_TEXT_SIZE];
    char other[VD_TOKEN_TEXT_SIZE + 1];
    const int64_t now = vd_clock_utc_ms();
    size_t length;

    assert_int_equal(vd_token_make(&made, text), VD_OK);
    length = strlen(text);
    made.expires_ms = now + 1000;
    assert_int_equal(vd_registry_token_create(registry, &made), VD_OK);
    assert_int_equal(vd_token_check(registry, vd_str_from(text), now, &got), VD_OK);
    assert_string_equal(got.name, made.name);
    assert_int_equal(got.role, VD_ROLE_CONTRIBUTOR);
    assert_int_equal(vd_registry_token_get(registry, made.name, &got), VD_OK);
    assert_int_equal(got.last_used_ms, now);
    /* Within the minute it is not noted again. */
    assert_int_equal(vd_token_check(registry, vd_str_from(text), now + 500, &got), VD_OK);
    assert_int_equal(vd_registry_token_get(registry, made.name, &got), VD_OK);
    assert_int_equal(got.last_used_ms, now);
    assert_int_equal(vd_token_check(registry, vd_str_from(text), now + 1000, &got), VD_E_EXPIRED);

    for (size_t i = 0; i < length; i++) {
        memcpy(other, text, length + 1);
        other[i] = other[i] == 'x' ? 'y' : 'x';
        assert_int_not_equal(vd_token_check(registry, vd_str_from(other), now, &got), VD_OK);
        assert_int_not_equal(vd_token_check(registry, (struct vd_str){text, i}, now, &got), VD_OK);
    }
    snprintf(other, sizeof other, "%sx", text);
    assert_int_not_equal(vd_token_check(registry, vd_str_from(other), now, &got), VD_OK);
    assert_int_equal(vd_token_check(registry, (struct vd_str){NULL, 0}, now, &got), VD_E_INVALID);

    /* A second token of the name is another one. */
    assert_int_equal(vd_registry_token_remove(registry, made.name), VD_OK);
    assert_int_equal(vd_token_check(registry, vd_str_from(text), now, &got), VD_E_DENIED);
    assert_int_equal(vd_token_make(&made, other), VD_OK);
    assert_int_equal(vd_registry_token_create(registry, &made), VD_OK);
    assert_int_equal(vd_token_check(registry, vd_str_from(text), now, &got), VD_E_DENIED);
    snprintf(made.name, sizeof made.name, "no/name");
    assert_int_equal(vd_token_make(&made, other), VD_E_INVALID);
}

static void assert_setting(
    struct vd_registry *registry, const char *name, const char *text, uint64_t etag)
{
    struct vd_buf value = {0};
    uint64_t got = 0;

    assert_int_equal(vd_registry_setting_get(registry, name, &value, &got), VD_OK);
    assert_int_equal(value.length, strlen(text));
    assert_memory_equal(value.data, text, value.length);
    assert_int_equal(got, etag);
    vd_buf_release(&value);
}

static size_t policies_of(struct vd_registry *registry, struct vd_policy *policies)
{
    static const char *const names[] = {"iothubowner", "service", "mine"};
    size_t count = 0;

    for (size_t i = 0; i < 3; i++) {
        if (vd_registry_policy_get(registry, names[i], &policies[count]) == VD_OK) {
            count++;
        }
    }
    return count;
}

void registry_contract_change(struct vd_registry *registry)
{
    struct vd_policy policies[3] = {{.etag = 0}};
    struct vd_policy got = {0};
    struct vd_setting_change settings[] = {
        {"one", VD_STR_LITERAL("1"), 0}, {"two", VD_STR_LITERAL("2"), 0}};
    struct vd_registry_change change = {.settings = settings, .setting_count = 2};
    struct vd_buf value = {0};
    uint64_t etag = 0;

    assert_int_equal(vd_registry_change(registry, &change), VD_OK);
    assert_setting(registry, "one", "1", 1);
    assert_int_equal(settings[1].etag, 1);

    /* The second has another etag than it is said to have: the first stays too. */
    settings[0].value = VD_STR_LITERAL("11");
    settings[1].etag = 0;
    assert_int_equal(vd_registry_change(registry, &change), VD_E_CHANGED);
    assert_setting(registry, "one", "1", 1);
    assert_int_equal(settings[0].etag, 1);
    settings[1].etag = 1;
    settings[1].name = "no name";
    assert_int_equal(vd_registry_change(registry, &change), VD_E_INVALID);
    settings[1].name = "three";
    assert_int_equal(vd_registry_change(registry, &change), VD_E_CHANGED);
    assert_int_equal(vd_registry_setting_get(registry, "three", &value, &etag), VD_E_NOT_FOUND);
    vd_buf_release(&value);

    /* Policies: those that are not named go, those that are as they were stay as they are, a new one comes. */
    assert_int_equal(policies_of(registry, policies), 2);
    policies[1].rights = VD_RIGHT_REGISTRY_READ;
    policies[2] = policies[0];
    snprintf(policies[2].name, sizeof policies[2].name, "mine");
    policies[2].etag = 0;
    change = (struct vd_registry_change){
        .settings = settings, .setting_count = 1, .policies = policies, .policy_count = 3};
    policies[1].etag = 2;
    assert_int_equal(vd_registry_change(registry, &change), VD_E_CHANGED);
    assert_int_equal(settings[0].etag, 1);
    assert_int_equal(policies[1].etag, 2);
    assert_int_equal(vd_registry_policy_get(registry, "device", &got), VD_OK);
    assert_int_equal(vd_registry_policy_get(registry, "mine", &got), VD_E_NOT_FOUND);
    policies[1].etag = 1;
    assert_int_equal(vd_registry_change(registry, &change), VD_OK);
    assert_setting(registry, "one", "11", 2);
    assert_int_equal(policies[0].etag, 1);
    assert_int_equal(policies[1].etag, 2);
    assert_int_equal(policies[2].etag, 1);
    assert_int_equal(vd_registry_policy_get(registry, "device", &got), VD_E_NOT_FOUND);
    assert_int_equal(vd_registry_policy_get(registry, "service", &got), VD_OK);
    assert_memory_equal(&got, &policies[1], sizeof got);

    policies[2].primary_key.length = 1;
    assert_int_equal(vd_registry_change(registry, &change), VD_E_INVALID);
    change.policy_count = VD_HUB_POLICIES_MAX + 1;
    assert_int_equal(vd_registry_change(registry, &change), VD_E_LIMIT);
    change.policy_count = 0;
    settings[0].etag = 2;
    assert_int_equal(vd_registry_change(registry, &change), VD_OK);
    assert_int_equal(policies_of(registry, policies), 0);
}

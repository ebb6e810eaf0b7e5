/* SPDX-License-Identifier: MIT */
/* Rule documents: read or refused with a place; what is read is in order and within bounds, and its document is read the same. */

#include <assert.h>
#include <string.h>

#include "center/detect/group_rules.h"

static void check_addresses(const struct vd_rule_addresses *addresses)
{
    for (uint32_t i = 0; i < addresses->count; i++) {
        const struct vd_rule_range *range = &addresses->ranges[i];

        assert(memcmp(&range->from, &range->to, sizeof range->from) <= 0);
        assert(vd_rule_addresses_hold(addresses, &range->from));
        assert(vd_rule_addresses_hold(addresses, &range->to));
        assert(i == 0 || memcmp(&addresses->ranges[i - 1].to, &range->from, sizeof range->to) < 0);
    }
}

static void check_rules(const struct vd_group_rules *rules)
{
    for (int i = 0; i < VD_COUNTERS_END; i++) {
        const struct vd_window_rule *rule = &rules->windows[i];

        assert(rule->min <= rule->max);
        assert(!rule->is_enabled ||
            (rule->window_ms >= VD_RULE_WINDOW_MIN_MS && rule->window_ms <= VD_RULE_WINDOW_MAX_MS));
    }
    check_addresses(&rules->allowed);
    check_addresses(&rules->denied);
}

/* Each rule that is counted here is of a type that is judged here. */
static void check_types(void)
{
    for (int i = 0; i < VD_COUNTERS_END; i++) {
        bool applies = false;

        assert(vd_rule_type_applies(vd_counter_rule_type((enum vd_counter)i), &applies) != NULL);
        assert(applies);
    }
}

/* The complete document says the same. */
static void check_document(const json_t *properties, const struct vd_group_rules *rules)
{
    struct vd_group_rules *again = NULL;
    char problem[256];
    json_t *document = vd_group_rules_document(properties);

    assert(document != NULL);
    assert(vd_group_rules_read("g", document, &again, problem) == VD_OK);
    for (int i = 0; i < VD_COUNTERS_END; i++) {
        assert(again->windows[i].is_enabled == rules->windows[i].is_enabled);
        assert(again->windows[i].max == rules->windows[i].max);
    }
    assert(again->allowed.count == rules->allowed.count);
    vd_group_rules_free(again);
    json_decref(document);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    json_t *properties = json_loadb((const char *)data, size, JSON_REJECT_DUPLICATES, NULL);
    struct vd_group_rules *rules = NULL;
    char problem[256] = "";

    if (properties != NULL) {
        const int error = vd_group_rules_read("g", properties, &rules, problem);

        if (error == VD_OK) {
            check_rules(rules);
            check_types();
            check_document(properties, rules);
        } else {
            assert(error == VD_E_INVALID && problem[0] != '\0');
        }
        vd_group_rules_free(rules);
        json_decref(properties);
    }
    return 0;
}

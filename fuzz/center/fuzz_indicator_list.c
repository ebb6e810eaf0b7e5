/* SPDX-License-Identifier: MIT */
/* Any text as a list of indicators: what is read is a range whose text means the same range again. */

#include "center/intel/indicator_set.h"
#include "fuzz/replay.h"

static void check(bool ok)
{
    if (!ok) {
        abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t length)
{
    struct vd_indicator_reader reader = {{(const char *)data, length}, 0};
    struct vd_indicator_builder *builder = NULL;
    struct vd_indicator_set *set = NULL;
    const struct vd_feed_info feed = {.name = "feed"};
    struct vd_indicator_match match;
    struct vd_indicator_line line;
    struct vd_indicator_line again;
    const char *problem = NULL;
    struct vd_address last = {{0}};
    uint32_t count = 0;
    int error;

    check(vd_indicator_builder_new(NULL, &builder) == VD_OK);
    check(vd_indicator_builder_feed(builder, &feed) == VD_OK);
    while ((error = vd_indicator_next(&reader, &line, &problem)) == VD_OK) {
        struct vd_indicator indicator = {.range = line.range, .text = line.text, .line = line.line};

        check(vd_indicator_parse(vd_str_from(line.text), &again) == NULL);
        check(memcmp(&again.range, &line.range, sizeof line.range) == 0);
        check(strcmp(again.text, line.text) == 0);
        check(vd_indicator_builder_add(builder, &indicator) == VD_OK);
        last = line.range.to;
        count++;
    }
    check(error == VD_E_NOT_FOUND || problem != NULL);
    check(vd_indicator_builder_finish(builder, &set) == VD_OK);
    check(vd_indicator_set_count(set) == count);
    /* An IPv6 range may end within the mapped addresses, which are IPv4's. */
    if (count > 0 && !vd_address_is_ipv4(&last)) {
        check(vd_indicator_set_match(set, &last, 1, &match));
    }
    vd_indicator_set_release(set);
    return 0;
}

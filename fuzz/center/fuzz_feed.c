/* SPDX-License-Identifier: MIT */
/* Any text as a feed of one format (FEED_FORMAT): what is given can be built into a set, and the counts agree. */

#include "center/intel/feed_format.h"
#include "fuzz/replay.h"

static void check(bool ok)
{
    if (!ok) {
        abort();
    }
}

struct taken {
    struct vd_indicator_builder *builder;
    uint64_t count;
};

static int take(const struct vd_indicator *indicator, void *context)
{
    struct taken *taken = context;
    struct vd_indicator_line again;

    check(vd_indicator_parse(vd_str_from(indicator->text), &again) == NULL);
    check(memcmp(&again.range, &indicator->range, sizeof again.range) == 0);
    check(strcmp(again.text, indicator->text) == 0);
    check(vd_indicator_builder_add(taken->builder, indicator) == VD_OK);
    taken->count++;
    return VD_OK;
}

/* with_names: columns and categories are named, as settings may do. */
static void read_feed(struct vd_str text, bool with_names)
{
    const struct vd_feed_info feed = {.name = "feed"};
    struct taken taken = {0};
    const struct vd_feed_parse parse = {
        .format = FEED_FORMAT,
        .confidence = 50,
        .column = with_names ? "ip" : NULL,
        .description_column = with_names ? "what" : NULL,
        .confidence_column = with_names ? "sure" : NULL,
        .until_column = with_names ? "end" : NULL,
        .categories =
            with_names ? VD_STR_LITERAL("1,Scan,looks around\n2,Bot\n") : (struct vd_str){"", 0},
        .now_ms = INT64_C(1780272000000),
        .fetched_ms = INT64_C(1780272000000),
        .lifetime_ms = 86400000,
        .take = take,
        .context = &taken,
    };
    struct vd_indicator_set *set = NULL;
    struct vd_feed_report report;
    int error;

    check(vd_indicator_builder_new(NULL, &taken.builder) == VD_OK);
    check(vd_indicator_builder_feed(taken.builder, &feed) == VD_OK);
    error = vd_feed_parse(&parse, text, &report);
    check(error == VD_OK || (error == VD_E_INVALID && report.fault.reason[0] != '\0'));
    check(report.read == report.used + report.ignored + report.refused);
    check(taken.count >= report.used && report.expired <= taken.count);
    check(vd_indicator_builder_finish(taken.builder, &set) == VD_OK);
    check(vd_indicator_set_count(set) == taken.count);
    vd_indicator_set_release(set);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t length)
{
    const struct vd_str text = {(const char *)data, length};

    read_feed(text, false);
    if (FEED_FORMAT == VD_FEED_CSV || FEED_FORMAT == VD_FEED_SURICATA) {
        read_feed(text, true);
    }
    return 0;
}

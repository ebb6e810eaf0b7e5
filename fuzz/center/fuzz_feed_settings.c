/* SPDX-License-Identifier: MIT */
/* Any JSON as a feed's settings: what is taken keeps its bounds and is taken again as it was kept, what is not has a reason. */

#include <stdlib.h>

#include "center/intel/feed_settings.h"
#include "fuzz/replay.h"
#include "lib/clock.h"
#include "lib/http_get.h"

static void check(bool ok)
{
    if (!ok) {
        abort();
    }
}

static void check_settings(const struct vd_feed_settings *s)
{
    check((s->file != NULL) + (s->url != NULL) <= 1);
    check(s->url != NULL || !s->is_taxii);
    check(s->url == NULL || vd_http_url_problem(s->url, true) == NULL);
    check(s->url == NULL || vd_http_same_origin(s->url, s->url));
    check(s->interval_ms >= 60000 && s->interval_ms <= 7 * VD_DAY_MS);
    check(s->parse.lifetime_ms >= 0 && s->parse.confidence_min <= VD_CONFIDENCE_MAX);
    for (size_t i = 0; i < VD_FEED_CATEGORIES; i++) {
        check(s->parse.wanted[i] <= 127 && (s->parse.has_wanted || s->parse.wanted[i] == 0));
    }
}

/* A name that may be is one of a file too. */
static void check_name(const uint8_t *data, size_t length)
{
    char name[VD_FEED_NAME_MAX + 2] = "";

    memcpy(name, data, length < sizeof name - 1 ? length : sizeof name - 1);
    check(!vd_feed_name_is_valid(name) || (name[0] != '\0' && strchr(name, '/') == NULL));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t length)
{
    json_t *json = json_loadb((const char *)data, length, JSON_DECODE_ANY, NULL);
    char problem[VD_FEED_PROBLEM_SIZE] = "";
    struct vd_feed_settings first = {0};
    struct vd_feed_settings second = {0};
    const int error = vd_feed_settings_read(json, &first, problem);

    if (error == VD_OK) {
        check_settings(&first);
        check(json_equal(json, first.json));
        check(vd_feed_settings_read(first.json, &second, problem) == VD_OK);
        check(first.is_taxii == second.is_taxii && first.interval_ms == second.interval_ms);
        check(memcmp(first.parse.wanted, second.parse.wanted, sizeof first.parse.wanted) == 0);
        vd_feed_settings_release(&second);
    } else {
        check(error == VD_E_INVALID && problem[0] != '\0');
    }
    check_name(data, length);
    vd_feed_settings_release(&first);
    json_decref(json);
    return 0;
}

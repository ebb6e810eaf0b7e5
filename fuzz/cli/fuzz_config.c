/* SPDX-License-Identifier: MIT */
/* vedette.conf: the first fault that is told is the one that ends a start, and lines are told in their order. */

#include <stdlib.h>

#include "fuzz/replay.h"
#include "lib/config.h"

static void check(bool holds)
{
    if (!holds) {
        abort();
    }
}

struct told {
    unsigned count;
    unsigned last_line;
};

static void take(void *context, unsigned line, const char *text)
{
    struct told *told = context;

    check(text[0] != '\0' && (line > told->last_line || line == 0));
    told->count++;
    told->last_line = line;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t length)
{
    const struct vd_str text = {(const char *)data, length};
    struct vd_config_problem problem = {""};
    struct vd_config_lines lines;
    struct vd_config config;
    struct told told = {0};
    unsigned faults;

    vd_config_defaults(&config);
    faults = vd_config_parse_all(&config, text, &lines, take, &told);
    check(faults == told.count);
    vd_config_defaults(&config);
    check((vd_config_parse(&config, "f", text, &problem) == VD_OK) == (faults == 0));
    check((problem.text[0] == '\0') == (faults == 0));
    return 0;
}

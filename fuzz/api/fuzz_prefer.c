/* SPDX-License-Identifier: MIT */
/* The header Prefer: read within its bounds, or refused with a problem. */

#include <stdlib.h>
#include <string.h>

#include "api/management/prefer.h"
#include "center/limits.h"
#include "fuzz/replay.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char problem[VD_PREFER_PROBLEM_SIZE] = "";
    struct vd_prefer prefer = {0};
    char *text = malloc(size + 1);

    if (text == NULL) {
        return 0;
    }
    memcpy(text, data, size);
    text[size] = '\0';
    if (vd_prefer_read(text, &prefer, problem) == VD_OK
            ? prefer.timeout_ms < 1000 || prefer.timeout_ms > VD_QUERY_TIMEOUT_MAX_MS
            : problem[0] == '\0' || prefer.timeout_ms != 0) {
        abort();
    }
    free(text);
    return 0;
}

/* SPDX-License-Identifier: MIT */
/* Regular expressions: what is refused is refused at a place within, with a reason. */

#include <assert.h>

#include "center/kql/regex.h"
#include "fuzz/replay.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct vd_kql_regex_problem problem;

    if (vd_kql_regex_check((struct vd_str){(const char *)data, size}, &problem)) {
        assert(problem.text[0] == '\0');
    } else {
        assert(problem.text[0] != '\0' && problem.offset < size);
    }
    return 0;
}

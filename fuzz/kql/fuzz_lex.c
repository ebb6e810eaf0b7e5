/* SPDX-License-Identifier: MIT */
/* Words of a query: each is within the text and behind the one before it; an error has a place. */

#include <assert.h>
#include <string.h>

#include "center/kql/lex.h"
#include "fuzz/replay.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct vd_arena arena = {0};
    struct vd_kql_problem problem = {0};
    struct vd_kql_lexer lexer = {
        .query = {(const char *)data, size}, .arena = &arena, .problem = &problem};
    struct vd_kql_token token = {0};
    uint32_t before = 0;
    int error;

    do {
        error = vd_kql_lex(&lexer, &token);
        assert(token.offset >= before && token.end >= token.offset && token.end <= size);
        if (error == VD_OK) {
            assert(token.end > token.offset || token.kind == VD_KQL_TOKEN_END);
            assert(token.text.length == token.end - token.offset);
        } else {
            assert(error == VD_E_INVALID && problem.text[0] != '\0');
            assert(problem.offset <= size && problem.length <= size + 2 - problem.offset);
        }
        before = token.end;
    } while (error == VD_OK && token.kind != VD_KQL_TOKEN_END);
    vd_arena_release(&arena);
    return 0;
}

/* SPDX-License-Identifier: MIT */
/* A number and a unit. */

#include "cli/duration.h"

#include <stddef.h>
#include <string.h>

int64_t vd_duration_seconds(const char *text)
{
    static const struct {
        char unit;
        int64_t seconds;
    } units[] = {{'s', 1}, {'m', 60}, {'h', 3600}, {'d', 86400}, {'w', 7 * 86400}};
    const size_t digits = strspn(text, "0123456789");
    int64_t number = 0;

    if (digits == 0 || digits > 6 || text[digits] == '\0' || text[digits + 1] != '\0') {
        return 0;
    }
    for (size_t i = 0; i < digits; i++) {
        number = number * 10 + (text[i] - '0');
    }
    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++) {
        if (units[i].unit == text[digits]) {
            return number * units[i].seconds;
        }
    }
    return 0;
}

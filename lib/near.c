/* SPDX-License-Identifier: MIT */
/* Distance of names. */

#include "lib/near.h"

#define LENGTH_MAX   63
#define DISTANCE_MAX 2

static bool is_same(char a, char b)
{
    const bool is_letter = (a | 0x20) >= 'a' && (a | 0x20) <= 'z';

    return is_letter ? (a | 0x20) == (b | 0x20) : a == b;
}

static unsigned least(unsigned a, unsigned b)
{
    return a < b ? a : b;
}

/* Letters that are to be changed, added, removed or exchanged with their neighbour (all, or some more than DISTANCE_MAX). */
static unsigned distance(struct vd_str a, struct vd_str b)
{
    unsigned rows[3][LENGTH_MAX + 1];

    if (a.length > LENGTH_MAX || b.length > LENGTH_MAX || a.length > b.length + DISTANCE_MAX ||
        b.length > a.length + DISTANCE_MAX) {
        return DISTANCE_MAX + 1;
    }
    for (size_t i = 0; i <= a.length; i++) {
        unsigned *row = rows[i % 3];
        const unsigned *above = rows[(i + 2) % 3];

        row[0] = (unsigned)i;
        for (size_t j = 1; j <= b.length; j++) {
            if (i == 0) {
                row[j] = (unsigned)j;
                continue;
            }
            row[j] = least(above[j - 1] + (is_same(a.data[i - 1], b.data[j - 1]) ? 0 : 1),
                least(above[j], row[j - 1]) + 1);
            if (i > 1 && j > 1 && is_same(a.data[i - 1], b.data[j - 2]) &&
                is_same(a.data[i - 2], b.data[j - 1])) {
                row[j] = least(row[j], rows[(i + 1) % 3][j - 2] + 1);
            }
        }
    }
    return rows[a.length % 3][b.length];
}

void vd_nearest_try(struct vd_nearest *nearest, struct vd_str written, struct vd_str name)
{
    const unsigned d = distance(written, name);

    if (d <= DISTANCE_MAX && 2 * d < written.length && 2 * d < name.length &&
        (nearest->name.data == NULL || d < nearest->distance)) {
        *nearest = (struct vd_nearest){name, d};
    }
}

/* SPDX-License-Identifier: MIT */
/* Memory for one batch: pieces that stay where they are until all of them are let go at once. */

#ifndef VEDETTE_CENTER_ARENA_H
#define VEDETTE_CENTER_ARENA_H

#include <stddef.h>

#include "lib/str.h"

struct vd_arena_block;

/* All zero is an empty one. */
struct vd_arena {
    struct vd_arena_block *blocks; /* the one in use first */
    size_t bytes;                  /* handed out since the last reset */
};

/* `size` bytes aligned for any type; NULL without memory. */
void *vd_arena_alloc(struct vd_arena *arena, size_t size);
/* A copy of `length` bytes; data is NULL without memory. */
struct vd_str vd_arena_copy(struct vd_arena *arena, const void *data, size_t length);
/* Lets all pieces go; keeps one block for the next batch. */
void vd_arena_reset(struct vd_arena *arena);
void vd_arena_release(struct vd_arena *arena);

#endif

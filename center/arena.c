/* SPDX-License-Identifier: MIT */
/* A list of blocks, the newest of which is filled from its start. */

#include "center/arena.h"

#include <stdalign.h>
#include <stdint.h>

#define ARENA_BLOCK_BYTES 262144

struct vd_arena_block {
    struct vd_arena_block *next;
    size_t size;
    size_t used;
    alignas(max_align_t) uint8_t data[];
};

static struct vd_arena_block *arena_grow(struct vd_arena *arena, size_t size)
{
    size_t room = size > ARENA_BLOCK_BYTES ? size : ARENA_BLOCK_BYTES;
    struct vd_arena_block *block = malloc(sizeof *block + room);

    if (block != NULL) {
        block->next = arena->blocks;
        block->size = room;
        block->used = 0;
        arena->blocks = block;
    }
    return block;
}

void *vd_arena_alloc(struct vd_arena *arena, size_t size)
{
    struct vd_arena_block *block = arena->blocks;
    size_t rounded;
    void *out;

    if (size > SIZE_MAX / 2) {
        return NULL;
    }
    rounded = (size + alignof(max_align_t) - 1) & ~(alignof(max_align_t) - 1);
    if (block == NULL || rounded > block->size - block->used) {
        block = arena_grow(arena, rounded);
        if (block == NULL) {
            return NULL;
        }
    }
    out = block->data + block->used;
    block->used += rounded;
    arena->bytes += rounded;
    return out;
}

struct vd_str vd_arena_copy(struct vd_arena *arena, const void *data, size_t length)
{
    char *copy = vd_arena_alloc(arena, length > 0 ? length : 1);

    if (copy != NULL && length > 0) {
        memcpy(copy, data, length);
    }
    return (struct vd_str){copy, copy != NULL ? length : 0};
}

static void arena_free_from(struct vd_arena_block *block)
{
    while (block != NULL) {
        struct vd_arena_block *next = block->next;

        free(block);
        block = next;
    }
}

void vd_arena_reset(struct vd_arena *arena)
{
    arena->bytes = 0;
    if (arena->blocks != NULL) {
        arena_free_from(arena->blocks->next);
        arena->blocks->next = NULL;
        arena->blocks->used = 0;
    }
}

void vd_arena_release(struct vd_arena *arena)
{
    arena_free_from(arena->blocks);
    *arena = (struct vd_arena){0};
}

/* SPDX-License-Identifier: MIT */
/* A disk that can lose its power: between SQLite and the real files, it knows of each what was synced. */

#ifndef VEDETTE_TESTS_POWER_POWER_H
#define VEDETTE_TESTS_POWER_POWER_H

#include <stddef.h>
#include <stdint.h>

/*
 * As cmocka calls them: two folders below /tmp, of which SQLite's default VFS watches the files in the first. Nothing is
 * really synced.
 * At each sync two images are kept of what a loss of power would leave of them: before it, when of what was not synced
 * any part may survive (each write whole, in part, or not at all, by chance); and after it, when only what was
 * synced does. A file that was removed is there again until its folder was synced, which comes with the first sync of a journal
 * or WAL that SQLite has made.
 */
int power_set_up(void **state);
int power_tear_down(void **state);

/* Keeps an image of this moment likewise: in which nothing survives that was not synced. */
void power_cut(void);

/* Images that are kept. */
size_t power_images(void);
/* Writes the files of one into the second folder, in which only they are then. */
void power_image_write(size_t index);
void power_images_drop(void);

/* The path of a file in the watched folder, or of one in the folder for images; good until the next call of the same. */
const char *power_path(const char *name);
const char *power_image_path(const char *name);

#endif

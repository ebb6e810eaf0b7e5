/* SPDX-License-Identifier: MIT */
/* A MaxMind DB of IPv4 addresses, written here and read by libmaxminddb, to compare with. */

#ifndef VEDETTE_BENCH_CENTER_MMDB_H
#define VEDETTE_BENCH_CENTER_MMDB_H

#include <stdbool.h>
#include <stdint.h>

struct bench_mmdb;

/* Writes the file and opens it with libmaxminddb; NULL if either fails. `addresses` are different ones. */
struct bench_mmdb *bench_mmdb_make(const char *path, const uint32_t *addresses, uint32_t count);
/* libmaxminddb's lookup: is there an entry, whose data is not read. */
bool bench_mmdb_holds(struct bench_mmdb *mmdb, uint32_t address);
void bench_mmdb_free(struct bench_mmdb *mmdb);

#endif

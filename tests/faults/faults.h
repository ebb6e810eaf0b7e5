/* SPDX-License-Identifier: MIT */
/* Faults for a running program: a page of memory that a test writes and the shim in the program reads at each call. */

#ifndef VEDETTE_TESTS_FAULTS_FAULTS_H
#define VEDETTE_TESTS_FAULTS_FAULTS_H

#include <stdatomic.h>
#include <stdint.h>

/* Names the file that holds the page. */
#define FAULTS_ENV "VEDETTE_FAULTS"

/* All zero: nothing is counted and nothing fails. */
struct faults {
    /* Part of the paths of the files that are meant; set while nothing else is. */
    char below[128];

    /* What changes a file for good: a sync, a removal, a new name, a new length. */
    atomic_uint points;
    atomic_bool counts_writes; /* among the points */
    atomic_uint kill_at;       /* at this point the process is killed before the call; 0: never */

    atomic_int write_errno; /* writes, syncs and new lengths fail by it; 0: they do not */
    atomic_int read_errno;
    atomic_bool short_writes; /* half of what is asked for is written */

    atomic_llong clock_ms;     /* added to the time of day */
    atomic_uint no_memory;     /* so many allocations fail */
    atomic_uint no_memory_had; /* so many did */
};

#endif

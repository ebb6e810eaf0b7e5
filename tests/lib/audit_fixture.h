/* SPDX-License-Identifier: MIT */
/* An audit trail in a folder of its own. Each fails the test if it cannot. */

#ifndef VEDETTE_TESTS_LIB_AUDIT_FIXTURE_H
#define VEDETTE_TESTS_LIB_AUDIT_FIXTURE_H

#include "lib/audit.h"

extern const uint8_t audit_master[VD_MASTER_KEY_BYTES];

struct place {
    char folder[64];
    char path[96];
    uint8_t head_key[VD_MASTER_KEY_BYTES];
    uint8_t digest_key[VD_MASTER_KEY_BYTES];
};

/* cmocka's setup and teardown: *state is the place. */
int audit_set_up(void **state);
int audit_tear_down(void **state);

struct vd_audit *open_trail(const struct place *place);

/* A change at `path`, done. */
struct vd_audit_entry entry_of(const char *who, const char *path);

/* Adds `count` of them, of /groups/g0 and so on. */
void fill(struct vd_audit *audit, int count);

/* Changes the file past the trail. */
void run_sql(const struct place *place, const char *sql);

/* Verifies the file as it stands, with the key; *check is filled. */
int verify(const struct place *place, struct vd_audit_check *check);

/* It verifies, and has so many records. */
void expect_whole(const struct place *place, uint64_t records);

/* It does not: the record of that sequence is the first that is wrong, for a reason with these words. */
void expect_wrong(const struct place *place, uint64_t sequence, const char *words);

#endif

/* SPDX-License-Identifier: MIT */
/* An audit trail in a folder of its own. */

#include "tests/lib/audit_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <sqlite3.h>

const uint8_t audit_master[VD_MASTER_KEY_BYTES] = {1, 2, 3};

int audit_set_up(void **state)
{
    struct place *place = calloc(1, sizeof *place);

    assert_non_null(place);
    snprintf(place->folder, sizeof place->folder, "/tmp/vedette-audit-XXXXXX");
    assert_non_null(mkdtemp(place->folder));
    snprintf(place->path, sizeof place->path, "%s/audit.db", place->folder);
    assert_int_equal(vd_audit_keys_derive(audit_master, place->head_key, place->digest_key), VD_OK);
    *state = place;
    return 0;
}

int audit_tear_down(void **state)
{
    struct place *place = *state;
    static const char *const ends[] = {"", "-wal", "-shm", ".copy"};

    for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++) {
        char path[128];

        snprintf(path, sizeof path, "%s%s", place->path, ends[i]);
        unlink(path);
    }
    rmdir(place->folder);
    free(place);
    return 0;
}

struct vd_audit *open_trail(const struct place *place)
{
    struct vd_audit *audit = NULL;

    assert_int_equal(vd_audit_open(place->path, audit_master, &audit), VD_OK);
    return audit;
}

struct vd_audit_entry entry_of(const char *who, const char *path)
{
    return (struct vd_audit_entry){.kind = VD_AUDIT_CHANGE,
        .who = who,
        .role = "owner",
        .via = "local",
        .method = "PUT",
        .path = path,
        .resource = path,
        .status = 200,
        .outcome = VD_AUDIT_DONE};
}

void fill(struct vd_audit *audit, int count)
{
    for (int i = 0; i < count; i++) {
        char path[32];
        struct vd_audit_entry entry;

        snprintf(path, sizeof path, "/groups/g%d", i);
        entry = entry_of("local:root", path);
        assert_int_equal(vd_audit_add(audit, &entry), VD_OK);
    }
}

void run_sql(const struct place *place, const char *sql)
{
    sqlite3 *db = NULL;

    assert_int_equal(sqlite3_open(place->path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
}

/* The file as it stands, with the key. */
int verify(const struct place *place, struct vd_audit_check *check)
{
    *check = (struct vd_audit_check){.key = place->head_key};
    return vd_audit_file_verify(place->path, check);
}

void expect_whole(const struct place *place, uint64_t records)
{
    struct vd_audit_check check;

    assert_int_equal(verify(place, &check), VD_OK);
    assert_int_equal(check.records, records);
    assert_string_equal(check.problem, "");
}

void expect_wrong(const struct place *place, uint64_t sequence, const char *words)
{
    struct vd_audit_check check;

    assert_int_equal(verify(place, &check), VD_E_CORRUPT);
    assert_non_null(strstr(check.problem, words));
    assert_int_equal(check.wrong, sequence);
}

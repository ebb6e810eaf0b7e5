/* SPDX-License-Identifier: MIT */
/* The master key of these stores is always the same. */

#include "tests/center/store_fixture.h"

#include <setjmp.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "center/store/sinks.h"
#include "tests/center/message.h"

static void open_store(struct store_fixture *f)
{
    static const uint8_t key[VD_MASTER_KEY_BYTES] = {7, 1, 9};

    assert_int_equal(vd_alert_store_open(f->path, &f->store), VD_OK);
    vd_sinks_set_key(f->store, key);
}

int store_setup(void **state)
{
    struct store_fixture *f = calloc(1, sizeof *f);

    assert_non_null(f);
    f->folder = test_folder_new();
    snprintf(f->path, sizeof f->path, "%s/center.db", f->folder);
    open_store(f);
    *state = f;
    return 0;
}

int store_teardown(void **state)
{
    struct store_fixture *f = *state;

    vd_alert_store_close(f->store);
    test_folder_remove(f->folder);
    free(f);
    return 0;
}

void store_reopen(struct store_fixture *f)
{
    vd_alert_store_close(f->store);
    f->store = NULL;
    open_store(f);
}

void store_run_sql(const char *path, const char *sql)
{
    sqlite3 *db = NULL;

    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

void store_make_first(const char *path)
{
    struct vd_buf script = {0};

    test_read_file(VD_SOURCE_DIR "/tests/fixtures/first-release/alerts.sql", &script);
    vd_buf_append(&script, "", 1);
    assert_int_equal(script.error, VD_OK);
    store_run_sql(path, (const char *)script.data);
    vd_buf_release(&script);
}

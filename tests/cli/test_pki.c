/* SPDX-License-Identifier: MIT */
/* The hub's certificates, judged by OpenSSL as a device would. */

#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "cli/pki.h"
#include "lib/clock.h"
#include "tests/cli/folder.h"

#define YEAR_MS (365 * VD_DAY_MS)

struct files {
    char paths[4][96];
    struct vd_pki_files list;
};

static void name_files(const struct folder *folder, struct files *files)
{
    static const char *const names[] = {"ca.pem", "ca.key", "server.pem", "server.key"};

    for (size_t i = 0; i < 4; i++) {
        snprintf(files->paths[i], sizeof files->paths[i], "%s/%s", folder->path, names[i]);
    }
    files->list =
        (struct vd_pki_files){files->paths[0], files->paths[1], files->paths[2], files->paths[3]};
}

static X509 *read_certificate(const char *path)
{
    FILE *file = fopen(path, "r");
    X509 *certificate;

    assert_non_null(file);
    certificate = PEM_read_X509(file, NULL, NULL, NULL);
    fclose(file);
    assert_non_null(certificate);
    return certificate;
}

static EVP_PKEY *read_key(const char *path)
{
    FILE *file = fopen(path, "r");
    EVP_PKEY *key;

    assert_non_null(file);
    key = PEM_read_PrivateKey(file, NULL, NULL, NULL);
    fclose(file);
    assert_non_null(key);
    return key;
}

/* What a TLS client that trusts only `ca` makes of `server`. */
static int verify(X509 *ca, X509 *server)
{
    X509_STORE *store = X509_STORE_new();
    X509_STORE_CTX *context = X509_STORE_CTX_new();
    int result;

    assert_true(store != NULL && context != NULL);
    assert_int_equal(X509_STORE_add_cert(store, ca), 1);
    X509_STORE_set_flags(store, X509_V_FLAG_X509_STRICT);
    assert_int_equal(X509_STORE_CTX_init(context, store, server, NULL), 1);
    X509_STORE_CTX_set_purpose(context, X509_PURPOSE_SSL_SERVER);
    X509_verify_cert(context);
    result = X509_STORE_CTX_get_error(context);
    X509_STORE_CTX_free(context);
    X509_STORE_free(store);
    return result;
}

static void test_pki__a_device_accepts_them(void **state)
{
    static const char *const more[] = {"other.test", "192.0.2.7", "2001:db8::7"};
    static const char *const hosts[] = {"hub.test", "localhost", "other.test"};
    static const char *const addresses[] = {"127.0.0.1", "::1", "192.0.2.7", "2001:db8::7"};
    struct files files;
    char reason[256] = "";
    struct stat about;
    int64_t until = 0;
    EVP_PKEY *key;
    X509 *ca;
    X509 *server;

    name_files(*state, &files);
    assert_int_equal(vd_pki_create(&files.list, "hub.test", more, 3, reason, sizeof reason), VD_OK);
    ca = read_certificate(files.paths[0]);
    server = read_certificate(files.paths[2]);
    assert_int_equal(verify(ca, server), X509_V_OK);
    for (size_t i = 0; i < sizeof hosts / sizeof hosts[0]; i++) {
        assert_int_equal(X509_check_host(server, hosts[i], 0, 0, NULL), 1);
    }
    for (size_t i = 0; i < sizeof addresses / sizeof addresses[0]; i++) {
        assert_int_equal(X509_check_ip_asc(server, addresses[i], 0), 1);
    }
    assert_int_equal(X509_check_host(server, "elsewhere.test", 0, 0, NULL), 0);
    assert_int_equal(X509_check_ip_asc(server, "192.0.2.8", 0), 0);
    assert_int_equal(X509_check_ca(ca), 1);
    assert_int_equal(X509_check_ca(server), 0);
    for (int i = 1; i < 4; i += 2) {
        key = read_key(files.paths[i]);
        assert_int_equal(X509_check_private_key(i == 1 ? ca : server, key), 1);
        EVP_PKEY_free(key);
        assert_int_equal(stat(files.paths[i], &about), 0);
        assert_int_equal(about.st_mode & 0777, 0600);
    }
    assert_int_equal(vd_pki_valid_until(files.paths[2], &until), VD_OK);
    assert_in_range(until - vd_clock_utc_ms(), 9 * YEAR_MS, 11 * YEAR_MS);
    X509_free(ca);
    X509_free(server);
}

static void test_pki__another_ca_is_refused(void **state)
{
    const struct folder *folder = *state;
    struct files files;
    char other[96];
    char reason[256] = "";
    X509 *ca;
    X509 *server;

    name_files(folder, &files);
    assert_int_equal(vd_pki_create(&files.list, "hub.test", NULL, 0, reason, sizeof reason), VD_OK);
    ca = read_certificate(files.paths[0]);
    snprintf(other, sizeof other, "%s/other", folder->path);
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(rename(files.paths[i], other), 0);
    }
    assert_int_equal(vd_pki_create(&files.list, "hub.test", NULL, 0, reason, sizeof reason), VD_OK);
    server = read_certificate(files.paths[2]);
    assert_int_not_equal(verify(ca, server), X509_V_OK);
    X509_free(ca);
    X509_free(server);
}

static void test_pki__refuses_names_and_files(void **state)
{
    static const char *const bad[] = {"", "a b", "x,DNS:evil.test", "1.2.3.4.5/8", "*.test"};
    struct files files;
    char reason[256] = "";
    int64_t until = 42;
    FILE *file;

    name_files(*state, &files);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_int_equal(vd_pki_create(&files.list, "hub.test", &bad[i], 1, reason, sizeof reason),
            VD_E_INVALID);
        assert_non_null(strstr(reason, bad[i]));
        assert_int_not_equal(access(files.paths[1], F_OK), 0);
    }
    assert_int_equal(vd_pki_valid_until(files.paths[2], &until), VD_E_NOT_FOUND);
    file = fopen(files.paths[2], "w");
    assert_non_null(file);
    fputs("-----BEGIN CERTIFICATE-----\nnone\n", file);
    fclose(file);
    assert_int_equal(vd_pki_valid_until(files.paths[2], &until), VD_E_CORRUPT);
    assert_int_equal(until, 42);
    assert_int_equal(
        vd_pki_create(&files.list, "hub.test", NULL, 0, reason, sizeof reason), VD_E_EXISTS);
}

#define TEST(name) \
    cmocka_unit_test_setup_teardown(test_pki__##name, folder_set_up, folder_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_device_accepts_them),
        TEST(another_ca_is_refused),
        TEST(refuses_names_and_files),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT */
/* Certificates by OpenSSL. */

#include "cli/pki.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <openssl/bn.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/data_dir.h"
#include "lib/clock.h"
#include "lib/config.h"
#include "lib/str.h"

#define DAY_S       86400L
#define VALID_DAYS  3650
#define SERIAL_BITS 127

/* A file for writing that is not there yet; NULL with errno set. */
static FILE *create_file(const char *path, mode_t mode)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
    FILE *file = fd >= 0 ? fdopen(fd, "w") : NULL;

    if (fd >= 0 && file == NULL) {
        close(fd);
    }
    return file;
}

static int finish_file(FILE *file, bool written)
{
    bool good = written && fflush(file) == 0 && fsync(fileno(file)) == 0;
    int error = good ? VD_OK : vd_error_from_errno(errno != 0 ? errno : EIO);

    if (fclose(file) != 0 && error == VD_OK) {
        error = VD_E_IO;
    }
    return error;
}

static int write_pair(
    const char *certificate_path, X509 *certificate, const char *key_path, EVP_PKEY *key)
{
    FILE *file = create_file(key_path, 0600);
    int error;

    if (file == NULL) {
        return vd_error_from_errno(errno);
    }
    error = finish_file(file, PEM_write_PrivateKey(file, key, NULL, NULL, 0, NULL, NULL) == 1);
    if (error != VD_OK) {
        return error;
    }
    file = create_file(certificate_path, 0644);
    if (file == NULL) {
        return vd_error_from_errno(errno);
    }
    return finish_file(file, PEM_write_X509(file, certificate) == 1);
}

static bool add_extension(X509 *certificate, X509 *issuer, int nid, const char *value)
{
    X509V3_CTX context;
    X509_EXTENSION *extension;
    bool added;

    X509V3_set_ctx(&context, issuer, certificate, NULL, NULL, 0);
    X509V3_set_ctx_nodb(&context);
    extension = X509V3_EXT_conf_nid(NULL, &context, nid, value);
    added = extension != NULL && X509_add_ext(certificate, extension, -1) == 1;
    X509_EXTENSION_free(extension);
    return added;
}

static bool set_serial(X509 *certificate)
{
    BIGNUM *number = BN_new();
    bool set = number != NULL &&
        BN_rand(number, SERIAL_BITS, BN_RAND_TOP_ANY, BN_RAND_BOTTOM_ANY) == 1 &&
        BN_to_ASN1_INTEGER(number, X509_get_serialNumber(certificate)) != NULL;

    BN_free(number);
    return set;
}

/* An unsigned certificate for the key: version, serial, validity, subject, key. NULL if memory ran out. */
static X509 *certificate_new(EVP_PKEY *key, const char *common_name)
{
    X509 *certificate = X509_new();
    X509_NAME *name = X509_NAME_new();

    if (certificate == NULL || name == NULL || X509_set_version(certificate, X509_VERSION_3) != 1 ||
        !set_serial(certificate) ||
        X509_gmtime_adj(X509_getm_notBefore(certificate), -DAY_S) == NULL ||
        X509_time_adj_ex(X509_getm_notAfter(certificate), VALID_DAYS, 0, NULL) == NULL ||
        X509_NAME_add_entry_by_txt(
            name, "O", MBSTRING_ASC, (const unsigned char *)"Vedette", -1, -1, 0) != 1 ||
        X509_NAME_add_entry_by_txt(
            name, "CN", MBSTRING_ASC, (const unsigned char *)common_name, -1, -1, 0) != 1 ||
        X509_set_subject_name(certificate, name) != 1 || X509_set_pubkey(certificate, key) != 1) {
        X509_free(certificate);
        certificate = NULL;
    }
    X509_NAME_free(name);
    return certificate;
}

static X509 *ca_new(EVP_PKEY *key, const char *hub_name)
{
    char name[65]; /* the longest CN that X.520 allows */
    X509 *ca;

    snprintf(name, sizeof name, "Vedette CA of %.50s", hub_name);
    ca = certificate_new(key, name);
    if (ca != NULL &&
        (X509_set_issuer_name(ca, X509_get_subject_name(ca)) != 1 ||
            !add_extension(ca, ca, NID_basic_constraints, "critical,CA:TRUE,pathlen:0") ||
            !add_extension(ca, ca, NID_key_usage, "critical,keyCertSign,cRLSign") ||
            !add_extension(ca, ca, NID_subject_key_identifier, "hash") ||
            X509_sign(ca, key, EVP_sha256()) == 0)) {
        X509_free(ca);
        ca = NULL;
    }
    return ca;
}

static X509 *server_new(
    EVP_PKEY *key, X509 *ca, EVP_PKEY *ca_key, const char *hub_name, const char *alternatives)
{
    char name[65];
    X509 *server;

    snprintf(name, sizeof name, "%.64s", hub_name);
    server = certificate_new(key, name);
    if (server != NULL &&
        (X509_set_issuer_name(server, X509_get_subject_name(ca)) != 1 ||
            !add_extension(server, ca, NID_basic_constraints, "critical,CA:FALSE") ||
            !add_extension(server, ca, NID_key_usage, "critical,digitalSignature") ||
            !add_extension(server, ca, NID_ext_key_usage, "serverAuth") ||
            !add_extension(server, ca, NID_subject_key_identifier, "hash") ||
            !add_extension(server, ca, NID_authority_key_identifier, "keyid:always") ||
            !add_extension(server, ca, NID_subject_alt_name, alternatives) ||
            X509_sign(server, ca_key, EVP_sha256()) == 0)) {
        X509_free(server);
        server = NULL;
    }
    return server;
}

/* Appends `name` to the list of alternative names. False if it is neither a host name nor an address. */
static bool append_alternative(struct vd_buf *list, const char *name)
{
    struct in6_addr address;
    bool numeric =
        inet_pton(AF_INET, name, &address) == 1 || inet_pton(AF_INET6, name, &address) == 1;

    if (!numeric && !vd_host_name_is_valid(vd_str_from(name))) {
        return false;
    }
    vd_buf_printf(list, ",%s:%s", numeric ? "IP" : "DNS", name);
    return true;
}

static int alternatives_text(const char *hub_name, const char *const *names, size_t count,
    struct vd_buf *list, char *error_text, size_t error_size)
{
    vd_buf_append_text(list, "DNS:localhost,IP:127.0.0.1,IP:::1");
    for (size_t i = 0; i <= count; i++) {
        const char *name = i == 0 ? hub_name : names[i - 1];

        if (strcmp(name, "localhost") != 0 && !append_alternative(list, name)) {
            snprintf(error_text, error_size, "%.200s: neither a host name nor an address", name);
            return VD_E_INVALID;
        }
    }
    vd_buf_append(list, "", 1);
    return list->error;
}

int vd_pki_create(const struct vd_pki_files *files, const char *hub_name, const char *const *names,
    size_t count, char *error_text, size_t error_size)
{
    struct vd_buf list = {0};
    EVP_PKEY *ca_key = NULL;
    EVP_PKEY *server_key = NULL;
    X509 *ca = NULL;
    X509 *server = NULL;
    int error = alternatives_text(hub_name, names, count, &list, error_text, error_size);

    if (error != VD_OK) {
        goto out;
    }
    error = VD_E_NOMEM;
    ca_key = EVP_EC_gen("P-256");
    server_key = EVP_EC_gen("P-256");
    ca = ca_key != NULL ? ca_new(ca_key, hub_name) : NULL;
    server = ca != NULL && server_key != NULL
        ? server_new(server_key, ca, ca_key, hub_name, (const char *)list.data)
        : NULL;
    if (server == NULL) {
        snprintf(error_text, error_size, "OpenSSL makes no certificate");
        goto out;
    }
    error = write_pair(files->ca, ca, files->ca_key, ca_key);
    if (error == VD_OK) {
        error = write_pair(files->server, server, files->server_key, server_key);
    }
    if (error != VD_OK) {
        snprintf(error_text, error_size, "certificates: %s", vd_error_text(error));
    }
out:
    X509_free(server);
    X509_free(ca);
    EVP_PKEY_free(server_key);
    EVP_PKEY_free(ca_key);
    vd_buf_release(&list);
    return error;
}

/* NULL: *error says why. */
static X509 *read_certificate(const char *path, int *error)
{
    FILE *file = fopen(path, "re");
    X509 *certificate;

    if (file == NULL) {
        *error = vd_error_from_errno(errno);
        return NULL;
    }
    certificate = PEM_read_X509(file, NULL, NULL, NULL);
    fclose(file);
    *error = certificate != NULL ? VD_OK : VD_E_CORRUPT;
    return certificate;
}

/* A key under a password is none here. */
static int no_password(char *out, int size, int is_writing, void *context)
{
    (void)out;
    (void)size;
    (void)is_writing;
    (void)context;
    return 0;
}

static EVP_PKEY *read_key(const char *path, int *error)
{
    FILE *file = fopen(path, "re");
    EVP_PKEY *key;

    if (file == NULL) {
        *error = vd_error_from_errno(errno);
        return NULL;
    }
    key = PEM_read_PrivateKey(file, NULL, no_password, NULL);
    fclose(file);
    *error = key != NULL ? VD_OK : VD_E_CORRUPT;
    return key;
}

/* Of a time before the epoch too. */
static bool time_of(const ASN1_TIME *time, int64_t *out_ms)
{
    ASN1_TIME *epoch = ASN1_TIME_set(NULL, 0);
    int days = 0;
    int seconds = 0;
    const bool is_told = epoch != NULL && ASN1_TIME_diff(&days, &seconds, epoch, time) == 1;

    ASN1_TIME_free(epoch);
    if (is_told) {
        *out_ms = ((int64_t)days * DAY_S + seconds) * 1000;
    }
    return is_told;
}

int vd_pki_read_server(const char *certificate_path, const char *key_path, const char *host_name,
    struct vd_pki_server *out)
{
    int error = VD_OK;
    X509 *certificate = read_certificate(certificate_path, &error);
    EVP_PKEY *key = certificate != NULL ? read_key(key_path, &error) : NULL;
    struct vd_pki_server server = {0};
    struct stat status;

    if (key != NULL && stat(key_path, &status) != 0) {
        error = vd_error_from_errno(errno);
    } else if (key != NULL &&
        (!time_of(X509_get0_notBefore(certificate), &server.from_ms) ||
            !time_of(X509_get0_notAfter(certificate), &server.until_ms))) {
        error = VD_E_CORRUPT;
    } else if (key != NULL) {
        server.key_mode = (unsigned)status.st_mode & 07777;
        server.is_pair = X509_check_private_key(certificate, key) == 1;
        server.is_named = X509_check_host(certificate, host_name, 0, 0, NULL) == 1 ||
            X509_check_ip_asc(certificate, host_name, 0) == 1;
        *out = server;
    }
    ERR_clear_error();
    EVP_PKEY_free(key);
    X509_free(certificate);
    return error;
}

unsigned vd_pki_faults(const struct vd_pki_server *server, int64_t now_ms)
{
    return (server->is_named ? 0U : VD_PKI_WRONG_NAME) |
        (now_ms < server->until_ms ? 0U : VD_PKI_EXPIRED) |
        (now_ms >= server->from_ms ? 0U : VD_PKI_NOT_YET_VALID) |
        ((server->key_mode & (S_IRWXG | S_IRWXO)) == 0 ? 0U : VD_PKI_KEY_OPEN);
}

const char *vd_pki_fault_text(enum vd_pki_fault fault, const struct vd_pki_server *server,
    const char *host_name, char *out, size_t size)
{
    char when[VD_TIME_TEXT_SIZE];

    vd_time_format(fault == VD_PKI_NOT_YET_VALID ? server->from_ms : server->until_ms, when);
    switch (fault) {
    case VD_PKI_WRONG_NAME:
        snprintf(out, size, "not for %s (hub.name): devices that go there by this name refuse it",
            host_name);
        break;
    case VD_PKI_EXPIRED:
        snprintf(out, size, "expired on %s: devices refuse it", when);
        break;
    case VD_PKI_NOT_YET_VALID:
        snprintf(out, size, "begins on %s: until then devices refuse it", when);
        break;
    case VD_PKI_KEY_OPEN:
        snprintf(out, size, "open to others than its owner (mode %04o): it should be 0600",
            server->key_mode);
        break;
    }
    return fault == VD_PKI_KEY_OPEN ? VD_FILE_SERVER_KEY : VD_FILE_SERVER;
}

int vd_pki_valid_until(const char *path, int64_t *until_ms)
{
    int error = VD_OK;
    X509 *certificate = read_certificate(path, &error);

    if (certificate != NULL && !time_of(X509_get0_notAfter(certificate), until_ms)) {
        error = VD_E_CORRUPT;
    }
    X509_free(certificate);
    return error;
}

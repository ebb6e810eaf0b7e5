/* SPDX-License-Identifier: MIT */
/* Sealing by AES-256-GCM, key files and base64. */

#include "lib/secret.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/rand.h>
#include <sys/stat.h>
#include <unistd.h>

#define NONCE_BYTES    12
#define TAG_BYTES      16
#define SEAL_MAX_BYTES 65536

int vd_secret_random(void *out, size_t length)
{
    return length <= INT32_MAX && RAND_bytes(out, (int)length) == 1 ? VD_OK : VD_E_IO;
}

void vd_secret_wipe(void *data, size_t length)
{
    OPENSSL_cleanse(data, length);
}

/* Sets up GCM with the key, the nonce and the bound bytes; encrypting if `seal` is 1. */
static bool gcm_start(EVP_CIPHER_CTX *context, int seal, const uint8_t *key, const uint8_t *nonce,
    struct vd_str bound)
{
    int n;

    return EVP_CipherInit_ex(context, EVP_aes_256_gcm(), NULL, key, nonce, seal) == 1 &&
        (bound.length == 0 ||
            EVP_CipherUpdate(context, NULL, &n, (const uint8_t *)bound.data, (int)bound.length) ==
                1);
}

int vd_secret_seal(const uint8_t key[VD_MASTER_KEY_BYTES], struct vd_str bound, const void *plain,
    size_t length, uint8_t *out)
{
    EVP_CIPHER_CTX *context;
    uint8_t *text = out + NONCE_BYTES;
    int error = VD_E_NOMEM;
    int n;

    if (length > SEAL_MAX_BYTES || bound.length > SEAL_MAX_BYTES) {
        return VD_E_LIMIT;
    }
    if (vd_secret_random(out, NONCE_BYTES) != VD_OK) {
        return VD_E_IO;
    }
    context = EVP_CIPHER_CTX_new();
    if (context != NULL && gcm_start(context, 1, key, out, bound) &&
        EVP_EncryptUpdate(context, text, &n, plain, (int)length) == 1 &&
        EVP_EncryptFinal_ex(context, text + length, &n) == 1 &&
        EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_GCM_GET_TAG, TAG_BYTES, text + length) == 1) {
        error = VD_OK;
    }
    EVP_CIPHER_CTX_free(context);
    return error;
}

int vd_secret_open(const uint8_t key[VD_MASTER_KEY_BYTES], struct vd_str bound,
    const uint8_t *sealed, size_t length, uint8_t *out)
{
    EVP_CIPHER_CTX *context;
    const uint8_t *text = sealed + NONCE_BYTES;
    uint8_t tag[TAG_BYTES];
    size_t plain;
    int error = VD_E_DENIED;
    int n;

    if (length < VD_SEAL_OVERHEAD || length > SEAL_MAX_BYTES + VD_SEAL_OVERHEAD ||
        bound.length > SEAL_MAX_BYTES) {
        return VD_E_CORRUPT;
    }
    plain = length - VD_SEAL_OVERHEAD;
    memcpy(tag, text + plain, TAG_BYTES);
    context = EVP_CIPHER_CTX_new();
    if (context == NULL) {
        return VD_E_NOMEM;
    }
    if (gcm_start(context, 0, key, sealed, bound) &&
        EVP_DecryptUpdate(context, out, &n, text, (int)plain) == 1 &&
        EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_GCM_SET_TAG, TAG_BYTES, tag) == 1 &&
        EVP_DecryptFinal_ex(context, out + plain, &n) == 1) {
        error = VD_OK;
    } else {
        vd_secret_wipe(out, plain);
    }
    EVP_CIPHER_CTX_free(context);
    return error;
}

int vd_secret_derive(const uint8_t master[VD_MASTER_KEY_BYTES], const char *purpose,
    uint8_t out[VD_MASTER_KEY_BYTES])
{
    EVP_KDF *kdf = EVP_KDF_fetch(NULL, "HKDF", NULL);
    EVP_KDF_CTX *context = kdf != NULL ? EVP_KDF_CTX_new(kdf) : NULL;
    char digest[] = "SHA256";
    const OSSL_PARAM params[] = {
        OSSL_PARAM_utf8_string(OSSL_KDF_PARAM_DIGEST, digest, sizeof digest - 1),
        OSSL_PARAM_octet_string(OSSL_KDF_PARAM_KEY, (void *)(uintptr_t)master, VD_MASTER_KEY_BYTES),
        OSSL_PARAM_octet_string(OSSL_KDF_PARAM_INFO, (void *)(uintptr_t)purpose, strlen(purpose)),
        OSSL_PARAM_END,
    };
    const bool done =
        context != NULL && EVP_KDF_derive(context, out, VD_MASTER_KEY_BYTES, params) == 1;

    EVP_KDF_CTX_free(context);
    EVP_KDF_free(kdf);
    return done ? VD_OK : VD_E_NOMEM;
}

int vd_secret_key_file_create(const char *path)
{
    uint8_t key[VD_MASTER_KEY_BYTES];
    char text[VD_BASE64_LENGTH(VD_MASTER_KEY_BYTES) + 2];
    size_t length;
    int fd;
    int error;

    if (vd_secret_random(key, sizeof key) != VD_OK ||
        vd_base64_encode(key, sizeof key, text, sizeof text) != VD_OK) {
        return VD_E_IO;
    }
    vd_secret_wipe(key, sizeof key);
    length = strlen(text);
    text[length++] = '\n';
    fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0) {
        return vd_error_from_errno(errno);
    }
    errno = 0; /* a short write sets none */
    error = write(fd, text, length) == (ssize_t)length && fsync(fd) == 0
        ? VD_OK
        : vd_error_from_errno(errno != 0 ? errno : EIO);
    vd_secret_wipe(text, sizeof text);
    if (close(fd) != 0 && error == VD_OK) {
        error = VD_E_IO;
    }
    if (error != VD_OK) {
        unlink(path);
    }
    return error;
}

int vd_secret_key_file_read(const char *path, uint8_t key[VD_MASTER_KEY_BYTES])
{
    char text[VD_BASE64_LENGTH(VD_MASTER_KEY_BYTES) + 2];
    uint8_t bytes[VD_MASTER_KEY_BYTES];
    struct stat about;
    ssize_t n;
    size_t length = 0;
    int error = VD_E_CORRUPT;
    int fd = open(path, O_RDONLY | O_CLOEXEC);

    if (fd < 0) {
        return vd_error_from_errno(errno);
    }
    if (fstat(fd, &about) != 0 || (about.st_mode & (S_IRWXG | S_IRWXO)) != 0) {
        close(fd);
        return VD_E_DENIED;
    }
    n = read(fd, text, sizeof text);
    close(fd);
    if (n > 0 && text[n - 1] == '\n') {
        n--;
    }
    if (n == VD_BASE64_LENGTH(VD_MASTER_KEY_BYTES) &&
        vd_base64_decode((struct vd_str){text, (size_t)n}, bytes, sizeof bytes, &length) == VD_OK &&
        length == sizeof bytes) {
        memcpy(key, bytes, sizeof bytes);
        error = VD_OK;
    }
    vd_secret_wipe(bytes, sizeof bytes);
    vd_secret_wipe(text, sizeof text);
    return error;
}

int vd_base64_encode(const void *data, size_t length, char *out, size_t size)
{
    if (length > INT32_MAX / 2 || VD_BASE64_LENGTH(length) >= size) {
        return VD_E_LIMIT;
    }
    EVP_EncodeBlock((unsigned char *)out, data, (int)length);
    return VD_OK;
}

int vd_base64url_encode(const void *data, size_t length, char *out, size_t size)
{
    const uint8_t *bytes = data;
    size_t written = 0;

    if (length > INT32_MAX / 2 || VD_BASE64URL_LENGTH(length) >= size) {
        return VD_E_LIMIT;
    }
    for (; length > 0; bytes += 3) {
        const size_t taken = length < 3 ? length : 3;
        char group[5];

        EVP_EncodeBlock((unsigned char *)group, bytes, (int)taken);
        for (size_t i = 0; i <= taken; i++) {
            out[written++] = (char)(group[i] == '+' ? '-' : group[i] == '/' ? '_' : group[i]);
        }
        length -= taken;
    }
    out[written] = '\0';
    return VD_OK;
}

/* 0 to 63; 64 for a letter that is not in the alphabet. */
static unsigned base64_value(char c)
{
    static const char alphabet[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const char *at = c != '\0' ? strchr(alphabet, c) : NULL;

    return at != NULL ? (unsigned)(at - alphabet) : 64;
}

int vd_base64_decode(struct vd_str text, uint8_t *out, size_t size, size_t *length)
{
    size_t letters = text.length;
    size_t n = 0;
    uint32_t bits = 0;
    unsigned held = 0;

    if (text.length % 4 != 0) {
        return VD_E_INVALID;
    }
    while (letters > 0 && text.length - letters < 2 && text.data[letters - 1] == '=') {
        letters--;
    }
    if (letters * 6 / 8 > size) {
        return VD_E_LIMIT;
    }
    for (size_t i = 0; i < letters; i++) {
        unsigned value = base64_value(text.data[i]);

        if (value == 64) {
            return VD_E_INVALID;
        }
        bits = bits << 6 | value;
        held += 6;
        if (held >= 8) {
            held -= 8;
            out[n++] = (uint8_t)(bits >> held);
            bits &= (1U << held) - 1;
        }
    }
    if (bits != 0) {
        return VD_E_INVALID; /* two texts must not give the same bytes */
    }
    *length = n;
    return VD_OK;
}

/* SPDX-License-Identifier: MIT */
/* TLS of the hub. One receive a turn instead of two reads a record, and no buffer a connection while it is idle. */

#include "hub/tls.h"

#include <errno.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <sys/socket.h>

static BIO_METHOD *bio_method;
static pthread_once_t bio_method_once = PTHREAD_ONCE_INIT;

static int bio_read(BIO *bio, char *out, int size)
{
    struct vd_tls_input *input = ((struct vd_tls_wire *)BIO_get_data(bio))->input;
    size_t length = size > 0 ? (size_t)size : 0;

    BIO_clear_retry_flags(bio);
    if (input == NULL || input->cur == input->end) {
        BIO_set_retry_read(bio);
        return -1;
    }
    if (length > (size_t)(input->end - input->cur)) {
        length = (size_t)(input->end - input->cur);
    }
    memcpy(out, input->cur, length);
    input->cur += length;
    return (int)length;
}

static int bio_write(BIO *bio, const char *data, int length)
{
    const struct vd_tls_wire *wire = BIO_get_data(bio);
    ssize_t n = send(wire->fd, data, (size_t)length, MSG_NOSIGNAL);

    BIO_clear_retry_flags(bio);
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
        BIO_set_retry_write(bio);
    }
    return (int)n;
}

static long bio_ctrl(BIO *bio, int command, long number, void *pointer)
{
    (void)bio;
    (void)number;
    (void)pointer;
    return command == BIO_CTRL_FLUSH ? 1 : 0;
}

static void bio_method_make(void)
{
    bio_method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "vedette");
    if (bio_method != NULL) {
        BIO_meth_set_read(bio_method, bio_read);
        BIO_meth_set_write(bio_method, bio_write);
        BIO_meth_set_ctrl(bio_method, bio_ctrl);
    }
}

const char *vd_tls_error_text(void)
{
    unsigned long code = ERR_peek_last_error();
    const char *text = code != 0 ? ERR_reason_error_string(code) : NULL;

    ERR_clear_error();
    return text != NULL ? text : "";
}

/* Whether to check a signature by the key takes no longer than by those that devices have. */
static bool is_moderate(const EVP_PKEY *key)
{
    BIGNUM *exponent = NULL;
    bool is = key != NULL && EVP_PKEY_get_bits(key) <= VD_HUB_CLIENT_KEY_BITS_MAX;

    if (is && (EVP_PKEY_is_a(key, "RSA") || EVP_PKEY_is_a(key, "RSA-PSS"))) {
        is = EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_RSA_E, &exponent) == 1 &&
            BN_num_bits(exponent) <= VD_HUB_CLIENT_EXPONENT_BITS_MAX;
        BN_free(exponent);
    }
    return is;
}

/* Every certificate passes the handshake, that what is wrong with it can be judged, logged and counted by the hub; but for one
 * whose key would hold up the loop, and others with it. */
static int pass_certificate(X509_STORE_CTX *store, void *context)
{
    const X509 *leaf = X509_STORE_CTX_get0_cert(store);

    (void)context;
    if (leaf == NULL || !is_moderate(X509_get0_pubkey(leaf))) {
        X509_STORE_CTX_set_error(store, X509_V_ERR_CERT_REJECTED);
        return 0;
    }
    return 1;
}

/* A ticket holds the client's certificate, but not its chain, and outlives both: who showed one shows it each time. */
static SSL_TICKET_RETURN use_ticket(SSL *ssl, SSL_SESSION *session, const unsigned char *key_name,
    size_t key_name_length, SSL_TICKET_STATUS status, void *context)
{
    (void)ssl;
    (void)key_name;
    (void)key_name_length;
    (void)context;
    if (status != SSL_TICKET_SUCCESS && status != SSL_TICKET_SUCCESS_RENEW) {
        return SSL_TICKET_RETURN_IGNORE_RENEW;
    }
    if (session == NULL || SSL_SESSION_get0_peer(session) != NULL) {
        return SSL_TICKET_RETURN_IGNORE_RENEW;
    }
    return status == SSL_TICKET_SUCCESS ? SSL_TICKET_RETURN_USE : SSL_TICKET_RETURN_USE_RENEW;
}

static int ask_for_certificates(SSL_CTX *context)
{
    static const unsigned char id[] = "vedette hub";

    SSL_CTX_set_verify(context, SSL_VERIFY_PEER, NULL);
    SSL_CTX_set_cert_verify_callback(context, pass_certificate, NULL);
    SSL_CTX_set_max_cert_list(context, VD_HUB_CHAIN_MAX_BYTES);
    /* Sessions of a server that asks for certificates must say whose they are, or none is resumed. */
    return SSL_CTX_set_session_id_context(context, id, sizeof id - 1) == 1 &&
            SSL_CTX_set_session_ticket_cb(context, NULL, use_ticket, NULL) == 1
        ? VD_OK
        : VD_E_NOMEM;
}

int vd_tls_peer_certificate(SSL *ssl, struct vd_peer_certificate **out)
{
    X509 *leaf = SSL_get0_peer_certificate(ssl);

    *out = NULL;
    return leaf == NULL ? VD_OK : vd_peer_certificate_new(leaf, SSL_get_peer_cert_chain(ssl), out);
}

static int context_fail(
    SSL_CTX *context, const char *what, const char *file, char *out, size_t size)
{
    snprintf(out, size, "%s %s: %s", what, file, vd_tls_error_text());
    SSL_CTX_free(context);
    return VD_E_INVALID;
}

int vd_tls_context_new(const char *certificate_file, const char *private_key_file,
    bool asks_clients, SSL_CTX **context, char *error_text, size_t error_size)
{
    SSL_CTX *made;

    pthread_once(&bio_method_once, bio_method_make);
    ERR_clear_error();
    made = SSL_CTX_new(TLS_server_method());
    if (made == NULL || bio_method == NULL) {
        SSL_CTX_free(made);
        return VD_E_NOMEM;
    }
    SSL_CTX_set_min_proto_version(made, TLS1_2_VERSION);
    SSL_CTX_set_options(made, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
    SSL_CTX_set_mode(made,
        SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
            SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    /* Tickets carry the session, so none is kept here; one ticket is enough for a client with one connection. */
    SSL_CTX_set_session_cache_mode(made, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_num_tickets(made, 1);
    if (SSL_CTX_use_certificate_chain_file(made, certificate_file) != 1) {
        return context_fail(made, "certificate", certificate_file, error_text, error_size);
    }
    if (SSL_CTX_use_PrivateKey_file(made, private_key_file, SSL_FILETYPE_PEM) != 1 ||
        SSL_CTX_check_private_key(made) != 1) {
        return context_fail(made, "private key", private_key_file, error_text, error_size);
    }
    if (asks_clients && ask_for_certificates(made) != VD_OK) {
        SSL_CTX_free(made);
        return VD_E_NOMEM;
    }
    *context = made;
    return VD_OK;
}

/* ---- The context of new connections ---- */

void vd_tls_server_init(struct vd_tls_server *server)
{
    pthread_mutex_init(&server->lock, NULL);
    server->context = NULL;
}

void vd_tls_server_release(struct vd_tls_server *server)
{
    SSL_CTX_free(server->context);
    server->context = NULL;
    pthread_mutex_destroy(&server->lock);
}

/* The same leaf has the same key. */
static bool shows_the_same(SSL_CTX *a, SSL_CTX *b)
{
    STACK_OF(X509) *one = NULL;
    STACK_OF(X509) *other = NULL;
    bool same = X509_cmp(SSL_CTX_get0_certificate(a), SSL_CTX_get0_certificate(b)) == 0 &&
        SSL_CTX_get0_chain_certs(a, &one) == 1 && SSL_CTX_get0_chain_certs(b, &other) == 1 &&
        sk_X509_num(one) == sk_X509_num(other);

    for (int i = 0; same && i < sk_X509_num(one); i++) {
        same = X509_cmp(sk_X509_value(one, i), sk_X509_value(other, i)) == 0;
    }
    return same;
}

bool vd_tls_server_put(struct vd_tls_server *server, SSL_CTX *context)
{
    SSL_CTX *left = context;
    bool is_new;

    pthread_mutex_lock(&server->lock);
    is_new = server->context == NULL || !shows_the_same(server->context, context);
    if (is_new) {
        left = server->context;
        server->context = context;
    }
    pthread_mutex_unlock(&server->lock);
    SSL_CTX_free(left);
    return is_new;
}

SSL *vd_tls_server_ssl(struct vd_tls_server *server)
{
    SSL *ssl;

    pthread_mutex_lock(&server->lock);
    ssl = SSL_new(server->context);
    pthread_mutex_unlock(&server->lock);
    return ssl;
}

/* ---- Connections ---- */

bool vd_tls_move(SSL *ssl, struct vd_tls_wire *wire)
{
    BIO *bio = BIO_new(bio_method);

    if (bio == NULL) {
        return false;
    }
    BIO_set_data(bio, wire);
    BIO_set_init(bio, 1);
    SSL_set_bio(ssl, bio, bio);
    return true;
}

SSL *vd_tls_new(struct vd_tls_server *server, struct vd_tls_wire *wire)
{
    SSL *ssl = vd_tls_server_ssl(server);

    if (ssl == NULL || !vd_tls_move(ssl, wire)) {
        SSL_free(ssl);
        return NULL;
    }
    SSL_set_accept_state(ssl);
    return ssl;
}

/* A key that is told its type anew holds nothing; it is the connection's own, so nobody else has it. */
static void forget(EVP_PKEY *key)
{
    (void)EVP_PKEY_set_type(key, EVP_PKEY_X25519);
    EVP_PKEY_free(key);
}

void vd_tls_forget_exchange(SSL *ssl)
{
    EVP_PKEY *key = NULL;

    if (SSL_get_tmp_key(ssl, &key) == 1) {
        forget(key);
    }
    if (SSL_get_peer_tmp_key(ssl, &key) == 1) {
        forget(key);
    }
    ERR_clear_error();
}

/* SPDX-License-Identifier: MIT */
/* One transfer at a time by libcurl's multi interface, which can be woken up. */

#include "lib/http_run.h"

#include <netinet/in.h>
#include <openssl/x509_vfy.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#define CONNECT_TIMEOUT_MS 10000L
/* How long an interrupted transfer goes on at most; the wake-up ends it sooner. */
#define POLL_MS 1000

int vd_http_run_init(struct vd_http_run *run)
{
    atomic_init(&run->is_interrupted, false);
    run->multi = curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK ? curl_multi_init() : NULL;
    return run->multi != NULL ? VD_OK : VD_E_NOMEM;
}

void vd_http_run_release(struct vd_http_run *run)
{
    curl_multi_cleanup(run->multi);
    run->multi = NULL;
}

CURLcode vd_http_run_transfer(struct vd_http_run *run, CURL *easy)
{
    CURLcode code = CURLE_ABORTED_BY_CALLBACK;
    int running = 1;
    int left = 0;
    CURLMsg *message;

    run->is_barred = false;
    if (curl_multi_add_handle(run->multi, easy) != CURLM_OK) {
        return CURLE_OUT_OF_MEMORY;
    }
    while (running > 0 && !atomic_load(&run->is_interrupted)) {
        if (curl_multi_perform(run->multi, &running) != CURLM_OK ||
            (running > 0 && curl_multi_poll(run->multi, NULL, 0, POLL_MS, NULL) != CURLM_OK)) {
            break;
        }
    }
    while ((message = curl_multi_info_read(run->multi, &left)) != NULL) {
        if (message->msg == CURLMSG_DONE) {
            code = message->data.result;
        }
    }
    curl_multi_remove_handle(run->multi, easy);
    return code;
}

void vd_http_run_interrupt(struct vd_http_run *run)
{
    atomic_store(&run->is_interrupted, true);
    curl_multi_wakeup(run->multi);
}

/* ---- Where no connection goes ---- */

static bool is_link_local(const struct sockaddr *address)
{
    struct sockaddr_in ipv4;
    struct sockaddr_in6 ipv6;
    const uint8_t *bytes;

    if (address->sa_family == AF_INET) {
        memcpy(&ipv4, address, sizeof ipv4);
        return ntohl(ipv4.sin_addr.s_addr) >> 16 == 0xa9fe;
    }
    if (address->sa_family != AF_INET6) {
        return false;
    }
    memcpy(&ipv6, address, sizeof ipv6);
    bytes = ipv6.sin6_addr.s6_addr;
    return IN6_IS_ADDR_LINKLOCAL(&ipv6.sin6_addr) ||
        (IN6_IS_ADDR_V4MAPPED(&ipv6.sin6_addr) && bytes[12] == 169 && bytes[13] == 254);
}

static curl_socket_t open_socket(void *context, curlsocktype purpose, struct curl_sockaddr *address)
{
    bool *is_barred = context;

    (void)purpose;
    if (is_link_local(&address->addr)) {
        *is_barred = true;
        return CURL_SOCKET_BAD;
    }
    return socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

bool vd_http_run_bar(CURL *easy, bool *is_barred)
{
    *is_barred = false;
    return curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, open_socket) == CURLE_OK &&
        curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, is_barred) == CURLE_OK &&
        curl_easy_setopt(easy, CURLOPT_PRIVATE, is_barred) == CURLE_OK;
}

/* ---- All else ---- */

bool vd_http_run_set_up(struct vd_http_run *run, CURL *easy, const char *ca_file)
{
    return vd_http_run_bar(easy, &run->is_barred) &&
        curl_easy_setopt(easy, CURLOPT_USERAGENT, "vedette/" VD_VERSION) == CURLE_OK &&
        curl_easy_setopt(easy, CURLOPT_PROXY, "") == CURLE_OK &&
        curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L) == CURLE_OK &&
        curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L) == CURLE_OK &&
        curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, CONNECT_TIMEOUT_MS) == CURLE_OK &&
        curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https") == CURLE_OK &&
        curl_easy_setopt(easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2) == CURLE_OK &&
        (ca_file == NULL ||
            (curl_easy_setopt(easy, CURLOPT_CAINFO, ca_file) == CURLE_OK &&
                curl_easy_setopt(easy, CURLOPT_CAPATH, NULL) == CURLE_OK));
}

void vd_http_run_reason(CURL *easy, CURLcode code, char *reason, size_t size)
{
    long verified = X509_V_OK;
    bool *is_barred = NULL;

    if (code == CURLE_COULDNT_CONNECT &&
        curl_easy_getinfo(easy, CURLINFO_PRIVATE, &is_barred) == CURLE_OK && is_barred != NULL &&
        *is_barred) {
        snprintf(reason, size, "link-local addresses are not connected to");
        return;
    }
    /* libcurl's own buffer of the error would name what may be secret. */
    if (code != CURLE_PEER_FAILED_VERIFICATION) {
        snprintf(reason, size, "%s", curl_easy_strerror(code));
        return;
    }
    curl_easy_getinfo(easy, CURLINFO_SSL_VERIFYRESULT, &verified);
    snprintf(reason, size, "the other end's certificate is not accepted: %s",
        verified != X509_V_OK ? X509_verify_cert_error_string(verified) : "it is for another name");
}

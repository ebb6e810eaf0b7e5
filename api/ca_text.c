/* SPDX-License-Identifier: MIT */
/* Reads certificates out of JSON. */

#include "api/ca_text.h"

#include "lib/secret.h"

int vd_ca_text_decode(const json_t *value, struct vd_buf *text)
{
    const struct vd_str encoded = {json_string_value(value), json_string_length(value)};
    uint8_t *room;

    if (encoded.data == NULL) {
        return VD_E_INVALID;
    }
    room = vd_buf_reserve(text, VD_CA_TEXT_MAX_BYTES);
    if (room == NULL) {
        return VD_E_NOMEM;
    }
    return vd_base64_decode(encoded, room, VD_CA_TEXT_MAX_BYTES, &text->length) == VD_OK
        ? VD_OK
        : VD_E_INVALID;
}

int vd_ca_text_read(const json_t *value, struct vd_ca_certificate *certificate)
{
    struct vd_buf text = {0};
    int error = vd_ca_text_decode(value, &text);

    if (error == VD_OK) {
        error = vd_ca_read((struct vd_str){(const char *)text.data, text.length}, certificate->der,
            &certificate->der_length);
    }
    vd_buf_release(&text);
    return error;
}

const char *vd_ca_text_fault(int error)
{
    switch (error) {
    case VD_E_UNSUPPORTED:
        return "not the certificate of a CA";
    case VD_E_LIMIT:
        return "the certificate is too large";
    case VD_E_NOMEM:
        return "out of memory";
    default:
        return "not base64 of one certificate in PEM or DER";
    }
}

const char *vd_ca_proof_fault(int error)
{
    switch (error) {
    case VD_E_NOT_FOUND:
        return "no verification code was asked for";
    case VD_E_DENIED:
        return "its CN is not the verification code, or the CA did not sign it";
    case VD_E_EXPIRED:
        return "it is not valid now";
    default:
        return vd_ca_text_fault(error);
    }
}

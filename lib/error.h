/* SPDX-License-Identifier: MIT */
/* The one list of results of the service: code, name and meaning. */

#ifndef VEDETTE_LIB_ERROR_H
#define VEDETTE_LIB_ERROR_H

/* A result that must be looked at. */
#define VD_NODISCARD __attribute__((warn_unused_result))

/* X(name, value, meaning); 0 is success. Values are stable: they may be stored. */
#define VD_ERRORS(X)                                               \
    X(VD_OK, 0, "done")                                            \
    X(VD_E_NOMEM, 1, "out of memory")                              \
    X(VD_E_INVALID, 2, "malformed or out of range")                \
    X(VD_E_NOT_FOUND, 3, "not found")                              \
    X(VD_E_EXISTS, 4, "exists already")                            \
    X(VD_E_IO, 5, "input or output failed")                        \
    X(VD_E_FULL, 6, "no space left on the device")                 \
    X(VD_E_CORRUPT, 7, "stored data is damaged")                   \
    X(VD_E_NEWER, 8, "written by a newer version of this program") \
    X(VD_E_BUSY, 9, "in use by another process")                   \
    X(VD_E_DENIED, 10, "not authorised")                           \
    X(VD_E_EXPIRED, 11, "expired")                                 \
    X(VD_E_LIMIT, 12, "over a limit")                              \
    X(VD_E_CLOSED, 13, "closed")                                   \
    X(VD_E_TIMEOUT, 14, "timed out")                               \
    X(VD_E_UNSUPPORTED, 15, "not supported")                       \
    X(VD_E_CHANGED, 16, "changed by another since it was read")

enum vd_error {
#define VD_ERROR_ENUM(name, value, meaning) name = value,
    VD_ERRORS(VD_ERROR_ENUM)
#undef VD_ERROR_ENUM
};

/* The meaning of `error` as static text; "unknown error" for a code that is not in the list. */
const char *vd_error_text(int error);

/* The result that stands for `errno_value` (ENOSPC and EDQUOT: VD_E_FULL, ENOENT: VD_E_NOT_FOUND ...). */
int vd_error_from_errno(int errno_value);

#endif

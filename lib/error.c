/* SPDX-License-Identifier: MIT */
/* Texts of results, and the results that stand for errno. */

#include "lib/error.h"

#include <errno.h>

const char *vd_error_text(int error)
{
    switch (error) {
#define VD_ERROR_CASE(name, value, meaning) \
    case value:                             \
        return meaning;
        VD_ERRORS(VD_ERROR_CASE)
#undef VD_ERROR_CASE
    default:
        return "unknown error";
    }
}

int vd_error_from_errno(int errno_value)
{
    switch (errno_value) {
    case 0:
        return VD_OK;
    case ENOMEM:
        return VD_E_NOMEM;
    case ENOSPC:
    case EDQUOT:
        return VD_E_FULL;
    case ENOENT:
        return VD_E_NOT_FOUND;
    case EEXIST:
        return VD_E_EXISTS;
    case EACCES:
    case EPERM:
        return VD_E_DENIED;
    case EBUSY:
    case EWOULDBLOCK:
        return VD_E_BUSY;
    default:
        return VD_E_IO;
    }
}

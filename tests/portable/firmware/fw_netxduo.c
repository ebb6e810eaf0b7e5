/* SPDX-License-Identifier: MIT */
/* What a firmware on NetX Duo calls. */

#include "azure_iot_security_module/inc/nx_azure_iot_security_module.h"

UINT fw_start(NX_AZURE_IOT *azure);

UINT fw_start(NX_AZURE_IOT *azure)
{
    return nx_azure_iot_security_module_enable(azure);
}

/* SPDX-License-Identifier: MIT */
/* The table of the twin's members. */

#include "azure_iot_security_module/src/asc_twin_members.h"

/* Rows by what the value is. */
#define OBJECT(name, container, holds)                                      \
    {                                                                       \
        name, container, ASC_TWIN_KIND_OBJECT, holds, ASC_TWIN_FAULT_OBJECT \
    }
#define NUMBER(name, container, kind, argument)                 \
    {                                                           \
        name, container, kind, argument, ASC_TWIN_FAULT_INTEGER \
    }
#define COLLECTOR(name, bit)                                                            \
    {                                                                                   \
        name, ASC_TWIN_COLLECTORS, ASC_TWIN_KIND_COLLECTOR, bit, ASC_TWIN_FAULT_BOOLEAN \
    }
#define INTERVAL(name, index) NUMBER(name, ASC_TWIN_VEDETTE, ASC_TWIN_KIND_INTERVAL, index)
#define PORT(name, index)     NUMBER(name, ASC_TWIN_ENTRY, ASC_TWIN_KIND_PORT, index)

const struct asc_twin_member asc_twin_members[ASC_TWIN_MEMBERS] = {
    [ASC_TWIN_MEMBER_OTHER] = {"", ASC_TWIN_NOWHERE, ASC_TWIN_KIND_OTHER, 0, ASC_TWIN_FAULT_JSON},
    [ASC_TWIN_MEMBER_WHOLE] = OBJECT("", ASC_TWIN_NOWHERE, ASC_TWIN_ROOT),
    [ASC_TWIN_MEMBER_PATCH] = OBJECT("", ASC_TWIN_NOWHERE, ASC_TWIN_DESIRED),
    [ASC_TWIN_MEMBER_DESIRED] = OBJECT("desired", ASC_TWIN_ROOT, ASC_TWIN_DESIRED),
    [ASC_TWIN_MEMBER_VEDETTE] = OBJECT("vedette", ASC_TWIN_DESIRED, ASC_TWIN_VEDETTE),
    [ASC_TWIN_MEMBER_VERSION] = NUMBER("$version", ASC_TWIN_DESIRED, ASC_TWIN_KIND_VERSION, 0),
    [ASC_TWIN_MEMBER_HIGH] = INTERVAL("highPriorityInterval", 0),
    [ASC_TWIN_MEMBER_MEDIUM] = INTERVAL("mediumPriorityInterval", 1),
    [ASC_TWIN_MEMBER_LOW] = INTERVAL("lowPriorityInterval", 2),
    [ASC_TWIN_MEMBER_COLLECTORS] = OBJECT("collectors", ASC_TWIN_VEDETTE, ASC_TWIN_COLLECTORS),
    [ASC_TWIN_MEMBER_NETWORK_ACTIVITY] = COLLECTOR("networkActivity", ASC_COLLECT_NETWORK_ACTIVITY),
    [ASC_TWIN_MEMBER_HEARTBEAT] = COLLECTOR("heartbeat", ASC_COLLECT_HEARTBEAT),
    [ASC_TWIN_MEMBER_SYSTEM_INFORMATION] =
        COLLECTOR("systemInformation", ASC_COLLECT_SYSTEM_INFORMATION),
#if ASC_TWIN_ALLOW_MAX > 0
    [ASC_TWIN_MEMBER_ALLOW] = {"allow", ASC_TWIN_VEDETTE, ASC_TWIN_KIND_ALLOW, ASC_TWIN_ALLOW,
        ASC_TWIN_FAULT_ARRAY},
    [ASC_TWIN_MEMBER_ELEMENT] = OBJECT("", ASC_TWIN_NOWHERE, ASC_TWIN_ENTRY),
    [ASC_TWIN_MEMBER_REMOTE] = {"remote", ASC_TWIN_ENTRY, ASC_TWIN_KIND_REMOTE, 0,
        ASC_TWIN_FAULT_ADDRESS},
    [ASC_TWIN_MEMBER_PORT] = PORT("port", 0),
    [ASC_TWIN_MEMBER_LOCAL_PORT] = PORT("localPort", 1),
    [ASC_TWIN_MEMBER_PROTOCOL] = {"protocol", ASC_TWIN_ENTRY, ASC_TWIN_KIND_PROTOCOL, 0,
        ASC_TWIN_FAULT_PROTOCOL},
#endif
};

/* Common names, which must not meet others where all is compiled as one file. */
#undef OBJECT
#undef NUMBER
#undef COLLECTOR
#undef INTERVAL
#undef PORT

/* SPDX-License-Identifier: MIT */
/* What the builder needs of the set. */

#ifndef VEDETTE_CENTER_INTEL_INDICATOR_SET_INTERNAL_H
#define VEDETTE_CENTER_INTEL_INDICATOR_SET_INTERNAL_H

#include "center/intel/indicator_set.h"

/* As vd_indicator_set_open; `fd` stays the caller's and may be closed then. */
VD_NODISCARD int vd_indicator_set_open_fd(int fd, struct vd_indicator_set **set);

#endif

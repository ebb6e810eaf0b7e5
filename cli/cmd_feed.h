/* SPDX-License-Identifier: MIT */
/* Commands of `vedette intel` that work on feeds. */

#ifndef VEDETTE_CLI_CMD_FEED_H
#define VEDETTE_CLI_CMD_FEED_H

#include "cli/command.h"

extern const struct vd_option vd_intel_feed_options[];

int vd_intel_list(const struct vd_invocation *invocation);
int vd_intel_show(const struct vd_invocation *invocation);
int vd_intel_add(const struct vd_invocation *invocation);
int vd_intel_set(const struct vd_invocation *invocation);
int vd_intel_remove(const struct vd_invocation *invocation);
int vd_intel_refresh(const struct vd_invocation *invocation);
int vd_intel_check(const struct vd_invocation *invocation);

#endif

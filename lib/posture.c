/* SPDX-License-Identifier: MIT */
/* What facts hold. */

#include "lib/posture.h"

void vd_posture_release(struct vd_posture *posture)
{
    json_decref(posture->shared);
    json_decref(posture->accepted);
    json_decref(posture->settings);
    json_decref(posture->disabled);
    *posture = (struct vd_posture){0};
}

/* SPDX-License-Identifier: MIT */
/* Stored states of devices: read or refused; what is read is written as it was. */

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "center/detect/device_state.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct vd_device_state *state = vd_device_state_new(VD_STR_LITERAL("d"));
    struct vd_device_state *again = vd_device_state_new(VD_STR_LITERAL("d"));
    struct vd_buf out = {0};
    struct vd_buf second = {0};

    assert(state != NULL && again != NULL);
    if (vd_device_state_read(state, (struct vd_str){(const char *)data, size}) == VD_OK) {
        vd_device_state_write(state, &out);
        assert(out.error == VD_OK);
        assert(vd_device_state_read(again, (struct vd_str){(const char *)out.data, out.length}) ==
            VD_OK);
        vd_device_state_write(again, &second);
        assert(out.length == second.length);
        assert(state->window_count == again->window_count);
        vd_buf_release(&out);
        vd_buf_release(&second);
    }
    vd_device_state_free(state);
    vd_device_state_free(again);
    return 0;
}

/* SPDX-License-Identifier: MIT */
/* The sink that is a webhook: batches of lines by POST. */

#include <stdio.h>
#include <stdlib.h>

#include "hub/export/sink.h"
#include "lib/http_post.h"
#include "lib/url.h"

struct webhook {
    struct vd_export_sink base;
    struct vd_http_post *post;
    struct vd_buf name; /* the header that names the setting */
};

static int webhook_deliver(struct vd_export_sink *sink, const struct vd_export_lines *lines,
    struct vd_export_failure *failure)
{
    struct webhook *self = (struct webhook *)sink;
    const char *const headers[] = {
        (const char *)self->name.data, "Content-Type: application/x-ndjson", "Accept:", NULL};
    struct vd_http_post_failure why;
    int error = vd_http_post_send(self->post, headers,
        (struct vd_str){(const char *)lines->text.data, lines->text.length}, &why);

    snprintf(failure->reason, sizeof failure->reason, "%s", why.reason);
    failure->is_refused = why.is_refused;
    failure->is_too_large = why.is_too_large;
    failure->retry_after_s = why.retry_after_s;
    return error;
}

static void webhook_interrupt(struct vd_export_sink *sink)
{
    vd_http_post_interrupt(((struct webhook *)sink)->post);
}

static void webhook_free(struct vd_export_sink *sink)
{
    struct webhook *self = (struct webhook *)sink;

    vd_http_post_free(self->post);
    vd_buf_release(&self->name);
    free(self);
}

int vd_export_webhook_new(
    const struct vd_export_webhook_config *config, struct vd_export_sink **out)
{
    static const struct vd_export_sink_ops ops = {webhook_deliver, webhook_interrupt, webhook_free};
    const struct vd_http_post_config post = {config->url, config->ca_file, config->timeout_ms};
    struct webhook *self = calloc(1, sizeof *self);

    if (self == NULL) {
        return VD_E_NOMEM;
    }
    self->base.ops = &ops;
    vd_buf_append_text(&self->name, "X-Vedette-Setting: ");
    vd_url_encode(vd_str_from(config->setting), &self->name);
    vd_buf_append(&self->name, "", 1);
    if (self->name.error != VD_OK || vd_http_post_new(&post, &self->post) != VD_OK) {
        webhook_free(&self->base);
        return VD_E_NOMEM;
    }
    *out = &self->base;
    return VD_OK;
}

/* SPDX-License-Identifier: MIT */
/* Any text as a TAXII envelope, after a kept bundle and a page: what is merged is a bundle that merges to itself. */

#include "center/intel/feed_format.h"
#include "center/intel/taxii.h"
#include "fuzz/replay.h"
#include "lib/http_get.h"

#define OBJECT(id, modified)                                                        \
    "{\"type\":\"indicator\",\"id\":\"indicator--" id "\",\"modified\":\"" modified \
    "\",\"pattern_type\":\"stix\",\"pattern\":\"[ipv4-addr:value = '192.0.2.1']\"}"

static void check(bool ok)
{
    if (!ok) {
        abort();
    }
}

static void write_bundle(const struct vd_taxii_merge *merge, struct vd_buf *out)
{
    const struct vd_feed_parse parse = {.format = VD_FEED_STIX};
    struct vd_feed_report report;

    check(vd_taxii_merge_write(merge, 0, out) == VD_OK);
    check(vd_feed_parse(&parse, (struct vd_str){(const char *)out->data, out->length}, &report) ==
        VD_OK);
}

/* Merged with nothing but itself, it is the same. */
static void check_again(struct vd_str bundle)
{
    struct vd_taxii_merge *merge = NULL;
    struct vd_taxii_page page;
    struct vd_buf out = {0};
    char problem[VD_TAXII_PROBLEM_SIZE];

    check(vd_taxii_merge_new((struct vd_str){"", 0}, &merge) == VD_OK);
    check(vd_taxii_merge_page(merge, bundle, &page, problem) == VD_OK);
    check(vd_taxii_merge_has_new(merge));
    write_bundle(merge, &out);
    check(vd_str_equal((struct vd_str){(const char *)out.data, out.length}, bundle));
    vd_buf_release(&out);
    vd_taxii_merge_free(merge);
}

/* The URL of the page behind is one, whatever the server calls it. */
static void check_next(const struct vd_taxii_page *page)
{
    static const char *const collections[] = {
        "https://h/c", "https://h/c/", "https://h/c/objects/"};

    for (size_t i = 0; i < sizeof collections / sizeof collections[0]; i++) {
        struct vd_buf url = {0};

        vd_taxii_url(
            collections[i], page->has_more ? "2026-01-01T00:00:00Z" : "", page->next, &url);
        check(url.error == VD_OK && vd_http_url_problem((const char *)url.data, false) == NULL);
        vd_buf_release(&url);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t length)
{
    const struct vd_str kept = VD_STR_LITERAL(
        "{\"type\":\"bundle\",\"objects\":[" OBJECT("a", "2026-01-01T00:00:00Z") "]}");
    const struct vd_str first =
        VD_STR_LITERAL("{\"objects\":[" OBJECT("b", "2026-01-01T00:00:00Z") "]}");
    struct vd_taxii_merge *merge = NULL;
    struct vd_taxii_page page;
    struct vd_buf out = {0};
    char problem[VD_TAXII_PROBLEM_SIZE] = "";
    int error;

    check(vd_taxii_merge_new(kept, &merge) == VD_OK);
    check(vd_taxii_merge_page(merge, first, &page, problem) == VD_OK);
    error = vd_taxii_merge_page(merge, (struct vd_str){(const char *)data, length}, &page, problem);
    check(error == VD_OK || (error == VD_E_INVALID && problem[0] != '\0'));
    check_next(&page);
    write_bundle(merge, &out);
    check_again((struct vd_str){(const char *)out.data, out.length});
    vd_buf_release(&out);
    vd_taxii_merge_free(merge);
    return 0;
}

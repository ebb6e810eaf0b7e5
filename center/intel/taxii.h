/* SPDX-License-Identifier: MIT */
/* TAXII 2.1 collections: which page to ask for, and what its envelope adds to the bundle that is kept. Source: OASIS TAXII 2.1,
 * sections 3.4 to 3.7 and 5.4. */

#ifndef VEDETTE_CENTER_INTEL_TAXII_H
#define VEDETTE_CENTER_INTEL_TAXII_H

#include "lib/str.h"

#define VD_TAXII_MEDIA_TYPE "application/taxii+json;version=2.1"
/* The header with the time at which the page's last object was added. */
#define VD_TAXII_ADDED_LAST "X-TAXII-Date-Added-Last"
/* Bytes of a page's `next`; a longer one is damage. */
#define VD_TAXII_NEXT_SIZE    1024
#define VD_TAXII_PROBLEM_SIZE 128

/* Appends the URL of a page and a NUL: of indicators and markings of the collection, added after a time ("": ever), from `next` on ("":
 * the first page). */
void vd_taxii_url(
    const char *collection, const char *added_after, const char *next, struct vd_buf *url);

struct vd_taxii_page {
    bool has_more;
    bool is_empty;                 /* without objects */
    char next[VD_TAXII_NEXT_SIZE]; /* "": there is none, or the server pages by time */
};

struct vd_taxii_merge;

/* Begins with the bundle that is kept ("": none), which must outlive it. VD_E_NOMEM. */
VD_NODISCARD int vd_taxii_merge_new(struct vd_str kept, struct vd_taxii_merge **merge);
/*
 * Takes an envelope's indicators and markings up; of an object that is there already the later version stays. Other objects are passed over.
 * VD_E_INVALID: it is no envelope; VD_E_LIMIT: all pages are longer than a feed's JSON may be, or take more memory; *problem says
 * why; VD_E_NOMEM.
 */
VD_NODISCARD int vd_taxii_merge_page(struct vd_taxii_merge *merge, struct vd_str envelope,
    struct vd_taxii_page *page, char problem[VD_TAXII_PROBLEM_SIZE]);
/* Whether any page had an object. */
bool vd_taxii_merge_has_new(const struct vd_taxii_merge *merge);
/* Appends the bundle, without indicators whose validity ended before a time (UTC). VD_E_LIMIT, VD_E_NOMEM. */
VD_NODISCARD int vd_taxii_merge_write(
    const struct vd_taxii_merge *merge, int64_t ended_ms, struct vd_buf *bundle);
/* NULL is allowed. */
void vd_taxii_merge_free(struct vd_taxii_merge *merge);

#endif

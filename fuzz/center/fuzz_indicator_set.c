/* SPDX-License-Identifier: MIT */
/* Any bytes as the file of a set, with right checksums: it is refused, or answers without reading outside of itself. */

#include <sys/mman.h>
#include <unistd.h>

#include "center/intel/indicator_file.h"
#include "center/intel/indicator_set_internal.h"
#include "fuzz/replay.h"

#define NOW_MS 1764000000000LL

static void check(bool ok)
{
    if (!ok) {
        abort();
    }
}

static void visit(const struct vd_indicator_match *match, void *context)
{
    size_t *bytes = context;

    *bytes += strlen(match->text) + strlen(match->description) + strlen(match->feed) +
        strlen(match->severity);
}

static void ask(const struct vd_indicator_set *set, const struct vd_address *address)
{
    struct vd_indicator_match match;
    size_t bytes = 0;

    vd_indicator_set_visit(set, address, visit, &bytes);
    if (vd_indicator_set_match(set, address, NOW_MS, &match)) {
        check(vd_indicator_set_holds(set, address));
        visit(&match, &bytes);
        check(bytes >= strlen(match.text));
    }
}

/* The addresses and prefixes that the file itself names, and both ends of both families. */
static void ask_all(const struct vd_indicator_set *set, const uint8_t *data, size_t length)
{
    struct vd_address address = {{0}};

    ask(set, &address);
    memset(address.bytes, 0xff, sizeof address.bytes);
    ask(set, &address);
    for (size_t i = 0; i + 8 <= length; i += 4) {
        const uint8_t reversed[4] = {data[i + 3], data[i + 2], data[i + 1], data[i]};

        address = vd_address_from_ipv4(reversed);
        ask(set, &address);
        for (size_t k = 0; k < sizeof address.bytes; k++) {
            address.bytes[k] = data[i + 7 - k % 8];
        }
        ask(set, &address);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t length)
{
    const size_t whole = length - length % 8;
    int fd = memfd_create("fuzz", MFD_CLOEXEC);
    struct vd_indicator_set *set = NULL;
    void *file;
    int error;

    check(fd >= 0);
    if (whole < sizeof(struct vd_indicator_header)) {
        check(vd_indicator_set_open_fd(fd, &set) == VD_E_CORRUPT);
        close(fd);
        return 0;
    }
    check(ftruncate(fd, (off_t)whole) == 0);
    file = mmap(NULL, whole, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    check(file != MAP_FAILED);
    memcpy(file, data, whole);
    vd_indicator_file_seal(file, whole);
    munmap(file, whole);
    error = vd_indicator_set_open_fd(fd, &set);
    check(error == VD_OK || error == VD_E_CORRUPT);
    if (error == VD_OK) {
        ask_all(set, data, whole);
        vd_indicator_set_release(set);
    }
    close(fd);
    return 0;
}

/* SPDX-License-Identifier: MIT */
/* What devices send as text: the first byte chooses a SAS token, a property bag, a topic or a filter. */

#include "fuzz/replay.h"
#include "hub/sas.h"
#include "hub/topic.h"
#include "lib/url.h"

static void check(bool holds)
{
    if (!holds) {
        abort();
    }
}

static void fuzz_token(struct vd_str text)
{
    struct vd_key key = {.length = 32};
    struct vd_sas_token token;

    if (vd_sas_parse(text, &token) == VD_OK) {
        check(token.resource.length > 0 && token.signature.length > 0 && token.expiry_s >= 0);
        /* Nobody makes a signature for this key by chance. */
        memset(key.bytes, 'z', sizeof key.bytes);
        check(!vd_sas_signed_by(&token, &key));
        /* No fixed name is safe from a fuzzer that watches comparisons, but what covers a device covers
         * its modules. */
        check(!vd_sas_covers(&token, "hub.example", "dev1", "") ||
            vd_sas_covers(&token, "hub.example", "dev1", "mod"));
        (void)!vd_sas_covers(&token, "hub.example", "dev1", "mod");
    }
}

static void fuzz_bag(struct vd_str text)
{
    struct vd_bag bag = {.bag = text};
    struct vd_str name;
    struct vd_str value;
    char out[64];
    size_t total = 0;

    while (vd_bag_next(&bag, &name, &value) == VD_OK) {
        char decoded[256];
        size_t length = 0;
        int error = vd_url_decode(name, decoded, sizeof decoded, &length);

        check(name.length > 0 && error != VD_E_INVALID);
        check(error != VD_OK || vd_utf8_is_valid((struct vd_str){decoded, length}));
        total += name.length + 1 + value.length;
        check(total <= text.length && bag.count <= VD_BAG_MAX_PROPERTIES);
    }
    (void)!vd_bag_find(text, "$.ifid", out, sizeof out);
}

static void fuzz_method_answer(struct vd_str rest)
{
    struct vd_buf topic = {0};
    char again[64];
    int status = 0;
    uint64_t rid = 0;

    if (vd_topic_read_method_answer(rest, &status, &rid) != VD_OK) {
        check(status == 0 && rid == 0);
        return;
    }
    check(status > -1000000000 && status < 1000000000);
    /* What the hub would have written for that rid is read as that rid. */
    vd_topic_write_method(&topic, "m", rid);
    check(topic.error == VD_OK);
    snprintf(again, sizeof again, "%d/%s", status, strchr((const char *)topic.data, '?'));
    vd_buf_release(&topic);
    check(vd_topic_read_method_answer(vd_str_from(again), &status, &rid) == VD_OK);
}

/* What goes to a device is on a topic that begins and ends as written. */
static void check_devicebound(struct vd_str bag)
{
    static const char *const ids[] = {"dev1", "d+#"};

    for (size_t i = 0; i < 2; i++) {
        struct vd_buf topic = {0};

        vd_topic_write_devicebound(&topic, ids[i], bag);
        check(topic.error == VD_OK && topic.length > bag.length);
        check(bag.length == 0 ||
            memcmp(topic.data + topic.length - bag.length, bag.data, bag.length) == 0);
        check(memchr(topic.data, '+', topic.length - bag.length) == NULL);
        vd_buf_release(&topic);
    }
}

/* What the hub says of desired properties it takes from no device. */
static void check_desired(int64_t version)
{
    struct vd_buf topic = {0};
    struct vd_str bag;

    vd_topic_write_desired(&topic, version);
    check(vd_topic_classify((struct vd_str){(const char *)topic.data, topic.length}, "dev1", "",
              &bag) == VD_TOPIC_UNKNOWN);
    vd_buf_release(&topic);
}

static void fuzz_topic(struct vd_str text)
{
    struct vd_str bag = {"", 0};

    enum vd_topic kind = vd_topic_classify(text, "dev1", "", &bag);

    if (kind == VD_TOPIC_TELEMETRY || kind == VD_TOPIC_METHOD_ANSWER) {
        check(bag.length < text.length && bag.data + bag.length == text.data + text.length);
    }
    if (kind == VD_TOPIC_METHOD_ANSWER) {
        fuzz_method_answer(bag);
    } else if (kind == VD_TOPIC_TELEMETRY) {
        check_devicebound(bag);
    }
    check_desired((int64_t)text.length);
    check(vd_topic_classify(text, "", "", &bag) != VD_TOPIC_TELEMETRY ||
        memchr(text.data, '/', text.length) != NULL);
}

static void fuzz_filter(struct vd_str text)
{
    enum vd_filter device = vd_filter_classify(text, "dev1", "");
    enum vd_filter module = vd_filter_classify(text, "dev1", "mod");

    check(device != VD_FILTER_INPUTS && module != VD_FILTER_DEVICEBOUND);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t length)
{
    struct vd_str text;

    if (length == 0) {
        return 0;
    }
    text = (struct vd_str){(const char *)data + 1, length - 1};
    switch (data[0] % 4) {
    case 0:
        fuzz_token(text);
        break;
    case 1:
        fuzz_bag(text);
        break;
    case 2:
        fuzz_topic(text);
        break;
    default:
        fuzz_filter(text);
    }
    return 0;
}

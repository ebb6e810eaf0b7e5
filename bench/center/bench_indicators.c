/* SPDX-License-Identifier: MIT */
/* Indicator sets and libmaxminddb on the same addresses: time to build, memory, time of a lookup. Prints rows. */

#include <endian.h>
#include <sys/stat.h>
#include <time.h>

#include "bench/center/mmdb.h"
#include "center/intel/indicator_set.h"
#include "lib/clock.h"

#define NOW_MS  1764000000000LL
#define PROBES  1000000
#define PASSES  3
#define UPPERS  40000 /* networks of 16 bits that have addresses */
#define V6_NETS 3000

/* ---- Addresses as they occur: some networks hold far more of them than others ---- */

static uint64_t random_state = 88172645463325252ULL;

static uint64_t next_random(void)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return random_state;
}

static double next_unit(void)
{
    return (double)(next_random() >> 11) / 9007199254740992.0;
}

static uint16_t uppers[UPPERS];

static void must(bool ok, const char *what)
{
    if (!ok) {
        fprintf(stderr, "bench_indicators: %s failed\n", what);
        exit(1);
    }
}

static bool is_routed(uint16_t upper)
{
    const unsigned first = upper >> 8;

    return first != 0 && first != 10 && first != 127 && first < 224 && upper != 0xa9fe &&
        upper != 0xc0a8 && (upper & 0xfff0) != 0xac10;
}

static void choose_uppers(void)
{
    static bool chosen[65536];

    for (int i = 0; i < UPPERS;) {
        const uint16_t upper = (uint16_t)next_random();

        if (is_routed(upper) && !chosen[upper]) {
            chosen[upper] = true;
            uppers[i++] = upper;
        }
    }
}

/* The n-th network is drawn in proportion to n^-1/2; of its 256 networks the first three times as often as the last. */
static uint32_t draw_address(void)
{
    const double u = next_unit();
    const double v = next_unit();
    const uint32_t upper = uppers[(int)(u * u * UPPERS)];
    const uint32_t third = ((uint32_t)(v * (1 + v) * 128) + upper * 37) & 0xff;

    return upper << 16 | third << 8 | (next_random() & 0xff);
}

/* A bit for every address: what was drawn. */
static uint8_t *drawn;

static bool is_drawn(uint32_t address)
{
    return (drawn[address >> 3] >> (address & 7) & 1) != 0;
}

/* `count` different ones in the order in which they were drawn. */
static uint32_t *draw_addresses(uint32_t count)
{
    uint32_t *addresses = malloc((size_t)count * sizeof *addresses);

    drawn = calloc(1u << 29, 1);
    must(addresses != NULL && drawn != NULL, "memory");
    for (uint32_t i = 0; i < count;) {
        const uint32_t address = draw_address();

        if (!is_drawn(address)) {
            drawn[address >> 3] |= (uint8_t)(1u << (address & 7));
            addresses[i++] = address;
        }
    }
    return addresses;
}

static struct vd_address wide(uint32_t address)
{
    const uint8_t bytes[4] = {(uint8_t)(address >> 24), (uint8_t)(address >> 16),
        (uint8_t)(address >> 8), (uint8_t)address};

    return vd_address_from_ipv4(bytes);
}

static uint32_t narrow(const struct vd_address *address)
{
    uint32_t number;

    memcpy(&number, address->bytes + 12, sizeof number);
    return be32toh(number);
}

/* What is looked up: `hits` of 16 are indicators, the others are drawn from the same networks. */
static void draw_probes(
    struct vd_address *probes, const uint32_t *addresses, uint32_t count, unsigned hits)
{
    for (uint32_t i = 0; i < PROBES; i++) {
        uint32_t address = addresses[next_random() % count];

        if (next_random() % 16 >= hits) {
            do {
                address = draw_address();
            } while (is_drawn(address));
        }
        probes[i] = wide(address);
    }
}

/* ---- Measuring ---- */

/* Of this process: what else the machine does is not counted. */
static double now_s(void)
{
    struct timespec t;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* VmRSS or VmHWM in bytes. */
static double memory_of(const char *key)
{
    FILE *file = fopen("/proc/self/status", "r");
    char line[256];
    double bytes = 0;

    must(file != NULL, "/proc/self/status");
    while (fgets(line, sizeof line, file) != NULL) {
        if (strncmp(line, key, strlen(key)) == 0) {
            bytes = strtod(line + strlen(key) + 1, NULL) * 1024;
        }
    }
    fclose(file);
    return bytes;
}

static double wall_s(void)
{
    return (double)vd_clock_monotonic_ms() / 1000;
}

static void reset_peak(void)
{
    FILE *file = fopen("/proc/self/clear_refs", "w");

    must(file != NULL && fputs("5", file) >= 0 && fclose(file) == 0, "/proc/self/clear_refs");
}

/* `limit` is the ceiling; 0: none. `reference` is libmaxminddb's; 0: there is none. */
static void row(const char *name, const char *size, double value, const char *unit,
    double reference, double limit)
{
    printf("{\"name\":\"center.indicators.%s%s\",\"value\":%.2f,\"unit\":\"%s\",", name, size,
        value, unit);
    if (reference > 0) {
        printf("\"reference\":\"libmaxminddb\",\"reference_value\":%.2f,\"ratio\":%.4f,", reference,
            value / reference);
    } else {
        printf("\"reference\":null,\"reference_value\":null,\"ratio\":null,");
    }
    if (limit > 0) {
        printf("\"ceiling\":%.0f}\n", limit);
    } else {
        printf("\"ceiling\":null}\n");
    }
}

static int compare_double(const void *a, const void *b)
{
    const double x = *(const double *)a;
    const double y = *(const double *)b;

    return x < y ? -1 : x > y;
}

/* Looks all probes up and returns how many were found. */
typedef uint32_t lookup_all_fn(void *from, const struct vd_address *probes);

/* ns a lookup: the median of several passes. */
static double measure(
    lookup_all_fn *look_up, void *from, const struct vd_address *probes, uint32_t expected)
{
    double passes[PASSES];

    for (int i = 0; i < PASSES; i++) {
        const double start = now_s();
        const uint32_t found = look_up(from, probes);

        passes[i] = (now_s() - start) * 1e9 / PROBES;
        must(found == expected, "finding what is there and nothing else");
    }
    qsort(passes, PASSES, sizeof passes[0], compare_double);
    return passes[PASSES / 2];
}

static uint32_t look_up_in_set(void *from, const struct vd_address *probes)
{
    const struct vd_indicator_set *set = from;
    struct vd_indicator_match match;
    uint32_t found = 0;

    for (uint32_t i = 0; i < PROBES; i++) {
        found += vd_indicator_set_match(set, &probes[i], NOW_MS, &match);
    }
    return found;
}

static uint32_t look_for_in_set(void *from, const struct vd_address *probes)
{
    const struct vd_indicator_set *set = from;
    uint32_t found = 0;

    for (uint32_t i = 0; i < PROBES; i++) {
        found += vd_indicator_set_holds(set, &probes[i]);
    }
    return found;
}

static uint32_t look_up_in_mmdb(void *from, const struct vd_address *probes)
{
    uint32_t found = 0;

    for (uint32_t i = 0; i < PROBES; i++) {
        found += bench_mmdb_holds(from, narrow(&probes[i]));
    }
    return found;
}

/* ---- Sets ---- */

static void add(struct vd_indicator_builder *builder, struct vd_address from, struct vd_address to,
    const char *text, uint32_t line)
{
    const struct vd_indicator indicator = {
        .range = {from, to},
        .text = text,
        .description = "",
        .confidence = VD_CONFIDENCE_UNKNOWN,
        .line = line,
    };

    must(vd_indicator_builder_add(builder, &indicator) == VD_OK, "add");
}

/* A prefix of 20 to 29 bits in a network that has addresses. */
static void add_range4(struct vd_indicator_builder *builder, uint32_t line)
{
    const uint32_t mask = UINT32_MAX >> (20 + next_random() % 10);
    const uint32_t from = draw_address() & ~mask;

    add(builder, wide(from), wide(from | mask), "range", line);
}

static struct vd_address draw_address6(void)
{
    const uint64_t words[2] = {htobe64(0x2001000000000000ULL | (next_random() % V6_NETS) << 32 |
                                   (next_random() & 0xffffff)),
        htobe64(next_random())};
    struct vd_address address;

    memcpy(address.bytes, words, sizeof address.bytes);
    return address;
}

static void add_range6(struct vd_indicator_builder *builder, uint32_t line)
{
    static const size_t kept[] = {6, 8, 16, 16};
    struct vd_address from = draw_address6();
    struct vd_address to = from;
    const size_t bytes = kept[next_random() % 4];

    memset(from.bytes + bytes, 0, 16 - bytes);
    memset(to.bytes + bytes, 0xff, 16 - bytes);
    add(builder, from, to, "range", line);
}

struct built {
    struct vd_indicator_set *set;
    double seconds;
    double peak_bytes;
};

static struct built build_set(
    const char *path, const uint32_t *addresses, uint32_t count, uint32_t ranges)
{
    static const struct vd_feed_info feed = {"bench", "High", 50, false};
    struct vd_indicator_builder *builder = NULL;
    struct built built = {0};
    double before;
    double start;

    reset_peak();
    before = memory_of("VmRSS");
    start = wall_s();
    must(vd_indicator_builder_new(path, &builder) == VD_OK, "builder");
    must(vd_indicator_builder_feed(builder, &feed) == VD_OK, "feed");
    for (uint32_t i = 0; i < count; i++) {
        const struct vd_address address = wide(addresses[i]);

        add(builder, address, address, "203.0.113.113", i + 1);
    }
    for (uint32_t i = 0; i < ranges; i++) {
        if (i % 2 == 0) {
            add_range4(builder, i + 1);
        } else {
            add_range6(builder, i + 1);
        }
    }
    must(vd_indicator_builder_finish(builder, &built.set) == VD_OK, "finish");
    built.seconds = wall_s() - start;
    built.peak_bytes = memory_of("VmHWM") - before;
    return built;
}

static double file_bytes(const char *path)
{
    struct stat status;

    must(stat(path, &status) == 0, path);
    return (double)status.st_size;
}

/* What is looked up, and how much of it are indicators. */
static const struct mix {
    const char *holds; /* the name of its row; that in which records are read */
    const char *match;
    unsigned hits; /* of 16 */
} mixes[] = {
    {"holds_half", "match_half", 8},
    {"holds", "match", 1},
};

/* Addresses alone, next to libmaxminddb: the same probes, the same answers. */
static void compare(const char *folder, uint32_t count, const char *size, double ceiling_ns)
{
    static struct vd_address probes[PROBES];
    uint32_t *addresses = draw_addresses(count);
    struct bench_mmdb *mmdb;
    struct built built;
    char path[512];

    snprintf(path, sizeof path, "%s/indicators", folder);
    built = build_set(path, addresses, count, 0);
    snprintf(path, sizeof path, "%s/indicators.mmdb", folder);
    mmdb = bench_mmdb_make(path, addresses, count);
    must(mmdb != NULL, "libmaxminddb");
    for (size_t i = 0; i < sizeof mixes / sizeof mixes[0]; i++) {
        uint32_t expected = 0;

        draw_probes(probes, addresses, count, mixes[i].hits);
        for (uint32_t k = 0; k < PROBES; k++) {
            expected += is_drawn(narrow(&probes[k]));
        }
        row(mixes[i].holds, size, measure(look_for_in_set, built.set, probes, expected),
            "ns/lookup", measure(look_up_in_mmdb, mmdb, probes, expected), ceiling_ns);
        row(mixes[i].match, size, measure(look_up_in_set, built.set, probes, expected), "ns/lookup",
            0, 0);
    }
    row("memory", size, (double)vd_indicator_set_bytes(built.set) / count, "bytes/address",
        file_bytes(path) / count, 4);
    row("build", size, built.seconds, "s", 0, 0);
    bench_mmdb_free(mmdb);
    vd_indicator_set_release(built.set);
    free(addresses);
    free(drawn);
}

/* Addresses, ranges and IPv6 indicators in one set. */
static void whole(const char *folder, uint32_t count, uint32_t ranges)
{
    static struct vd_address probes[PROBES];
    uint32_t *addresses = draw_addresses(count);
    struct built built;
    char path[512];
    double start;

    snprintf(path, sizeof path, "%s/indicators", folder);
    built = build_set(path, addresses, count, ranges);
    row("build", ".whole", built.seconds, "s", 0, 30);
    row("build_memory", ".whole", built.peak_bytes / 1048576, "MiB", 0, 0);
    row("memory", ".whole", (double)vd_indicator_set_bytes(built.set) / 1048576, "MiB", 0, 0);
    row("file", ".whole", file_bytes(path) / 1048576, "MiB", 0, 0);
    draw_probes(probes, addresses, count, 1);
    row("holds", ".whole",
        measure(look_for_in_set, built.set, probes, look_for_in_set(built.set, probes)),
        "ns/lookup", 0, 0);
    for (uint32_t i = 0; i < PROBES; i++) {
        probes[i] = draw_address6();
    }
    row("holds6", ".whole",
        measure(look_for_in_set, built.set, probes, look_for_in_set(built.set, probes)),
        "ns/lookup", 0, 0);
    vd_indicator_set_release(built.set);
    start = wall_s();
    must(vd_indicator_set_open(path, &built.set) == VD_OK, "open");
    row("open", ".whole", (wall_s() - start) * 1000, "ms", 0, 0);
    vd_indicator_set_release(built.set);
    free(addresses);
    free(drawn);
}

int main(int argc, char **argv)
{
    const bool quick = argc == 3 && strcmp(argv[2], "quick") == 0;

    if (argc < 2 || argc > 3 || (argc == 3 && !quick)) {
        fprintf(stderr, "usage: bench_indicators FOLDER [quick]\n");
        return 2;
    }
    choose_uppers();
    compare(argv[1], 1000000, ".1m", 25);
    if (!quick) {
        compare(argv[1], 10000000, ".10m", 100);
        whole(argv[1], 10000000, 1000000);
    }
    return 0;
}

/* SPDX-License-Identifier: MIT */
/* Formats of feeds: what is taken from good, odd and damaged texts. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "center/intel/feed_format_internal.h"
#include "lib/clock.h"
#include "lib/json_text.h"

/* 2026-06-01T00:00:00Z */
#define NOW INT64_C(1780272000000)
#define DAY VD_DAY_MS

struct format_case {
    const char *name;
    struct vd_feed_parse parse;
    const char *text;
    int error;
    const char *indicators; /* each "text conf tlp from until line description\n" */
    const char *problems;   /* each "line place reason\n"; the fault comes last */
    uint64_t ignored;
    uint64_t expired;
};

static void append_time(struct vd_buf *out, int64_t utc_ms)
{
    char text[VD_TIME_TEXT_SIZE] = "-";

    if (utc_ms != 0) {
        vd_time_format(utc_ms, text);
        text[10] = '\0'; /* the day will do */
    }
    vd_buf_printf(out, " %s", text);
}

static int note(const struct vd_indicator *indicator, void *context)
{
    struct vd_buf *out = context;

    vd_buf_printf(out, "%s", indicator->text);
    if (indicator->confidence == VD_CONFIDENCE_UNKNOWN) {
        vd_buf_append_text(out, " -");
    } else {
        vd_buf_printf(out, " %u", (unsigned)indicator->confidence);
    }
    vd_buf_printf(out, " %u", (unsigned)indicator->tlp);
    append_time(out, indicator->valid_from_ms);
    append_time(out, indicator->valid_until_ms);
    vd_buf_printf(out, " %u %s\n", indicator->line, indicator->description);
    return VD_OK;
}

static void note_problem(struct vd_buf *out, const struct vd_feed_problem *problem)
{
    vd_buf_printf(out, "%u %s %s\n", problem->line, problem->place, problem->reason);
}

static void check_case(const struct format_case *c)
{
    struct vd_feed_parse parse = c->parse;
    struct vd_feed_report report;
    struct vd_buf given = {0};
    struct vd_buf problems = {0};

    parse.take = note;
    parse.context = &given;
    parse.now_ms = NOW;
    parse.fetched_ms = NOW;
    print_message("%s\n", c->name);
    assert_int_equal(vd_feed_parse(&parse, vd_str_from(c->text), &report), c->error);
    vd_buf_append(&given, "", 1);
    assert_string_equal((const char *)given.data, c->indicators);
    for (uint32_t i = 0; i < report.problem_count; i++) {
        note_problem(&problems, &report.problems[i]);
    }
    if (c->error == VD_E_INVALID) {
        note_problem(&problems, &report.fault);
    }
    vd_buf_append(&problems, "", 1);
    assert_string_equal((const char *)problems.data, c->problems != NULL ? c->problems : "");
    assert_int_equal(report.ignored, c->ignored);
    assert_int_equal(report.expired, c->expired);
    assert_int_equal(report.read, report.used + report.ignored + report.refused);
    vd_buf_release(&given);
    vd_buf_release(&problems);
}

#define UNKNOWN .confidence = VD_CONFIDENCE_UNKNOWN

static void run_cases(const struct format_case *cases, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        check_case(&cases[i]);
    }
}

#define RUN(cases) run_cases(cases, sizeof(cases) / sizeof(cases)[0])

static void test_feed__list(void **state)
{
    static const struct format_case cases[] = {
        {"comments and what follows", {VD_FEED_LIST, UNKNOWN},
            "\xef\xbb\xbf# head\r\n; old\n// older\n\n192.0.2.1\r\n1.10.16.0/20 ; SBL256894\n"
            "  2001:db8::/32,botnet\n198.51.100.7\t# seen, twice\n203.0.113.5 // x",
            VD_OK,
            "192.0.2.1 - 0 - - 5 \n1.10.16.0/20 - 0 - - 6 SBL256894\n"
            "2001:db8::/32 - 0 - - 7 botnet\n198.51.100.7 - 0 - - 8 seen, twice\n"
            "203.0.113.5 - 0 - - 9 x\n",
            NULL, 0, 0},
        {"ranges", {VD_FEED_LIST, UNKNOWN},
            "192.0.2.3-192.0.2.9\n192.0.2.3 - 192.0.2.9 , 000 , net\n192.0.2.1 - bad host\n"
            "2001:db8::1-2001:db8::5\n192.0.2.4-192.0.2.4\n",
            VD_OK,
            "192.0.2.3-192.0.2.9 - 0 - - 1 \n192.0.2.3-192.0.2.9 - 0 - - 2 000 , net\n"
            "192.0.2.1 - 0 - - 3 bad host\n2001:db8::1-2001:db8::5 - 0 - - 4 \n"
            "192.0.2.4 - 0 - - 5 \n",
            NULL, 0, 0},
        {"damage is passed over", {VD_FEED_LIST, UNKNOWN},
            "192.0.2.1\nexample.com\n192.0.2.9-192.0.2.3\n192.0.2.1-2001:db8::\n0.0.0.0/0\n"
            "0.0.0.0-255.255.255.255\n192.0.2.0/24-192.0.3.0\n192.0.2.2\n",
            VD_OK, "192.0.2.1 - 0 - - 1 \n192.0.2.2 - 0 - - 8 \n",
            "2  not an address or CIDR range\n3  the range ends before it begins\n"
            "4  the ends of the range are of two families\n"
            "5  a prefix of 0 would match every address\n"
            "6  the range would match every address\n7  not a range of addresses\n",
            0, 0},
        {"not a list at all", {VD_FEED_LIST, UNKNOWN}, "\n<html>\n<body>", VD_E_INVALID, "",
            "2  not an address or CIDR range\n3  not an address or CIDR range\n"
            "2  not an address or CIDR range\n",
            0, 0},
        {"empty", {VD_FEED_LIST, UNKNOWN}, "", VD_OK, "", NULL, 0, 0},
        {"lifetime and confidence of the feed",
            {VD_FEED_LIST, .confidence = 40, .lifetime_ms = 2 * DAY}, "192.0.2.1", VD_OK,
            "192.0.2.1 40 0 - 2026-06-03 1 \n", NULL, 0, 0},
        {"below the minimum", {VD_FEED_LIST, .confidence = 40, .confidence_min = 41}, "192.0.2.1",
            VD_OK, "", NULL, 1, 0},
    };

    (void)state;
    RUN(cases);
}

static void test_feed__csv(void **state)
{
    static const struct format_case cases[] = {
        {"columns by name",
            {VD_FEED_CSV, UNKNOWN, .column = "IP", .description_column = "what",
                .confidence_column = "conf", .until_column = "until"},
            "conf,ip,until,what\n80,192.0.2.1,2026-07-01,\"a \"\"b\"\", c\nd\"\n"
            ",192.0.2.2,2026-05-01T10:00:00Z,\n\n# 7\n5,192.0.2.3,1785542400,x\n",
            VD_OK,
            "192.0.2.1 80 0 - 2026-07-01 2 a \"b\", c d\n192.0.2.2 - 0 - 2026-05-01 4 \n"
            "192.0.2.3 5 0 - 2026-08-01 7 x\n",
            NULL, 0, 1},
        {"guessed, with a commented header and endpoints", {VD_FEED_AUTO, UNKNOWN},
            "####\n# \"first_seen\",\"ioc_value\",\"kind\"\n\"x\", \"192.0.2.1:443\", \"k\"\n"
            "\"x\", \"2001:db8::1\", \"k\"\n",
            VD_OK, "192.0.2.1 - 0 - - 3 \n2001:db8::1 - 0 - - 4 \n", NULL, 0, 0},
        {"semicolons", {VD_FEED_CSV, UNKNOWN}, "a;dst_ip;c\r\n1;192.0.2.1;3\r\n", VD_OK,
            "192.0.2.1 - 0 - - 2 \n", NULL, 0, 0},
        {"a delimiter that is given", {VD_FEED_CSV, UNKNOWN, .delimiter = '|'},
            "a|ip\n1,1|192.0.2.1\n", VD_OK, "192.0.2.1 - 0 - - 2 \n", NULL, 0, 0},
        {"damage", {VD_FEED_CSV, UNKNOWN, .confidence_column = "conf", .until_column = "until"},
            "conf,until,ip\n101,,192.0.2.1\n1,soon,192.0.2.2\n1,,\n1\n1,,\"192.0.2.4\n"
            "1,,192.0.2.5",
            VD_OK, "192.0.2.5 1 0 - - 7 \n",
            "2  the confidence is to be 0 to 100\n3  the end of validity is not a time\n"
            "4  not an address or CIDR range\n5  it has too few columns\n"
            "6  a quote is not closed\n",
            0, 0},
        {"no such column", {VD_FEED_CSV, UNKNOWN, .column = "nope"}, "ip,b\n192.0.2.1,2\n",
            VD_E_INVALID, "", "1  the header has no column of that name\n", 0, 0},
        {"no such optional column", {VD_FEED_CSV, UNKNOWN, .until_column = "nope"}, "ip,b\n1,2\n",
            VD_E_INVALID, "", "1  the header lacks an optional column that was named\n", 0, 0},
        {"text behind a quote", {VD_FEED_CSV, UNKNOWN},
            "\"ip\" ,b\n\"192.0.2.1\" ,2\n\"192.0.2.2\"x,2\n192.0.2.3,2\n", VD_OK,
            "192.0.2.1 - 0 - - 2 \n192.0.2.3 - 0 - - 4 \n", "3  there is text behind a quote\n", 0,
            0},
        {"JSON in a line", {VD_FEED_CSV, UNKNOWN}, "[{\"id\":1,\"value\":\"192.0.2.1\"}]\n",
            VD_E_INVALID, "", "1  the header has no column with a usual name: name it\n", 0, 0},
        {"no header", {VD_FEED_CSV, UNKNOWN}, "# nothing\n", VD_E_INVALID, "",
            "1  the header has no column with a usual name: name it\n", 0, 0},
    };

    (void)state;
    RUN(cases);
}

static void test_feed__suricata(void **state)
{
    static const struct format_case cases[] = {
        {"scores and categories",
            {VD_FEED_AUTO, UNKNOWN,
                .categories = {"1,CnC,Known command and control\n2,Scan\n",
                    sizeof("1,CnC,Known command and control\n2,Scan\n") - 1}},
            "# iprep\n192.0.2.1,1,127\n192.0.2.0/24,2,64\n2001:db8::1,9,1\n192.0.2.9,1,0\n", VD_OK,
            "192.0.2.1 100 0 - - 2 CnC: Known command and control\n"
            "192.0.2.0/24 50 0 - - 3 Scan\n2001:db8::1 1 0 - - 4 category 9\n",
            NULL, 1, 0},
        {"wanted categories",
            {VD_FEED_SURICATA, UNKNOWN, .has_wanted = true, .wanted = {[1] = 1, [5] = 40}},
            "192.0.2.1,1,1\n192.0.2.2,5,39\n192.0.2.3,5,40\n192.0.2.4,0,127\n192.0.2.5,1,0\n",
            VD_OK, "192.0.2.1 1 0 - - 1 category 1\n192.0.2.3 31 0 - - 3 category 5\n", NULL, 3, 0},
        {"damage", {VD_FEED_SURICATA, UNKNOWN},
            "192.0.2.1,61,1\n192.0.2.1,1,128\n192.0.2.1,1\nx,1,1\n192.0.2.1,-1,1\n192.0.2.2,0,1",
            VD_OK, "192.0.2.2 1 0 - - 6 category 0\n",
            "1  the category is to be 0 to 60\n2  the score is to be 0 to 127\n"
            "3  the score is to be 0 to 127\n4  not an address or CIDR range\n"
            "5  the category is to be 0 to 60\n",
            0, 0},
    };

    (void)state;
    RUN(cases);
}

static void test_feed__wanted_categories(void **state)
{
    static const char *const bad[] = {
        "", "61", "-1", "x", "1:0", "1:128", "1:", "1:2:3", "1,,2", ":5"};
    struct vd_feed_parse parse = {0};

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        if (vd_feed_wanted_read(bad[i], &parse) != VD_E_INVALID || parse.has_wanted) {
            fail_msg("%s", bad[i]);
        }
    }
    assert_int_equal(vd_feed_wanted_read("0, 60 : 127,5:40", &parse), VD_OK);
    assert_true(parse.has_wanted);
    for (size_t i = 0; i < VD_FEED_CATEGORIES; i++) {
        assert_int_equal(parse.wanted[i], i == 0 ? 1 : i == 60 ? 127 : i == 5 ? 40 : 0);
    }
    assert_int_equal(vd_feed_wanted_read("2", &parse), VD_OK);
    assert_int_equal(parse.wanted[0] + parse.wanted[60], 0);
}

static void test_feed__zeek(void **state)
{
    static const struct format_case cases[] = {
        {"addresses and networks", {VD_FEED_AUTO, UNKNOWN},
            "#fields\tindicator\tindicator_type\tmeta.source\tmeta.desc\tmeta.url\n"
            "192.0.2.1\tIntel::ADDR\tlab\tbad host\t-\n192.0.2.0/24\tIntel::SUBNET\tlab\t-\t-\n"
            "example.com\tIntel::DOMAIN\tlab\tx\t-\n2001:db8::1\tIntel::ADDR\t-\tonly\n",
            VD_OK,
            "192.0.2.1 - 0 - - 2 bad host (lab)\n192.0.2.0/24 - 0 - - 3 lab\n"
            "2001:db8::1 - 0 - - 5 only\n",
            NULL, 1, 0},
        {"columns in another order, and damage", {VD_FEED_ZEEK, UNKNOWN},
            "#separator \\x09\n#fields\tindicator_type\tindicator\nIntel::ADDR\tx\n192.0.2.1\n"
            "-\t192.0.2.1\nIntel::ADDR\t192.0.2.2\n",
            VD_OK, "192.0.2.2 - 0 - - 6 \n",
            "3  not an address or CIDR range\n5  it has no indicator_type\n", 1, 0},
        {"no header", {VD_FEED_ZEEK, UNKNOWN}, "192.0.2.1\tIntel::ADDR\n", VD_E_INVALID, "",
            "1  no line #fields with indicator and indicator_type comes before it\n", 0, 0},
    };

    (void)state;
    RUN(cases);
}

#define INDICATOR(pattern, more) \
    "{\"type\":\"indicator\",\"pattern_type\":\"stix\",\"pattern\":\"" pattern "\"" more "}"
#define BUNDLE(objects) "{\"type\":\"bundle\",\"objects\":[" objects "]}"

static void test_feed__stix(void **state)
{
    static const struct format_case cases[] = {
        {"members", {VD_FEED_AUTO, UNKNOWN},
            BUNDLE("{\"type\":\"identity\",\"id\":\"identity--1\"}," INDICATOR(
                "[ipv4-addr:value = '192.0.2.1']",
                ",\"confidence\":70,\"name\":\"n\",\"description\":\"d\","
                "\"valid_from\":\"2026-01-01T00:00:00Z\","
                "\"valid_until\":\"2026-12-01T00:00:00.000Z\",\"object_marking_refs\":["
                "\"marking-definition--34098fce-860f-48ae-8e50-ebd3cc5e41da\","
                "\"marking-definition--939a9414-2ddd-4d32-a0cd-375ea402b003\"]")),
            VD_OK, "192.0.2.1 70 4 2026-01-01 2026-12-01 0 d\n", NULL, 0, 0},
        {"markings of the bundle, several addresses", {VD_FEED_STIX, UNKNOWN},
            BUNDLE("{\"type\":\"marking-definition\",\"id\":\"m1\",\"definition_type\":\"tlp\","
                   "\"definition\":{\"tlp\":\"red\"}}," INDICATOR(
                       "[ipv4-addr:value IN ('192.0.2.1', '192.0.2.2')] OR "
                       "[ipv6-addr:value ISSUBSET '2001:db8::/32' OR url:value = 'x']",
                       ",\"name\":\"n\",\"object_marking_refs\":[\"m1\"]")),
            VD_OK, "192.0.2.1 - 5 - - 0 n\n192.0.2.2 - 5 - - 0 n\n2001:db8::/32 - 5 - - 0 n\n",
            NULL, 0, 0},
        {"ignored", {VD_FEED_STIX, UNKNOWN},
            BUNDLE(INDICATOR("[ipv4-addr:value = '192.0.2.1']", ",\"revoked\":true") "," INDICATOR(
                "[domain-name:value = 'x']", "") "," INDICATOR("[ipv4-addr:value = '192.0.2.1' AND "
                                                               "domain-name:value = 'x']",
                "") ","
                    "{\"type\":\"indicator\",\"pattern_type\":\"snort\",\"pattern\":\"alert\"}," INDICATOR(
                        "[ipv4-addr:value = '192.0.2.1']", ",\"indicator_types\":[\"benign\"]")),
            VD_OK, "", NULL, 5, 0},
        {"the latest version counts", {VD_FEED_STIX, UNKNOWN},
            BUNDLE(INDICATOR("[ipv4-addr:value = '192.0.2.2']",
                ",\"id\":\"indicator--1\",\"modified\":\"2026-02-01T00:00:00Z\"") "," INDICATOR("[ipv4-addr:value = '192.0.2.1']",
                ",\"id\":\"indicator--1\",\"modified\":\"2026-01-01T00:00:00Z\"")),
            VD_OK, "192.0.2.2 - 0 - - 0 \n", NULL, 1, 0},
        {"damage is passed over", {VD_FEED_STIX, UNKNOWN},
            BUNDLE(INDICATOR("[ipv4-addr:value = ", "") "," INDICATOR(
                "[ipv4-addr:value = '192.0.2.1']",
                ",\"confidence\":101") "," INDICATOR("[ipv4-addr:value = '192.0.2.1']",
                ",\"valid_until\":\"soon\"") "," INDICATOR("[ipv4-addr:value = '192.0.2.1']",
                ",\"valid_from\":\"2026-02-01T00:00:00Z\","
                "\"valid_until\":\"2026-01-01T00:00:00Z\"") "," INDICATOR("[ipv4-addr:value = '192.0.2' OR ipv4-addr:value = '192.0.2.7']",
                "") ",7"),
            VD_OK, "192.0.2.7 - 0 - - 0 \n",
            "0 objects[0] pattern cannot be read\n0 objects[1] confidence is to be 0 to 100\n"
            "0 objects[2] valid_until is not a time\n"
            "0 objects[3] its validity ends before it begins\n"
            "0 objects[4] not an address or CIDR range\n",
            0, 0},
        {"an envelope", {VD_FEED_STIX, UNKNOWN},
            "{\"more\":true,\"next\":\"x\",\"objects\":[" INDICATOR(
                "[ipv4-addr:value = '192.0.2.1']", "") "]}",
            VD_OK, "192.0.2.1 - 0 - - 0 \n", NULL, 0, 0},
        {"an envelope of nothing", {VD_FEED_STIX, UNKNOWN}, "{}", VD_OK, "", NULL, 0, 0},
        {"other JSON", {VD_FEED_STIX, UNKNOWN}, "{\"a\":1}", VD_E_INVALID, "",
            "0 type it is neither a STIX bundle nor a TAXII envelope\n", 0, 0},
        {"objects that are none", {VD_FEED_STIX, UNKNOWN}, "{\"objects\":7}", VD_E_INVALID, "",
            "0 objects is to be an array of STIX objects\n", 0, 0},
    };

    (void)state;
    RUN(cases);
}

static void test_feed__json_fault_names_line(void **state)
{
    const struct vd_feed_parse parse = {.format = VD_FEED_STIX};
    struct vd_feed_report report;

    (void)state;
    assert_int_equal(
        vd_feed_parse(&parse, VD_STR_LITERAL("{\"objects\":\n[{]}"), &report), VD_E_INVALID);
    assert_int_equal(report.fault.line, 2);
    assert_true(report.fault.reason[0] != '\0');
}

static void test_feed__misp(void **state)
{
    static const struct format_case cases[] = {
        {"attributes and objects", {VD_FEED_AUTO, UNKNOWN, .lifetime_ms = 30 * DAY},
            "{\"Event\":{\"info\":\"campaign\",\"Tag\":[{\"name\":\"tlp:green\"}],\"Attribute\":["
            "{\"type\":\"ip-dst\",\"value\":\"192.0.2.1\",\"to_ids\":true,\"comment\":\"c2\","
            "\"Tag\":[{\"name\":\"tlp:amber\"}],\"timestamp\":\"1780272000\","
            "\"first_seen\":\"2026-01-01T00:00:00.000000+00:00\","
            "\"last_seen\":\"2026-03-01T00:00:00+00:00\"},"
            "{\"type\":\"ip-src\",\"value\":\"192.0.2.2\",\"to_ids\":false},"
            "{\"type\":\"ip-src\",\"value\":\"192.0.2.3\",\"to_ids\":true,\"deleted\":true},"
            "{\"type\":\"md5\",\"value\":\"x\",\"to_ids\":true}],"
            "\"Object\":[{\"Attribute\":["
            "{\"type\":\"ip-dst|port\",\"value\":\"2001:db8::1|443\",\"to_ids\":\"1\"},"
            "{\"type\":\"domain|ip\",\"value\":\"x.example|192.0.2.9\",\"to_ids\":true}]}]}}",
            VD_OK,
            "192.0.2.1 - 3 2026-01-01 2026-03-31 0 c2\n"
            "2001:db8::1 - 2 - 2026-07-01 0 campaign\n192.0.2.9 - 2 - 2026-07-01 0 campaign\n",
            NULL, 3, 1},
        {"a response", {VD_FEED_MISP, UNKNOWN},
            "{\"response\":[{\"Event\":{\"Attribute\":[{\"type\":\"ip-dst\",\"value\":\"x\","
            "\"to_ids\":true},{\"type\":\"ip-dst\",\"value\":\"192.0.2.1\",\"to_ids\":true,"
            "\"last_seen\":\"soon\"}]}},7,{\"Event\":{\"Attribute\":[{\"type\":\"ip-dst\","
            "\"value\":\"192.0.2.4\",\"to_ids\":true}]}}]}",
            VD_OK, "192.0.2.4 - 0 - - 0 \n",
            "0 [0].Event.Attribute[0] not an address or CIDR range\n"
            "0 [0].Event.Attribute[1] timestamp, first_seen or last_seen is not a time\n"
            "0 [1]. is no event\n",
            0, 0},
        {"a response of attributes", {VD_FEED_MISP, UNKNOWN},
            "{\"response\":{\"Attribute\":[{\"type\":\"ip-dst\",\"value\":\"192.0.2.0/24\","
            "\"to_ids\":true}]}}",
            VD_OK, "192.0.2.0/24 - 0 - - 0 \n", NULL, 0, 0},
        {"other JSON", {VD_FEED_MISP, UNKNOWN}, "{\"a\":1}", VD_E_INVALID, "",
            "0 Event there is no event and no list of attributes\n", 0, 0},
    };

    (void)state;
    RUN(cases);
}

static void test_feed__patterns(void **state)
{
    static const struct {
        const char *pattern;
        enum vd_stix_pattern kind;
    } cases[] = {
        {"[ipv4-addr:value='192.0.2.1']", VD_STIX_ADDRESSES},
        {"(([ipv4-addr:value == 'a']) OR [ (ipv6-addr:value = 'b' OR file:size > 7) ])",
            VD_STIX_ADDRESSES},
        {"[file:hashes.'SHA-256' = 'x' OR a:b[0].c = 'y' OR ipv4-addr:value = 'z']",
            VD_STIX_ADDRESSES},
        {"[url:value = 'it\\'s [ AND ]' OR ipv4-addr:value = 'z']", VD_STIX_ADDRESSES},
        {"[ipv4-addr:value NOT = '192.0.2.1']", VD_STIX_OTHER},
        {"[ipv4-addr:value != '192.0.2.1']", VD_STIX_OTHER},
        {"[ipv4-addr:value LIKE '192.0.2.%']", VD_STIX_OTHER},
        {"[ipv4-addr:value = 'a'] FOLLOWEDBY [ipv4-addr:value = 'b']", VD_STIX_OTHER},
        {"[ipv4-addr:value = 'a'] WITHIN 5 SECONDS", VD_STIX_OTHER},
        {"[NOT ipv4-addr:value = 'a']", VD_STIX_OTHER},
        {"", VD_STIX_BROKEN},
        {"ipv4-addr:value = 'a'", VD_STIX_BROKEN},
        {"[ipv4-addr:value = 'a'", VD_STIX_BROKEN},
        {"[ipv4-addr:value = 'a')", VD_STIX_BROKEN},
        {"[ipv4-addr:value = 'a]", VD_STIX_BROKEN},
        {"[ipv4-addr:value IN 'a']", VD_STIX_BROKEN},
        {"[ipv4-addr:value IN ('a' 'b')]", VD_STIX_BROKEN},
        {"[ipv4-addr:value = 'a'] [ipv4-addr:value = 'b']", VD_STIX_BROKEN},
        {"[[ipv4-addr:value = 'a']]", VD_STIX_BROKEN},
        {"[ipv4-addr:value = 'a' OR]", VD_STIX_BROKEN},
        {"[]", VD_STIX_BROKEN},
        {"\xff", VD_STIX_BROKEN},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        print_message("%s\n", cases[i].pattern);
        assert_int_equal(
            vd_stix_pattern_read(vd_str_from(cases[i].pattern), NULL, NULL), cases[i].kind);
    }
}

static int refuse(const struct vd_indicator *indicator, void *context)
{
    (void)indicator;
    (*(uint32_t *)context)++;
    return VD_E_FULL;
}

/* What the taker answers ends the parse in every format. */
static void test_feed__taker_stops_it(void **state)
{
    static const char *const texts[] = {
        "192.0.2.1\n192.0.2.2\n",
        "a,ip\n1,192.0.2.1\n1,192.0.2.2\n",
        "192.0.2.1,1,1\n192.0.2.2,1,1\n",
        "#fields\tindicator\tindicator_type\n192.0.2.1\tIntel::ADDR\n192.0.2.2\tIntel::ADDR\n",
        BUNDLE(INDICATOR("[ipv4-addr:value IN ('192.0.2.1', '192.0.2.2')]", "")),
        "{\"Attribute\":[{\"type\":\"ip-dst\",\"value\":\"192.0.2.1\",\"to_ids\":true},"
        "{\"type\":\"ip-dst\",\"value\":\"192.0.2.2\",\"to_ids\":true}]}",
    };

    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        uint32_t calls = 0;
        const struct vd_feed_parse parse = {.take = refuse, .context = &calls};
        struct vd_feed_report report;

        assert_int_equal(vd_feed_parse(&parse, vd_str_from(texts[i]), &report), VD_E_FULL);
        assert_int_equal(calls, 1);
    }
}

static void test_feed__names(void **state)
{
    enum vd_feed_format format = VD_FEED_AUTO;

    (void)state;
    assert_int_equal(vd_feed_format_find("zeek", &format), VD_OK);
    assert_int_equal(format, VD_FEED_ZEEK);
    assert_string_equal(vd_feed_format_name(VD_FEED_STIX), "stix");
    assert_int_equal(vd_feed_format_find("xml", &format), VD_E_INVALID);
    assert_null(vd_feed_format_name((enum vd_feed_format)7));
}

/* The first problems are kept, the others counted. */
static void test_feed__problems_are_bounded(void **state)
{
    const struct vd_feed_parse parse = {.format = VD_FEED_LIST};
    struct vd_feed_report report;
    struct vd_buf text = {0};

    (void)state;
    for (int i = 0; i < 100; i++) {
        vd_buf_append_text(&text, "nonsense\n");
    }
    vd_buf_append_text(&text, "192.0.2.1\n");
    assert_int_equal(text.error, VD_OK);
    assert_int_equal(
        vd_feed_parse(&parse, (struct vd_str){(const char *)text.data, text.length}, &report),
        VD_OK);
    assert_int_equal(report.problem_count, VD_FEED_PROBLEMS_MAX);
    assert_int_equal(report.refused, 100);
    assert_int_equal(report.used, 1);
    vd_buf_release(&text);
}

/* "[{},{},...]" of just less than is allowed is refused unread; indicators as they come in feeds of that length are not. */
static void test_feed__json_that_takes_too_much_memory(void **state)
{
    static const struct {
        const char *entry;
        bool is_read;
    } cases[] = {
        {"{}", false},
        {"[]", false},
        {"1", false},
        {"{\"type\":\"indicator\",\"spec_version\":\"2.1\",\"id\":\"indicator--26ffb872-1dd9-446e-b6f5-d58527e5b5d2\","
         "\"created\":\"2026-01-01T00:00:00.000Z\",\"modified\":\"2026-01-01T00:00:00.000Z\",\"name\":\"C2\","
         "\"indicator_types\":[\"malicious-activity\"],\"pattern\":\"[ipv4-addr:value = '192.0.2.1']\","
         "\"pattern_type\":\"stix\",\"valid_from\":\"2026-01-01T00:00:00Z\"}",
            true},
        {"{\"category\":\"Network activity\",\"comment\":\"\",\"deleted\":false,\"disable_correlation\":false,"
         "\"timestamp\":\"1767225600\",\"to_ids\":true,\"type\":\"ip-dst\","
         "\"uuid\":\"26ffb872-1dd9-446e-b6f5-d58527e5b5d2\",\"value\":\"192.0.2.1\"}",
            true},
    };
    const struct vd_feed_parse parse = {.format = VD_FEED_MISP};

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct vd_feed_report report;
        struct vd_buf some = {0};
        struct vd_buf text = {0};
        struct vd_str all;

        for (int k = 0; k < 1000; k++) {
            vd_buf_printf(&some, "%s,", cases[i].entry);
        }
        vd_buf_append_text(&text, "[");
        while (text.length + some.length + strlen(cases[i].entry) < VD_FEED_JSON_BYTES_MAX) {
            vd_buf_append(&text, some.data, some.length);
        }
        vd_buf_printf(&text, "%s]", cases[i].entry);
        assert_int_equal(text.error, VD_OK);
        all = (struct vd_str){(const char *)text.data, text.length};
        if (cases[i].is_read) {
            assert_in_range(vd_json_memory(all), 1, VD_FEED_JSON_MEMORY_MAX);
        } else {
            assert_int_equal(vd_feed_parse(&parse, all, &report), VD_E_INVALID);
            assert_string_equal(report.fault.place, "JSON");
            assert_string_equal(report.fault.reason, "it has too many parts");
        }
        vd_buf_release(&some);
        vd_buf_release(&text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_feed__list),
        cmocka_unit_test(test_feed__csv),
        cmocka_unit_test(test_feed__suricata),
        cmocka_unit_test(test_feed__wanted_categories),
        cmocka_unit_test(test_feed__zeek),
        cmocka_unit_test(test_feed__stix),
        cmocka_unit_test(test_feed__json_fault_names_line),
        cmocka_unit_test(test_feed__misp),
        cmocka_unit_test(test_feed__patterns),
        cmocka_unit_test(test_feed__taker_stops_it),
        cmocka_unit_test(test_feed__names),
        cmocka_unit_test(test_feed__problems_are_bounded),
        cmocka_unit_test(test_feed__json_that_takes_too_much_memory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

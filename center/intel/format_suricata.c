/* SPDX-License-Identifier: MIT */
/* Suricata's IP reputation: "address,category,score"; source: its user guide, section "IP Reputation Format". */

#include "center/intel/feed_format_internal.h"

#define CATEGORY_MAX (VD_FEED_CATEGORIES - 1)
#define SCORE_MAX    127

/* The line of the category, behind its number; empty if there is none. */
static struct vd_str find_category(struct vd_str categories, int64_t number)
{
    struct vd_format_lines lines = {categories, 0};
    struct vd_str line;

    while (vd_format_next_line(&lines, &line)) {
        struct vd_str rest = vd_format_trim(line);

        if (vd_format_number(vd_format_cut(&rest, ','), CATEGORY_MAX) == number) {
            return rest;
        }
    }
    return (struct vd_str){"", 0};
}

/* "category 3" or "CnC: known command and control". */
static struct vd_str describe(struct vd_str categories, int64_t number, char *out, size_t size)
{
    struct vd_str rest = find_category(categories, number);
    const struct vd_str name = vd_format_cut(&rest, ',');
    int length;

    if (name.length == 0) {
        length = snprintf(out, size, "category %lld", (long long)number);
    } else if (rest.length == 0) {
        length = snprintf(
            out, size, "%.*s", (int)(name.length < size ? name.length : size - 1), name.data);
    } else {
        length =
            snprintf(out, size, "%.*s: %.*s", (int)(name.length < size ? name.length : size - 1),
                name.data, (int)(rest.length < size ? rest.length : size - 1), rest.data);
    }
    return (struct vd_str){out, (size_t)length < size ? (size_t)length : size - 1};
}

int vd_feed_wanted_read(const char *text, struct vd_feed_parse *parse)
{
    struct vd_str rest = vd_str_from(text);
    uint8_t wanted[VD_FEED_CATEGORIES] = {0};

    do {
        struct vd_str score = vd_format_cut(&rest, ',');
        const bool has_score = memchr(score.data, ':', score.length) != NULL;
        const int64_t category =
            vd_format_number(vd_format_trim(vd_format_cut(&score, ':')), CATEGORY_MAX);
        const int64_t least = has_score ? vd_format_number(vd_format_trim(score), SCORE_MAX) : 1;

        if (category < 0 || least < 1) {
            return VD_E_INVALID;
        }
        wanted[category] = (uint8_t)least;
    } while (rest.length > 0);
    memcpy(parse->wanted, wanted, sizeof wanted);
    parse->has_wanted = true;
    return VD_OK;
}

static bool is_wanted(const struct vd_feed_parse *parse, int64_t category, int64_t score)
{
    return score > 0 && /* 0 is "no data" */
        (!parse->has_wanted || (parse->wanted[category] > 0 && score >= parse->wanted[category]));
}

static int read_line(struct vd_format_run *run, struct vd_str line, uint32_t number)
{
    char description[256];
    struct vd_str rest = line;
    struct vd_format_entry entry = {.at.line = number};
    int64_t category;
    int64_t score;

    entry.address = vd_format_trim(vd_format_cut(&rest, ','));
    category = vd_format_number(vd_format_trim(vd_format_cut(&rest, ',')), CATEGORY_MAX);
    score = vd_format_number(vd_format_trim(rest), SCORE_MAX);
    if (category < 0 || score < 0) {
        vd_format_refuse(run, entry.at,
            category < 0 ? "the category is to be 0 to 60" : "the score is to be 0 to 127");
        return VD_OK;
    }
    if (!is_wanted(run->parse, category, score)) {
        vd_format_ignore(run);
        return VD_OK;
    }
    entry.confidence = (uint8_t)((score * VD_CONFIDENCE_MAX + SCORE_MAX / 2) / SCORE_MAX);
    entry.description = describe(run->parse->categories, category, description, sizeof description);
    return vd_format_entry_give(run, &entry);
}

int vd_format_suricata(struct vd_format_run *run, struct vd_str text)
{
    struct vd_format_lines lines = {text, 0};
    struct vd_str line;

    while (vd_format_next_line(&lines, &line)) {
        line = vd_format_trim(line);
        if (line.length > 0 && line.data[0] != '#') {
            int error = read_line(run, line, lines.line);

            if (error != VD_OK) {
                return error;
            }
        }
    }
    return VD_OK;
}

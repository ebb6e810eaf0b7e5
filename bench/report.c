/* SPDX-License-Identifier: MIT */
/* Reads benchmark rows (a JSON object a line), prints them as a table, writes them as one JSON array. */

#include <jansson.h>
#include <stdbool.h>

static const char *const keys[] = {
    "name", "value", "unit", "reference", "reference_value", "ratio", "ceiling"};

#define LIMIT_BYTES  40
#define SPREAD_BYTES 72

static void format_number(const json_t *value, char *out, size_t size)
{
    double number = json_number_value(value);

    if (!json_is_number(value)) {
        snprintf(out, size, "-");
    } else if (number == (double)(long long)number) {
        snprintf(out, size, "%lld", (long long)number);
    } else {
        snprintf(out, size, "%.2f", number);
    }
}

static const char *text_or_dash(const json_t *value)
{
    return json_is_string(value) ? json_string_value(value) : "-";
}

/* What the value may not pass: "<= 2", ">= 100"; "-": nothing. */
static void format_limit(const json_t *row, char *out, size_t size)
{
    const bool is_ceiling = json_is_number(json_object_get(row, "ceiling"));
    char number[32];

    format_number(json_object_get(row, is_ceiling ? "ceiling" : "floor"), number, sizeof number);
    snprintf(out, size, "%s%s",
        is_ceiling                                          ? "<= "
            : json_is_number(json_object_get(row, "floor")) ? ">= "
                                                            : "",
        number);
}

/* The least and the most that was measured; "": it was measured once, or is the same each time. */
static void format_spread(const json_t *row, char *out, size_t size)
{
    char low[32];
    char high[32];

    format_number(json_object_get(row, "low"), low, sizeof low);
    format_number(json_object_get(row, "high"), high, sizeof high);
    snprintf(out, size, strcmp(low, high) == 0 ? "" : "%s..%s", low, high);
}

static bool is_missed(const json_t *row)
{
    const json_t *ceiling = json_object_get(row, "ceiling");
    const json_t *floor = json_object_get(row, "floor");
    const double value = json_number_value(json_object_get(row, "value"));

    return (json_is_number(ceiling) && value > json_number_value(ceiling)) ||
        (json_is_number(floor) && value < json_number_value(floor));
}

/* Prints a row; returns 1 if its value is above its ceiling or below its floor. */
static int print_row(const json_t *row)
{
    char value[32];
    char reference[32];
    char ratio[32];
    char limit[LIMIT_BYTES];
    char spread[SPREAD_BYTES];
    const bool missed = is_missed(row);

    format_number(json_object_get(row, "value"), value, sizeof value);
    format_number(json_object_get(row, "reference_value"), reference, sizeof reference);
    format_number(json_object_get(row, "ratio"), ratio, sizeof ratio);
    format_limit(row, limit, sizeof limit);
    format_spread(row, spread, sizeof spread);
    printf("%-40s %12s %-14s %-17s %12s %7s %10s  %s%s\n",
        json_string_value(json_object_get(row, "name")), value,
        text_or_dash(json_object_get(row, "unit")), spread, reference, ratio, limit,
        text_or_dash(json_object_get(row, "reference")), missed ? "  MISSED" : "");
    return missed;
}

/* A row must have every key, a name and a number as its value. */
static int check_row(const json_t *row, const char *file, int line)
{
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        if (json_object_get(row, keys[i]) == NULL) {
            fprintf(stderr, "%s:%d: no key \"%s\"\n", file, line, keys[i]);
            return -1;
        }
    }
    if (!json_is_string(json_object_get(row, "name")) ||
        !json_is_number(json_object_get(row, "value"))) {
        fprintf(stderr, "%s:%d: the name is no text or the value no number\n", file, line);
        return -1;
    }
    return 0;
}

static int read_rows(const char *path, json_t *rows)
{
    FILE *file = fopen(path, "r");
    char *text = NULL;
    size_t size = 0;
    int line = 0;
    int failed = 0;

    if (file == NULL) {
        fprintf(stderr, "cannot read %s\n", path);
        return -1;
    }
    while (!failed && getline(&text, &size, file) > 0) {
        json_error_t error;
        json_t *row = json_loads(text, 0, &error);

        line++;
        if (row == NULL || check_row(row, path, line) != 0) {
            fprintf(stderr, "%s:%d: not a row\n", path, line);
            failed = -1;
            json_decref(row);
        } else {
            json_array_append_new(rows, row);
        }
    }
    free(text);
    fclose(file);
    return failed;
}

int main(int argc, char **argv)
{
    json_t *rows = json_array();
    const json_t *row;
    size_t i;
    int over = 0;
    int result = 1;

    if (argc < 3) {
        fprintf(stderr, "usage: bench_report OUTPUT.json ROWS...\n");
        goto out;
    }
    for (int a = 2; a < argc; a++) {
        if (read_rows(argv[a], rows) != 0) {
            goto out;
        }
    }
    if (json_array_size(rows) == 0) {
        fprintf(stderr, "no rows: nothing was measured\n");
        goto out;
    }
    printf("%-40s %12s %-14s %-17s %12s %7s %10s  %s\n", "name", "value", "unit", "spread",
        "reference", "ratio", "limit", "compared with");
    json_array_foreach(rows, i, row)
    {
        over |= print_row(row);
    }
    if (json_dump_file(rows, argv[1], JSON_INDENT(1)) != 0) {
        fprintf(stderr, "cannot write %s\n", argv[1]);
        goto out;
    }
    result = over;
out:
    json_decref(rows);
    return result;
}

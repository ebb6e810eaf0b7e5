/* SPDX-License-Identifier: MIT */
/* Tokens of JSON: white space, strings with escapes, numbers, literals. */

#include "azure_iot_security_module/src/asc_twin_json.h"

/* What string_character() returns beside a character. */
#define STRING_END  (-1)
#define STRING_NONE (-2)

static bool is_digit(int byte)
{
    return byte >= '0' && byte <= '9';
}

/* The next byte as it is; -1 at the end. */
static int look(const struct asc_json *json)
{
    return json->cur < json->end ? (uint8_t)*json->cur : -1;
}

int asc_json_peek(struct asc_json *json)
{
    int byte = look(json);

    while (byte == ' ' || byte == '\t' || byte == '\n' || byte == '\r') {
        json->cur++;
        byte = look(json);
    }
    return byte;
}

bool asc_json_take(struct asc_json *json, char byte)
{
    if (asc_json_peek(json) != byte) {
        return false;
    }
    json->cur++;
    return true;
}

bool asc_json_word(struct asc_json *json, const char *word)
{
    const char *cur = json->cur;

    for (; *word != '\0'; word++, cur++) {
        if (cur == json->end || *cur != *word) {
            return false;
        }
    }
    json->cur = cur;
    return true;
}

/* The four digits after \u. */
static int escaped_unit(struct asc_json *json)
{
    int unit = 0;

    for (unsigned i = 0; i < 4; i++) {
        const int byte = look(json);
        const int letter = byte | 0x20;

        if (is_digit(byte)) {
            unit = unit << 4 | (byte - '0');
        } else if (letter >= 'a' && letter <= 'f') {
            unit = unit << 4 | (letter - 'a' + 10);
        } else {
            return STRING_NONE;
        }
        json->cur++;
    }
    return unit;
}

static int string_character(struct asc_json *json)
{
    static const char escapes[] = "\"\"\\\\//b\bf\fn\nr\rt\t";
    int byte = look(json);

    if (byte < 0x20) {
        return STRING_NONE;
    }
    json->cur++;
    if (byte != '\\') {
        return byte == '"' ? STRING_END : byte;
    }
    byte = look(json);
    if (byte == 'u') {
        json->cur++;
        return escaped_unit(json);
    }
    for (const char *escape = escapes; *escape != '\0'; escape += 2) {
        if (byte == *escape) {
            json->cur++;
            return escape[1];
        }
    }
    return STRING_NONE;
}

bool asc_json_string(struct asc_json *json, char *out, size_t size)
{
    size_t length = 0;
    int c;

    if (!asc_json_take(json, '"')) {
        return false;
    }
    while ((c = string_character(json)) >= 0) {
        if (length < size) {
            out[length] = (char)c;
            length = c >= ' ' && c <= '~' ? length + 1 : size;
        }
    }
    out[length < size ? length : 0] = '\0';
    return c == STRING_END;
}

bool asc_json_whole(struct asc_json *json, uint32_t *out)
{
    uint32_t value = 0;
    int byte = look(json);

    if (!is_digit(byte)) {
        return false;
    }
    do {
        const uint32_t digit = (uint32_t)(byte - '0');

        if (value > (UINT32_MAX - digit) / 10u) {
            return false;
        }
        value = value * 10u + digit;
        json->cur++;
        byte = look(json);
        /* A zero stands alone: what follows it here is not JSON. */
    } while (value > 0 && is_digit(byte));
    *out = value;
    return byte != '.' && (byte | 0x20) != 'e';
}

static bool digits(struct asc_json *json)
{
    const char *start = json->cur;

    while (is_digit(look(json))) {
        json->cur++;
    }
    return json->cur > start;
}

static bool number(struct asc_json *json)
{
    (void)asc_json_word(json, "-");
    if (!asc_json_word(json, "0") && !digits(json)) {
        return false;
    }
    if (asc_json_word(json, ".") && !digits(json)) {
        return false;
    }
    if ((look(json) | 0x20) == 'e') {
        json->cur++;
        if (!asc_json_word(json, "+")) {
            (void)asc_json_word(json, "-");
        }
        return digits(json);
    }
    return true;
}

bool asc_json_skip(struct asc_json *json)
{
    char none[1];

    if (asc_json_peek(json) == '"') {
        return asc_json_string(json, none, sizeof none);
    }
    return asc_json_word(json, "true") || asc_json_word(json, "false") ||
        asc_json_word(json, "null") || number(json);
}

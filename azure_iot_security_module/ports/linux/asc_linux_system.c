/* SPDX-License-Identifier: MIT */
/* Reads os-release, uname, the firmware's board name and the processor's name. */

#include "azure_iot_security_module/ports/linux/asc_linux_system.h"

#include <sys/utsname.h>

#define FILE_MAX_BYTES 65536u

/* The file's text, its first FILE_MAX_BYTES at most; NULL if it cannot be read. The caller frees. */
static char *read_text(const char *path)
{
    FILE *file = fopen(path, "re");
    char *text = file != NULL ? malloc(FILE_MAX_BYTES + 1) : NULL;
    size_t length;

    if (text != NULL) {
        length = fread(text, 1, FILE_MAX_BYTES, file);
        text[length] = '\0';
    }
    if (file != NULL) {
        fclose(file);
    }
    return text;
}

static const char *line_end(const char *line)
{
    return line + strcspn(line, "\n");
}

static const char *next_line(const char *line)
{
    const char *end = line_end(line);

    return *end == '\n' ? end + 1 : end;
}

/* Copies up to `end`, at most size - 1 bytes. */
static void copy(const char *from, const char *end, char *out, size_t size)
{
    size_t length = (size_t)(end - from);

    length = length < size ? length : size - 1;
    memcpy(out, from, length);
    out[length] = '\0';
}

void asc_linux_os_release(const char *text, const char *name, char *out, size_t size)
{
    size_t name_length = strlen(name);
    size_t n = 0;
    char quote = '\0';

    out[0] = '\0';
    while (*text != '\0' && (strncmp(text, name, name_length) != 0 || text[name_length] != '=')) {
        text = next_line(text);
    }
    if (*text == '\0') {
        return;
    }
    text += name_length + 1;
    if (*text == '"' || *text == '\'') {
        quote = *text++;
    }
    for (const char *end = line_end(text); text < end && *text != quote && n + 1 < size; text++) {
        if (*text == '\\' && quote != '\'' && text + 1 < end) {
            text++;
        }
        out[n++] = *text;
    }
    out[n] = '\0';
}

/* The value of the first `name : value` line of /proc/cpuinfo. */
static void cpu_name(char *out, size_t size)
{
    static const char *const names[] = {"model name", "Model", "cpu model", "Hardware", "cpu"};
    char *text = read_text("/proc/cpuinfo");

    out[0] = '\0';
    for (size_t i = 0; text != NULL && out[0] == '\0' && i < sizeof names / sizeof names[0]; i++) {
        size_t length = strlen(names[i]);

        for (const char *line = text; *line != '\0' && out[0] == '\0'; line = next_line(line)) {
            const char *after = line + length;

            if (strncmp(line, names[i], length) == 0) {
                after += strspn(after, " \t");
                if (*after == ':') {
                    after++;
                    after += strspn(after, " \t");
                    copy(after, line_end(after), out, size);
                }
            }
        }
    }
    free(text);
}

/* The board as the firmware names it: device tree first, then DMI. */
static void board_name(char *out, size_t size)
{
    static const char *const paths[] = {
        "/proc/device-tree/model", "/sys/class/dmi/id/product_name"};

    out[0] = '\0';
    for (size_t i = 0; i < sizeof paths / sizeof paths[0] && out[0] == '\0'; i++) {
        char *text = read_text(paths[i]);

        if (text != NULL) {
            copy(text, line_end(text), out, size);
        }
        free(text);
    }
}

static void read_os(struct asc_linux_system *s)
{
    static const char *const paths[] = {"/etc/os-release", "/usr/lib/os-release"};

    for (size_t i = 0; i < sizeof paths / sizeof paths[0] && s->os[0] == '\0'; i++) {
        char *text = read_text(paths[i]);

        if (text != NULL) {
            asc_linux_os_release(text, "PRETTY_NAME", s->os, sizeof s->os);
        }
        free(text);
    }
}

void asc_linux_system_read(struct asc_linux_system *s)
{
    struct utsname names;
    char board[96], cpu[96];

    s->os[0] = s->kernel[0] = s->hw[0] = '\0';
    read_os(s);
    board_name(board, sizeof board);
    cpu_name(cpu, sizeof cpu);
    if (uname(&names) == 0) {
        snprintf(s->kernel, sizeof s->kernel, "%.120s %.120s", names.sysname, names.release);
        snprintf(s->hw, sizeof s->hw, "%.60s%s%s%s%s", names.machine, board[0] != '\0' ? ", " : "",
            board, cpu[0] != '\0' ? ", " : "", cpu);
    }
}

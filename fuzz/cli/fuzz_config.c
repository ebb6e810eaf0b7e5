/* SPDX-License-Identifier: MIT */
/* vedette.conf: the first fault that is told is the one that ends a start, lines are told in their order, and what was read
 * can be written and read again. */

#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "fuzz/replay.h"
#include "lib/config.h"

static void check(bool holds)
{
    if (!holds) {
        abort();
    }
}

struct told {
    unsigned count;
    unsigned last_line;
};

static void take(void *context, unsigned line, const char *text)
{
    struct told *told = context;

    check(text[0] != '\0' && (line > told->last_line || line == 0));
    told->count++;
    told->last_line = line;
}

static void check_host(const struct vd_config *config)
{
    struct vd_resource_scope scope;
    char host[VD_HOST_NAME_MAX + 8];

    vd_config_host(config, config->mqtt_listen.port, host);
    check(strncmp(host, config->hub_name, strlen(config->hub_name)) == 0);
    vd_config_scope(config, &scope);
    check(scope.hub[0] == '\0' || vd_hub_label_is_valid(vd_str_from(scope.hub)));
}

/* A file for the same hub, as `vedette init` writes it. */
static void check_again(const struct vd_config *config)
{
    struct vd_config_problem problem;
    struct vd_config again;
    char listen[VD_ADDRESS_TEXT_SIZE + 8] = "off";
    char *text = NULL;
    size_t length = 0;
    FILE *out = open_memstream(&text, &length);

    check(out != NULL);
    if (config->https_listen.address[0] != '\0') {
        vd_listen_format(&config->https_listen, config->https_listen.port, listen);
    }
    vd_config_write_file(out, config->hub_name, listen);
    check(fclose(out) == 0);
    vd_config_defaults(&again);
    check(vd_config_parse(&again, "f", (struct vd_str){text, length}, &problem) == VD_OK);
    check(strcmp(again.hub_name, config->hub_name) == 0);
    check(memcmp(&again.https_listen, &config->https_listen, sizeof again.https_listen) == 0);
    free(text);
}

/* A file is told of as its text is; one that is not there is told of too. */
static void check_file(struct vd_str text, unsigned faults)
{
    struct vd_config_problem problem;
    struct vd_config_lines lines;
    struct vd_config config;
    struct told told = {0};
    char path[32];
    const int fd = memfd_create("f", MFD_CLOEXEC);

    check(fd >= 0 && write(fd, text.data, text.length) == (ssize_t)text.length);
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    vd_config_defaults(&config);
    check(vd_config_read_all(&config, path, &lines, take, &told) == faults);
    check(vd_config_line(&lines, "hub.name") <= text.length);
    check((vd_config_read(&config, path, &problem) == VD_OK) == (faults == 0));
    close(fd);
    check(vd_config_read(&config, path, &problem) == VD_E_NOT_FOUND);
    told = (struct told){0};
    check(vd_config_read_all(&config, path, &lines, take, &told) == 1);
}

/* The same text as it may stand on a command line. */
static void check_pair(struct vd_str text)
{
    struct vd_config_problem problem;
    struct vd_config config;
    char pair[256];

    vd_config_defaults(&config);
    if (vd_str_copy(text, pair, sizeof pair) == VD_OK) {
        check(vd_config_set_pair(&config, pair, &problem) == VD_OK || problem.text[0] != '\0');
    }
}

/* What is documented as a property's initial value may be set. */
static void check_initial(void)
{
    struct vd_config_problem problem;
    struct vd_config_property p;
    struct vd_config config;

    for (size_t i = 0; vd_config_property_at(i, &p); i++) {
        check(p.allowed[0] != '\0');
        check(
            vd_config_set(&config, vd_str_from(p.name), vd_str_from(p.initial), &problem) == VD_OK);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t length)
{
    const struct vd_str text = {(const char *)data, length};
    struct vd_config_problem problem = {""};
    struct vd_config_lines lines;
    struct vd_config config;
    struct told told = {0};
    unsigned faults;

    vd_config_defaults(&config);
    faults = vd_config_parse_all(&config, text, &lines, take, &told);
    check(faults == told.count);
    vd_config_defaults(&config);
    check((vd_config_parse(&config, "f", text, &problem) == VD_OK) == (faults == 0));
    check((problem.text[0] == '\0') == (faults == 0));
    if (faults == 0) {
        check_initial();
        check_host(&config);
        check_again(&config);
    }
    check_file(text, faults);
    check_pair(text);
    return 0;
}

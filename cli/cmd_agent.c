/* SPDX-License-Identifier: MIT */
/* `vedette agent`: the security module of this Linux device. */

#include <errno.h>
#include <getopt.h>
#include <net/if.h>
#include <openssl/crypto.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "azure_iot_security_module/ports/linux/asc_linux_agent.h"
#include "azure_iot_security_module/ports/linux/asc_linux_log.h"
#include "cli/cmd_agent.h"
#include "lib/sandbox.h"

#define EXIT_USAGE             2
#define CONNECTION_TEXT_MAX    4096u
#define CONNECTION_ENVIRONMENT "VEDETTE_CONNECTION_STRING"
#define TOKEN_LIFE_MIN_S       4
#define TOKEN_LIFE_MAX_S       (365 * 24 * 3600)

static const char help_text[] =
    "Usage: %s --interface NAME [options]\n"
    "\n"
    "Watches the network traffic of this device on one interface and reports it to its hub.\n"
    "Capturing needs CAP_NET_RAW (root, or a capability on the program).\n"
    "\n"
    "  -i, --interface NAME          the interface to capture on, for example eth0\n"
    "  -c, --connection-string TEXT  HostName=NAME[:PORT];DeviceId=...;SharedAccessKey=...\n"
    "                                [;GatewayHostName=ADDRESS[:PORT]], where to connect to\n"
    "                                (see: vedette device show)\n"
    "  -f, --connection-string-file FILE\n"
    "                                read it from FILE instead; or from the environment,\n"
    "                                " CONNECTION_ENVIRONMENT "\n"
    "      --ca FILE                 CA certificates (PEM) that the hub's must come from;\n"
    "                                default: those of the system\n"
    "      --id TEXT                 security module id; default: the device id\n"
    "      --interval SECONDS        how often the network activity is reported; default: 10\n"
    "      --capture ring|socket     how packets come out of the kernel; default: ring, which\n"
    "                                costs a busy host least; socket takes less memory\n"
    "      --token-life SECONDS      life of a SAS token, renewed after 3/4 of it; default: 3600\n"
    "  -v, --verbose                 log more\n"
    "  -h, --help                    this text\n"
    "\n"
    "Example: %s -i eth0 --ca ca.pem -f pump-7.connection\n"
    "As a service of systemd: vedette-agent.service\n"
    "\n"
    "SIGINT and SIGTERM send what was collected, disconnect and end it.\n"
    "Exit status: 0 stopped by a signal, 1 could not start, 2 wrong usage.\n";

/* What the command line says. */
struct arguments {
    struct asc_linux_agent_options options;
    struct asc_linux_connection connection;
    bool connected; /* `connection` is set */
    bool help;
    const char *file;
};

/* How it was called: "vedette agent", or "vedette-agent" as a program of its own. */
static const char *called = "vedette agent";

static int usage(const char *fault, const char *value)
{
    fprintf(stderr, "%s: %s%s\nTry `%s --help`.\n", called, fault, value, called);
    return EXIT_USAGE;
}

/* Parses the string and wipes it where it stands: the process list and core dumps keep no key. */
static int take_connection(struct arguments *a, char *text)
{
    const char *error = asc_linux_connection_parse(&a->connection, text);

    OPENSSL_cleanse(text, strlen(text));
    a->connected = error == NULL;
    return error == NULL ? 0 : usage(error, "");
}

static int take_number(const char *name, const char *text, long least, long most, uint32_t *out)
{
    char *end = NULL;
    char range[128];
    long value;

    errno = 0;
    value = strtol(text, &end, 10);
    if (errno != 0 || end == text || *end != '\0' || value < least || value > most) {
        snprintf(range, sizeof range, "%s must be a number from %ld to %ld", name, least, most);
        return usage(range, "");
    }
    *out = (uint32_t)value;
    return 0;
}

static int take_capture(struct arguments *a, const char *text)
{
    if (strcmp(text, "ring") == 0) {
        a->options.capture = ASC_LINUX_CAPTURE_RING;
    } else if (strcmp(text, "socket") == 0) {
        a->options.capture = ASC_LINUX_CAPTURE_SOCKET;
    } else {
        return usage("--capture must be ring or socket, not ", text);
    }
    return 0;
}

static int take_file(struct arguments *a)
{
    char text[CONNECTION_TEXT_MAX + 1] = {0};
    struct stat status;
    size_t length = 0;
    FILE *file = fopen(a->file, "re");

    if (file == NULL) {
        fprintf(stderr, "%s: cannot read %s: %s\n", called, a->file, strerror(errno));
        return EXIT_FAILURE;
    }
    if (fstat(fileno(file), &status) == 0 && (status.st_mode & (S_IRWXG | S_IRWXO)) != 0) {
        asc_linux_log(ASC_LINUX_LOG_WARN, "key_file_open",
            "file=\"%s\" reason=\"others can read the key: chmod 600\"", a->file);
    }
    setvbuf(file, NULL, _IONBF, 0); /* no second copy of the key */
    length = fread(text, 1, CONNECTION_TEXT_MAX, file);
    fclose(file);
    while (length > 0 && strchr(" \t\r\n", text[length - 1]) != NULL) {
        length--;
    }
    text[length] = '\0';
    return take_connection(a, text);
}

enum {
    OPTION_CA = 256,
    OPTION_ID,
    OPTION_INTERVAL,
    OPTION_TOKEN_LIFE,
    OPTION_CAPTURE
};

static const struct option long_options[] = {
    {"interface", required_argument, NULL, 'i'},
    {"connection-string", required_argument, NULL, 'c'},
    {"connection-string-file", required_argument, NULL, 'f'},
    {"ca", required_argument, NULL, OPTION_CA},
    {"id", required_argument, NULL, OPTION_ID},
    {"interval", required_argument, NULL, OPTION_INTERVAL},
    {"token-life", required_argument, NULL, OPTION_TOKEN_LIFE},
    {"capture", required_argument, NULL, OPTION_CAPTURE},
    {"verbose", no_argument, NULL, 'v'},
    {"help", no_argument, NULL, 'h'},
    {NULL, 0, NULL, 0},
};

void vd_cmd_agent_option_names(FILE *out)
{
    for (const struct option *o = long_options; o->name != NULL; o++) {
        fprintf(out, "%s--%s", o != long_options ? " " : "", o->name);
    }
}

/* Takes one option; anything but 0 is the exit status of a mistake. */
static int take_option(struct arguments *a, int option)
{
    switch (option) {
    case 'i':
        a->options.interface = optarg;
        return 0;
    case 'c':
        return a->connected ? usage("the connection string is given twice", "")
                            : take_connection(a, optarg);
    case 'f':
        a->file = optarg;
        return 0;
    case OPTION_CA:
        a->options.ca_file = optarg;
        return 0;
    case OPTION_ID:
        a->options.settings.security_module_id = optarg;
        return optarg[0] != '\0' && strlen(optarg) <= ASC_SECURITY_MODULE_ID_MAX
            ? 0
            : usage("--id is empty or too long: ", optarg);
    case OPTION_INTERVAL:
        return take_number(
            "--interval", optarg, 1, ASC_INTERVAL_MAX, &a->options.settings.high_interval_s);
    case OPTION_TOKEN_LIFE:
        return take_number("--token-life", optarg, TOKEN_LIFE_MIN_S, TOKEN_LIFE_MAX_S,
            &a->options.times.token_life_s);
    case OPTION_CAPTURE:
        return take_capture(a, optarg);
    case 'v':
        asc_linux_log_level(ASC_LINUX_LOG_DEBUG);
        return 0;
    case 'h':
        a->help = true;
        return 0;
    default: /* getopt_long has said what is wrong */
        fprintf(stderr, "Try `%s --help`.\n", called);
        return EXIT_USAGE;
    }
}

/* Where the connection string comes from: command line, file, environment; only one of the first two. */
static int find_connection(struct arguments *a)
{
    char *text = getenv(CONNECTION_ENVIRONMENT);

    if (a->file != NULL) {
        return a->connected
            ? usage("--connection-string and --connection-string-file exclude each other", "")
            : take_file(a);
    }
    if (!a->connected && text != NULL) {
        return take_connection(a, text);
    }
    return a->connected ? 0
                        : usage("a connection string is needed: --connection-string, "
                                "--connection-string-file or " CONNECTION_ENVIRONMENT,
                              "");
}

/* Says which interfaces there are to choose from. */
static int without_interface(void)
{
    struct if_nameindex *all = if_nameindex();
    char names[256] = "";
    size_t length = 0;

    for (struct if_nameindex *i = all; i != NULL && i->if_index != 0; i++) {
        const int n = snprintf(names + length, sizeof names - length, "%s%s",
            length > 0 ? ", " : "; this host has: ", i->if_name);

        if (n < 0 || (size_t)n >= sizeof names - length) {
            break;
        }
        length += (size_t)n;
    }
    if (all != NULL) {
        if_freenameindex(all);
    }
    return usage("--interface is needed", names);
}

static int take_arguments(struct arguments *a, int argc, char **argv)
{
    int status = 0;
    int option;

    optind = 0; /* the C library starts over */
    while (status == 0 && !a->help &&
        (option = getopt_long(argc, argv, "i:c:f:vh", long_options, NULL)) != -1) {
        status = take_option(a, option);
    }
    if (a->help) {
        return 0;
    }
    if (status == 0 && optind < argc) {
        status = usage("no argument is wanted here: ", argv[optind]);
    }
    if (status == 0 && a->options.interface == NULL) {
        status = without_interface();
    }
    return status != 0 ? status : find_connection(a);
}

/* Files stay as they are: collectors read what the system tells of itself, all over it. */
static void give_up_rights(void)
{
    const struct vd_sandbox_wish wish = {
        .all_files = true, .packets = true, .tracing = VD_SANDBOX_TRACING};

    vd_sandbox_enter(&wish);
    if (!vd_sandbox_state()->calls || !vd_sandbox_state()->no_core) {
        fprintf(stderr, "%s: system calls and core dumps cannot be restricted here\n", called);
    }
}

void vd_cmd_agent_help(FILE *out, const char *name)
{
    fprintf(out, help_text, name, name);
}

int vd_cmd_agent_called(const char *name, int argc, char **argv)
{
    struct arguments a = {.options = {.settings = asc_settings_default(),
                              .times = asc_linux_hub_times_default(),
                              .stop_fd = -1}};
    sigset_t stops;
    int status;

    called = name;
    status = take_arguments(&a, argc, argv);

    if (a.help) {
        vd_cmd_agent_help(stdout, called);
        status = fflush(stdout) == 0 ? 0 : EXIT_FAILURE;
    }
    if (a.help || status != 0) {
        goto out;
    }
    a.options.connection = &a.connection;
    asc_linux_log_find_journal();
    sigemptyset(&stops);
    sigaddset(&stops, SIGINT);
    sigaddset(&stops, SIGTERM);
    pthread_sigmask(SIG_BLOCK, &stops, NULL);
    a.options.stop_fd = signalfd(-1, &stops, SFD_CLOEXEC);
    if (a.options.stop_fd < 0) {
        fprintf(stderr, "%s: no signal descriptor: %s\n", called, strerror(errno));
        status = EXIT_FAILURE;
        goto out;
    }
    give_up_rights();
    status = asc_linux_agent_run(&a.options);
    close(a.options.stop_fd);
out:
    asc_linux_connection_release(&a.connection);
    return status;
}

int vd_cmd_agent(int argc, char **argv)
{
    return vd_cmd_agent_called("vedette agent", argc, argv);
}

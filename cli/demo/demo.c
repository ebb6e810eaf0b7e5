/* SPDX-License-Identifier: MIT */
/* `vedette demo`: the script. Real programs, real packets; no part of the service knows that it is a demo. */

#include <errno.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/client.h"
#include "cli/commands.h"
#include "cli/demo/site.h"
#include "cli/table.h"
#include "lib/clock.h"

#define DEVICES_DEFAULT 4
#define REPORT_S        "2" /* how often the agents report */

/* One download of every device in so long; the first of the wrong one after the second. */
#define TRAFFIC_MS     1500
#define FIRST_WRONG_MS 3000

#define COMMAND_MS 20000
#define READY_MS   30000
#define ALERT_MS   60000
#define STEP_MS    100

#define AGENT_END_MS 5000

/* The device that is not as it should be. */
#define WRONG_DEVICE 1

static volatile sig_atomic_t interrupted;

static void on_interrupt(int number)
{
    (void)number;
    interrupted = 1;
}

struct demo {
    struct vd_site site;
    pid_t service;
    pid_t agents[VD_SITE_DEVICES_MAX];
    pid_t downloads[VD_SITE_DEVICES_MAX];
    unsigned rounds[VD_SITE_DEVICES_MAX];
    pid_t follow;
    bool once;
    bool keep;
    bool wrong_said;
};

/* ---- Commands of vedette ---- */

/* Runs `vedette ARGUMENT... --data-dir DIR`; its output in *output, or in the log. */
static bool vedette(struct demo *demo, const char *const *arguments, struct vd_buf *output)
{
    const char *argv[16] = {demo->site.program};
    struct vd_spawn spawn = {.argv = argv, .netns = -1, .log = demo->site.log, .out = -1};
    size_t count = 1;

    while (*arguments != NULL && count < 12) {
        argv[count++] = *arguments++;
    }
    argv[count++] = "--data-dir";
    argv[count++] = demo->site.data;
    if (vd_children_run(&demo->site.children, &spawn, output, COMMAND_MS)) {
        return true;
    }
    if (!interrupted) {
        vd_cli_fail("demo: `vedette %s` failed; its log:", argv[1]);
        vd_site_print_log(demo->site.log);
    }
    return false;
}

static bool init(struct demo *demo)
{
    const char *hub = demo->site.hub_address;

    return vedette(demo, (const char *[]){"init", "--hub-name", hub, NULL}, NULL);
}

static bool import_indicators(struct demo *demo)
{
    char path[VD_SITE_PATH_SIZE];

    return vd_site_write_file(&demo->site, "indicators.txt", path,
               "# Addresses that the demo calls suspicious, one a line.\n%s\n",
               demo->site.wrong_address) &&
        vedette(demo, (const char *[]){"intel", "import", path, "--feed", "demo list", NULL}, NULL);
}

/* Creates the device and writes its connection string into a file. */
static bool create_device(struct demo *demo, size_t i, char path[VD_SITE_PATH_SIZE])
{
    struct vd_buf output = {0};
    json_t *device = NULL;
    const char *connection = NULL;
    char name[64];
    bool good = vedette(demo,
        (const char *[]){"device", "create", demo->site.devices[i].name, "--output", "json", NULL},
        &output);

    if (good) {
        device = json_loadb((const char *)output.data, output.length, 0, NULL);
        connection = json_string_value(json_object_get(device, "connectionString"));
        snprintf(name, sizeof name, "%s.connection", demo->site.devices[i].name);
        good =
            connection != NULL && vd_site_write_file(&demo->site, name, path, "%s\n", connection);
    }
    json_decref(device);
    vd_buf_release(&output);
    return good;
}

/* ---- Services ---- */

/* Waits for the service's ready line. */
static bool wait_ready(struct demo *demo, const char *log)
{
    int64_t until = vd_clock_monotonic_ms() + READY_MS;

    while (!interrupted && vd_clock_monotonic_ms() < until) {
        if (vd_site_log_holds(log, "ready hub=")) {
            return true;
        }
        if (!vd_child_runs(&demo->site.children, demo->service)) {
            break;
        }
        vd_pause_ms(STEP_MS / 2);
    }
    if (!interrupted) {
        vd_cli_fail("demo: the service did not start; its log:");
        vd_site_print_log(log);
    }
    return false;
}

static bool start_service(struct demo *demo)
{
    char log[VD_SITE_PATH_SIZE];
    char listen[80];
    const char *const argv[] = {
        demo->site.program, "serve", "--data-dir", demo->site.data, "--set", listen, NULL};
    const struct vd_spawn spawn = {
        .argv = argv, .netns = demo->site.hub_netns, .log = log, .out = -1};

    vd_site_log_path(&demo->site, "serve", log);
    snprintf(
        listen, sizeof listen, "mqtt.listen=%s:%u", demo->site.hub_address, demo->site.hub_port);
    demo->service = vd_children_start(&demo->site.children, &spawn);
    return demo->service != 0 && wait_ready(demo, log);
}

static bool start_agent(struct demo *demo, size_t i)
{
    char connection[VD_SITE_PATH_SIZE];
    char log[VD_SITE_PATH_SIZE];
    char ca[VD_SITE_PATH_SIZE];
    const char *const argv[] = {demo->site.program, "agent", "--interface", demo->site.interface,
        "--connection-string-file", connection, "--ca", ca, "--interval", REPORT_S, NULL};
    const struct vd_spawn spawn = {
        .argv = argv, .netns = demo->site.devices[i].netns, .log = log, .out = -1};

    if (!create_device(demo, i, connection)) {
        return false;
    }
    vd_site_log_path(&demo->site, demo->site.devices[i].name, log);
    snprintf(ca, sizeof ca, "%s/ca.pem", demo->site.data);
    demo->agents[i] = vd_children_start(&demo->site.children, &spawn);
    return demo->agents[i] != 0;
}

/* ---- Traffic ---- */

static void download(struct demo *demo, size_t i, const char *address, const char *path)
{
    char url[128];
    const char *const argv[] = {"busybox", "wget", "-q", "-O", "/dev/null", url, NULL};
    const struct vd_spawn spawn = {
        .argv = argv, .netns = demo->site.devices[i].netns, .log = demo->site.log, .out = -1};

    snprintf(url, sizeof url, "http://%s:%u/%s", address, demo->site.web_port, path);
    demo->downloads[i] = vd_children_start(&demo->site.children, &spawn);
}

/* What is due `elapsed_ms` after the traffic began: every device fetches something now and then. */
static void make_traffic(struct demo *demo, int64_t elapsed_ms)
{
    const struct vd_site *site = &demo->site;

    for (size_t i = 0; i < site->device_count; i++) {
        int64_t due = demo->rounds[i] * TRAFFIC_MS + (int64_t)(i * TRAFFIC_MS / site->device_count);
        bool idle = !vd_child_runs(&demo->site.children, demo->downloads[i]);

        if (!idle || elapsed_ms < due) {
            continue;
        }
        demo->rounds[i]++;
        if (i == WRONG_DEVICE % site->device_count && elapsed_ms >= FIRST_WRONG_MS &&
            demo->rounds[i] % 2 == 0) {
            download(demo, i, site->wrong_address, "tasks.txt");
            if (!demo->wrong_said) {
                demo->wrong_said = true;
                printf("        %s now also talks to %s\n\n", site->devices[i].name,
                    site->wrong_address);
                fflush(stdout);
            }
        } else if (demo->rounds[i] % 2 == 0) {
            download(demo, i, site->good_addresses[0], "index.html");
        } else {
            download(demo, i, site->good_addresses[1], "readings.bin");
        }
    }
}

/* ---- The alert ---- */

/* The first alert's id; false while there is none. */
static bool first_alert(struct demo *demo, char id[64])
{
    const struct vd_api_request request = {.method = "GET", .path = "/alerts"};
    struct vd_api_answer answer = {0, NULL};
    char reason[512];
    const char *text;
    bool found = false;

    if (vd_client_call(demo->site.data, &request, &answer, reason, sizeof reason) == VD_OK) {
        text = json_string_value(
            json_object_get(json_array_get(json_object_get(answer.body, "alerts"), 0), "id"));
        found = text != NULL && vd_text_copy(text, id, 64) == VD_OK;
        json_decref(answer.body);
    }
    return found;
}

/* Starts `vedette alert ...` on the terminal. */
static pid_t show(struct demo *demo, const char *word, const char *argument)
{
    const char *const argv[] = {
        demo->site.program, "alert", word, argument, "--data-dir", demo->site.data, NULL};
    const struct vd_spawn spawn = {.argv = argv, .netns = -1, .log = NULL, .out = -1};

    printf("$ vedette alert %s %.8s\n", word, argument);
    return vd_children_start(&demo->site.children, &spawn);
}

static void wait_child(struct demo *demo, pid_t pid, int timeout_ms)
{
    int64_t until = vd_clock_monotonic_ms() + timeout_ms;

    while (vd_child_runs(&demo->site.children, pid) && vd_clock_monotonic_ms() < until &&
        !interrupted) {
        vd_pause_ms(STEP_MS);
    }
}

static void show_alert(struct demo *demo, const char *id)
{
    /* Until the line that told of it is out: one poll of --follow, and a little. */
    wait_child(demo, demo->follow, 700);
    putchar('\n');
    wait_child(demo, show(demo, "show", id), COMMAND_MS);
    putchar('\n');
    if (!demo->once) {
        printf(
            "The traffic goes on; changes of the alert follow. Ctrl-C ends the demo and removes all of it.\n"
            "Elsewhere: vedette alert list --data-dir %s\n\n",
            demo->site.data);
    }
    fflush(stdout);
}

/* False (said on stderr) if the service or an agent has ended. */
static bool all_run(struct demo *demo)
{
    char log[VD_SITE_PATH_SIZE];

    if (!vd_child_runs(&demo->site.children, demo->service)) {
        vd_site_log_path(&demo->site, "serve", log);
        vd_cli_fail("demo: the service has ended; its log:");
        vd_site_print_log(log);
        return false;
    }
    for (size_t i = 0; i < demo->site.device_count; i++) {
        if (!vd_child_runs(&demo->site.children, demo->agents[i])) {
            vd_site_log_path(&demo->site, demo->site.devices[i].name, log);
            vd_cli_fail("demo: the agent of %s has ended; its log:", demo->site.devices[i].name);
            vd_site_print_log(log);
            return false;
        }
    }
    return true;
}

/* Makes traffic until the alert was seen (--once), or until Ctrl-C. */
static bool play(struct demo *demo)
{
    int64_t start = vd_clock_monotonic_ms();
    bool seen = false;
    char id[64] = "";

    demo->follow = show(demo, "list", "--follow");
    while (!interrupted && all_run(demo)) {
        int64_t elapsed = vd_clock_monotonic_ms() - start;

        make_traffic(demo, elapsed);
        vd_pause_ms(STEP_MS);
        if (seen) {
            continue;
        }
        seen = first_alert(demo, id);
        if (seen) {
            show_alert(demo, id);
        } else if (elapsed > ALERT_MS) {
            vd_cli_fail("demo: no alert came within %d s; see the logs in %s", ALERT_MS / 1000,
                demo->site.folder);
            demo->keep = true;
            return false;
        }
        if (seen && demo->once) {
            return true;
        }
    }
    return interrupted != 0;
}

/* ---- The whole ---- */

static void introduce(const struct demo *demo)
{
    const struct vd_site *site = &demo->site;

    if (site->loopback) {
        printf("Vedette demo: a hub, a security center and one device on the loopback interface\n"
               "(%s).\n\n",
            site->why);
    } else {
        printf(
            "Vedette demo: a hub, a security center and %zu devices, each in a network namespace of its own.\n\n",
            site->device_count);
    }
    fflush(stdout);
}

static bool set_up(struct demo *demo)
{
    struct vd_site *site = &demo->site;

    if (!init(demo) || !start_service(demo)) {
        return false;
    }
    printf("service vedette serve: hub and security center at %s\n", site->hub_address);
    if (!import_indicators(demo)) {
        return false;
    }
    printf("intel   vedette intel import: %s is on the list of suspicious addresses\n",
        site->wrong_address);
    for (size_t i = 0; i < site->device_count; i++) {
        if (interrupted || !start_agent(demo, i)) {
            return false;
        }
        printf("device  %-12s %-12s vedette agent --interface %s --interval " REPORT_S "\n",
            site->devices[i].name, site->devices[i].address, site->interface);
        fflush(stdout);
    }
    printf(
        "traffic busybox wget from %s and %s\n", site->good_addresses[0], site->good_addresses[1]);
    fflush(stdout);
    return true;
}

/* The agents before the service: they hand over what they have. */
static void end_agents(struct demo *demo)
{
    vd_child_ask(&demo->site.children, demo->follow);
    for (size_t i = 0; i < demo->site.device_count; i++) {
        vd_child_ask(&demo->site.children, demo->downloads[i]);
        vd_child_ask(&demo->site.children, demo->agents[i]);
    }
    for (size_t i = 0; i < demo->site.device_count; i++) {
        vd_child_end(&demo->site.children, demo->agents[i], AGENT_END_MS);
    }
}

static bool parse(const struct vd_invocation *invocation, struct demo *demo, size_t *devices)
{
    const char *text = vd_invocation_value(invocation, "devices");
    char *end = NULL;
    unsigned long number = text != NULL ? strtoul(text, &end, 10) : DEVICES_DEFAULT;

    if (text != NULL &&
        (end == text || *end != '\0' || text[0] == '-' || number < 1 ||
            number > VD_SITE_DEVICES_MAX)) {
        vd_cli_usage(invocation, "--devices %s: allowed is 1 to %d", text, VD_SITE_DEVICES_MAX);
        return false;
    }
    *devices = number;
    demo->once = vd_invocation_value(invocation, "once") != NULL;
    demo->keep = vd_invocation_value(invocation, "keep") != NULL;
    return true;
}

static void catch_signals(void)
{
    struct sigaction action = {.sa_handler = on_interrupt};

    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGHUP, &action, NULL);
    signal(SIGPIPE, SIG_IGN);
}

const struct vd_option vd_demo_options[] = {
    {"devices", "N", "how many devices, 1 to 16; default: 4"},
    {"once", NULL, "end after the first alert; status 1 if none comes within 60 s"},
    {"loopback", NULL, "use the loopback interface even where namespaces are allowed"},
    {"keep", NULL, "leave the data directory and the logs there"},
    {NULL, NULL, NULL},
};

int vd_cmd_demo(const struct vd_invocation *invocation)
{
    struct demo demo = {.once = false};
    bool loopback = vd_invocation_value(invocation, "loopback") != NULL;
    size_t devices = 0;
    bool good;

    if (!parse(invocation, &demo, &devices)) {
        return VD_EXIT_USAGE;
    }
    catch_signals();
    good = vd_site_make(&demo.site, devices, loopback);
    if (good) {
        introduce(&demo);
        good = set_up(&demo) && play(&demo);
    }
    if (interrupted) {
        puts("\nending the demo ...");
        fflush(stdout);
    }
    end_agents(&demo);
    vd_site_remove(&demo.site, demo.keep);
    return good || interrupted ? VD_EXIT_OK : VD_EXIT_FAILURE;
}

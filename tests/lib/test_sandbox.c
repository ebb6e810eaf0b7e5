/* SPDX-License-Identifier: MIT */
/* What a process in the sandbox cannot do any more, and what it still can; each in a child of its own. */

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/sandbox.h"

/* What a child ends with where the kernel has not got what it tests. */
#define NOT_HERE 77

static char own[64];   /* may be written */
static char other[64]; /* may not even be read */

static const char *at(const char *folder, const char *name)
{
    static char paths[4][96];
    static unsigned turn;
    char *path = paths[turn++ % 4];

    snprintf(path, sizeof paths[0], "%s/%s", folder, name);
    return path;
}

static void enter(bool packets)
{
    const char *const writes[] = {own, "/does/not/exist"};
    const struct vd_sandbox_wish wish = {.writes = writes, .write_count = 2, .packets = packets};

    vd_sandbox_enter(&wish);
}

/* In a child: where `what` is false it says so and ends. */
#define CHECK(what)                                                                      \
    do {                                                                                 \
        if (!(what)) {                                                                   \
            fprintf(stderr, "%s:%d: %s (errno %d)\n", __FILE__, __LINE__, #what, errno); \
            _exit(1);                                                                    \
        }                                                                                \
    } while (0)

static void in_child(void (*body)(void))
{
    int status = 0;
    const pid_t pid = fork();

    assert_true(pid >= 0);
    if (pid == 0) {
        body();
        _exit(0);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    if (WEXITSTATUS(status) == NOT_HERE) {
        skip();
    }
    assert_int_equal(WEXITSTATUS(status), 0);
}

static bool can_open(const char *path, int flags)
{
    const int fd = open(path, flags | O_CLOEXEC, 0600);

    if (fd >= 0) {
        close(fd);
    }
    return fd >= 0;
}

static bool refused(long result, int code)
{
    return result == -1 && errno == code;
}

/* ---- What was given up ---- */

static void files(void)
{
    const int open_before = open(at(other, "secret"), O_RDONLY | O_CLOEXEC);
    char byte;

    CHECK(vd_sandbox_reaches(at(other, "secret")));
    enter(false);
    if (!vd_sandbox_state()->files) {
        _exit(NOT_HERE);
    }
    CHECK(!can_open(at(other, "secret"), O_RDONLY) && errno == EACCES);
    CHECK(!can_open(at(other, "secret"), O_WRONLY) && errno == EACCES);
    CHECK(!can_open(at(other, "new"), O_WRONLY | O_CREAT) && errno == EACCES);
    CHECK(!can_open(other, O_RDONLY | O_DIRECTORY) && errno == EACCES);
    CHECK(refused(unlink(at(other, "secret")), EACCES));
    CHECK(refused(rename(at(own, "kept"), at(other, "kept")), EACCES) || errno == EXDEV);
    CHECK(refused(truncate(at(other, "secret"), 0), EACCES));
    CHECK(!can_open("/etc/vedette-sandbox-test", O_WRONLY | O_CREAT) && errno == EACCES);
    CHECK(!can_open(at(own, "../other/secret"), O_RDONLY));
    CHECK(read(open_before, &byte, 1) == 1); /* what was open stays so */
    CHECK(!vd_sandbox_reaches(at(other, "secret")));
    CHECK(vd_sandbox_reaches(at(own, "kept")) && vd_sandbox_reaches("/etc/passwd"));
}

static void calls(void)
{
    char *const arguments[] = {(char *)(uintptr_t) "true", NULL};

    enter(false);
    if (!vd_sandbox_state()->calls) {
        _exit(NOT_HERE);
    }
    CHECK(refused(execv("/bin/true", arguments), EPERM));
    CHECK(refused(ptrace(PTRACE_TRACEME, 0, NULL, NULL), EPERM));
    CHECK(refused(unshare(CLONE_NEWUSER), EPERM));
    CHECK(refused(syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, 0, 0, 0, 0), EPERM));
    CHECK(refused(syscall(SYS_clone3, NULL, 0), ENOSYS));
    CHECK(refused(syscall(SYS_bpf, 0, NULL, 0), EPERM));
    CHECK(refused(syscall(SYS_io_uring_setup, 1, NULL), EPERM));
    CHECK(refused(syscall(SYS_keyctl, 0, 0, 0, 0, 0), EPERM));
    CHECK(refused(syscall(SYS_process_vm_readv, getpid(), NULL, 0, NULL, 0, 0), EPERM));
    CHECK(refused(syscall(SYS_mount, NULL, NULL, NULL, 0, NULL), EPERM));
    CHECK(refused(socket(AF_PACKET, SOCK_RAW, 0), EAFNOSUPPORT));
    CHECK(refused(socket(AF_ALG, SOCK_SEQPACKET, 0), EAFNOSUPPORT));
#ifdef __x86_64__
    CHECK(refused(syscall(0x40000000 + SYS_getpid), EPERM));
#endif
}

static void core(void)
{
    struct rlimit limit;

    enter(false);
    CHECK(vd_sandbox_state()->is_on && vd_sandbox_state()->no_core);
    CHECK(getrlimit(RLIMIT_CORE, &limit) == 0 && limit.rlim_cur == 0 && limit.rlim_max == 0);
    CHECK(prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) == 0);
    CHECK(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1);
    CHECK(vd_sandbox_state()->no_new_privileges);
}

/* ---- What remains ---- */

static void *thread_main(void *result)
{
    *(bool *)result = !can_open(at(other, "secret"), O_RDONLY) || !vd_sandbox_state()->files;
    return NULL;
}

static void work(void)
{
    const struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
    struct sockaddr_in address = {.sin_family = AF_INET};
    struct addrinfo *found = NULL;
    pthread_t thread;
    bool is_held = false;
    int status = 1;
    pid_t pid;
    int fd;

    enter(false);
    CHECK(can_open(at(own, "made"), O_RDWR | O_CREAT));
    CHECK(mkdir(at(own, "folder"), 0700) == 0);
    CHECK(rename(at(own, "made"), at(own, "folder/made")) == 0);
    CHECK(truncate(at(own, "folder/made"), 3) == 0);
    CHECK(unlink(at(own, "folder/made")) == 0 && rmdir(at(own, "folder")) == 0);
    CHECK(can_open("/dev/null", O_RDWR) && can_open("/proc/self/stat", O_RDONLY));
    CHECK(getaddrinfo("localhost", "1", &hints, &found) == 0);
    freeaddrinfo(found);
    fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    CHECK(fd >= 0 && bind(fd, (struct sockaddr *)&address, sizeof address) == 0);
    CHECK(listen(fd, 1) == 0 && close(fd) == 0);
    CHECK(pthread_create(&thread, NULL, thread_main, &is_held) == 0);
    CHECK(pthread_join(thread, NULL) == 0 && is_held);
    pid = fork();
    if (pid == 0) {
        _exit(0);
    }
    CHECK(pid > 0 && waitpid(pid, &status, 0) == pid && status == 0);
}

static void packets(void)
{
    enter(true);
    /* With the right to it or without: the family itself is not refused. */
    CHECK(socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0) >= 0 || errno == EPERM);
}

static void all_files(void)
{
    const struct vd_sandbox_wish wish = {.all_files = true};

    vd_sandbox_enter(&wish);
    CHECK(!vd_sandbox_state()->files && can_open(at(other, "secret"), O_RDWR));
    CHECK(vd_sandbox_reaches(at(other, "secret")));
}

static void test_sandbox__files(void **test)
{
    (void)test;
    in_child(files);
}

static void test_sandbox__calls(void **test)
{
    (void)test;
    in_child(calls);
}

static void test_sandbox__core(void **test)
{
    (void)test;
    in_child(core);
}

static void test_sandbox__work(void **test)
{
    (void)test;
    in_child(work);
}

static void test_sandbox__packets(void **test)
{
    (void)test;
    in_child(packets);
}

static void test_sandbox__all_files(void **test)
{
    (void)test;
    in_child(all_files);
}

/* ---- Frame ---- */

static char top[] = "/tmp/vedette-sandbox-XXXXXX";

static int make_file(const char *path)
{
    FILE *file = fopen(path, "we");

    return file != NULL && fputs("x", file) >= 0 && fclose(file) == 0 ? 0 : -1;
}

static int make_folders(void **test)
{
    (void)test;
    if (mkdtemp(top) == NULL) {
        return -1;
    }
    snprintf(own, sizeof own, "%s/own", top);
    snprintf(other, sizeof other, "%s/other", top);
    return mkdir(own, 0700) == 0 && mkdir(other, 0700) == 0 && make_file(at(own, "kept")) == 0
        ? make_file(at(other, "secret"))
        : -1;
}

static int remove_folders(void **test)
{
    (void)test;
    (void)unlink(at(own, "made"));
    return unlink(at(own, "kept")) == 0 && unlink(at(other, "secret")) == 0 && rmdir(own) == 0 &&
            rmdir(other) == 0 && rmdir(top) == 0
        ? 0
        : -1;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sandbox__files),
        cmocka_unit_test(test_sandbox__calls),
        cmocka_unit_test(test_sandbox__core),
        cmocka_unit_test(test_sandbox__work),
        cmocka_unit_test(test_sandbox__packets),
        cmocka_unit_test(test_sandbox__all_files),
    };

    return cmocka_run_group_tests_name("sandbox", tests, make_folders, remove_folders);
}

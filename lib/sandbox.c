/* SPDX-License-Identifier: MIT */
/* Landlock and seccomp by their system calls: there is no library to depend on. */

#include "lib/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/landlock.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static struct vd_sandbox state;

/* ---- Files ---- */

#ifndef LANDLOCK_ACCESS_FS_REFER
#define LANDLOCK_ACCESS_FS_REFER (1ULL << 13)
#endif
#ifndef LANDLOCK_ACCESS_FS_TRUNCATE
#define LANDLOCK_ACCESS_FS_TRUNCATE (1ULL << 14)
#endif

#define READS (LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR)
#define WRITES                                                                                  \
    (LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_REMOVE_DIR |                            \
        LANDLOCK_ACCESS_FS_REMOVE_FILE | LANDLOCK_ACCESS_FS_MAKE_DIR |                          \
        LANDLOCK_ACCESS_FS_MAKE_REG | LANDLOCK_ACCESS_FS_MAKE_SOCK | LANDLOCK_ACCESS_FS_REFER | \
        LANDLOCK_ACCESS_FS_TRUNCATE)
/* Of what is restricted, nobody is given these. */
#define NEVER                                                                                    \
    (LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_MAKE_CHAR | LANDLOCK_ACCESS_FS_MAKE_BLOCK | \
        LANDLOCK_ACCESS_FS_MAKE_FIFO | LANDLOCK_ACCESS_FS_MAKE_SYM)
/* What can be said of a file that is no folder. */
#define OF_FILES \
    (LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_TRUNCATE)

/* Name service, certificates and time zones; files there are renamed over, so that single ones cannot be named. */
static const char *const system_reads[] = {
    "/usr", "/lib", "/lib64", "/etc", "/proc", "/sys", "/dev", "/run"};

struct ruleset {
    int fd;
    uint64_t handled; /* what this kernel knows */
};

static bool allow(const struct ruleset *set, const char *path, uint64_t access)
{
    struct landlock_path_beneath_attr rule = {.allowed_access = access & set->handled};
    struct stat status;
    bool good;

    rule.parent_fd = open(path, O_PATH | O_CLOEXEC);
    if (rule.parent_fd < 0) {
        return false;
    }
    if (fstat(rule.parent_fd, &status) == 0 && !S_ISDIR(status.st_mode)) {
        rule.allowed_access &= OF_FILES;
    }
    good = syscall(SYS_landlock_add_rule, set->fd, LANDLOCK_RULE_PATH_BENEATH, &rule, 0) == 0;
    close(rule.parent_fd);
    return good;
}

static bool restrict_files(const struct vd_sandbox_wish *wish)
{
    const long version =
        syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
    struct ruleset set = {.handled = READS | WRITES | NEVER};
    struct landlock_ruleset_attr attributes = {0};
    bool good;

    if (version < 1) {
        return false;
    }
    if (version < 2) {
        set.handled &= ~(uint64_t)LANDLOCK_ACCESS_FS_REFER;
    }
    if (version < 3) {
        set.handled &= ~(uint64_t)LANDLOCK_ACCESS_FS_TRUNCATE;
    }
    attributes.handled_access_fs = set.handled;
    set.fd = (int)syscall(SYS_landlock_create_ruleset, &attributes, sizeof attributes, 0);
    if (set.fd < 0) {
        return false;
    }
    for (size_t i = 0; i < sizeof system_reads / sizeof system_reads[0]; i++) {
        (void)allow(&set, system_reads[i], READS); /* not each system has all of them */
    }
    (void)allow(&set, "/dev/null", READS | WRITES);
    for (size_t i = 0; i < wish->read_count; i++) {
        (void)allow(&set, wish->reads[i], READS);
    }
    for (size_t i = 0; i < wish->write_count; i++) {
        (void)allow(&set, wish->writes[i], READS | WRITES);
    }
    good = syscall(SYS_landlock_restrict_self, set.fd, 0) == 0;
    close(set.fd);
    return good;
}

bool vd_sandbox_reaches(const char *path)
{
    const char *slash = strrchr(path, '/');
    const size_t length = slash == NULL ? 0 : slash == path ? 1 : (size_t)(slash - path);
    char folder[4096];
    int fd;

    if (!state.files || length == 0 || length >= sizeof folder) {
        return true;
    }
    memcpy(folder, path, length);
    folder[length] = '\0';
    fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd >= 0) {
        close(fd);
        return true;
    }
    /* Of the mode it is not said here: who opens the file says it. */
    return errno != EACCES || access(folder, R_OK) != 0;
}

/* ---- System calls ---- */

#if defined(__x86_64__)
#define ARCHITECTURE AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define ARCHITECTURE AUDIT_ARCH_AARCH64
#endif

#ifdef ARCHITECTURE

#define FIRST_X32 0x40000000u

#define NAMESPACES                                                                                \
    (CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER | CLONE_NEWPID | \
        CLONE_NEWNET)

/* What a service has no use for, and what most ways out of one go through. */
static const unsigned denied[] = {
    /* programs and other processes */
    SYS_execve, SYS_execveat, SYS_process_vm_readv, SYS_process_vm_writev, SYS_kcmp,
    SYS_process_madvise, SYS_pidfd_getfd, SYS_personality,
    /* mounts, namespaces, roots */
    SYS_mount, SYS_umount2, SYS_pivot_root, SYS_chroot, SYS_move_mount, SYS_open_tree, SYS_fsopen,
    SYS_fsconfig, SYS_fsmount, SYS_fspick, SYS_mount_setattr, SYS_unshare, SYS_setns,
    SYS_open_by_handle_at, SYS_name_to_handle_at, SYS_fanotify_init, SYS_quotactl,
    /* the kernel itself */
    SYS_kexec_load, SYS_init_module, SYS_finit_module, SYS_delete_module, SYS_bpf,
    SYS_perf_event_open, SYS_userfaultfd, SYS_io_uring_setup, SYS_io_uring_enter,
    SYS_io_uring_register, SYS_keyctl, SYS_add_key, SYS_request_key, SYS_syslog, SYS_acct,
    /* the machine */
    SYS_reboot, SYS_swapon, SYS_swapoff, SYS_sethostname, SYS_setdomainname, SYS_settimeofday,
    SYS_clock_settime, SYS_clock_adjtime, SYS_adjtimex, SYS_vhangup,
#ifdef SYS_kexec_file_load
    SYS_kexec_file_load,
#endif
#ifdef __x86_64__
    SYS_iopl, SYS_ioperm, SYS_modify_ldt, SYS_uselib, SYS_ustat, SYS_sysfs, SYS_mknod,
#endif
    SYS_mknodat};

static const unsigned families[] = {AF_UNIX, AF_INET, AF_INET6, AF_NETLINK};

#define COUNT(a)                (sizeof(a) / sizeof((a)[0]))
#define INSTRUCTIONS_MAX        (2 * (COUNT(denied) + COUNT(families)) + 32)
#define LOAD(field)             BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, field))
#define ANSWER(value)           BPF_STMT(BPF_RET | BPF_K, (value))
#define REFUSE(code)            ANSWER(SECCOMP_RET_ERRNO | (code))
#define UNLESS(is, value, skip) BPF_JUMP(BPF_JMP | (is) | BPF_K, (value), 0, (skip))

struct program {
    struct sock_filter code[INSTRUCTIONS_MAX];
    unsigned short length;
};

static void put(struct program *p, struct sock_filter instruction)
{
    p->code[p->length++] = instruction; /* INSTRUCTIONS_MAX counts them all */
}

/* Refuses with `code` if what was loaded is `value`. */
static void refuse(struct program *p, unsigned value, unsigned code)
{
    put(p, (struct sock_filter)UNLESS(BPF_JEQ, value, 1));
    put(p, (struct sock_filter)REFUSE(code));
}

/* The lower half of the first argument: both architectures are little-endian, and the kernel takes an int. */
static void load_argument(struct program *p)
{
    put(p, (struct sock_filter)LOAD(args[0]));
}

static void check_sockets(struct program *p, bool packets)
{
    const unsigned count = COUNT(families) + (packets ? 1 : 0);

    put(p, (struct sock_filter)UNLESS(BPF_JEQ, SYS_socket, (uint8_t)(2 + 2 * count)));
    load_argument(p);
    for (unsigned i = 0; i < count; i++) {
        put(p,
            (struct sock_filter)UNLESS(BPF_JEQ, i < COUNT(families) ? families[i] : AF_PACKET, 1));
        put(p, (struct sock_filter)ANSWER(SECCOMP_RET_ALLOW));
    }
    put(p, (struct sock_filter)REFUSE(EAFNOSUPPORT));
}

static void make_program(struct program *p, const struct vd_sandbox_wish *wish)
{
    p->length = 0;
    put(p, (struct sock_filter)LOAD(arch));
    put(p, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ARCHITECTURE, 1, 0));
    put(p, (struct sock_filter)REFUSE(EPERM));
    put(p, (struct sock_filter)LOAD(nr));
#ifdef __x86_64__
    put(p, (struct sock_filter)UNLESS(BPF_JGE, FIRST_X32, 1));
    put(p, (struct sock_filter)REFUSE(EPERM));
#endif
    for (size_t i = 0; i < COUNT(denied); i++) {
        refuse(p, denied[i], EPERM);
    }
    if (!wish->tracing) {
        refuse(p, SYS_ptrace, EPERM);
    }
    /* Its flags stand in memory, which a filter cannot read: the C library then goes on with clone. */
    refuse(p, SYS_clone3, ENOSYS);
    put(p, (struct sock_filter)UNLESS(BPF_JEQ, SYS_clone, 4));
    load_argument(p);
    put(p, (struct sock_filter)UNLESS(BPF_JSET, NAMESPACES, 1));
    put(p, (struct sock_filter)REFUSE(EPERM));
    put(p, (struct sock_filter)ANSWER(SECCOMP_RET_ALLOW));
    check_sockets(p, wish->packets);
    put(p, (struct sock_filter)ANSWER(SECCOMP_RET_ALLOW));
}

static bool restrict_calls(const struct vd_sandbox_wish *wish)
{
    struct program made;
    struct sock_fprog program = {.filter = made.code};

    make_program(&made, wish);
    program.len = made.length;
    return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

#else

static bool restrict_calls(const struct vd_sandbox_wish *wish)
{
    (void)wish;
    return false; /* the filter's numbers are those of other architectures */
}

#endif

/* ---- All of it ---- */

void vd_sandbox_enter(const struct vd_sandbox_wish *wish)
{
    const struct rlimit none = {0, 0};

    state.is_on = true;
    state.no_core = setrlimit(RLIMIT_CORE, &none) == 0 && prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) == 0;
    state.no_new_privileges = prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0;
    /* Both need the promise above, or root. */
    state.files = !wish->all_files && restrict_files(wish);
    state.calls = restrict_calls(wish);
}

const struct vd_sandbox *vd_sandbox_state(void)
{
    return &state;
}

/* SPDX-License-Identifier: MIT */
/* The data directory: what lies where, and the lock that says who works in it. */

#ifndef VEDETTE_CLI_DATA_DIR_H
#define VEDETTE_CLI_DATA_DIR_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/error.h"

#define VD_DATA_DIR_DEFAULT "/var/lib/vedette"

#define VD_FILE_CONFIG     "vedette.conf"
#define VD_FILE_MASTER_KEY "master.key"
#define VD_FILE_CA         "ca.pem"
#define VD_FILE_CA_KEY     "ca.key"
#define VD_FILE_SERVER     "server.pem"
#define VD_FILE_SERVER_KEY "server.key"
#define VD_FILE_REGISTRY   "registry.db"
#define VD_FILE_STATE      "state.db"
#define VD_FILE_ALERTS     "alerts.db"
#define VD_FILE_LOG        "events.db"
#define VD_FILE_AUDIT      "audit.db"
#define VD_FILE_EXPORTS    "exports.json"
#define VD_FILE_ANALYTICS  "analytics"
#define VD_FILE_LOCK       "lock"
#define VD_FILE_SOCKET     "api.sock"

/* Of the directory's path: that of the socket in it then has 107, for which an address has room. */
#define VD_DATA_DIR_MAX 98
/* What is said of a longer one. */
#define VD_DATA_DIR_TOO_LONG "its path is longer than 98 characters: no socket can be opened in it"

/* More than enough. */
#define VD_PATH_SIZE 512

/* Writes `dir`/`name` into out. VD_E_LIMIT (out is then an empty text) if that is longer than a path can be. */
VD_NODISCARD int vd_data_path(const char *dir, const char *name, char out[VD_PATH_SIZE]);

/* A path of the configuration: below `dir` unless it begins at the root; empty stays empty. VD_E_LIMIT likewise. */
VD_NODISCARD int vd_data_config_path(const char *dir, const char *path, char out[VD_PATH_SIZE]);

/* Room for a path as a word of a shell: each character may take four. */
#define VD_WORD_SIZE (4 * VD_PATH_SIZE + 3)
/* Writes it into out, quoted where it has to be, for commands that are shown. Cut where it does not fit. Returns out. */
const char *vd_path_word(const char *path, char out[VD_WORD_SIZE]);

/* True if `vedette init` has made it. False too if this user cannot see that. */
bool vd_data_dir_is_initialised(const char *dir);

/* Whether it is one, and this user may read it. VD_E_NOT_FOUND, VD_E_DENIED: what to do is in error_text. */
VD_NODISCARD int vd_data_dir_find(const char *dir, char *error_text, size_t error_size);

/* Why a user may not work in it and what to do: "it belongs to vedette: run as the user who owns it". */
void vd_data_dir_advise(const char *dir, char *out, size_t size);
/* Says what came of working in it; if this user may not, or nobody can write it, with that advice. */
void vd_data_dir_error_text(const char *dir, int error, char *out, size_t size);

enum vd_lock_purpose {
    VD_LOCK_SERVE,   /* for as long as the service runs */
    VD_LOCK_COMMAND, /* for one command that works on the stores itself */
};

/*
 * Takes the lock; *fd is the caller's to close, which gives it back. What root makes of it belongs to the directory's owner.
 * VD_E_BUSY: another process has it; *serving tells whether that is a service. VD_E_DENIED, VD_E_IO, VD_E_FULL.
 */
VD_NODISCARD int vd_data_lock(
    const char *dir, enum vd_lock_purpose purpose, int *fd, bool *serving);

#endif

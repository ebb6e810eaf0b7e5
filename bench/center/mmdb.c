/* SPDX-License-Identifier: MIT */
/* The search tree of a MaxMind DB with 32-bit records, one entry of data and its metadata. */

#include "bench/center/mmdb.h"

#include <arpa/inet.h>
#include <maxminddb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_NODES 1048576
/* Records: 0 is no node's child, for the root is none's; DATA is the entry until the number of nodes is known. */
#define EMPTY     0
#define DATA      UINT32_MAX
#define SEPARATOR 16

struct bench_mmdb {
    MMDB_s db;
};

struct tree {
    uint32_t (*nodes)[2];
    uint32_t count;
    uint32_t capacity;
};

static bool insert(struct tree *tree, uint32_t address)
{
    uint32_t node = 0;

    for (int bit = 31; bit > 0; bit--) {
        const unsigned side = address >> bit & 1;

        if (tree->nodes[node][side] == EMPTY) {
            if (tree->count == tree->capacity) {
                void *grown =
                    realloc(tree->nodes, (size_t)tree->capacity * 2 * sizeof *tree->nodes);

                if (grown == NULL) {
                    return false;
                }
                tree->nodes = grown;
                tree->capacity *= 2;
            }
            memset(tree->nodes[tree->count], 0, sizeof *tree->nodes);
            tree->nodes[node][side] = tree->count++;
        }
        node = tree->nodes[node][side];
    }
    tree->nodes[node][address & 1] = DATA;
    return true;
}

static int compare_u32(const void *a, const void *b)
{
    const uint32_t x = *(const uint32_t *)a;
    const uint32_t y = *(const uint32_t *)b;

    return x < y ? -1 : x > y;
}

/* In order, so that nodes that are used together lie together. */
static bool fill(struct tree *tree, const uint32_t *addresses, uint32_t count)
{
    uint32_t *sorted = malloc((size_t)count * sizeof *sorted);
    bool good;

    tree->nodes = calloc(FIRST_NODES, sizeof *tree->nodes);
    tree->capacity = FIRST_NODES;
    tree->count = 1;
    good = sorted != NULL && tree->nodes != NULL;
    if (good) {
        memcpy(sorted, addresses, (size_t)count * sizeof *sorted);
        qsort(sorted, count, sizeof *sorted, compare_u32);
    }
    for (uint32_t i = 0; good && i < count; i++) {
        good = insert(tree, sorted[i]);
    }
    free(sorted);
    return good;
}

/* ---- The file: tree, separator, data, marker, metadata ---- */

static void put_text(FILE *file, const char *text)
{
    fputc(0x40 | (int)strlen(text), file);
    fputs(text, file);
}

/* An unsigned number of up to 4 bytes: 16 bits (type 5) or 32 (type 6). */
static void put_number(FILE *file, const char *key, int type, uint32_t value)
{
    const int bytes = type == 5 ? 2 : 4;

    put_text(file, key);
    fputc(type << 5 | bytes, file);
    for (int i = bytes - 1; i >= 0; i--) {
        fputc((int)(value >> (8 * i) & 0xff), file);
    }
}

static void put_metadata(FILE *file, uint32_t nodes)
{
    fputs("\xab\xcd\xefMaxMind.com", file);
    fputc(0xe0 | 9, file);
    put_number(file, "node_count", 6, nodes);
    put_number(file, "record_size", 5, 32);
    put_number(file, "ip_version", 5, 4);
    put_text(file, "database_type");
    put_text(file, "bench");
    put_text(file, "languages");
    fputc(1, file); /* of an extended type, with one element */
    fputc(11 - 7, file);
    put_text(file, "en");
    put_number(file, "binary_format_major_version", 5, 2);
    put_number(file, "binary_format_minor_version", 5, 0);
    put_text(file, "build_epoch");
    fputc(1, file); /* 64 bits, of which one byte is written */
    fputc(9 - 7, file);
    fputc(1, file);
    put_text(file, "description");
    fputc(0xe0 | 1, file);
    put_text(file, "en");
    put_text(file, "bench");
}

static bool write_file(const char *path, const struct tree *tree)
{
    FILE *file = fopen(path, "wb");
    static const char zeros[SEPARATOR];
    bool good;

    if (file == NULL) {
        return false;
    }
    for (uint32_t i = 0; i < tree->count; i++) {
        uint32_t records[2];

        for (int side = 0; side < 2; side++) {
            const uint32_t record = tree->nodes[i][side];

            records[side] = htonl(record == EMPTY ? tree->count
                    : record == DATA              ? tree->count + SEPARATOR
                                                  : record);
        }
        fwrite(records, sizeof records, 1, file);
    }
    fwrite(zeros, sizeof zeros, 1, file);
    fputc(0xe0 | 1, file);
    put_number(file, "confidence", 5, 50);
    put_metadata(file, tree->count);
    good = !ferror(file);
    return fclose(file) == 0 && good;
}

struct bench_mmdb *bench_mmdb_make(const char *path, const uint32_t *addresses, uint32_t count)
{
    struct bench_mmdb *mmdb = malloc(sizeof *mmdb);
    struct tree tree = {0};
    int status = MMDB_IO_ERROR;

    if (mmdb != NULL && fill(&tree, addresses, count) && write_file(path, &tree)) {
        status = MMDB_open(path, MMDB_MODE_MMAP, &mmdb->db);
    }
    free(tree.nodes);
    if (status != MMDB_SUCCESS) {
        fprintf(stderr, "%s: %s\n", path, MMDB_strerror(status));
        free(mmdb);
        return NULL;
    }
    return mmdb;
}

bool bench_mmdb_holds(struct bench_mmdb *mmdb, uint32_t address)
{
    const struct sockaddr_in name = {.sin_family = AF_INET, .sin_addr = {.s_addr = htonl(address)}};
    int error = MMDB_SUCCESS;
    MMDB_lookup_result_s result =
        MMDB_lookup_sockaddr(&mmdb->db, (const struct sockaddr *)&name, &error);

    return error == MMDB_SUCCESS && result.found_entry;
}

void bench_mmdb_free(struct bench_mmdb *mmdb)
{
    MMDB_close(&mmdb->db);
    free(mmdb);
}

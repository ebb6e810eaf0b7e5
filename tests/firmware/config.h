/* SPDX-License-Identifier: MIT */
/* What the test gives the firmware: a block in the board's PSRAM, where a product has flash, a clock and a TRNG. */

#ifndef VEDETTE_TESTS_FIRMWARE_CONFIG_H
#define VEDETTE_TESTS_FIRMWARE_CONFIG_H

#include <assert.h>
#include <stdint.h>

/* Where QEMU's loader puts it: -device loader,file=...,addr=... */
#define FIRMWARE_CONFIG_ADDRESS 0x21000000u
#define FIRMWARE_CONFIG_MAGIC   "VDFW001" /* with its NUL */

/* Little endian, without gaps: the test's machine and the firmware's lay it out alike. Strings end in
 * NUL; addresses are four bytes in the order of writing. */
struct firmware_config {
    char magic[8];
    uint32_t time_utc_s; /* at start; a product asks a clock chip or SNTP */
    uint32_t interval_s; /* of the high-priority collectors */
    uint8_t seed[48];    /* random: a product's comes from its true random number generator */
    uint8_t address[4];  /* the device's own */
    uint8_t netmask[4];
    uint8_t gateway[4];
    uint8_t hub_address[4]; /* that hub_name is resolved to */
    uint8_t report_address[4];
    uint8_t fetch_address[4];
    uint16_t hub_port;
    uint16_t report_port; /* UDP: readings go there, commands come back */
    uint16_t fetch_port;  /* TCP: HTTP server with a page to get */
    uint16_t key_length;
    uint32_t ca_length; /* with the NUL that ends the PEM text */
    uint8_t key[64];    /* the device's, decoded */
    char hub_name[64];
    char device_id[128];
    char ca[2048]; /* PEM */
};

static_assert(sizeof(struct firmware_config) == 8 + 8 + 48 + 24 + 12 + 64 + 64 + 128 + 2048,
    "the block has gaps");

/* UDP payloads: the command that ends counting, and the answer that is the last counted packet. */
#define FIRMWARE_COMMAND_STOP   "stop"
#define FIRMWARE_ANSWER_STOPPED "stopped"

#endif

/* SPDX-License-Identifier: MIT */
/* Both ends of a TCP connection: moves data from one to the other, and asks the kernel what it counted. */

#ifndef VEDETTE_TESTS_AGENT_TCP_H
#define VEDETTE_TESTS_AGENT_TCP_H

#include <stddef.h>

#include <linux/tcp.h>

struct tcp_info tcp_info_of(int fd);

/* Sends `length` bytes and reads them; the reading end has a time-out. */
void tcp_transfer(int from, int to, size_t length);

/* Returns what the device's end sent and got, once both ends have acknowledged everything. */
struct tcp_info tcp_settled(int device, int peer);

#endif

/* SPDX-License-Identifier: MIT */
/* What every event log must do, as tests that take the log to test. */

#ifndef VEDETTE_TESTS_EVENT_LOG_CONTRACT_H
#define VEDETTE_TESTS_EVENT_LOG_CONTRACT_H

#include "lib/event_log.h"

/* Each takes an empty log, partition 0, and leaves it open. */
void contract_empty(struct vd_event_log *log);
void contract_order(struct vd_event_log *log);
void contract_read_bounds(struct vd_event_log *log);
void contract_trim(struct vd_event_log *log);
void contract_hold(struct vd_event_log *log);
void contract_tail(struct vd_event_log *log);
void contract_wait(struct vd_event_log *log);
void contract_threads(struct vd_event_log *log);

/* Appends `count` records whose bodies are the numbers from `first` on; returns the first offset. */
uint64_t contract_append(struct vd_event_log *log, uint64_t first, uint32_t count);

/* Reads all from `offset` on in pieces of max_bytes, checks that bodies count up from `first`; returns how many. */
uint64_t contract_check_from(
    struct vd_event_log *log, uint64_t offset, uint64_t first, size_t max_bytes);

#endif

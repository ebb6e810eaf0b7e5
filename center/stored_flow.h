/* SPDX-License-Identifier: MIT */
/* What rows of the query tables hold: cells, and the flow that a row of SecurityIoTRawEvent tells of. */

#ifndef VEDETTE_CENTER_STORED_FLOW_H
#define VEDETTE_CENTER_STORED_FLOW_H

#include "center/decode/security_message.h"

/* Which rows tell of flows. */
#define VD_STORED_FLOWS \
    "SecurityIoTRawEvent WHERE RawEventName IN ('NetworkActivity', 'ConnectionCreate') AND NOT IsEmpty"

/* Cell `i` of a query's row as text; "" for what is none. Valid as long as the row. */
const char *vd_row_text(const json_t *row, size_t i);
/* As a time, UTC; 0 for what is none. */
int64_t vd_row_ms(const json_t *row, size_t i);

/* Whether the details are of a connection that a JSON message reported. */
bool vd_stored_flow_is_item(const json_t *details);

/* Reads a row's EventDetails, without what lies in their text. False: they tell of no flow (what overflowed). */
bool vd_stored_flow_read(const json_t *details, struct vd_flow *flow);

#endif

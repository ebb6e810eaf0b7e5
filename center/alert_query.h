/* SPDX-License-Identifier: MIT */
/* The query that opens on an alert's evidence. */

#ifndef VEDETTE_CENTER_ALERT_QUERY_H
#define VEDETTE_CENTER_ALERT_QUERY_H

#include <jansson.h>

/*
 * Adds "query", in KQL, and "queryTimespan", "start/end", to an alert as vd_alert_store_get and _list give it, made of its
 * evidence. Both together show the raw events, the records of the hub's logs or the rows that it was raised for. Of a window with
 * too little of something, or with too much telemetry, which the tables do not keep: what they have of the device in it, beside the
 * same hours of seven days before (of a window of more than a day, seven windows). Of an alert whose evidence names none of these, what the
 * device sent. Without memory nothing is added.
 */
void vd_alert_add_query(json_t *alert);

#endif

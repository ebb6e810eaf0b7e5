/* SPDX-License-Identifier: MIT */
/* Every bound of the center in one place, each with its reason. */

#ifndef VEDETTE_CENTER_LIMITS_H
#define VEDETTE_CENTER_LIMITS_H

/* A body of 256 KiB holds at most 21,800 honest tables (a flow takes two and 24 bytes); offsets may
 * point at one table many times, so what a message unfolds to is bounded, not only its length. */
#define VD_SECURITY_MESSAGE_TABLES_MAX 32768
/* Flows, ports, checks ... of one message, for the same reason. */
#define VD_SECURITY_MESSAGE_ITEMS_MAX 32768
/* Bytes of all strings of one message, shared ones counted each time. */
#define VD_SECURITY_MESSAGE_STRING_BYTES_MAX 1048576

/* Objects and arrays within each other in a message of JSON: the schema takes six. */
#define VD_JSON_MESSAGE_DEPTH_MAX 8

/* One read from the log. */
#define VD_INGEST_READ_BYTES 4194304
/* A batch ends when this much came of it: bounds memory and the length of a transaction. */
#define VD_INGEST_ROWS_MAX       65536
#define VD_INGEST_TEXT_BYTES_MAX 33554432
/* The center looks at its stop flag and at the indicators this often while the log is quiet. */
#define VD_INGEST_WAIT_MS 250
/* A step costs two transactions, of some ms together, whether it takes one record or thousands: after one that took fewer
 * records than this, the next begins so much later than it. An alert comes that much later at most. */
#define VD_INGEST_STEP_RECORDS 1000
#define VD_INGEST_STEP_MS      100
/* Pause after a store refused: doubled from the first to the second. */
#define VD_INGEST_RETRY_MIN_MS 100
#define VD_INGEST_RETRY_MAX_MS 5000
/* How often records that every sink has are let go. */
#define VD_INGEST_TRIM_INTERVAL_MS 60000

/* A device's clock is trusted within these bounds around the hub's: late data of a month is plausible,
 * an event from tomorrow is not. Outside of them the hub's time counts. */
#define VD_EVENT_TIME_LATE_MAX_MS  2592000000LL
#define VD_EVENT_TIME_EARLY_MAX_MS 86400000LL
/* A collection interval above this is taken as unknown: the start of the event is its end. */
#define VD_EVENT_INTERVAL_MAX_S 604800

/* Evidence kept of an alert: the first and the latest ones; the rest is counted. */
#define VD_ALERT_EVIDENCE_FIRST 16
#define VD_ALERT_EVIDENCE_LAST  16
/* Alerts of one type about one device on one day, where what they are about is of the device's making, such as addresses it
 * talked to; what is beyond them is one more alert. Else one device could have all alerts removed but its own. */
#define VD_ALERTS_APART_MAX 256
/* Alerts a listing gives unless told. */
#define VD_ALERT_LIST_DEFAULT 1000
/* Alerts that are counted for a question before they are changed. */
#define VD_ALERT_COUNT_MAX 10000
/* Entries kept of an alert's history; the oldest go first. */
#define VD_ALERT_HISTORY_MAX 1000
/* Bytes of a note. */
#define VD_ALERT_NOTE_MAX 4096
/* Alerts that one transaction changes or removes, so that the center's batch need not wait long. */
#define VD_ALERT_BULK_STEP 500
/* Alerts kept; the oldest go first. Some 2 KiB each with their evidence. */
#define VD_ALERTS_MAX 5000000
/* How often alerts are looked at for their age, and how many transactions are spent on it: 10,000 alerts a minute. */
#define VD_ALERT_PRUNE_INTERVAL_MS 60000
/* How often old days of query tables are looked for. */
#define VD_ANALYTICS_MAINTAIN_MS 30000
#define VD_ALERT_PRUNE_STEPS     20
/* Shortest prefix of an alert's id that stands for it. */
#define VD_ALERT_ID_PREFIX_MIN 4

/* Changes of state that are remembered of each recommendation; the oldest go first. */
#define VD_RECOMMENDATION_CHANGES_MAX 1000

/* Stretches without raw events that are remembered; the oldest go first. */
#define VD_RAW_PAUSES_MAX 1000

/* Notifications that wait for sinks; the oldest go first. Some 3 KiB each. */
#define VD_OUTBOX_MAX 1000000
/* Sinks, each of which has a thread. */
#define VD_NOTIFY_SINKS_MAX 16
/* Dead letters of all sinks; the oldest go first. */
#define VD_NOTIFY_DEAD_MAX 10000

/* Dead letters kept; the oldest go first. */
#define VD_DEAD_LETTERS_MAX       10000
#define VD_DEAD_LETTERS_BYTES_MAX 268435456

/* Letters of a feed's name, and feeds. */
#define VD_FEED_NAME_MAX 64
#define VD_FEEDS_MAX     1024
/* Indicators in all feeds, and exceptions likewise: ten million addresses and a million ranges, with room. */
#define VD_INDICATORS_MAX 16000000
/* What ranges of one family are cut to: a CIDR range is one, another at most 62, or 254 of IPv6. */
#define VD_INDICATOR_PREFIXES_MAX 8000000
/* Indicators that one lookup weighs, the smallest ranges and earliest feeds first: a feed that repeats itself costs no more. */
#define VD_INDICATORS_WEIGHED_MAX 4096
/* Two IPv6 addresses with a hyphen are 79 bytes. */
#define VD_INDICATOR_TEXT            96
#define VD_INDICATOR_DESCRIPTION_MAX 1024
#define VD_INDICATOR_BYTES           16

/* Bytes of a feed's text: ten million addresses and what lists say of them. */
#define VD_FEED_BYTES_MAX      536870912
#define VD_FEED_JSON_BYTES_MAX 67108864
/* Bytes that its JSON takes in memory, see vd_json_memory: indicators of STIX take nine times their length, attributes of MISP
 * eleven, with tags fifteen; a text of nothing but brackets would take a hundred and fifty times as much as it is long. */
#define VD_FEED_JSON_MEMORY_MAX 1073741824
/* Refused entries of a feed that are named; the rest is counted. */
#define VD_FEED_PROBLEMS_MAX 20
/* How often the feeds are looked at for changes, and their files; and how long after a failure. */
#define VD_FEED_CHECK_MS      100
#define VD_FEED_FILE_CHECK_MS 5000
#define VD_FEED_RETRY_MS      5000
/* From one fetch of a URL to the next; and after failures: twice as long each time. */
#define VD_FEED_INTERVAL_DEFAULT_MINUTES 60
#define VD_FEED_INTERVAL_MAX_MINUTES     10080
#define VD_FEED_BACKOFF_MIN_MS           60000
#define VD_FEED_BACKOFF_MAX_MS           3600000
/* How long one fetch may take: others wait for it. And how often it is looked whether one is due. */
#define VD_FEED_FETCH_TIMEOUT_MS 300000
#define VD_FEED_DUE_CHECK_MS     250
/* Bytes of a credential. */
#define VD_FEED_CREDENTIAL_MAX 1024
/* Indicators of a TAXII collection are kept for so long after their validity has ended: events may come late. */
#define VD_TAXII_ENDED_MS INT64_C(7776000000)
/* Pages of a TAXII collection in one fetch. */
#define VD_TAXII_PAGES_MAX 10000
/* How far back new indicators are looked for among what is stored, and what an indicator was found for is remembered. */
#define VD_HUNT_DAYS 30
/* Rows that are read at once, addresses that they are asked for by, and rows that are judged in one transaction, about. */
#define VD_HUNT_ROWS_MAX      20000
#define VD_HUNT_ADDRESSES_MAX 256
#define VD_HUNT_STEP_ROWS     500
/* A hunt is followed by so many times its own time without one; and after a failure. */
#define VD_HUNT_REST     9
#define VD_HUNT_RETRY_MS 5000
/* How long the hunter sleeps at most. */
#define VD_HUNT_SLEEP_MS 3600000

/* Bytes and columns of one record of CSV. */
#define VD_FEED_RECORD_MAX  65536
#define VD_FEED_COLUMNS_MAX 256
/* Brackets within each other in a STIX pattern. */
#define VD_STIX_DEPTH_MAX 64

/* Querying SQL. */
#define VD_QUERY_ROWS_DEFAULT       10000
#define VD_QUERY_ROWS_MAX           500000
#define VD_QUERY_TIMEOUT_DEFAULT_MS 180000
#define VD_QUERY_TIMEOUT_MAX_MS     600000
#define VD_QUERY_TEXT_MAX           65536
/* Bytes of text in one result, and values of any type, nulls too: bound what an answer holds in memory. A number takes some 50
 * bytes there, a text 100 beside its own. */
#define VD_QUERY_RESULT_BYTES_MAX  67108864
#define VD_QUERY_RESULT_VALUES_MAX 4000000
#define VD_QUERY_TREE_DEPTH_MAX    512
#define VD_QUERIES_MAX             16
/* Of them, those that came over HTTPS: each takes one of its threads, which others need too. */
#define VD_QUERIES_HTTPS_MAX 4
/* Of those, with one token: whoever has it leaves some to others. */
#define VD_QUERIES_TOKEN_MAX 3
/* How far the threads of queries stand back behind those that take in what devices send, see setpriority(2). */
#define VD_QUERY_NICENESS 10

/* Scheduled queries: how long after its end a stretch of time is looked at, when all that the hub got is in the tables; how
 * often they are looked for; when one that failed is tried again; and what a run may take. */
#define VD_SCHEDULE_DELAY_MS   10000
#define VD_SCHEDULE_CHECK_MS   1000
#define VD_SCHEDULE_RETRY_MS   60000
#define VD_SCHEDULE_TIMEOUT_MS 60000
/* Alerts of devices that one run may raise, rows that an alert shows of a run, and bytes that they may take. */
#define VD_SCHEDULE_DEVICES_MAX    100
#define VD_SCHEDULE_EXAMPLES_MAX   10
#define VD_SCHEDULE_EVIDENCE_BYTES 8192

#endif

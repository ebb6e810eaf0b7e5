/* SPDX-License-Identifier: MIT */
/* The module: its states, its schedule, and the one message that it holds until it is delivered. */

#include "azure_iot_security_module/inc/security_module.h"

#include <string.h>

#include "azure_iot_security_module/src/asc_collector.h"
#include "azure_iot_security_module/src/asc_flow.h"
#include "azure_iot_security_module/src/asc_inline.h"

/* Milliseconds: the longest that asc_module_step() asks to be left alone. Far below 2^31, so that
 * differences of wrapping times stay right. */
#define STEP_MAX_MS 3600000u

/* Seconds: as asc_port.h has it of ASC_SECURITY_MODULE_SEND_MESSAGE_RETRY_TIME. */
#define RETRY_TIME_MAX 3600u

/* --- Settings ----------------------------------------------------------------------------------- */

#define ASC_RESULT_TEXT(name, text) text,

const char *asc_result_text(enum asc_result result)
{
    static const char *const texts[] = {ASC_RESULTS(ASC_RESULT_TEXT)};

    return (unsigned)result < ASC_RESULT_COUNT ? texts[result] : "unknown";
}

struct asc_settings asc_settings_default(void)
{
    const struct asc_settings settings = {
#if defined(ASC_SECURITY_MODULE_ID)
        .security_module_id = ASC_SECURITY_MODULE_ID,
#endif
        .first_interval_s = ASC_FIRST_COLLECTION_INTERVAL,
        .high_interval_s = ASC_HIGH_PRIORITY_INTERVAL,
        .medium_interval_s = ASC_MEDIUM_PRIORITY_INTERVAL,
        .low_interval_s = ASC_LOW_PRIORITY_INTERVAL,
        .pending_time_s = ASC_SECURITY_MODULE_PENDING_TIME,
        .retry_time_s = ASC_SECURITY_MODULE_SEND_MESSAGE_RETRY_TIME,
        .collectors = ASC_COLLECT_ALL,
    };

    return settings;
}

/* Returns the length of the id; 0 if it is missing, empty or too long. */
static uint32_t id_length(const char *id)
{
    uint32_t length = 0;

    while (id != NULL && id[length] != '\0') {
        if (++length > ASC_SECURITY_MODULE_ID_MAX) {
            return 0;
        }
    }
    return length;
}

static bool is_interval(uint32_t seconds)
{
    return seconds >= 1 && seconds <= ASC_INTERVAL_MAX;
}

static enum asc_result check(const struct asc_settings *settings)
{
    if (!is_interval(settings->first_interval_s) || !is_interval(settings->high_interval_s) ||
        !is_interval(settings->medium_interval_s) || !is_interval(settings->low_interval_s) ||
        !is_interval(settings->pending_time_s) || settings->retry_time_s - 1u >= RETRY_TIME_MAX) {
        return ASC_ERROR_INTERVAL;
    }
    if ((uint8_t)(settings->timezone_hours + 12) > 26) {
        return ASC_ERROR_TIMEZONE;
    }
    return (settings->collectors & ~ASC_COLLECT_ALL) == 0 ? ASC_OK : ASC_ERROR_COLLECTOR;
}

static void reset_network(struct asc_module *m)
{
#if ASC_HAS_NETWORK_ACTIVITY
    asc_flow_reset(&m->network);
#else
    (void)m;
#endif
}

enum asc_result asc_module_init_sized(struct asc_module *m, size_t module_bytes,
    const struct asc_port *port, void *context, const struct asc_settings *settings)
{
    const uint32_t length = id_length(settings->security_module_id);
    const enum asc_result result = check(settings);

    if (module_bytes != sizeof *m) {
        return ASC_ERROR_BUILD;
    }
    if (port->time_utc_s == NULL || port->uptime_ms == NULL || port->random == NULL ||
        port->send == NULL || (port->lock == NULL) != (port->unlock == NULL)) {
        return ASC_ERROR_PORT;
    }
    if (length == 0) {
        return ASC_ERROR_ID;
    }
    if (result != ASC_OK) {
        return result;
    }
    memset(m, 0, sizeof *m);
    m->port = port;
    m->context = context;
    m->settings = *settings;
    m->id_length = (uint8_t)length;
    reset_network(m);
    return ASC_OK;
}

/* --- State -------------------------------------------------------------------------------------- */

static uint32_t narrow(uint64_t value)
{
    return value > UINT32_MAX ? UINT32_MAX : (uint32_t)value;
}

static void add_one(uint32_t *counter)
{
    if (*counter != UINT32_MAX) {
        ++*counter;
    }
}

static bool collects(enum asc_state state)
{
    return state == ASC_STATE_PENDING || state == ASC_STATE_ACTIVE;
}

/* Called within the lock. Where there is one, the hook reads `counting_unlocked` outside it, so it is
 * not written. */
static void set_counting(struct asc_module *m, bool counting)
{
    m->counting = counting;
    if (m->port->lock == NULL) {
        m->counting_unlocked = counting;
    }
}

static bool wants_packets(const struct asc_module *m)
{
    return (m->settings.collectors & ASC_COLLECT_NETWORK_ACTIVITY) != 0;
}

/* Forgets what was collected and starts to count from `now`. */
static void start(struct asc_module *m, uint32_t now)
{
    for (unsigned i = 0; i < ASC_COLLECTORS_MAX; i++) {
        m->collected_ms[i] = now;
        m->period_ms[i] = m->settings.first_interval_s * 1000u;
    }
    asc_lock(m);
    set_counting(m, wants_packets(m));
    asc_unlock(m);
}

static uint64_t packets_held(struct asc_module *m)
{
#if ASC_HAS_NETWORK_ACTIVITY
    return asc_flow_packets_held(&m->network);
#else
    (void)m;
    return 0;
#endif
}

/* What is held and in the tables was counted and will not be told: that goes into the ledger. */
static void stop(struct asc_module *m)
{
    uint64_t held;

    asc_lock(m);
    set_counting(m, false);
    held = packets_held(m);
    m->packets_taken += held;
    reset_network(m);
    asc_unlock(m);
    m->since[ASC_GIVEN_UP] = asc_add(m->since[ASC_GIVEN_UP], narrow(held + m->packets_in_message));
    m->packets_in_message = 0;
    if (m->message_bytes != 0) {
        m->message_bytes = 0;
        m->failed = false;
        add_one(&m->messages.given_up);
        ASC_LOG(m, ASC_LOG_WARNING, "a message that was not delivered is given up");
    }
}

/* The one place where the state changes. */
static void change_state(struct asc_module *m, enum asc_state_event event)
{
    const enum asc_state from = m->state;
    const enum asc_state to = asc_state_next(from, event);

    if (to == from) {
        return;
    }
    m->entered_ms = m->port->uptime_ms(m->context);
    if (!collects(to)) {
        stop(m);
    } else if (!collects(from)) {
        start(m, m->entered_ms);
    }
    /* Whatever was under way or waited to be tried again is tried at the next connection. */
    m->in_flight = false;
    m->retrying = false;
    m->state = to;
}

static bool draw(struct asc_module *m, void *out, size_t length)
{
    if (m->port->random(m->context, out, length)) {
        return true;
    }
    ASC_LOG(m, ASC_LOG_ERROR, "the port has no random bytes");
    return false;
}

/* The hook does not use the keys in the states where they change. */
static bool draw_keys(struct asc_module *m)
{
#if ASC_HAS_NETWORK_ACTIVITY
    if (!draw(m, m->network.key, sizeof m->network.key)) {
        return false;
    }
#endif
    return m->boot_id != 0 || draw(m, &m->boot_id, sizeof m->boot_id);
}

enum asc_result asc_module_enable(struct asc_module *m)
{
    if (!collects(m->state) && !draw_keys(m)) {
        return ASC_ERROR_ENTROPY;
    }
    change_state(m, ASC_EVENT_ENABLE);
    return ASC_OK;
}

void asc_module_disable(struct asc_module *m)
{
    change_state(m, ASC_EVENT_DISABLE);
}

void asc_module_connected(struct asc_module *m, bool connected)
{
    change_state(m, connected ? ASC_EVENT_CONNECTED : ASC_EVENT_DISCONNECTED);
}

enum asc_state asc_module_state(const struct asc_module *m)
{
    return m->state;
}

/* --- Counters ----------------------------------------------------------------------------------- */

struct asc_counters asc_module_counters(struct asc_module *m)
{
    struct asc_counters c;

    asc_lock(m);
    c.packets_counted = narrow(m->packets_taken + packets_held(m));
    c.packets_overflowed = asc_add(m->before[ASC_OVERFLOWED], m->since[ASC_OVERFLOWED]);
    c.packets_malformed = asc_add(m->before[ASC_MALFORMED], m->since[ASC_MALFORMED]);
    c.packets_ignored = asc_add(m->before[ASC_IGNORED], m->since[ASC_IGNORED]);
    c.bytes_overflowed[ASC_IN] = m->bytes_overflowed[ASC_IN];
    c.bytes_overflowed[ASC_OUT] = m->bytes_overflowed[ASC_OUT];
    asc_unlock(m);
    c.packets_given_up = asc_add(m->before[ASC_GIVEN_UP], m->since[ASC_GIVEN_UP]);
    c.packets_withheld = asc_add(m->before[ASC_WITHHELD], m->since[ASC_WITHHELD]);
    c.messages_built = m->messages.built;
    c.messages_sent = m->messages.sent;
    c.messages_retried = m->messages.retried;
    c.messages_kept = m->messages.kept;
    c.messages_given_up = m->messages.given_up;
    return c;
}

void asc_module_missed(struct asc_module *m, uint32_t packets)
{
    asc_lock(m);
    m->since[ASC_OVERFLOWED] = asc_add(m->since[ASC_OVERFLOWED], packets);
#if ASC_HAS_NETWORK_ACTIVITY
    m->network.overflow.packets = asc_add(m->network.overflow.packets, packets);
#endif
    asc_unlock(m);
}

uint32_t asc_counters_packets_seen(const struct asc_counters *counters)
{
    const uint64_t seen = (uint64_t)counters->packets_counted + counters->packets_overflowed +
        counters->packets_malformed + counters->packets_ignored;

    return seen > UINT32_MAX ? UINT32_MAX : (uint32_t)seen;
}

/* --- Schedule ----------------------------------------------------------------------------------- */

/* Milliseconds until `period_ms` have passed since `since`; 0 if they have. */
static uint32_t remaining_ms(uint32_t now, uint32_t since, uint32_t period_ms)
{
    const uint32_t passed = now - since;

    return passed < period_ms ? period_ms - passed : 0;
}

static uint32_t interval_ms(const struct asc_settings *settings, unsigned priority)
{
    const uint32_t interval_s = priority == ASC_PRIORITY_HIGH ? settings->high_interval_s
        : priority == ASC_PRIORITY_MEDIUM                     ? settings->medium_interval_s
                                                              : settings->low_interval_s;

    return interval_s * 1000u;
}

enum asc_result asc_module_configure(struct asc_module *m, const struct asc_settings *settings)
{
    const enum asc_result result = check(settings);
    const char *id = m->settings.security_module_id;

    if (result != ASC_OK) {
        return result;
    }
    for (unsigned i = 0; i != ASC_COLLECTOR_COUNT; i++) {
        const unsigned priority = asc_collectors[i].priority;

        /* One that has never collected, or is due already, stays so. */
        if (m->period_ms[i] == interval_ms(&m->settings, priority)) {
            m->period_ms[i] = interval_ms(settings, priority);
        }
    }
    for (unsigned i = 0; i != ASC_COLLECTOR_COUNT; i++) {
        /* What went by while a collector was off is not in its next interval. */
        if ((asc_collectors[i].bit & settings->collectors & ~m->settings.collectors) != 0) {
            m->collected_ms[i] = m->port->uptime_ms(m->context);
        }
    }
    m->settings = *settings;
    m->settings.security_module_id = id;
    asc_lock(m);
    set_counting(m, collects(m->state) && wants_packets(m));
    asc_unlock(m);
    return ASC_OK;
}

void asc_module_allow(struct asc_module *m, const struct asc_allow *allow)
{
    m->allow = allow;
}

void asc_module_flush(struct asc_module *m)
{
    for (unsigned i = 0; i < ASC_COLLECTORS_MAX; i++) {
        m->period_ms[i] = 0;
    }
}

/* Returns what is due, bit by collector; `*wait_ms` is the wait until something will be, 0 if it is. */
static uint32_t due_collectors(const struct asc_module *m, uint32_t now, uint32_t *wait_ms)
{
    uint32_t due = 0;

    *wait_ms = STEP_MAX_MS;
    for (unsigned i = 0; i != ASC_COLLECTOR_COUNT; i++) {
        const uint32_t wait = remaining_ms(now, m->collected_ms[i], m->period_ms[i]);

        if ((asc_collectors[i].bit & m->settings.collectors) == 0) {
            continue;
        }
        if (wait == 0) {
            due |= 1u << i;
        }
        if (wait < *wait_ms) {
            *wait_ms = wait;
        }
    }
    return due;
}

static void retry_later(struct asc_module *m, uint32_t now)
{
    m->retrying = true;
    m->retry_ms = now;
}

/* --- Message ------------------------------------------------------------------------------------ */

/* Lets one collector add its event. */
static void collect(struct asc_module *m, struct asc_message *message, unsigned i, uint32_t now)
{
    const uint32_t passed_s = (now - m->collected_ms[i]) / 1000u;
    const enum asc_collected collected = asc_collectors[i].collect(m, message, passed_s);

    if (collected == ASC_COLLECTED_LATER) {
        retry_later(m, now);
    } else if (collected != ASC_COLLECTED_PART) {
        m->collected_ms[i] = now;
        m->period_ms[i] = interval_ms(&m->settings, asc_collectors[i].priority);
    }
}

static void put_word(uint8_t *ledger, enum asc_ledger word, uint32_t value)
{
    asc_put_le32(ledger + (size_t)word * 4, value);
}

static uint32_t get_word(const uint8_t *ledger, enum asc_ledger word)
{
    return asc_le32(ledger + (size_t)word * 4);
}

/* Fills the ledger of the message that was just built. */
static ASC_NOINLINE void write_ledger(struct asc_module *m)
{
    uint8_t *ledger = asc_message_ledger((uint8_t *)m->message);
    uint32_t counted;
    uint64_t seen;

    asc_lock(m);
    counted = narrow(m->packets_taken + packets_held(m) - m->packets_told);
    seen = counted;
    seen += m->since[ASC_IGNORED];
    for (unsigned i = ASC_OVERFLOWED; i <= ASC_WITHHELD; i++) {
        put_word(ledger, (enum asc_ledger)(ASC_LEDGER_OVERFLOWED + i), m->since[i]);
        seen += i <= ASC_MALFORMED ? m->since[i] : 0;
    }
    asc_unlock(m);
    put_word(ledger, ASC_LEDGER_BOOT_ID, m->boot_id);
    put_word(ledger, ASC_LEDGER_SEQUENCE, m->messages.built);
    put_word(ledger, ASC_LEDGER_SEEN, narrow(seen));
    put_word(ledger, ASC_LEDGER_COUNTED, counted);
    put_word(ledger, ASC_LEDGER_MESSAGES_KEPT, m->messages.kept);
    put_word(ledger, ASC_LEDGER_MESSAGES_SENT, m->messages.sent);
    put_word(ledger, ASC_LEDGER_MESSAGES_GIVEN_UP, m->messages.given_up);
}

/* What the ledger of the delivered message says has been told. */
static void settle_ledger(struct asc_module *m)
{
    const uint8_t *ledger = asc_message_ledger((uint8_t *)m->message);
    const uint32_t counted = get_word(ledger, ASC_LEDGER_COUNTED);
    uint32_t told[ASC_TALLIES];

    for (unsigned i = ASC_OVERFLOWED; i <= ASC_WITHHELD; i++) {
        told[i] = get_word(ledger, (enum asc_ledger)(ASC_LEDGER_OVERFLOWED + i));
    }
    told[ASC_IGNORED] =
        get_word(ledger, ASC_LEDGER_SEEN) - counted - told[ASC_OVERFLOWED] - told[ASC_MALFORMED];
    asc_lock(m);
    m->packets_told += counted;
    for (unsigned i = 0; i < ASC_TALLIES; i++) {
        /* Where `seen` is saturated it tells less than there was. */
        const uint32_t n = told[i] < m->since[i] ? told[i] : m->since[i];

        m->before[i] = asc_add(m->before[i], n);
        m->since[i] -= n;
    }
    asc_unlock(m);
    m->packets_in_message = 0;
}

static void build_message(struct asc_module *m, uint32_t due, uint32_t now)
{
    const char *id = m->settings.security_module_id;
    struct asc_message message;

    /* ASC_MESSAGE_FIXED_BYTES has room for this, whatever the settings. */
    if (!asc_message_begin(&message, (uint8_t *)m->message, sizeof m->message, id, m->id_length,
            m->settings.timezone_hours, m->port->time_utc_s(m->context),
            (due & 1u) + (due >> 1 & 1u) + (due >> 2))) {
        retry_later(m, now);
        return;
    }
    for (unsigned i = 0; i != ASC_COLLECTOR_COUNT; i++) {
        if ((due >> i & 1u) != 0) {
            collect(m, &message, i, now);
        }
    }
    m->message_bytes = asc_message_end(&message);
    if (m->message_bytes != 0) {
        add_one(&m->messages.built);
        write_ledger(m);
    }
}

/* What became of the message that was sent. */
static ASC_NOINLINE void finish(struct asc_module *m, bool delivered, uint32_t now)
{
    m->in_flight = false;
    if (delivered) {
        settle_ledger(m);
        m->message_bytes = 0;
        m->failed = false;
        add_one(&m->messages.sent);
        return;
    }
    if (!m->failed) {
        m->failed = true;
        add_one(&m->messages.kept);
    }
    add_one(&m->messages.retried);
    retry_later(m, now);
}

static void send_message(struct asc_module *m, uint32_t now)
{
    const enum asc_send_result result =
        m->port->send(m->context, (const uint8_t *)m->message, m->message_bytes);

    if (result == ASC_SEND_PENDING) {
        m->in_flight = true;
    } else {
        finish(m, result == ASC_SEND_DONE, now);
    }
}

void asc_module_sent(struct asc_module *m, bool delivered)
{
    if (m->in_flight) {
        finish(m, delivered, m->port->uptime_ms(m->context));
    }
}

/* --- Step --------------------------------------------------------------------------------------- */

/* What an active module does; returns when it wants to go on. */
static uint32_t step_active(struct asc_module *m, uint32_t now)
{
    uint32_t wait;

    if (m->in_flight) {
        return STEP_MAX_MS;
    }
    if (m->retrying) {
        wait = remaining_ms(now, m->retry_ms, m->settings.retry_time_s * 1000u);
        if (wait != 0) {
            return wait;
        }
        m->retrying = false;
    }
    if (m->message_bytes == 0) {
        const uint32_t due = due_collectors(m, now, &wait);

        if (due == 0) {
            return wait;
        }
        build_message(m, due, now);
    }
    if (m->message_bytes != 0) {
        send_message(m, now);
    }
    if (m->in_flight) {
        return STEP_MAX_MS;
    }
    (void)due_collectors(m, now, &wait);
    return m->retrying ? m->settings.retry_time_s * 1000u : wait;
}

uint32_t asc_module_step(struct asc_module *m)
{
    const uint32_t now = m->port->uptime_ms(m->context);
    uint32_t wait = STEP_MAX_MS;

    if (m->state == ASC_STATE_PENDING) {
        wait = remaining_ms(now, m->entered_ms, m->settings.pending_time_s * 1000u);
        if (wait == 0) {
            ASC_LOG(m, ASC_LOG_WARNING, "suspended: no connection for the pending time");
            change_state(m, ASC_EVENT_PENDING_EXPIRED);
            wait = STEP_MAX_MS;
        }
    } else if (m->state == ASC_STATE_ACTIVE) {
        wait = step_active(m, now);
    }
    if (wait > STEP_MAX_MS) {
        wait = STEP_MAX_MS;
    }
    return wait > 0 ? wait : 1;
}

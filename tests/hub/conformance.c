/* SPDX-License-Identifier: MIT */
/* Every statement of MQTT 3.1.1's appendix B in its order of sections: a flat table, long for that reason alone. */

#include "tests/hub/conformance.h"

#define HELD(number, says, ...)               \
    {                                         \
        number, says, CONFORMANCE_HELD, NULL, \
        {                                     \
            __VA_ARGS__                       \
        }                                     \
    }
#define NOT_SO(verdict, number, says, here, ...)   \
    {                                              \
        number, says, CONFORMANCE_##verdict, here, \
        {                                          \
            __VA_ARGS__                            \
        }                                          \
    }
#define CLIENTS(number, says, ...)               \
    {                                            \
        number, says, CONFORMANCE_CLIENTS, NULL, \
        {                                        \
            __VA_ARGS__                          \
        }                                        \
    }
#define NOT_APPLICABLE(number, says, here)              \
    {                                                   \
        number, says, CONFORMANCE_NOT_APPLICABLE, here, \
        {                                               \
            NULL                                        \
        }                                               \
    }

/* CONNECT: what stands behind the protocol's name, and the whole packet of a device with these flags. */
#define CONNECT_RAW(rest) "10 [('MQTT') " rest "] "
#define CONNECT_AS(flags, id) \
    CONNECT_RAW("04 " flags " 003C ('" id "') (user:" id ") (token:" id ")")
#define CONNECT                 CONNECT_AS("C2", "dev1")
#define CONNECT_KEPT            CONNECT_AS("C0", "dev1")
#define CONNECT_BARE(flags, id) CONNECT_RAW("04 " flags " 003C " id)
#define CONNECT_WILL(flags) \
    CONNECT_RAW("04 " flags " 003C ('dev1') ('" EVENTS "') ('w') (user:dev1) (token:dev1)")
#define ACCEPTED      "< 20020000 "
#define REFUSED(code) "< 200200" code " end"

#define EVENTS              "devices/dev1/messages/events/"
#define DEVICEBOUND         "devices/dev1/messages/devicebound/#"
#define METHODS             "$iothub/methods/POST/#"
#define PUBLISH_0           "30 [('" EVENTS "a=b') 'body'] "
#define PUBLISH_1(id)       "32 [('" EVENTS "a=b') " id " 'body'] "
#define SUBSCRIBE(qos)      "82 [0007 ('" METHODS "') " qos "] "
#define SUBACK(qos)         "< 90030007" qos " "
#define UNSUBSCRIBE(filter) "A2 [0008 ('" filter "')] "
#define UNSUBACK            "< B0020008 "
#define SUBSCRIBE_C2D       "> 82 [0009 ('" DEVICEBOUND "') 01] < 9003000901 "
#define PRESENT             "< 20020100 "
#define LEFT                "> E000 end "
#define LOGIN_SUBSCRIBED    "login > " SUBSCRIBE("01") SUBACK("01")

/* What cannot be: an encoded surrogate, an overlong form, a sequence cut short. */
#define SURROGATE "EDA080"
#define OVERLONG  "C0AF"
#define CUT       "E282"

const struct conformance_statement conformance_statements[] = {
    HELD("1.5.3-1", "Strings are well-formed UTF-8, without surrogates",
        "open > " CONNECT_BARE("02", "('dev' " SURROGATE ")") "end",
        "login > 32 [('" EVENTS "a=' " SURROGATE ") 0001] end records:0",
        "login > 32 [('" EVENTS "a=' " OVERLONG ") 0001] end records:0",
        "login > 32 [('" EVENTS "a=' " CUT ") 0001] end records:0",
        "login > 82 [0001 ('" METHODS "' " OVERLONG ") 00] end"),
    NOT_SO(WIDENED, "1.5.3-2", "Strings hold no U+0000",
        "one NUL at the end of a user name is left off: devices with NetX Duo 6.4.2 send it",
        "open > " CONNECT_BARE("02", "('dev1' 00)") "end",
        "login > 32 [('" EVENTS "a=' 00) 0001] end records:0",
        "login > 82 [0001 ('" METHODS "' 00) 00] end",
        "open > " CONNECT_RAW("04 C2 003C ('dev1') (user:dev1 00) (token:dev1)") ACCEPTED "alive",
        "open > " CONNECT_RAW("04 C2 003C ('dev1') (00 user:dev1) (token:dev1)") "end"),
    HELD("1.5.3-3", "EF BB BF is a character like others and is not left off",
        "login > 32 [('" EVENTS "a=' EFBBBF 'b') 0001] < 40020001 records:1 bag:a=\xEF\xBB\xBF"
        "b alive",
        "login > 32 [(EFBBBF '" EVENTS "a=b') 0001] end records:0",
        "open > " CONNECT_RAW("04 C2 003C (EFBBBF 'dev1') (user:dev1) (token:dev1)") REFUSED("02")),

    HELD("2.2.2-1", "Reserved flags have the values of table 2.2",
        "login > " PUBLISH_1("0001") "< 40020001 alive", "login > " SUBSCRIBE("00") SUBACK("00"),
        "login > " UNSUBSCRIBE(METHODS) UNSUBACK "alive"),
    HELD("2.2.2-2", "Wrong flags close the connection",
        "open > 11 [('MQTT') 04 C2 003C ('dev1') (user:dev1) (token:dev1)] end",
        "login > 41020001 end", "login > 51020001 end", "login > 60020001 end",
        "login > 71020001 end", "login > 80 [0001 ('" METHODS "') 00] end",
        "login > A0 [0001 ('" METHODS "')] end", "login > C100 end", "login > E100 end",
        "login > 0000 end", "login > F000 end"),

    HELD("2.3.1-1", "SUBSCRIBE, UNSUBSCRIBE and PUBLISH above QoS 0 have a packet id that is not 0",
        "login > " PUBLISH_1("0000") "end records:0", "login > 82 [0000 ('" METHODS "') 00] end",
        "login > A2 [0000 ('" METHODS "')] end", "login > 32 [('" EVENTS "')] end records:0"),
    CLIENTS("2.3.1-2", "A new packet of a client has an unused packet id",
        "login > " PUBLISH_1("0001") PUBLISH_1("0001") "< 40020001 40020001 records:2 alive"),
    CLIENTS("2.3.1-3", "A client sends a packet again with the same packet id",
        "login > 3A [('" EVENTS "') 0102 'x'] < 40020102 records:1 alive"),
    HELD("2.3.1-4", "The same binds the server for what it publishes above QoS 0",
        "login " SUBSCRIBE_C2D "message:a given:a message:b given:b taken:a message:c given:c "
        "taken:b taken:c settled alive"),
    HELD("2.3.1-5", "PUBLISH at QoS 0 has no packet id",
        "login > 30 [('" EVENTS "') 'xy'] alive records:1 bodies:xy"),
    HELD("2.3.1-6", "PUBACK has the packet id of its PUBLISH",
        "login > " PUBLISH_1("0001") "< 40020001 > " PUBLISH_1("FFFF") "< 4002FFFF alive"),
    HELD("2.3.1-7", "SUBACK and UNSUBACK have the packet id of what they answer",
        "login > 82 [FFFE ('" METHODS "') 00] < 9003FFFE00 > A2 [0102 ('" METHODS "')] < B0020102 "
        "alive"),

    HELD("3.1.0-1", "The first packet of a client is CONNECT",
        "open > " PUBLISH_1("0001") "end "
                                    "records:0",
        "open > C000 end", "open > " SUBSCRIBE("00") "end", "open > E000 end",
        "open > 40020001 end"),
    HELD("3.1.0-2", "A second CONNECT is a violation and ends the connection",
        "login > " CONNECT "end", "login > " CONNECT_AS("C2", "dev2") "end"),

    HELD("3.1.2-1", "Under another protocol name a CONNECT is not taken for MQTT 3.1.1",
        "open > 10 [('MQTX') 04 C2 003C ('dev1') (user:dev1) (token:dev1)] end",
        "open > 10 [('mqtt') 04 C2 003C ('dev1') (user:dev1) (token:dev1)] end",
        "open > 10 [('MQIsdp') 04 C2 003C ('dev1') (user:dev1) (token:dev1)] end",
        "open > 10 [('MQIsdp') 03 C2 003C ('dev1') (user:dev1) (token:dev1)] " REFUSED("01")),
    HELD("3.1.2-2", "Another protocol level gets CONNACK 1 and the end",
        "open > " CONNECT_RAW("03 C2 003C ('dev1') (user:dev1) (token:dev1)") REFUSED("01"),
        "open > " CONNECT_RAW("05 C2 003C 00 ('dev1') (user:dev1) (token:dev1)") REFUSED("01"),
        "open > " CONNECT_RAW("84 C2 003C ('dev1') (user:dev1) (token:dev1)") REFUSED("01")),
    HELD("3.1.2-3", "CONNECT's reserved flag is 0, or the connection ends",
        "open > " CONNECT_AS("C3", "dev1") "end"),
    HELD("3.1.2-4", "With CleanSession 0 a session is kept and resumed",
        "login " LEFT "open > " CONNECT_KEPT ACCEPTED "> " SUBSCRIBE("00") SUBACK("00") LEFT
        "open > " CONNECT_KEPT PRESENT "called " LEFT "login uncalled",
        "@test_hub_state.c test_session__kept"),
    HELD("3.1.2-5", "Messages above QoS 0 for a session that is away are kept",
        "login " LEFT "open > " CONNECT_KEPT ACCEPTED SUBSCRIBE_C2D LEFT
        "message:a message:b open > " CONNECT_KEPT PRESENT
        "given:a given:b taken:a taken:b settled alive",
        "@test_hub_state.c test_c2d"),
    HELD("3.1.2-6", "With CleanSession 1 nothing of an earlier session is used",
        LOGIN_SUBSCRIBED "called > E000 end login uncalled alive",
        LOGIN_SUBSCRIBED "called other login uncalled alive other end"),
    NOT_APPLICABLE("3.1.2-7", "Retained messages outlive the session", "nothing is retained"),
    NOT_SO(NARROWED, "3.1.2-8", "A will is stored, and published when the connection fails",
        "a CONNECT with a will is refused with CONNACK 5, so that no one relies on it",
        "open > " CONNECT_WILL("C6") REFUSED("05") " records:0",
        "open > " CONNECT_WILL("CE") REFUSED("05") " records:0"),
    HELD("3.1.2-9", "With the will flag there are a will's topic and message",
        "open > " CONNECT_AS("C6", "dev1") "end", "open > " CONNECT_BARE("06", "('dev1')") "end",
        "open > " CONNECT_BARE("06", "('dev1') ('t')") "end"),
    NOT_APPLICABLE(
        "3.1.2-10", "A will that was published or cancelled is forgotten", "no will is stored"),
    HELD("3.1.2-11", "Without the will flag its QoS and RETAIN are 0 and its fields are not there",
        "open > " CONNECT_AS("CA", "dev1") "end", "open > " CONNECT_AS("E2", "dev1") "end",
        "open > " CONNECT_WILL("C2") "end"),
    HELD("3.1.2-12", "Without the will flag no will is published",
        "login leave login records:0 alive"),
    HELD("3.1.2-13", "Without the will flag the will's QoS is 0",
        "open > " CONNECT_AS("CA", "dev1") "end", "open > " CONNECT_AS("D2", "dev1") "end",
        "open > " CONNECT_AS("DA", "dev1") "end"),
    HELD("3.1.2-14", "A will's QoS is not 3", "open > " CONNECT_WILL("DE") "end"),
    HELD("3.1.2-15", "Without the will flag the will's RETAIN is 0",
        "open > " CONNECT_AS("E2", "dev1") "end"),
    NOT_SO(NARROWED, "3.1.2-16", "A will without RETAIN is published without it",
        "wills are refused", "open > " CONNECT_WILL("C6") REFUSED("05") " records:0"),
    NOT_SO(NARROWED, "3.1.2-17", "A will with RETAIN is retained", "wills are refused",
        "open > " CONNECT_WILL("E6") REFUSED("05") " records:0"),
    HELD("3.1.2-18", "Without its flag there is no user name",
        "open > " CONNECT_BARE("02", "('dev1') (user:dev1)") "end"),
    HELD("3.1.2-19", "With its flag there is a user name",
        "open > " CONNECT_BARE("82", "('dev1')") "end"),
    HELD("3.1.2-20", "Without its flag there is no password",
        "open > " CONNECT_AS("82", "dev1") "end"),
    HELD("3.1.2-21", "With its flag there is a password",
        "open > " CONNECT_BARE("C2", "('dev1') (user:dev1)") "end"),
    HELD("3.1.2-22", "Without a user name there is no password",
        "open > " CONNECT_BARE("42", "('dev1') (token:dev1)") "end"),
    CLIENTS("3.1.2-23", "A client with nothing to say sends PINGREQ within its keep-alive",
        "open > " CONNECT_RAW("04 C2 0001 ('dev1') (user:dev1) (token:dev1)") ACCEPTED
        "alive end-after:1490"),
    HELD("3.1.2-24", "Who is silent for 1.5 times its keep-alive is cut off",
        "open > " CONNECT_RAW("04 C2 0001 ('dev1') (user:dev1) (token:dev1)") ACCEPTED
        "end-after:1490"),

    HELD("3.1.3-1", "Client id, will, user name and password come in this order",
        "open > " CONNECT_RAW("04 C2 003C ('dev1') (token:dev1) (user:dev1)") REFUSED("04"),
        "open > " CONNECT_RAW("04 C2 003C (user:dev1) ('dev1') (token:dev1)") REFUSED("02")),
    HELD("3.1.3-2", "The client id says whose the session is",
        "login other open > " CONNECT_AS("C2", "dev2") ACCEPTED "alive other alive"),
    HELD("3.1.3-3", "CONNECT has a client id", "open > " CONNECT_BARE("02", "") "end"),
    HELD("3.1.3-4", "The client id is UTF-8",
        "open > " CONNECT_RAW("04 C2 003C (" CUT ") (user:dev1) (token:dev1)") "end"),
    HELD("3.1.3-5", "Client ids of 1 to 23 letters and digits are allowed",
        "open > " CONNECT_AS("C2", "Z") ACCEPTED "alive",
        "open > " CONNECT_AS("C2", "0123456789abcdefghijklm") ACCEPTED "alive",
        "open > " CONNECT_AS("C2", "nopqrstuvwxyzABCDEFGHIJ") ACCEPTED "alive",
        "open > " CONNECT_AS("C2", "KLMNOPQRSTUVWXYZ") ACCEPTED "alive"),
    NOT_SO(NARROWED, "3.1.3-6", "A server that allows an empty client id makes one up",
        "an empty client id names no device, and is refused",
        "open > " CONNECT_RAW("04 C2 003C ('') (user:dev1) (token:dev1)") REFUSED("02")),
    CLIENTS("3.1.3-7", "A client with an empty client id sets CleanSession to 1",
        "open > " CONNECT_RAW("04 C0 003C ('') (user:dev1) (token:dev1)") REFUSED("02")),
    HELD("3.1.3-8", "An empty client id with CleanSession 0 gets CONNACK 2 and the end",
        "open > " CONNECT_RAW("04 C0 003C ('') (user:dev1) (token:dev1)") REFUSED("02"),
        "open > " CONNECT_BARE("00", "('')") REFUSED("02")),
    HELD("3.1.3-9", "A client id that is refused gets CONNACK 2 and the end",
        "open > " CONNECT_RAW("04 C2 003C ('dev 1') (user:dev1) (token:dev1)") REFUSED("02"),
        "open > " CONNECT_RAW("04 C2 003C ('dev1/') (user:dev1) (token:dev1)") REFUSED("02"),
        "open > " CONNECT_RAW("04 C2 003C ('a/b/c') (user:dev1) (token:dev1)") REFUSED("02")),
    HELD("3.1.3-10", "A will's topic is UTF-8",
        "open > " CONNECT_RAW(
            "04 C6 003C ('dev1') (" OVERLONG ") ('w') (user:dev1) (token:dev1)") "end"),
    HELD("3.1.3-11", "The user name is UTF-8",
        "open > " CONNECT_RAW("04 C2 003C ('dev1') (user:dev1 " CUT ") (token:dev1)") "end"),

    HELD("3.1.4-1", "A CONNECT that is malformed gets no CONNACK and ends the connection",
        "open > " CONNECT_RAW("04 C2 003C ('dev1') (user:dev1) (token:dev1) 00") "end",
        "open > 10 [('MQTT')] end", "open > 1000 end",
        "open > 10 [('MQTT') 04 C2 003C ('dev1') (user:dev1) FFFF 'x'] end"),
    HELD("3.1.4-2", "A second connection under a client id ends the first",
        "login other login other end other alive"),
    HELD("3.1.4-3", "A good CONNECT is followed by what CleanSession asks for",
        "login " LEFT "open > " CONNECT_KEPT ACCEPTED "> " SUBSCRIBE("00")
            SUBACK("00") "called " LEFT "open > " CONNECT_KEPT PRESENT "called " LEFT
                         "login uncalled alive",
        "@test_hub_state.c test_session__clean"),
    HELD("3.1.4-4", "A good CONNECT gets CONNACK 0", "open > " CONNECT ACCEPTED "alive"),
    HELD("3.1.4-5", "What follows a refused CONNECT is not looked at",
        "open > " CONNECT_RAW("04 C2 003C ('') (user:dev1) (token:dev1)") PUBLISH_1("0001")
            REFUSED("02") " records:0",
        "open > " CONNECT_BARE("02", "('dev1')") CONNECT PUBLISH_0 REFUSED("04") " records:0"),

    HELD("3.2.0-1", "The first packet of the server is CONNACK",
        "open > " CONNECT PUBLISH_1("0001") ACCEPTED "< 40020001 alive records:1",
        "open > " CONNECT "C000 " ACCEPTED "< D000 alive"),

    HELD("3.2.2-1", "CONNACK 0 to CleanSession 1 says that no session was present",
        "open > " CONNECT ACCEPTED "> E000 end open > " CONNECT ACCEPTED "alive"),
    HELD("3.2.2-2", "CONNACK 0 says that a session was present if one was kept",
        "login " LEFT "open > " CONNECT_KEPT ACCEPTED "> " SUBSCRIBE("00") SUBACK("00") LEFT
        "open > " CONNECT_KEPT PRESENT "alive"),
    HELD("3.2.2-3", "Without a kept session CONNACK 0 says that none was present",
        "open > " CONNECT_AS("C0", "dev2") ACCEPTED "alive"),
    HELD("3.2.2-4", "A CONNACK that refuses says that no session was present",
        "open > " CONNECT_BARE("00", "('dev1')") REFUSED("04"),
        "open > " CONNECT_AS("C0", "nobody") REFUSED("05"),
        "open > " CONNECT_RAW("05 C0 003C ('dev1') (user:dev1) (token:dev1)") REFUSED("01")),
    HELD("3.2.2-5", "After a CONNACK that refuses the connection ends",
        "open > " CONNECT_BARE("02", "('dev1')") REFUSED("04"),
        "open > " CONNECT_AS("C2", "nobody") REFUSED("05"),
        "open > " CONNECT_RAW("04 C2 003C ('dev2') (user:dev2) (token:dev1)") REFUSED("05")),
    HELD("3.2.2-6", "If no code fits, the connection ends without a CONNACK", "open > 108040 end",
        "open > 10FFFFFF7F end"),

    HELD("3.3.1-1", "DUP is 1 when a PUBLISH is sent again",
        "login " LEFT "open > " CONNECT_KEPT ACCEPTED SUBSCRIBE_C2D
        "message:a given:a leave open > " CONNECT_KEPT PRESENT "again:a taken:a settled alive",
        "login > 3A [('" EVENTS "') 0001 'x'] < 40020001 records:1 alive"),
    HELD("3.3.1-2", "DUP is 0 at QoS 0", "login > 38 [('" EVENTS "') 'x'] end records:0",
        LOGIN_SUBSCRIBED "called alive"),
    HELD("3.3.1-3", "The DUP that is sent does not depend on the one that came",
        LOGIN_SUBSCRIBED "> 3A [('" EVENTS "') 0001 'x'] < 40020001 called alive"),
    HELD("3.3.1-4", "Both QoS bits close the connection",
        "login > 36 [('" EVENTS "') 0001 'x'] end records:0",
        "login > 3F [('" EVENTS "') 0001 'x'] end records:0"),
    NOT_SO(NARROWED, "3.3.1-5", "A message with RETAIN is stored for later subscribers",
        "RETAIN becomes the property mqtt-retain and nothing is retained",
        "login > 33 [('" EVENTS "a=b') 0001 'x'] < 40020001 records:1 bag:a=b&mqtt-retain=true "
        "alive",
        "login > 31 [('" EVENTS "') 'x'] alive records:1 bag:mqtt-retain=true"),
    NOT_SO(NARROWED, "3.3.1-6", "A new subscription gets the retained messages that match",
        "nothing is retained",
        "login > 33 [('" EVENTS "') 0001 'x'] < 40020001 > " SUBSCRIBE("01") SUBACK("01") "alive"),
    NOT_SO(NARROWED, "3.3.1-7", "A retained message at QoS 0 takes the place of the one before",
        "nothing is retained; both are messages",
        "login > 31 [('" EVENTS "') 'x'] 31 [('" EVENTS "') 'y'] alive records:2 bodies:xy"),
    NOT_APPLICABLE(
        "3.3.1-8", "What is sent for a new subscription has RETAIN 1", "nothing is retained"),
    HELD("3.3.1-9", "What is sent for a subscription that was there has RETAIN 0",
        LOGIN_SUBSCRIBED "called > 33 [('" EVENTS "') 0001 'x'] < 40020001 called alive"),
    NOT_SO(NARROWED, "3.3.1-10",
        "RETAIN with an empty body is a message and ends what was retained",
        "it is a message with mqtt-retain; nothing is retained",
        "login > 33 [('" EVENTS "') 0001] < 40020001 records:1 bodies: bag:mqtt-retain=true alive"),
    HELD("3.3.1-11", "A retained message with an empty body is not stored as one",
        "login > 33 [('" EVENTS "') 0001] < 40020001 > " SUBSCRIBE("00") SUBACK("00") "alive"),
    HELD("3.3.1-12", "A message without RETAIN is not retained and leaves what was",
        "login > " PUBLISH_1("0001") "< 40020001 records:1 bag:a=b > " SUBSCRIBE("00")
            SUBACK("00") "alive"),

    HELD("3.3.2-1", "A PUBLISH begins with its topic, in UTF-8", "login > 3000 end records:0",
        "login > 32020001 end records:0", "login > 3003FFFF00 end records:0",
        "login > 30 [('" EVENTS "' " CUT ") 'x'] end records:0"),
    HELD("3.3.2-2", "The topic of a PUBLISH has no wildcards",
        "login > 32 [('devices/+/messages/events/') 0001 'x'] end records:0",
        "login > 32 [('" EVENTS "#') 0001 'x'] end records:0",
        "login > 32 [('" EVENTS "a=+') 0001 'x'] end records:0"),
    HELD("3.3.2-3", "What a client is sent matches what it subscribed to",
        LOGIN_SUBSCRIBED "called alive",
        "login uncalled > 82 [0001 ('" DEVICEBOUND "') 01] "
        "< 9003000101 uncalled alive"),

    NOT_SO(NARROWED, "3.3.4-1", "A PUBLISH is answered as its QoS asks",
        "QoS 0: nothing; QoS 1: PUBACK; QoS 2 ends the connection",
        "login > " PUBLISH_0 "alive records:1", "login > " PUBLISH_1("0001") "< 40020001 alive",
        "login > 34 [('" EVENTS "') 0001 'x'] end records:0"),

    NOT_APPLICABLE("3.3.5-1", "A message that matches several subscriptions keeps their QoS",
        "no two of the filters that may be subscribed to match one topic"),
    HELD("3.3.5-2", "A PUBLISH that is not allowed is acknowledged or ends the connection",
        "login > 32 [('devices/dev2/messages/events/') 0001 'x'] end records:0",
        "login > 32 [('home/light') 0001 'x'] end records:0",
        "login > 32 [('" DEVICEBOUND "') 0001 'x'] end records:0"),

    HELD("3.6.1-1", "PUBREL's flags are 2, or the connection ends", "login > 60020001 end",
        "login > 61020001 end", "login > 6A020001 end"),

    HELD("3.8.1-1", "SUBSCRIBE's flags are 2, or the connection ends",
        "login > 80 [0001 ('" METHODS "') 00] end", "login > 83 [0001 ('" METHODS "') 00] end",
        "login > 8A [0001 ('" METHODS "') 00] end"),
    HELD("3.8.3-1", "Filters to subscribe to are UTF-8", "login > 82 [0001 (" SURROGATE ") 00] end",
        "login > 82 [0001 ('" METHODS "' " CUT ") 00] end"),
    HELD("3.8.3-2", "A server without wildcards refuses filters that have them",
        "login > 82 [0001 ('devices/+/messages/devicebound/#') 00] end",
        "login > 82 [0001 ('#') 00] end", "login > 82 [0001 ('+/+') 00] end"),
    HELD("3.8.3-3", "SUBSCRIBE has a filter", "login > 82020001 end"),
    HELD("3.8.3-4", "A QoS byte above 2 or with reserved bits closes (printed as MQTT-3-8.3-4)",
        "login > " SUBSCRIBE("03") "end", "login > " SUBSCRIBE("04") "end",
        "login > " SUBSCRIBE("80") "end"),
    HELD("3.8.4-1", "SUBSCRIBE gets SUBACK", "login > " SUBSCRIBE("00") SUBACK("00") "alive"),
    HELD("3.8.4-2", "SUBACK has SUBSCRIBE's packet id",
        "login > 82 [ABCD ('" METHODS "') 00] < 9003ABCD00 alive"),
    HELD("3.8.4-3", "Subscribing to a filter again takes the place of the first time",
        LOGIN_SUBSCRIBED "> " SUBSCRIBE("00") SUBACK("00") "called alive"),
    HELD("3.8.4-4", "Several filters in one SUBSCRIBE are as many, with one SUBACK",
        "login > 82 [0001 ('" DEVICEBOUND "') 01 ('" METHODS "') 00] < 900400010100 called alive"),
    HELD("3.8.4-5", "SUBACK says for each filter what was granted",
        "login > 82 [0001 ('" DEVICEBOUND "') 02 ('" DEVICEBOUND "') 00] < 900400010100 alive"),
    HELD("3.8.4-6", "A message is sent at the lower of its QoS and the one granted",
        LOGIN_SUBSCRIBED "called alive"),

    HELD("3.9.3-1", "SUBACK's codes are in the order of the filters",
        "login > 82 [0001 ('" METHODS "') 00 ('" DEVICEBOUND "') 01] < 900400010001 alive",
        "login > 82 [0001 ('" DEVICEBOUND "') 01 ('" METHODS "') 00] < 900400010100 alive"),
    HELD("3.9.3-2", "SUBACK's codes are 0, 1, 2 or 80",
        "login > " SUBSCRIBE("00") SUBACK("00") "> " SUBSCRIBE("01")
            SUBACK("01") "> " SUBSCRIBE("02") SUBACK("01") "alive",
        "@test_session.c test_session__subscribe"),

    HELD("3.10.1-1", "UNSUBSCRIBE's flags are 2, or the connection ends",
        "login > A0 [0001 ('" METHODS "')] end", "login > A3 [0001 ('" METHODS "')] end"),
    HELD("3.10.3-1", "Filters to unsubscribe from are UTF-8, one behind the other",
        "login > A2 [0001 (" OVERLONG ")] end", "login > A2 [0001 ('" METHODS "') 00] end",
        "login > A2 [0001 ('" DEVICEBOUND "') ('" METHODS "')] < B0020001 alive"),
    HELD("3.10.3-2", "UNSUBSCRIBE has a filter", "login > A2020001 end"),
    HELD("3.10.4-1", "Filters to unsubscribe from are compared character by character",
        LOGIN_SUBSCRIBED "> " UNSUBSCRIBE("$iothub/methods/#") UNSUBACK
        "called > " UNSUBSCRIBE("$iothub/methods/post/#") UNSUBACK "called > " UNSUBSCRIBE(METHODS)
            UNSUBACK "uncalled alive"),
    HELD("3.10.4-2", "After UNSUBSCRIBE nothing new is sent for the filter",
        LOGIN_SUBSCRIBED "called > " UNSUBSCRIBE(METHODS) UNSUBACK "uncalled alive"),
    HELD("3.10.4-3", "What was begun above QoS 0 is completed after UNSUBSCRIBE",
        "login " SUBSCRIBE_C2D "message:a given:a > " UNSUBSCRIBE(DEVICEBOUND) UNSUBACK
        "taken:a settled alive"),
    HELD("3.10.4-4", "UNSUBSCRIBE gets UNSUBACK with its packet id",
        LOGIN_SUBSCRIBED "> A2 [BEEF ('" METHODS "')] < B002BEEF alive"),
    HELD("3.10.4-5", "UNSUBSCRIBE gets UNSUBACK even where nothing was subscribed to",
        "login > " UNSUBSCRIBE(METHODS) UNSUBACK "> " UNSUBSCRIBE("home/light") UNSUBACK "alive"),
    HELD("3.10.4-6", "Several filters in one UNSUBSCRIBE are as many, with one UNSUBACK",
        LOGIN_SUBSCRIBED "> A2 [0001 ('" DEVICEBOUND "') ('x') ('" METHODS "')] < B0020001 "
                         "uncalled alive"),

    HELD("3.12.4-1", "PINGREQ gets PINGRESP", "login > C000 C000 < D000 D000 alive"),

    HELD("3.14.1-1", "DISCONNECT's reserved bits are 0, or the connection ends", "login > E100 end",
        "login > EF00 end", "login > E00100 end"),
    CLIENTS("3.14.4-1", "A client closes after DISCONNECT", "login > E000 end"),
    CLIENTS("3.14.4-2", "A client sends nothing more after DISCONNECT",
        "login > E000 " PUBLISH_1("0001") "end records:0"),
    HELD("3.14.4-3", "After DISCONNECT no will is published",
        "login > E000 end login records:0 alive"),

    HELD("4.1.0-1", "What belongs to a session is kept while it lasts",
        LOGIN_SUBSCRIBED "called > " PUBLISH_1("0001") "< 40020001 called alive called"),
    HELD("4.1.0-2", "A session lasts at least as long as its connection",
        LOGIN_SUBSCRIBED "alive called alive called"),

    HELD("4.3.1-1", "What is sent at QoS 0 has DUP 0", LOGIN_SUBSCRIBED "called alive"),
    HELD("4.3.2-1", "The sender at QoS 1: an unused id, DUP 0, kept until PUBACK",
        "login " SUBSCRIBE_C2D
        "message:a given:a message:b given:b taken:b leave login " SUBSCRIBE_C2D
        "again:a taken:a settled alive",
        "login > 40020001 alive", "login > 40020000 end", "login > 400100 end"),
    HELD("4.3.2-2", "The receiver at QoS 1: PUBACK, and the id is free for a new message",
        "login > " PUBLISH_1("0001") "< 40020001 > " PUBLISH_1("0001") "< 40020001 records:2 alive",
        "login > " PUBLISH_1("0001") "< 40020001 > 3A [('" EVENTS "') 0001 'x'] < 40020001 "
                                     "records:2 alive",
        "@test_hub_faults.c test_hub__durable"),
    NOT_APPLICABLE("4.3.3-1", "The sender at QoS 2", "a hub sends nothing at QoS 2"),
    NOT_SO(NARROWED, "4.3.3-2", "The receiver at QoS 2", "QoS 2 ends the connection",
        "login > 34 [('" EVENTS "') 0001 'x'] end records:0", "login > 62020001 end",
        "login > 50020001 end", "login > 70020001 end"),

    HELD("4.4.0-1", "When a session is resumed, what was not acknowledged is sent again",
        "login " LEFT "open > " CONNECT_KEPT ACCEPTED SUBSCRIBE_C2D
        "message:a message:b given:a given:b taken:a leave open > " CONNECT_KEPT PRESENT
        "again:b taken:b settled alive",
        "@test_hub_state.c test_c2d"),

    NOT_APPLICABLE("4.5.0-1", "A message goes to the sessions whose subscriptions match",
        "what devices publish goes to the event log; no client subscribes to it"),
    CLIENTS("4.5.0-2", "A client acknowledges what it is sent, whether it chose the topic or not",
        "login > 40020001 alive"),

    HELD("4.6.0-1", "What is sent again comes in the order of the first time",
        "login " LEFT "open > " CONNECT_KEPT ACCEPTED SUBSCRIBE_C2D
        "message:a message:b message:c given:a given:b given:c taken:b leave open > " CONNECT_KEPT
            PRESENT "again:a again:c taken:c taken:a settled alive"),
    HELD("4.6.0-2", "PUBACKs come in the order of the PUBLISHes",
        "login > " PUBLISH_1("0005") PUBLISH_1("0003") PUBLISH_1("0009")
            PUBLISH_1("0001") "< 40020005 40020003 40020009 40020001 alive",
        "@test_hub_methods.c test_hub_methods__acknowledged_in_order"),
    NOT_APPLICABLE("4.6.0-3", "PUBRECs come in the order of the PUBLISHes", "QoS 2 is refused"),
    NOT_APPLICABLE("4.6.0-4", "PUBRELs come in the order of the PUBRECs", "QoS 2 is refused"),
    HELD("4.6.0-5", "A topic is ordered unless an administrator says otherwise",
        "login > 32 [('" EVENTS "') 0001 'a'] 30 [('" EVENTS "') 'b'] 32 [('" EVENTS "') 0002 'c'] "
        "< 40020001 40020002 records:3 bodies:abc alive"),
    HELD("4.6.0-6", "What is sent on a topic keeps the order in which it came",
        LOGIN_SUBSCRIBED "called-in-order alive called-in-order alive"),

    HELD("4.7.1-1", "A topic has no wildcards", "login > 30 [('" EVENTS "a=#') 'x'] end records:0",
        "login > 30 [('+/+') 'x'] end records:0"),
    HELD("4.7.1-2", "# is a whole level, the last",
        "login > 82 [0001 ('$iothub/methods/POST#') 00] end", "login > 82 [0001 ('#/POST') 00] end",
        "login > A2 [0001 ('a/#/b')] end", "login > A2 [0001 ('a/b#')] end",
        "login > A2 [0001 ('a/#')] < B0020001 alive", "@test_mqtt.c test_mqtt__filters"),
    HELD("4.7.1-3", "+ is a whole level", "login > A2 [0001 ('a/b+')] end",
        "login > A2 [0001 ('+a/b')] end", "login > A2 [0001 ('+/a/+')] < B0020001 alive",
        "@test_mqtt.c test_mqtt__filters"),
    HELD("4.7.2-1", "A filter that begins with a wildcard matches no topic that begins with $",
        "login > 82 [0001 ('#') 00] end", "login > 82 [0001 ('+/methods/POST/#') 00] end"),
    HELD("4.7.3-1", "Topics and filters are not empty", "login > 30 [('') 'x'] end records:0",
        "login > 82 [0001 ('') 00] end", "login > A2 [0001 ('')] end"),
    HELD("4.7.3-2", "Topics and filters hold no U+0000",
        "login > 30 [('" EVENTS "' 00) 'x'] end records:0",
        "login > 82 [0001 ('" METHODS "' 00) 00] end", "login > A2 [0001 (00)] end"),
    NOT_APPLICABLE("4.7.3-3", "Topics and filters are at most 65,535 bytes",
        "a length of 16 bits cannot say more; the hub's own bound is lower"),
    NOT_SO(WIDENED, "4.7.3-4", "Topics and filters are compared as they are",
        "but for an id in a topic or filter, which may be percent-encoded",
        "login > 32 [('Devices/dev1/messages/events/') 0001 'x'] end records:0",
        "login > 32 [('devices//dev1/messages/events/') 0001 'x'] end records:0",
        "login > 32 [('/" EVENTS "') 0001 'x'] end records:0",
        "login > 82 [0001 ('$iothub/methods/POST/#/') 00] end",
        "login > 32 [('devices/%64ev1/messages/events/') 0001 'x'] < 40020001 records:1 alive",
        "login > 82 [0001 ('devices/%64ev1/messages/devicebound/#') 01] < 9003000101 alive"),

    HELD("4.8.0-1", "A protocol violation ends the connection it came on",
        "login > 30FFFFFFFF01 end", "login > " CONNECT "end",
        "login other open > " CONNECT_AS("C2", "dev2") ACCEPTED "> F000 end other alive"),
    HELD("4.8.0-2", "A transient error ends the connection, and no other",
        "@test_session.c test_session__stalls", "@test_hub_faults.c test_hub__connection_limit"),

    /* WebSocket is spoken on the HTTPS port; the MQTT port knows no request. */
    HELD("6.0.0-1", "Over WebSocket, packets come in binary frames; others end the connection",
        "open > 'GET /$iothub/websocket HTTP/1.1' 0D0A end",
        "@../api/test_websocket.c test_websocket__telemetry",
        "@../api/test_websocket.c test_websocket__violations"),
    HELD("6.0.0-2", "Packets need not be aligned with WebSocket frames",
        "@../api/test_websocket.c test_websocket__packets_that_are_not_aligned",
        "@test_websocket.c test_websocket__any_cuts"),
    CLIENTS("6.0.0-3", "A WebSocket client offers the subprotocol mqtt",
        "@../api/test_websocket.c test_websocket__handshakes_that_are_none"),
    HELD("6.0.0-4", "The subprotocol that the server chooses is mqtt",
        "@../api/test_websocket.c test_websocket__handshake"),

    NOT_APPLICABLE("7.0.0-1", "A server that connects to others is a client as well",
        "a hub connects to no other"),
    NOT_SO(NARROWED, "7.0.0-2", "Nothing outside the standard is asked of a client",
        "a client must be a device of the hub, and keep to the hub's user names and topics",
        "open > " CONNECT_BARE("02", "('dev1')") REFUSED("04"),
        "login > 32 [('home/light') 0001 'x'] end records:0"),
    HELD("7.1.1-1", "A server offers a transport that is ordered and loses nothing", "login alive",
        "@test_hub.c test_hub__telemetry"),
    CLIENTS(
        "7.1.2-1", "A client uses a transport that is ordered and loses nothing", "login alive"),
};

const size_t conformance_statements_count =
    sizeof conformance_statements / sizeof conformance_statements[0];

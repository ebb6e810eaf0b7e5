/* SPDX-License-Identifier: MIT */
/* Addresses. */

#include "center/kql/functions_internal.h"

const struct vd_kql_overload vd_kql_network_rows[] = {
    VD_KQL_ROW("parse_ipv4", "s", 'l', "kql_parse_ipv4({0})", "toInt64(toIPv4OrNull({0}))"),
    VD_KQL_ROW_OR("format_ipv4", "l?l", 's', "coalesce(kql_format_ipv4({0}, {1}), '')",
        "IPv4NumToString(toUInt32({0}))", "32"),
    VD_KQL_ROW_OR(
        "format_ipv4", "s?l", 's', "coalesce(kql_format_ipv4_text({0}, {1}), '')", NULL, "32"),
    VD_KQL_ROW_OR(
        "format_ipv4_mask", "l?l", 's', "coalesce(kql_format_ipv4_mask({0}, {1}), '')", NULL, "32"),
    VD_KQL_ROW_OR("format_ipv4_mask", "s?l", 's',
        "coalesce(kql_format_ipv4_text_mask({0}, {1}), '')", NULL, "32"),
    VD_KQL_ROW("parse_ipv6", "s", 's', "coalesce(kql_parse_ipv6({0}), '')", NULL),
    VD_KQL_ROW_OR("ipv4_is_match", "ss?l", 'b', "kql_ipv4_is_match({0}, {1}, {2})", NULL, "32"),
    VD_KQL_ROW_OR("ipv4_compare", "ss?l", 'l', "kql_ipv4_compare({0}, {1}, {2})", NULL, "32"),
    VD_KQL_ROW("ipv4_is_in_range", "ss", 'b', "kql_ipv4_is_in_range({0}, {1})",
        "isIPAddressInRange({0}, {1})"),
    VD_KQL_ROW("ipv4_is_private", "s", 'b', "kql_ipv4_is_private({0})", NULL),
    VD_KQL_ROW("ipv4_netmask_suffix", "s", 'l', "kql_ipv4_netmask_suffix({0})", NULL),
    VD_KQL_ROW_OR("ipv6_is_match", "ss?l", 'b', "kql_ipv6_is_match({0}, {1}, {2})", NULL, "128"),
    VD_KQL_ROW_OR("ipv6_compare", "ss?l", 'l', "kql_ipv6_compare({0}, {1}, {2})", NULL, "128"),
    VD_KQL_ROW("ipv6_is_in_range", "ss", 'b', "kql_ipv6_is_in_range({0}, {1})", NULL),
    VD_KQL_ROW("has_ipv4", "ss", 'b', "kql_has_ipv4({0}, {1})", NULL),
    VD_KQL_ROW("ipv4_is_in_any_range", "ss*", 'b',
        "kql_ipv4_is_in_any_range({0}, concat_ws(chr(1), {1*}))", NULL),
    VD_KQL_ROW("ipv4_is_in_any_range", "sy", 'b',
        "kql_ipv4_is_in_any_range({0}, array_to_string(json_extract_string({1}, '$[*]'), chr(1)))",
        NULL),
    VD_KQL_ROW("has_any_ipv4", "ss*", 'b', "kql_has_any_ipv4({0}, concat_ws(chr(1), {1*}))", NULL),
    VD_KQL_ROW("has_any_ipv4", "sy", 'b',
        "kql_has_any_ipv4({0}, array_to_string(json_extract_string({1}, '$[*]'), chr(1)))", NULL),
    VD_KQL_ROWS_END,
};

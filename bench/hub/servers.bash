# What bench/hub/run measures: starts and stops servers on core 0, and puts loads on them from core 1.
# Sourced; needs $bin (bench programs), $vedette, $work (a folder of its own). One server at a time: $server, $port.
# shellcheck shell=bash disable=SC2034,SC2154
server=
port=
https_port=

make_certificates() {
    local name
    for name in server ca; do
        openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$work/$name.key" \
            -out "$work/$name.pem" -subj "/CN=$name" -days 2 2>/dev/null
    done
}
stop_server() {
    if [ -n "$server" ]; then
        kill "$server" 2>/dev/null || true
        wait "$server" 2>/dev/null || true
        server=
    fi
}
# wait_for FILE PATTERN: until the server has said it; with what it logged if it ends before
wait_for() {
    until grep -qs "$2" "$1"; do
        kill -0 "$server" 2>/dev/null || { cat "$work/server.log" >&2; exit 1; }
        sleep 0.02
    done
}
# start_hub DEVICES [OPTION...]: of bench_hub_server
start_hub() {
    rm -rf "$work/data" "$work/port"
    mkdir "$work/data"
    taskset -c 0 "$bin/bench_hub_server" "${@:2}" "$work/data" "$work/server.pem" "$work/server.key" "$1" \
        >"$work/port" 2>"$work/server.log" &
    server=$!
    wait_for "$work/port" .
    port=$(cat "$work/port")
}
# start_mosquitto [LINE...]: of its configuration
start_mosquitto() {
    for _ in {1..20}; do
        port=$((20000 + RANDOM % 12000))
        printf '%s\n' "listener $port 127.0.0.1" "certfile $work/server.pem" "keyfile $work/server.key" \
            "allow_anonymous true" "persistence false" "user $(id -un)" "log_dest none" "$@" >"$work/mosquitto.conf"
        taskset -c 0 mosquitto -c "$work/mosquitto.conf" >/dev/null 2>&1 &
        server=$!
        for _ in {1..40}; do
            kill -0 "$server" 2>/dev/null || break
            (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null && return
            sleep 0.05
        done
        stop_server
    done
    echo "bench/hub: mosquitto does not start" >&2
    exit 1
}
# start_vedette: `vedette serve` on what is in $work/vedette; sets https_port as well
start_vedette() {
    rm -f "$work/ready"
    taskset -c 0 "$vedette" serve --data-dir "$work/vedette" --set mqtt.listen=127.0.0.1:0 --set https.listen=127.0.0.1:0 \
        --set hub.address_connects=0 --set hub.device_logins=0 >"$work/ready" 2>"$work/server.log" &
    server=$!
    wait_for "$work/ready" ^ready
    port=$(sed 's/.* mqtt=[^ ]*:\([0-9]*\).*/\1/' "$work/ready")
    https_port=$(sed 's/.* https=[^ ]*:\([0-9]*\).*/\1/' "$work/ready")
}
load() { taskset -c 1 "$bin/bench_hub_load" --port "$port" --server "$server" "$@"; }
rss_kib() { awk '/^Rss:/ { print $2 }' "/proc/$server/smaps_rollup"; }

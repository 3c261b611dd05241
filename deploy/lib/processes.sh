# shellcheck shell=bash disable=SC2154
# Processes of one run: started with logs of their own, awaited by what they answer, and stopped to the last one.
# The sourcing script sets $run, the folder of the run.

declare -A pid_of=()

fail() {
    echo "deploy/up: $*" >&2
    exit 1
}

# fail_with_log NAME MESSAGE...: fail, and show what the process said last.
fail_with_log() {
    local name=$1 file
    shift
    echo "deploy/up: $*" >&2
    for file in "$run/$name.out" "$run/$name.log" "$run/$name/error.log"; do
        [[ -s $file ]] || continue
        echo "--- the end of $file" >&2
        tail -n 20 "$file" >&2
    done
    exit 1
}

# start NAME PROGRAM ARGUMENT...: in the background, output to $run/NAME.out and $run/NAME.log.
# A session of its own keeps Ctrl-C away from it, so that stop decides the order; if this script itself is killed,
# the kernel ends it (pdeathsig). The lock of the run (descriptor 9) must not live on in it.
start() {
    local name=$1
    shift
    setsid setpriv --pdeathsig TERM "$@" < /dev/null > "$run/$name.out" 2> "$run/$name.log" 9>&- &
    pid_of[$name]=$!
}

running() {
    kill -0 "${pid_of[$1]}" 2> /dev/null
}

# wait_until SECONDS NAME WHAT COMMAND...: until the command succeeds; fails at once when the process NAME has ended.
wait_until() {
    local deadline=$((SECONDS + $1)) name=$2 what=$3
    shift 3
    until "$@" > /dev/null 2>&1; do
        running "$name" || fail_with_log "$name" "$name has ended before $what"
        ((SECONDS < deadline)) || fail_with_log "$name" "$name: not $what in time"
        sleep 0.1
    done
    running "$name" || fail_with_log "$name" "$name has ended, although another process of this machine answers for it"
}

# signal_group SIGNAL NAME...: to the processes and all that they started themselves.
signal_group() {
    local signal=$1 name
    shift
    for name in "$@"; do kill -s "$signal" -- "-${pid_of[$name]}" 2> /dev/null || true; done
}

# stop SECONDS SIGNAL NAME...: the signal to all of them, SIGTERM after that time (a node then drops its clients), and
# SIGKILL two seconds later. Returns when all are gone.
stop() {
    local deadline=$((SECONDS + $1)) first=$2 signal=TERM name left
    shift 2
    signal_group "$first" "$@"
    while true; do
        left=()
        for name in "$@"; do if running "$name"; then left+=("$name"); fi; done
        [[ ${#left[@]} -gt 0 ]] || break
        if ((SECONDS >= deadline)); then
            signal_group "$signal" "${left[@]}"
            signal=KILL deadline=$((SECONDS + 2))
        fi
        sleep 0.05
    done
    # What a process has left behind.
    signal_group KILL "$@"
    for name in "$@"; do unset "pid_of[$name]"; done
}

# started PATTERN: the names that match and were started, one a line.
started() {
    local name
    for name in "${!pid_of[@]}"; do
        # shellcheck disable=SC2053 # a pattern on purpose
        if [[ $name == $1 ]]; then echo "$name"; fi
    done
}

# free_port VARIABLE FROM: the first port from FROM on that nothing listens on; FROM is usually the last one found plus 1.
free_port() {
    local -n found=$1
    found=$2
    while (exec 3<> "/dev/tcp/127.0.0.1/$found") 2> /dev/null; do
        found=$((found + 1))
        ((found < 65536)) || fail "no free port from $2 on"
    done
}

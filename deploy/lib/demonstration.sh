# shellcheck shell=bash disable=SC2154
# Real agents through nginx, and pushes that must reach the right ones and nobody else.
# The sourcing script sets $run, $base (http://127.0.0.1:PORT of nginx), $websocket and $switchboard.

agents=()
declare -A receivers_of=() # id of a push -> the agents that are to print it

# connect ID ARGUMENT...: an agent through nginx.
connect() {
    local id=$1
    shift
    start "agent-$id" "$switchboard" agent --url "$websocket" --id "$id" --health-interval 5 --json "$@"
    agents+=("$id")
}

# field NAME: the first string of that name in the JSON on standard input.
field() {
    grep -o "\"$1\" *: *\"[^\"]*\"" | sed -n '1s/.*"\([^"]*\)"$/\1/p'
}

# ask ARGUMENT...: curl, showing SWITCHBOARD_KEY where the nodes ask for a key. As an argument others could see it.
ask() {
    curl "$@" -H @- <<< "${SWITCHBOARD_KEY:+Authorization: Bearer $SWITCHBOARD_KEY}"
}

client() {
    ask -fsS --max-time 5 "$base/v1/clients/$1" 2> /dev/null
}

online() {
    [[ $(client "$1" | field state) == online ]]
}

has_health() {
    client "$1" | grep -q '"health" *: *{ *"'
}

# Only logs-1 sends messages.
has_log_lines() {
    ask -fsS --max-time 5 "$base/v1/stats" | grep -q '"messagesUp" *: *[1-9]'
}

node_of() {
    client "$1" | field node
}

# printed AGENT ID: how many times the agent printed that push.
printed() {
    grep -c -F "\"$2\"" "$run/agent-$1.out" || true
}

has_printed() {
    [[ $(printed "$1" "$2") -ge 1 ]]
}

# push KIND TARGET PATH RECEIVER...: POST it through nginx and wait until every receiver has printed it.
push() {
    local kind=$1 target=$2 path=$3 answer status id receiver where=''
    shift 3
    answer=$(ask -sS --max-time 10 -w '\n%{http_code}' -H 'Content-Type: application/json' \
        --data "{\"demonstration\": \"$kind\"}" "$base$path") || fail "$kind: no answer from $base$path"
    status=${answer##*$'\n'}
    id=$(field id <<< "$answer")
    [[ $status == 200 && -n $id ]] || fail "$kind: POST $path was answered $answer"
    receivers_of[$id]="$kind: $*"
    for receiver in "$@"; do
        wait_until 10 "agent-$receiver" "reached by the $kind" has_printed "$receiver" "$id"
        where+="${where:+, }$receiver on $(node_of "$receiver")"
    done
    if [[ $# == 1 ]]; then
        printf '  %-14s -> %s ... arrived\n' "$kind" "${where/ on/ on node}"
    else
        printf '  %-14s -> %s: %s ... arrived\n' "$kind" "$target" "$where"
    fi
}

# command_and_result AGENT: its program gets the data on standard input, and what it prints comes back to the caller.
command_and_result() {
    local answer data="{\"demonstration\":\"command\",\"at\":$RANDOM}"
    answer=$(ask -sS --max-time 10 -H 'Content-Type: application/json' --data "{\"name\": \"echo\", \"data\": $data}" \
        "$base/v1/clients/$1/commands") || fail "command: no answer"
    [[ $answer == *'"status":200'* && $answer == *"\"data\":$data"* ]] || fail "command: $1 answered $answer"
    printf '  %-14s -> %s on node %s ... its program answered\n' command "$1" "$(node_of "$1")"
}

# durable_push AGENT: kept while the agent is not there, delivered when it comes.
durable_push() {
    local answer id
    answer=$(ask -sS --max-time 10 --data "{\"to\": {\"client\": \"$1\"}, \"text\": \"welcome\", \"durable\": true}" \
        "$base/v1/push") || fail "durable push: no answer"
    id=$(field id <<< "$answer")
    [[ $answer == *'"queued":1'* && -n $id ]] || fail "durable push: answered $answer"
    connect "$1"
    wait_until 15 "agent-$1" "reached by the durable push" has_printed "$1" "$id"
    printf '  %-14s -> %s on node %s ... waited for it, and arrived\n' "durable push" "$1" "$(node_of "$1")"
}

# Every agent printed each push that was for it once, and none that was not. Call it after a push to all: an agent gets
# what was sent before it first, so nothing can still be under way.
check_nobody_else() {
    local id agent count expected
    for id in "${!receivers_of[@]}"; do
        for agent in "${agents[@]}"; do
            expected=0
            [[ " ${receivers_of[$id]#*:} " != *" $agent "* ]] || expected=1
            count=$(printed "$agent" "$id")
            [[ $count == "$expected" ]] || fail "${receivers_of[$id]%%:*}: $agent printed it $count times, not $expected"
        done
    done
    echo "  each of them once, and nobody else"
}

demonstrate() {
    local agent
    connect kiosk-1 --group shop-berlin --label city=berlin
    connect kiosk-2 --group shop-berlin --label city=berlin --exec cat
    connect till-1 --group shop-munich --label city=munich
    connect logs-1 --follow "$run/nginx/access.log"
    for agent in "${agents[@]}"; do wait_until 15 "agent-$agent" "shown online" online "$agent"; done
    echo "agents through nginx: ${agents[*]}"
    push "targeted push" kiosk-1 /v1/clients/kiosk-1/push kiosk-1
    push "group push" shop-berlin /v1/groups/shop-berlin/push kiosk-1 kiosk-2
    push "broadcast" everyone /v1/broadcast "${agents[@]}"
    check_nobody_else
    command_and_result kiosk-2
    durable_push kiosk-9
    wait_until 15 agent-kiosk-1 "reporting this machine's health" has_health kiosk-1
    echo "  kiosk-1 reports this machine's health: $base/v1/clients/kiosk-1"
    wait_until 15 agent-logs-1 "sending nginx's access log" has_log_lines
    echo "  logs-1 sends the lines of nginx's access log: $base/v1/stats (messagesUp)"
}

#!/usr/bin/env bash
# demo.sh [--check]: runs the stack of examples/notes under `weir up`, tells where it is and what to
# try, and stops it on Ctrl-C. With --check a copy of it is asked real requests, and the script closes
# with `N passed, N failed`.
set -euo pipefail
cd "$(dirname "$(readlink -f "$0")")/.."

weir=$PWD/build/weir
example=$PWD/examples/notes
ready_deadline_s=90
check=false
case ${1:-} in
    "") ;;
    --check) check=true ;;
    *)
        echo "usage: ./dev demo [--check]" >&2
        exit 2
        ;;
esac

work=$(mktemp -d /tmp/weir-demo-XXXXXX)
log=$work/output.txt
folder=$example
if $check; then
    cp -r "$example" "$work/notes"
    rm -rf "$work/notes/.weir"
    folder=$work/notes
fi

pid=
is_stopping=false
stop() {
    is_stopping=true
    [ -z "$pid" ] || kill -TERM "$pid" 2>/dev/null || true
}
finish() {
    stop
    [ -z "$pid" ] || wait "$pid" 2>/dev/null || true
    rm -rf "$work"
}
trap finish EXIT
trap stop INT TERM

: >"$log"
if $check; then
    (cd "$folder" && exec "$weir" up) >"$log" 2>&1 &
else
    (cd "$folder" && exec "$weir" up) > >(tee -a "$log") 2>&1 &
fi
pid=$!

# base_url SCHEME: its first address in the log, under the first name that weir.yaml gives the site.
base_url() {
    local port name
    port=$(sed -n "s|.*listening on $1://[^ ]*:\\([0-9]\\{1,5\\}\\).*|\\1|p" "$log" | head -n 1)
    [ -n "$port" ] || return 1
    name=$(sed -n 's|.*domains: *\[ *"\{0,1\}\([a-z0-9.-]*\).*|\1|p' "$folder/weir.yaml" | head -n 1)
    echo "$1://${name:-127.0.0.1}:$port"
}
ask() {
    curl --silent --show-error --noproxy '*' --max-time 5 "$@"
}

end=$((SECONDS + ready_deadline_s))
until url=$(base_url http) && secure_url=$(base_url https) && grep -q '^ready' "$log" && ask --fail --output /dev/null "$url/api/notes" 2>/dev/null; do
    if $is_stopping; then
        exit 0
    fi
    if ! kill -0 "$pid" 2>/dev/null; then
        if $check; then
            cat "$log" >&2
            echo "0 passed, 1 failed"
        fi
        exit 1
    fi
    if [ $SECONDS -ge $end ]; then
        if $check; then
            cat "$log" >&2
        fi
        echo "demo: the example did not answer within $ready_deadline_s s; the lines above say why" >&2
        echo "0 passed, 1 failed"
        exit 1
    fi
    sleep 0.1
done

# The tasks' processes, from the rows SERVICE TASK PID PORT UP STATE of `weir status`.
# shellcheck disable=SC2016
pids='$6 == "healthy" { print $3 }'

passed=0
failed=0
expect() { # WHAT CONDITION...: counts one check
    local what=$1
    shift
    if "$@"; then
        passed=$((passed + 1))
        echo "demo: $what: ok"
    else
        failed=$((failed + 1))
        echo "demo: $what: FAILED"
    fi
}
shows() { # TEXT CURL ARGUMENTS...: the answer holds the text
    local text=$1
    shift
    ask "$@" | grep -qF -- "$text"
}
answers() { # STATUS CURL ARGUMENTS...
    local status=$1
    shift
    [ "$(ask --output /dev/null --write-out '%{http_code}' "$@")" = "$status" ]
}

healthy_tasks() {
    (cd "$folder" && "$weir" status | awk "$pids")
}
is_replaced() { # PID COUNT: it is gone, and as many tasks as before are healthy
    local end=$((SECONDS + ready_deadline_s)) now
    while [ "$SECONDS" -lt "$end" ]; do
        now=$(healthy_tasks)
        if ! grep -qx "$1" <<<"$now" && [ "$(wc -l <<<"$now")" -eq "$2" ]; then
            return 0
        fi
        sleep 0.1
    done
    return 1
}

if $check; then
    expect "the front end is served" shows "<html" "$url/"
    expect "the API answers" answers 200 "$url/api/notes"
    expect "a note is taken" answers 201 -H 'Content-Type: application/json' \
        -d '{"text": "written by ./dev demo --check"}' "$url/api/notes"
    expect "and read again" shows "written by ./dev demo --check" "$url/api/notes"
    (cd "$folder" && "$weir" trust --export) >"$work/authority.pem"
    expect "it answers by HTTP/2 and TLS to who trusts its authority" \
        shows "written by ./dev demo --check" --http2 --cacert "$work/authority.pem" \
        "$secure_url/api/notes"
    expect "what is not there is a 404" answers 404 "$url/api/nothing-here"
    expect "a hundred requests in a row succeed" \
        ask --fail --output /dev/null "$url/api/notes?[1-100]"
    tasks=$(healthy_tasks)
    task=$(head -n 1 <<<"$tasks")
    kill -KILL "$task"
    expect "no request fails when a task is killed" \
        ask --fail --output /dev/null "$url/api/notes?[1-100]"
    expect "the task is replaced" is_replaced "$task" "$(wc -l <<<"$tasks")"
    kill -TERM "$pid"
    code=0
    wait "$pid" || code=$?
    pid=
    expect "it stops cleanly" [ "$code" -eq 0 ]
    if [ "$failed" -gt 0 ]; then
        cat "$log" >&2
    fi
    echo "$passed passed, $failed failed"
    exit $((failed > 0))
fi

port=${url##*:}
secure_port=${secure_url##*:}
cat <<TXT

  The notes application is at $url/ and $secure_url/

  Four things to try:
    1. open it in a browser and write a note, or take one from a shell:
         curl -d '{"text": "hello"}' -H 'Content-Type: application/json' $url/api/notes
    2. see its tasks, targets and requests:
         cd examples/notes && ../../build/weir status
    3. kill one of its tasks while you reload the page; Weir starts another, no request fails:
         kill -9 \$(../../build/weir status | awk '$pids' | head -n 1)
    4. let your browsers trust it, then open $secure_url/
         ../../build/weir trust
TXT
if [ -n "${SSH_CONNECTION:-}" ]; then
    server=$(echo "$SSH_CONNECTION" | cut -d ' ' -f 3)
    cat <<TXT

  This machine is remote. On yours, run this first and leave it open, then use the same address:
    ssh -L $port:127.0.0.1:$port -L $secure_port:127.0.0.1:$secure_port $(id -un)@$server
TXT
fi
printf '\n  Ctrl-C stops it.\n\n'

code=0
wait "$pid" || code=$?
while kill -0 "$pid" 2>/dev/null; do # a signal ended the wait, not the program
    code=0
    wait "$pid" || code=$?
done
pid=
echo "demo: stopped"
exit "$code"

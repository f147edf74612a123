#!/usr/bin/env bash
# Asks the node in this container; its image has no HTTP client, but bash can open a connection.
#
#   node-call.sh METHOD [PARAMS]   a JSON-RPC call; PARAMS is a JSON array, default []
#   node-call.sh /PATH             a GET, as /liveness
#   node-call.sh age [SECONDS]     the age of the newest block
#
# Prints the answer. Exit 1 for no answer, for an error in it, and for a block older than SECONDS.
set -euo pipefail
export LC_ALL=C
readonly PORT="${NODE_PORT:-8545}" PATIENCE_S="${NODE_PATIENCE_S:-10}"

http() { # METHOD PATH BODY: prints the body; fails unless the status is 200
  local answer status
  exec 3<>"/dev/tcp/127.0.0.1/$PORT" || return 1
  printf '%s %s HTTP/1.0\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s' \
    "$1" "$2" "${#3}" "$3" >&3
  answer=$(timeout "$PATIENCE_S" cat <&3) || true # what came until then, if the node did not hang up
  exec 3>&-
  status=${answer%%$'\r\n'*}
  printf '%s\n' "${answer#*$'\r\n\r\n'}"
  [[ $status == HTTP/1.?" 200"* ]]
}

call() { # METHOD PARAMS
  local body
  if ! body=$(http POST / "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"$1\",\"params\":$2}"); then
    printf '%s\n' "$body"
    return 1
  fi
  printf '%s\n' "$body"
  [[ $body != *'"error"'* ]]
}

age() { # SECONDS, or nothing
  local block seconds
  block=$(call eth_getBlockByNumber '["latest",false]') || return 1
  [[ $block =~ \"timestamp\"[[:space:]]*:[[:space:]]*\"0x([0-9a-fA-F]+)\" ]] || return 1
  seconds=$(($(date +%s) - 16#${BASH_REMATCH[1]}))
  printf '%s\n' "$seconds"
  [[ -z $1 ]] || ((seconds <= $1))
}

case "${1:-}" in
"") printf 'usage: node-call.sh METHOD [PARAMS] | /PATH | age [SECONDS]\n' >&2 && exit 2 ;;
/*) http GET "$1" "" ;;
age) age "${2:-}" ;;
*) call "$1" "${2:-[]}" ;;
esac

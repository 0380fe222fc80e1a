#!/usr/bin/env bash
# Delivers each item to an address, once, over as many sessions as it takes: bash and curl on Purser's control API.
#   purser task submit -- bash /path/to/examples/agents/deliver.sh http://localhost:9000/inbox "first item" "second item"
set -u
address=$1
shift

# SIGTERM goes to every process of the session. curl ignores it here, so that a call under way is not thrown away.
tell() ( trap '' TERM; curl -sS --max-time 15 -X POST "$PURSER_CONTROL_URL/$1" --data-binary "$2" )
deliver() ( trap '' TERM; curl -sS --fail --max-time 30 -X POST "$address" --data-binary "$1" )

wrap_up=''
trap 'wrap_up=1' TERM

# {"next": 3}, or nothing at the first session
next=$(curl -sS --max-time 15 "$PURSER_CONTROL_URL/checkpoint" | tr -dc 0-9)
next=${next:-0}

while [ "$next" -lt $# ]; do
  if [ -n "$wrap_up" ]; then exit 75; fi # a fresh session goes on from the checkpoint
  number=$((next + 1))
  effect="\"key\": \"deliver-$number\""
  case $(tell effects/begin "{$effect}") in
    *'"state":"begun"'*)
      deliver "${!number}"
      case $? in
        0) tell effects/finish "{$effect, \"result\": \"delivered\"}" > delivered.json || exit 1 ;;
        # Nobody there, or a clear no: nothing was delivered.
        6 | 7 | 22) tell effects/withdraw "{$effect}" > delivered.json; sleep 1; continue ;;
        # Anything else may have been delivered: the intent stays, and whoever comes next is told.
        *) echo "the delivery of item $number broke off" >&2; exit 1 ;;
      esac
      ;;
    *'"state":"done"'*) ;;
    *'"state":"unknown"'*) echo "nobody knows whether item $number was delivered: look at the other side" >&2 ;;
    *) sleep 1; continue ;;
  esac
  next=$number
  tell checkpoint "{\"next\": $next}" > saved.json || exit 1
  case $(tell progress "{\"done\": $next, \"total\": $#}") in *'"wrap":true'*) wrap_up=1 ;; esac
done
printf '{"delivered": %s}' "$next" > "$PURSER_STATE_DIR/result.new"
mv "$PURSER_STATE_DIR/result.new" "$PURSER_STATE_DIR/result.json"

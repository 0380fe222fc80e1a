#!/usr/bin/env bash
# A complete agent in bash, with curl: asks a model one question after the other, keeps each answer in its workspace, and
# can be stopped at any moment.
#   purser task submit -- bash /path/to/examples/agents/agent.sh "First question" "Second question"
set -u

# Another file first, renamed when it is whole: Purser never sees half a checkpoint.
save() {
  printf '%s\n' "$2" > "$PURSER_STATE_DIR/$1.new"
  mv "$PURSER_STATE_DIR/$1.new" "$PURSER_STATE_DIR/$1"
}

json_string() { printf '"%s"' "$(printf '%s' "$1" | tr '\n\t' '  ' | sed 's/[\\"]/\\&/g')"; }

wrap_up=''
trap 'wrap_up=1' TERM

# SIGTERM goes to every process of the session. curl ignores it here, so that the call under way is not thrown away.
ask() (
  trap '' TERM
  curl -sS --max-time 600 -o answer.json -w '%{http_code}' "$OPENAI_BASE_URL/chat/completions" \
    -H "Authorization: Bearer $OPENAI_API_KEY" -H 'Content-Type: application/json' \
    -d "{\"model\": \"code_generation\", \"messages\": [{\"role\": \"user\", \"content\": $(json_string "$1")}]}"
)

done=0
if [ "$PURSER_RESUME" = 1 ]; then done=$(sed 's/[^0-9]//g' "$PURSER_STATE_DIR/checkpoint.json"); fi

while [ "$done" -lt $# ]; do
  if [ -n "$wrap_up" ]; then exit 75; fi # a fresh session goes on from the checkpoint
  next=$((done + 1))
  status=$(ask "${!next}")
  case $status in
    2??)
      mv answer.json "answer-$next.json"
      done=$next
      save checkpoint.json "{\"done\": $done}"
      save progress.json "{\"done\": $done, \"total\": $#}"
      echo "$done of $# answered"
      ;;
    # No connection, an emergency (we are about to be asked to stop), too many calls, or trouble that passes by itself.
    000 | 403 | 429 | 5??)
      echo "trying again: $status $(head -c 500 answer.json 2>/dev/null)" >&2
      sleep 1
      ;;
    *)
      echo "the gateway answers $status: $(cat answer.json)" >&2
      exit 1
      ;;
  esac
done
save result.json "{\"answered\": $done, \"workspace\": $(json_string "$PWD")}"

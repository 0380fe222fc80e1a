/** The folder that the agent of a session's VM shares with the program's container. */
export const VM_FOLDER = '/purser';

/** Whom both run as, as Purser's image has it: the agent reads whatever the program leaves. */
export const VM_USER = '1000:1000';

/** In `run` of that folder: how the agent and what starts the program speak to each other. */
export const RUN_FILES = {
  /** The program's container is there. */
  up: 'up',
  /** A script that becomes the program. */
  start: 'start',
  pid: 'pid',
  stdout: 'stdout',
  stderr: 'stderr',
  /** TERM or KILL. */
  signal: 'signal',
  /** Its exit code, as a shell has it. */
  end: 'end',
} as const;

/**
 * What a session's container runs on a VM, by the POSIX shell of any image, with no other program than `sleep`: it waits
 * until the agent has laid out the files, starts the program, passes signals on, and writes down how it ended, when nothing
 * of its group is left to change its files. A platform that starts the container again gets no second start of it.
 */
export const PROGRAM_SCRIPT = `
run="\${PURSER_VM_FOLDER:-${VM_FOLDER}}/run"
nap() { sleep 0.2 2>/dev/null || sleep 1; }
rest() { while :; do sleep 60; done; }
until [ -d "$run" ]; do nap; done
echo up > "$run/up"
until [ -s "$run/start" ]; do nap; done
if [ -e "$run/pid" ] || [ -s "$run/end" ]; then
  [ -s "$run/end" ] || echo 137 > "$run/end"
  rest
fi
(
  sh "$run/start" > "$run/stdout" 2> "$run/stderr" < /dev/null
  code=$?
  if [ -s "$run/pid" ]; then
    read -r pid < "$run/pid"
    kill -s KILL -- "-$pid" 2>/dev/null
  fi
  echo "$code" > "$run/end"
) &
said=
while [ ! -s "$run/end" ]; do
  if [ -s "$run/signal" ] && [ -s "$run/pid" ]; then
    read -r signal < "$run/signal"
    read -r pid < "$run/pid"
    if [ "$signal" != "$said" ]; then
      said=$signal
      kill -s "$signal" -- "-$pid" 2>/dev/null || kill -s "$signal" "$pid" 2>/dev/null
    fi
  fi
  nap
done
rest
`;

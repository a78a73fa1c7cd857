#!/bin/sh
# The whole protocol in sh: a line to say ready, a line now and then, a line (or TERM) to stop. A shell can not accept
# connections, so this one has a job to do instead.
notify=$HOLDFAST_NOTIFY_FD
stopping=

say() {
  eval "printf '%s\\n' \"\$1\" >&$notify"
}

# Each command is one line of JSON. This reader ends with us: it is in our process group.
listen_for_commands() {
  eval "exec <&$HOLDFAST_COMMAND_FD"
  while read -r message; do
    case $message in
      '{"stop"'*) kill -s TERM $$ ;;
    esac
  done
}

job() {
  sleep 1
}

trap 'stopping=yes' TERM
listen_for_commands &
reader=$!

say READY=1
done=0
while [ -z "$stopping" ]; do
  job
  done=$((done + 1))
  say WATCHDOG=1
  say "STATUS=$done jobs done"
done
say STOPPING=1
# KILL: in its first moments it has our trap still, and would take TERM for a word to us.
kill -s KILL "$reader" 2>/dev/null
echo "stopped after $done jobs"

#!/bin/sh
# Any program is a service: this one just writes a line now and then, and ends on TERM.
trap 'echo "last tick"; exit 0' TERM
n=0
while :; do
  n=$((n + 1))
  echo "tick $n"
  sleep 5 &
  wait $!
done

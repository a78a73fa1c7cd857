# Said once a second; what goes to stderr is thrown away.
while :; do
  echo "tick"
  echo "nobody reads this" >&2
  sleep 1
done

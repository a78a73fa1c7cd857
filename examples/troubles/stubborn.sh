#!/bin/sh
trap 'echo "TERM? not now"' TERM
echo "here to stay"
while :; do
  sleep 1
done

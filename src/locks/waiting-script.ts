// The shell that waits for one of several lock files and promotes by itself, so that it works although the supervisor is dead.
//
// Fds: 3 its ticket, 4 the standby's place, 5 the queue, later the ticket before its own, 6 the gate, 7 the counter, 8 the first lock
// file, 9 the standby's command FIFO, 10 and up the other lock files. dash redirects one-digit numbers only (flock takes any), and
// counts with builtins only.
//
// First come, first served: flock(2) lets a newcomer in between the release of a lock and the wake-up of who waits for it. So nobody
// waits for a lock that a newcomer asks for, too. Who comes draws a ticket, a file of its own that it holds for its life, under the
// lock of the queue; then it waits for the end of the holder of the next lower ticket, and of the one below, until nobody who came
// before is left. It alone is at the gate then, and waits for the slots. Who only asks whether something is free right now does so
// under the lock of the queue, and goes away where anybody holds a ticket. Tickets of the dead are removed by whoever comes across
// them: no number is given twice, and only who holds a higher one, or the lock of the queue, ever looks at a ticket, whose holder had
// locked it before. The gate stays for those of older versions, who have no tickets, and for where none can be made.
//
// What waits for a slot dies with its shell: it would lock the slot for a standby that nobody tells of it. A shell that was dead before
// that was settled is no parent any more.

/** Exit codes. From WON on: the lock file of that index is locked. */
export const WAIT_FAILED = 70
export const BUSY = 75
/** A lock file was replaced meanwhile: what is locked is not what others will open. */
export const REPLACED = 76
export const COUNTER_DAMAGED = 77
/** The stop file is there. */
export const HELD_BACK = 78
/** The files of the token can not be read, or not be written: removed, not ours, a disk that fails. */
export const COUNTER_UNREACHABLE = 79
export const WON = 100
/** More would not fit into an exit code, nor below fd 16 in the process that inherits them. */
export const SLOTS_AT_MOST = 12

export const FIRST_TOKEN = 1_000_000_000
/** Bytes of the identity in a slot's file; each line has a fixed width, so that it is written in place on a full disk too. */
export const IDENTITY_WIDTH = 100

/** A token is never given twice, also when the machine lost power before the counter reached the disk. */
const AFTER_BOOT = 1_000_000

/** Ten of them: of equal length they are ordered as numbers. */
const DIGITS = `[1-9]${'[0-9]'.repeat(9)}`

export const WAITING_SCRIPT = `
how=$1 kind=$2 count=$3 floor=$4 identity=$5 dir=$6 stop_file=$7 signal=$8 pid=$9 started=\${10}
ticket=$dir/$kind-ticket-
umask 077
set -C
fd_of() { if [ "$1" -eq 0 ]; then fd=8; else fd=$((9 + $1)); fi; }
give_up() { flock -u "$fd"; exit "$1"; }
in_place() { [ "/proc/self/fd/$1" -ef "$2" ] || give_up ${REPLACED}; }
count_up() {
  in_place 7 "$dir/counter"
  read -r t <&7
  is_number "$t" || give_up ${COUNTER_DAMAGED}
  read -r now </proc/sys/kernel/random/boot_id && read -r boot <"$dir/boot" || give_up ${COUNTER_UNREACHABLE}
  [ "$now" = "$boot" ] || t=$((t + ${AFTER_BOOT}))
  [ "$t" -ge "$floor" ] || t=$floor
  t=$((t + 1))
  printf '%s\\n' "$t" 1<>"$dir/counter" || give_up ${COUNTER_UNREACHABLE}
  [ "$now" = "$boot" ] || printf '%s\\n' "$now" 1<>"$dir/boot" || give_up ${COUNTER_UNREACHABLE}
  printf '%s %-${IDENTITY_WIDTH}s\\n' "$t" "$identity" 1<>"$dir/slot-$1" || give_up ${COUNTER_UNREACHABLE}
}
signal_process() {
  read -r stat <"/proc/$pid/stat" || return 0
  set -- \${stat##*) }
  [ "\${20}" != "$started" ] || kill "-$signal" "$pid"
}
won() {
  fd_of "$1"
  in_place "$fd" "$dir/$kind-$1"
  [ -z "$stop_file" ] || [ ! -e "$stop_file" ] || give_up ${HELD_BACK}
  if [ "$kind" = slot ]; then
    count_up "$1"
    printf '{"promote":{"slot":%s,"token":"%s"}}\\n' "$1" "$t" >&9
    [ -z "$signal" ] || signal_process
    [ ! -e /proc/self/fd/4 ] || flock -u 4
  fi
  exit $((${WON} + $1))
}
lock_until_we_die() {
  read -r parent rest </proc/self/stat
  setpriv --pdeathsig KILL sh -c '[ "$PPID" = "$1" ] && exec flock -x "$2"' sh "$parent" "$1"
}
is_number() { case $1 in ${DIGITS}) ;; *) return 1 ;; esac; }
open_queue() {
  while command exec 5<>"$dir/$kind-queue"; do
    flock -x 5 || exit ${WAIT_FAILED}
    [ /proc/self/fd/5 -ef "$dir/$kind-queue" ] && return 0
  done
  return 1
}
nobody_waits() {
  for file in "$ticket"*; do
    is_number "\${file##*-}" || continue
    if flock -n -s 3 3<"$file"; then rm -f "$file"; elif [ -e "$file" ]; then return 1; fi
  done
}
draw_ticket() {
  last=
  read -r last <&5
  is_number "$last" || last=${FIRST_TOKEN}
  for file in "$ticket"*; do
    number=\${file##*-}
    if is_number "$number" && [ "$number" -gt "$last" ]; then last=$number; fi
  done
  number=$((last + 1))
  printf '%s\\n' "$number" 1<>"$dir/$kind-queue"
  command exec 3>"$ticket$number" || return 1
  flock -n 3 || exit ${WAIT_FAILED}
}
wait_for_turn() {
  next=$number
  while :; do
    before=
    for file in "$ticket"*; do
      number=\${file##*-}
      is_number "$number" && [ "$number" -lt "$next" ] && [ "$number" -gt "\${before:-0}" ] && before=$number
    done
    [ -n "$before" ] || return 0
    if flock -s 5 3>&- 4>&- 5<"$ticket$before" 9>&-; then rm -f "$ticket$before"
    elif [ -e "$ticket$before" ]; then exit ${WAIT_FAILED}; fi
    next=$before
  done
}

fd=6
if [ "$how" = now ]; then
  ! open_queue || nobody_waits || exit ${BUSY}
  flock -n 6 || exit ${BUSY}
else
  if open_queue && draw_ticket; then exec 5>&-; wait_for_turn; else exec 3>&- 5>&-; fi
  flock -x 6 || exit ${WAIT_FAILED}
fi
in_place 6 "$dir/$kind-gate"
if [ "$how" = now ]; then
  i=0
  while [ "$i" -lt "$count" ]; do
    fd_of "$i"
    if flock -n "$fd"; then won "$i"; fi
    i=$((i + 1))
  done
  exit ${BUSY}
fi
if [ "$count" -eq 1 ]; then
  lock_until_we_die 8 3>&- 4>&- 6>&- 7>&- 9>&- || exit ${WAIT_FAILED}
  won 0
fi
trap : TERM
{
  i=0
  while [ "$i" -lt "$count" ]; do
    fd_of "$i"
    { if lock_until_we_die "$fd"; then echo "$i"; else echo failed; fi; } 4>&- 6>&- 7>&- 9>&- &
    i=$((i + 1))
  done
  wait
} 3>&- 6>&- | {
  trap : TERM
  read -r first
  kill -TERM 0
  # The end of the pipe: all of them are dead, and none can take a lock any more.
  while read -r more; do :; done
  i=0
  while [ "$i" -lt "$count" ]; do
    fd_of "$i"
    [ "$i" = "$first" ] || flock -u "$fd"
    i=$((i + 1))
  done
  case $first in [0-9]*) won "$first" ;; *) exit ${WAIT_FAILED} ;; esac
}
`

export interface WaitingFds {
  readonly gate: number
  readonly slots: readonly number[]
  /** -1: none. */
  readonly counter: number
  readonly place: number
  /** Where the promotion is written. */
  readonly tell: number
  readonly devNull: number
}

export function fdsForWaiting({ gate, slots, counter, place, tell, devNull }: WaitingFds): number[] {
  const [first = -1, ...others] = slots
  return [devNull, devNull, devNull, -1, place, -1, gate, counter, first, tell, ...others]
}

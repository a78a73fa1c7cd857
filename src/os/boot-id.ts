import { readFileSync } from 'node:fs'
import { withOsErrors } from './os-error.ts'

let known: string | null = null

/** A UUID that changes at every boot: pids and start times of another boot mean nothing. */
export function bootId(): string {
  known ??= withOsErrors(() => readFileSync('/proc/sys/kernel/random/boot_id', 'utf8')).trim()
  return known
}

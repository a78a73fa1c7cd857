// Node's crypto keeps random bytes in reserve for randomUUID and randomInt. In a forked child they would be its siblings', too.
import { randomInt, randomUUID } from 'node:crypto'

/** As many as each cache holds: after so many calls it was filled again. */
const UUIDS_IN_RESERVE = 128
const INTEGERS_IN_RESERVE = 1024

export function useUpRandomCaches(): void {
  for (let count = 0; count < UUIDS_IN_RESERVE; count++) randomUUID()
  for (let count = 0; count < INTEGERS_IN_RESERVE; count++) randomInt(2)
}

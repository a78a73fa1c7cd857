// What the processes of a library server hold in memory while nothing happens.
import { setTimeout as delay } from 'node:timers/promises'
import type { BenchRun } from '../bench-run.ts'
import { LibraryServer } from '../library-server.ts'
import { anonymousPss, residentSet } from '../proc-figures.ts'
import { figure, type Section } from '../section.ts'

const WORKERS = 8
/** V8 collects what the start left behind, some seconds later. */
const SETTLE_MILLIS = 15_000

interface Found {
  readonly name: string
  readonly rssMb: number
  readonly anonymousMb: number
}

export async function measureLibraryMemory(run: BenchRun): Promise<Section> {
  const { quick, progress } = run
  const plain = await new LibraryServer(run, 'library-memory', { act: 'idle', workers: WORKERS }).start()
  const supervised = { act: 'idle', workers: WORKERS, supervised: true } as const
  const below = await new LibraryServer(run, 'library-supervised', supervised).start()
  progress('library-memory: settling')
  await delay(quick ? 5_000 : SETTLE_MILLIS)
  const { services } = await below.status()
  const server = services[0]?.workers[0]?.pid ?? 0
  const found = [
    memoryOf(`server with ${WORKERS} workers`, plain.pid),
    memoryOf(`server with ${WORKERS} workers, below a supervisor`, server),
    memoryOf('the supervisor above it', below.pid),
  ]
  return {
    title: `library: memory, ${quick ? 5 : SETTLE_MILLIS / 1_000} s after the start`,
    columns: ['process', 'RSS', 'anonymous PSS'],
    rows: found.map(({ name, rssMb, anonymousMb }) => [name, `${figure(rssMb)} MB`, `${figure(anonymousMb)} MB`]),
    targets: found.slice(0, 2).map(({ name, rssMb }) => ({ name: `${name}, RSS in MB`, value: rssMb, limit: 60 })),
    notes: ['RSS counts what all Node processes share (some 35 MB of code) in each of them'],
    data: found,
  }
}

function memoryOf(name: string, pid: number): Found {
  return { name, rssMb: residentSet(pid) / 1_024, anonymousMb: anonymousPss(pid) / 1_024 }
}

// The benchmark application with its workers, run in one of three ways.
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { ForkserverReport } from '../../src/supervisor/status-report.ts'
import { Beacons } from '../beacons.ts'
import type { BenchRun } from '../bench-run.ts'
import { Holdfast } from '../holdfast.ts'
import { type Load, portOf } from '../http-contest.ts'
import { withChildren } from '../proc-figures.ts'
import { generateCatalogue, generateModules } from './generate-application.ts'

export const WORKERS = 8
export const WAYS = ['forked', 'spawned', 'cluster'] as const
export type Way = (typeof WAYS)[number]

const PATIENCE = 60_000

export interface WarmWorker {
  readonly pid: number
  /** Its own, beside the one that it shares. */
  readonly port: number
}

/** Written once in a run: what the application is to load. */
let generated: Readonly<Record<'BENCH_MODULES' | 'BENCH_CATALOGUE', string>> | null = null

/** One load of the application in a process that does nothing else. @returns milliseconds from its start to its end */
export async function bareLoad(run: BenchRun): Promise<number> {
  const { code, stderr, millis } = await run.scratch.run(process.execPath, [programOf(run, 'bare.cjs')], {
    env: generate(run),
  })
  if (code !== 0) throw new Error(`the application does not load: ${stderr}`)
  return millis
}

export function programOf({ root }: BenchRun, name: string): string {
  return join(root, 'bench/programs/warm', name)
}

export function generate({ scratch }: BenchRun): NonNullable<typeof generated> {
  const directory = scratch.makeDirectory('application')
  generated ??= { BENCH_MODULES: generateModules(directory), BENCH_CATALOGUE: generateCatalogue(directory) }
  return generated
}

export class WarmApplication {
  readonly way: Way
  /** Of each worker, from the start of the command to its readiness, in milliseconds, the first comes first. */
  readyMillis: readonly number[] = []
  port = 0
  private root = 0
  private holdfast: Holdfast | null = null
  private readonly run: BenchRun
  private readonly name: string
  private readonly reforkAfter: number | null
  private readonly beacons: Beacons
  /** Of worker 0; the others follow. */
  private readonly tag: number
  private readonly ports: string
  private readonly environment: Readonly<Record<string, string>>

  /**
   * @param name no other one of this run may have it
   * @param reforkAfter so many requests to one of the workers, if they are forked
   */
  constructor(run: BenchRun, name: string, way: Way, reforkAfter: number | null = null) {
    this.reforkAfter = reforkAfter
    this.run = run
    this.way = way
    this.name = `${name}-${way}`
    const beacons = new Beacons(run)
    run.scratch.defer(() => beacons.close())
    this.beacons = beacons
    this.ports = join(run.scratch.makeDirectory('ports'), this.name)
    writeFileSync(this.ports, '')
    const tags = Array.from({ length: WORKERS }, () => beacons.make().tag)
    this.tag = tags[0] ?? 0
    this.environment = {
      ...generate(run),
      BENCH_FIFO: beacons.fifo,
      BENCH_TAG: String(this.tag),
      BENCH_PORTS: this.ports,
    }
  }

  /** Until every worker is ready. All of it runs in one session, so that the kernel gives no way a larger share of the cores. */
  async start(): Promise<this> {
    const began = process.hrtime.bigint()
    const lives = Array.from({ length: WORKERS }, (_, slot) => this.beacons.living(this.tag + slot, PATIENCE))
    this.port = await (this.way === 'cluster' ? this.startCluster() : this.startHoldfast())
    const readyMillis = (await Promise.all(lives)).map(({ bornAt }) => Number(bornAt - began) / 1e6)
    this.readyMillis = readyMillis.sort((a, b) => a - b)
    return this
  }

  /** All that it consists of, without the supervisor. */
  get pids(): number[] {
    const [, ...children] = withChildren(this.root)
    return this.way === 'cluster' ? [this.root, ...children] : children
  }

  get supervisor(): number | null {
    return this.way === 'cluster' ? null : this.root
  }

  /** Kills a worker that is `age` milliseconds old or older. @returns milliseconds until its successor is ready */
  killAndTime(slot: number, age: number): Promise<number> {
    return this.beacons.killAndTime(this.tag + slot, age)
  }

  get workers(): WarmWorker[] {
    const found = new Map<number, WarmWorker>()
    for (const line of readFileSync(this.ports, 'utf8').trimEnd().split('\n')) {
      const [slot = 0, pid = 0, port = 0] = line.split(' ').map(Number)
      found.set(slot, { pid, port })
    }
    return [...found.values()]
  }

  /** Asks until the workers come from one that was asked. */
  async refork(load: Load): Promise<void> {
    const before = await this.forkserver()
    const deadline = Date.now() + PATIENCE
    const isDone = async (): Promise<boolean> => {
      const { pid, workers, others } = await this.forkserver()
      return pid !== before.pid && workers === WORKERS && others.length === 0
    }
    while (!(await isDone())) {
      if (Date.now() > deadline) throw new Error(`no refork: ${JSON.stringify(await this.forkserver())}`)
      await load(this.port, 1)
    }
  }

  private async forkserver(): Promise<ForkserverReport> {
    const report = (await this.holdfast?.status())?.forkservers[0]
    if (report === undefined) throw new Error('no forkserver in status')
    return report
  }

  private async startHoldfast(): Promise<number> {
    const { run, way, name } = this
    const worker = programOf(run, 'worker.cjs')
    const isForked = way === 'forked'
    const how = isForked ? { forkserver: 'app', entry: worker } : { command: [process.execPath, worker] }
    // All that the entry needs, or each worker would load the rest by itself.
    const preload = [programOf(run, 'server.cjs'), join(run.root, 'dist/worker.cjs')]
    const refork = this.reforkAfter === null ? [] : [this.reforkAfter]
    const forkservers = { app: { runtime: 'node', preload, refork } }
    const web = { ...how, instances: WORKERS, sockets: ['http'], ready: 'notify', startTimeout: '60s', session: false }
    const config = {
      sockets: { http: 'tcp://127.0.0.1:0' },
      ...(isForked ? { forkservers } : {}),
      services: { web },
    }
    const holdfast = await new Holdfast(run, name, config, { environment: this.environment }).up()
    this.root = holdfast.pid
    this.holdfast = holdfast
    return portOf((await holdfast.status()).sockets[0]?.listen ?? '')
  }

  private async startCluster(): Promise<number> {
    const { run, environment } = this
    const child = run.scratch.spawnServer(process.execPath, [programOf(run, 'cluster.cjs'), String(WORKERS)], {
      detached: true,
      env: environment,
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    if (child.stdout === null || child.pid === undefined) throw new Error('the cluster did not start')
    this.root = child.pid
    for await (const line of createInterface(child.stdout)) return Number(line)
    throw new Error('the cluster did not start')
  }
}

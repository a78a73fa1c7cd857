import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { cpus, loadavg } from 'node:os'
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import type { BenchRun } from './bench-run.ts'
import { compilePrograms } from './c-programs.ts'
import { fileSystemOf } from './file-system.ts'
import { measureFailover } from './measure/failover.ts'
import { measureFootprint } from './measure/footprint.ts'
import { measureForkHttp } from './measure/fork-http.ts'
import { measureForkMemory } from './measure/fork-memory.ts'
import { measureForkRestart } from './measure/fork-restart.ts'
import { measureForkStart } from './measure/fork-start.ts'
import { measureForkTime } from './measure/fork-time.ts'
import { measureLibraryMemory } from './measure/library-memory.ts'
import { measureLibraryRestart } from './measure/library-restart.ts'
import { measureRestart } from './measure/restart.ts'
import { measureRollingRestart } from './measure/rolling-restart.ts'
import { measureStatus } from './measure/status.ts'
import { measureThousandServices } from './measure/thousand-services.ts'
import { measureLibraryThroughput, measureThroughput } from './measure/throughput.ts'
import { Scratch } from './scratch.ts'
import { isMet, type Section, sectionText, targetText } from './section.ts'

const MEASUREMENTS: Readonly<Record<string, (run: BenchRun) => Promise<Section>>> = {
  restart: measureRestart,
  status: measureStatus,
  thousand: measureThousandServices,
  footprint: measureFootprint,
  throughput: measureThroughput,
  rolling: measureRollingRestart,
  library: measureLibraryRestart,
  'library-http': measureLibraryThroughput,
  'library-memory': measureLibraryMemory,
  failover: measureFailover,
  'fork-start': measureForkStart,
  'fork-memory': measureForkMemory,
  'fork-http': measureForkHttp,
  'fork-restart': measureForkRestart,
  'fork-time': measureForkTime,
}

const HELP = `npm run bench -- [--quick] [--only NAME,…] [--cli FILE]

  --quick       short series, about two minutes: does everything work?
  --only NAMES  some of: ${Object.keys(MEASUREMENTS).join(', ')}
  --cli FILE    measure another build (default: dist/cli.cjs)

Exit code 1 if something could not be measured; a missed target is reported and is no failure.
`

export interface MainOptions {
  readonly root: string
  readonly results: string
  /** The bundle that is running, removed at once. */
  readonly bundle: string
  readonly argv: string[]
}

export async function main({ root, results, bundle, argv }: MainOptions): Promise<void> {
  rmSync(bundle)
  const { values } = parseArgs({
    args: argv,
    options: {
      quick: { type: 'boolean', default: false },
      only: { type: 'string' },
      cli: { type: 'string' },
      help: { type: 'boolean', short: 'h', default: false },
    },
  })
  if (values.help) return void process.stdout.write(HELP)
  const names = values.only?.split(',') ?? Object.keys(MEASUREMENTS)
  const unknown = names.filter((name) => MEASUREMENTS[name] === undefined)
  const cli = resolve(values.cli ?? join(root, 'dist/cli.cjs'))
  if (unknown.length > 0 || !existsSync(cli)) {
    process.stderr.write(
      unknown.length > 0 ? `no such measurement: ${unknown.join(', ')}\n\n${HELP}` : `${cli} is missing\n`,
    )
    process.exit(2)
  }
  const scratch = new Scratch()
  endOnSignals(scratch)
  const failures: string[] = []
  const sections: Record<string, Section> = {}
  const machine = describeMachine(scratch)
  console.log(machine.join('\n'))
  try {
    const programs = compilePrograms(root, scratch.directory)
    const run: BenchRun = { root, cli, quick: values.quick, scratch, programs, progress: showProgress }
    for (const name of names) {
      try {
        const section = await MEASUREMENTS[name]?.(run)
        showProgress('')
        if (section === undefined) continue
        sections[name] = section
        console.log(sectionText(section))
      } catch (error) {
        if (scratch.isClosing) return
        showProgress('')
        failures.push(`${name} could not be measured: ${error instanceof Error ? error.stack : String(error)}`)
        console.error(failures.at(-1))
      }
      await scratch.endMeasurement()
    }
  } finally {
    const killed = await scratch.close()
    if (killed.length > 0) failures.push(`had to be killed at the end: ${killed.join(', ')}`)
  }
  const targets = Object.values(sections).flatMap((section) => section.targets)
  console.log(`\n${targets.filter(isMet).length} of ${targets.length} targets met`)
  for (const target of targets.filter((one) => !isMet(one))) console.log(targetText(target))
  for (const failure of failures) console.log(`FAILED ${failure}`)
  const path = join(results, `${new Date().toISOString().replace(/[:.]/g, '-')}.json`)
  writeFileSync(path, `${JSON.stringify({ machine, quick: values.quick, sections, failures }, null, 2)}\n`)
  console.log(`all figures: ${path}`)
  process.exit(failures.length > 0 ? 1 : 0)
}

/** The first signal ends what runs, then us; a second one does not hurry, since then something would stay behind. */
function endOnSignals(scratch: Scratch): void {
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(signal, () => {
      console.error(`\n${signal}: ending what was started`)
      void scratch.close().then(() => process.exit(130))
    })
  }
}

function describeMachine({ runtimeBase }: Scratch): string[] {
  const cores = cpus()
  const memory = /MemTotal:\s+(\d+)/.exec(readFileSync('/proc/meminfo', 'utf8'))?.[1]
  return [
    `${new Date().toISOString()}, Node ${process.version}, ${cores.length} x ${cores[0]?.model ?? 'unknown'}`,
    `load before ${loadavg()
      .map((load) => load.toFixed(2))
      .join(' ')}, ${Math.round(Number(memory) / 1_048_576)} GB memory`,
    `runtime directories on ${fileSystemOf(runtimeBase)} (${runtimeBase})`,
  ]
}

function showProgress(text: string): void {
  if (process.stderr.isTTY) process.stderr.write(`\r\x1b[K${text}`)
  else if (text !== '' && !/round (?!1 )/.test(text)) process.stderr.write(`${text}\n`)
}

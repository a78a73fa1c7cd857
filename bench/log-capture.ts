// CPU of the reading process for each GB of 100-byte lines, one write(2) a line at full speed, through the FIFO, the
// default layout and rotation to disk; and whether each line is there once, whole and in order. Beside it `cat` from the
// same FIFO to a file, which adds nothing to the lines: the disk and the machine differ from run to run.
import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ServiceLog } from '../src/logs/service-log.ts'
import { EpollLoop } from '../src/os/epoll.ts'
import { makeFifo, openFifoForChild } from '../src/os/fifo.ts'
import { FifoReaders } from '../src/os/fifo-readers.ts'

const COUNT = Number(process.argv[2] ?? 3_000_000)
const WRITER = `
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
int main(int argc, char **argv) {
  char line[101];
  memset(line, 'x', 100);
  line[99] = '\\n';
  for (long i = 0; i < atol(argv[1]); i++) {
    int n = sprintf(line, "%012ld", i);
    line[n] = ' ';
    if (write(1, line, 100) != 100) return 1;
  }
  return 0;
}`

const directory = mkdtempSync(join(tmpdir(), 'holdfast-log-capture-'))
const epoll = new EpollLoop()
try {
  writeFileSync(join(directory, 'writer.c'), WRITER)
  execFileSync('cc', ['-O2', '-o', join(directory, 'writer'), join(directory, 'writer.c')])
  const file = join(directory, 'web.log')
  const log = new ServiceLog({ file, stdout: 'log', stderr: 'log', keep: 10_000 })
  const path = join(directory, 'fifo')
  makeFifo(path, { mode: 0o600, uid: null, gid: null })
  const reader = new FifoReaders(epoll).open({ path: () => path, linkAtWriter: () => null, options: {} }, 'out')
  const capture = log.openStream({ reader, worker: 'web/0', stream: 'out' })

  let longestTurn = 0
  let last = performance.now()
  const pulse = setInterval(() => {
    longestTurn = Math.max(longestTurn, performance.now() - last)
    last = performance.now()
  }, 1)
  const out = openFifoForChild(path)
  const start = performance.now()
  const cpu = process.cpuUsage()
  const writer = spawn(join(directory, 'writer'), [String(COUNT)], { stdio: ['ignore', out, 'inherit'] })
  closeSync(out)
  await once(writer, 'exit')
  capture.endOfProcess()
  await log.flush({ deadline: 60_000 })
  const { user, system } = process.cpuUsage(cpu)
  const seconds = (performance.now() - start) / 1000
  clearInterval(pulse)

  const gigabytes = (COUNT * 100) / 1e9
  capture.close()
  const files = readdirSync(directory).filter((name) => name.startsWith('web.log'))
  console.log(
    JSON.stringify({
      lines: COUNT,
      files: files.length,
      seconds: Number(seconds.toFixed(2)),
      megabytesPerSecond: Math.round((gigabytes * 1000) / seconds),
      cpuSecondsPerGigabyte: Number(((user + system) / 1e6 / gigabytes).toFixed(2)),
      catCpuSecondsPerGigabyte: Number((catSeconds() / gigabytes).toFixed(2)),
      user: Number((user / 1e6 / gigabytes).toFixed(2)),
      system: Number((system / 1e6 / gigabytes).toFixed(2)),
      longestTurnMilliseconds: Number(longestTurn.toFixed(1)),
      rssMegabytes: Math.round(process.memoryUsage().rss / 1e6),
      wrongLines: countWrong(files, file),
    }),
  )
  await log.close()
  capture.close()
} finally {
  epoll.close()
  rmSync(directory, { recursive: true, force: true })
}

/** CPU of cat doing the same job: what the shell's `times` says about its children. */
function catSeconds(): number {
  const fifo = join(directory, 'fifo.cat')
  execFileSync('mkfifo', [fifo])
  const script = '(cat "$1" > "$1.out"; times) & "$2" "$3" > "$1"; wait'
  const times = execFileSync('sh', ['-c', script, 'sh', fifo, join(directory, 'writer'), String(COUNT)], {
    encoding: 'utf8',
  })
  const children = times.trim().split('\n')[1] ?? ''
  const seconds = [...children.matchAll(/(\d+)m([\d.]+)s/g)].map(
    ([, minutes, rest]) => Number(minutes) * 60 + Number(rest),
  )
  return seconds.reduce((sum, part) => sum + part, 0)
}

/** Lines that are not the next one, whole. */
function countWrong(files: string[], file: string): number {
  let wrong = 0
  let expected = 0
  const numbers = files.map((name) => Number(/\.(\d+)$/.exec(name)?.[1] ?? 0)).sort((one, other) => other - one)
  for (const number of numbers) {
    const text = readFileSync(number === 0 ? file : `${file}.${number}`, 'latin1')
    for (let position = 0; position < text.length; ) {
      const end = text.indexOf('\n', position)
      const line = text.slice(position + 35, end)
      if (line.length !== 99 || Number(line.slice(0, 12)) !== expected || text[position + 34] !== ' ') wrong++
      expected++
      position = end + 1
    }
  }
  return wrong + Math.abs(COUNT - expected)
}

// One small application in each language that a forkserver is for. test/forkserver has every clause of the protocol.
import { connect } from 'node:net'
import { expect, test } from 'vitest'
import type { ServiceReport } from '../../src/supervisor/status-report.ts'
import { isInstalled } from './harness/requirement.ts'
import { newScene, type Scene } from './harness/scene.ts'
import { waitFor } from './harness/wait-for.ts'

interface Language {
  readonly name: 'python' | 'perl' | 'ruby'
  readonly program: string
  readonly extension: string
  readonly entry: string
  readonly app: string
  readonly worker: string
}

// Each connection is told who serves it, and what was loaded; a word that is sent ends the worker with code 3.
const LANGUAGES: readonly Language[] = [
  {
    name: 'python',
    program: 'python3',
    extension: 'py',
    entry: './worker.py:serve',
    app: 'import os\nloaded_by = os.getpid()\nprint("loaded", flush=True)\n',
    worker: `
import os, socket, sys
import app
def serve():
    listener = socket.socket(fileno=int(os.environ["HOLDFAST_SOCKET_PYTHON"]))
    print("serving", flush=True)
    os.write(int(os.environ["HOLDFAST_NOTIFY_FD"]), b"READY=1\\n")
    while True:
        connection, _ = listener.accept()
        connection.sendall(b"%d %d\\n" % (os.getpid(), app.loaded_by))
        if connection.recv(1):
            sys.exit(3)
        connection.close()
`,
  },
  {
    name: 'perl',
    program: 'perl',
    extension: 'pl',
    entry: './worker.pl',
    app: 'package App; our $loaded_by = $$; syswrite STDOUT, "loaded\\n"; 1;\n',
    worker: `
use strict; use warnings;
open my $listener, '+<&=', $ENV{HOLDFAST_SOCKET_PERL} or die $!;
syswrite STDOUT, "serving\\n";
open my $notify, '>&=', $ENV{HOLDFAST_NOTIFY_FD} or die $!;
syswrite $notify, "READY=1\\n";
while (accept my $connection, $listener) {
    syswrite $connection, "$$ $App::loaded_by\\n";
    exit 3 if sysread $connection, my $word, 1;
}
`,
  },
  {
    name: 'ruby',
    program: 'ruby',
    extension: 'rb',
    entry: './worker.rb',
    app: 'LOADED_BY = Process.pid\nSTDOUT.syswrite("loaded\\n")\n',
    worker: `
require 'socket'
listener = TCPServer.for_fd(ENV.fetch('HOLDFAST_SOCKET_RUBY').to_i)
STDOUT.syswrite("serving\\n")
IO.for_fd(ENV.fetch('HOLDFAST_NOTIFY_FD').to_i).syswrite("READY=1\\n")
loop do
  connection = listener.accept
  connection.write("#{Process.pid} #{LOADED_BY}\\n")
  exit 3 if connection.read(1)
  connection.close
end
`,
  },
]

const here = LANGUAGES.filter(({ program }) => isInstalled(program))
for (const { name } of LANGUAGES.filter((language) => !here.includes(language))) {
  console.warn(`SKIPPED: forkserver for ${name}: not installed (apt-get install ${name})`)
}

/** Who answers, and who loaded what it has; `word` is sent. */
async function ask(scene: Scene, socket: string, word = ''): Promise<number[]> {
  const port = await scene.port(socket)
  return new Promise((resolve, reject) => {
    let text = ''
    const connection = connect(port, '127.0.0.1')
    connection.setEncoding('utf8').on('data', (data: string) => {
      text += data
      if (text.endsWith('\n')) connection.end(word)
    })
    connection.on('error', reject).on('close', () => resolve(text.trim().split(' ').map(Number)))
  })
}

const pidsOf = ({ workers }: ServiceReport) => workers.map(({ pid }) => pid ?? 0)

test(`workers in ${here.map(({ name }) => name).join(', ')}: socket, output, an exit, a restart`, async () => {
  const scene = newScene()
  for (const { extension, app, worker } of here) {
    scene.write(`app.${extension}`, app)
    scene.write(`worker.${extension}`, worker)
  }
  scene.configure({
    sockets: Object.fromEntries(here.map(({ name }) => [name, 'tcp://127.0.0.1:0'])),
    forkservers: Object.fromEntries(
      here.map(({ name, extension }) => [name, { runtime: name, preload: [`./app.${extension}`] }]),
    ),
    services: Object.fromEntries(
      here.map(({ name, entry }) => [name, { forkserver: name, entry, instances: 2, sockets: [name] }]),
    ),
  })
  await scene.up()
  const { services, forkservers } = await scene.status()
  const old = new Map<string, ServiceReport>(services.map((service) => [service.name, service]))
  for (const { name, pid } of forkservers) {
    const workers = pidsOf(old.get(name) as ServiceReport)
    expect(workers).toContain((await ask(scene, name))[0])
    expect((await ask(scene, name))[1]).toBe(pid)
    const [ended = 0] = await ask(scene, name, '!')
    await waitFor(async () => {
      const worker = (await scene.service(name)).workers[workers.indexOf(ended)]
      return worker?.lastExit?.code === 3 && worker.ready && worker.pid !== ended
    })
  }
  const logs = (await scene.holdfast('logs', '-n', '1000')).out
  for (const { name } of here) {
    expect(logs).toContain(`${name}/1 out serving`)
    expect((await scene.holdfast('logs', `forkserver:${name}`)).out).toContain('out loaded')
  }
  const before = await scene.status()
  const restart = await scene.holdfast('restart', ...here.map(({ name }) => name))
  expect(restart.code, restart.all).toBe(0)
  const after = await scene.status()
  for (const [index, service] of after.services.entries()) {
    expect(service).toMatchObject({ ready: 2, generation: 2 })
    expect(pidsOf(service)).not.toEqual(pidsOf(before.services[index] as ServiceReport))
    expect((await ask(scene, service.name))[1]).toBe(after.forkservers.find(({ name }) => name === service.name)?.pid)
  }
  expect((await scene.down()).code).toBe(0)
})

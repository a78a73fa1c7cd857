// Runs a small supervisor from the fresh build, and keeps what V8 compiled meanwhile beside the bundles (see src/cli/start.ts).
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const TIMEOUT = 20_000

/** Throws where no supervisor can run (another system, a sandbox): then there is no bytecode, and nothing is amiss. */
export function recordBytecode(directory, scripts) {
  const scene = mkdtempSync(join(tmpdir(), 'holdfast-build-'))
  const config = join(scene, 'holdfast.json')
  const services = { a: { command: ['sleep', '60'], ready: { delay: 0 } }, b: { command: 'false', autostart: false } }
  writeFileSync(config, JSON.stringify({ name: 'build', runtimeDir: join(scene, 'run'), services }))
  const holdfast = (...words) => {
    const argv = ['-r', join(scripts, 'record-bytecode.cjs'), join(directory, 'cli.cjs'), ...words, '-c', config]
    // Whatever stands in the user's environment is for the user's programs.
    const env = { PATH: process.env.PATH, XDG_RUNTIME_DIR: scene, HOME: scene }
    execFileSync(process.execPath, argv, { env, stdio: 'pipe', timeout: TIMEOUT, cwd: scene })
  }
  try {
    holdfast('up', '--detach')
    holdfast('restart', 'a')
    holdfast('status')
    holdfast('down')
  } catch (error) {
    // On a machine so busy that a command ran into its timeout. The supervisor is no child of ours.
    endSupervisor(join(scene, 'run/lock'), scene)
    throw error
  } finally {
    rmSync(scene, { recursive: true, force: true })
  }
}

/** Its workers end with it, by its stop ladders. */
function endSupervisor(lock, scene) {
  try {
    const pid = Number.parseInt(readFileSync(lock, 'utf8'), 10)
    if (readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(scene)) process.kill(pid, 'SIGTERM')
  } catch {
    // There is none.
  }
}

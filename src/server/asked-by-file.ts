// A server that is asked by files: to make room (`upgrade.file`), and to end (`serverProcess.stop.file`).
import { rmSync } from 'node:fs'
import type { LiveServer } from './live-server.ts'
import type { ServerOptions } from './server-options.ts'
import { watchForFile } from './watch-for-file.ts'

export class AskedByFile<Config> {
  private readonly server: LiveServer<Config>
  /** Files that are being answered. */
  private readonly asked = new Set<string>()

  constructor(server: LiveServer<Config>, { upgrade, serverProcess, server: hooks }: ServerOptions<Config>) {
    this.server = server
    if (upgrade !== undefined && hooks?.upgrade !== undefined) {
      const path = this.fresh(upgrade.file)
      server.role.onMain(() => this.listen(path, () => server.hooks.upgrade()))
    }
    const stopFile = serverProcess?.stop?.file
    if (stopFile != null) this.listen(this.fresh(stopFile), () => this.stop())
  }

  /** The server has ended: whatever it was asked for is done. */
  ended(): void {
    for (const path of this.asked) rmSync(path, { force: true })
  }

  /** Without what is left of somebody who had the same pid. */
  private fresh(pattern: string): string {
    const path = pathFor(pattern, process.pid)
    this.attempt(path, () => rmSync(path, { force: true }))
    return path
  }

  /** @param act false: it could not be done, and the file stays */
  private listen(path: string, act: () => Promise<boolean>): void {
    const answer = async (): Promise<void> => {
      this.asked.add(path)
      const done = await act()
      // It says that a standby may follow, which it can when we are gone.
      if (done && this.server.isStopping) return
      if (done) rmSync(path, { force: true })
      this.asked.delete(path)
    }
    this.attempt(path, () => watchForFile(path, () => void answer()))
  }

  private async stop(): Promise<boolean> {
    this.server.log('the stop file is there: stopping')
    await this.server.stop()
    return true
  }

  private attempt(path: string, act: () => void): void {
    try {
      act()
    } catch (error) {
      this.server.log(`${path} can not be looked for: ${error instanceof Error ? error.message : String(error)}`)
    }
  }
}

/** `/run/shop/upgrade.%p` for the process `pid`. */
export function pathFor(pattern: string, pid: number): string {
  return pattern.replaceAll('%p', String(pid))
}

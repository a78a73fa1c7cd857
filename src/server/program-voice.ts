// What a command of a program says on its terminal, and the exit code that it goes with.
import { writeSync } from 'node:fs'
import { type Paint, paintFor } from '../control/colours.ts'
import type { ServiceOutcome } from '../supervisor/engine-api.ts'
import { failureText } from './outcome-text.ts'
import { type ProgramReports, textOfReports } from './program-status.ts'

/** Exit codes of init scripts (LSB 3.2, "Init Script Actions"). */
export const LSB = { ok: 0, failed: 1, usage: 2, unimplemented: 3, noPermission: 4, notRunning: 7 } as const

export class ProgramVoice {
  readonly paint: Paint = paintFor(process.stdout.isTTY === true, false, process.env)
  private readonly name: string
  private readonly quiet: boolean

  constructor({ name, quiet = false }: { readonly name: string; readonly quiet?: boolean }) {
    this.name = name
    this.quiet = quiet
  }

  say(text: string): number {
    if (!this.quiet) this.print(`${this.paint('green', this.name)}: ${text}\n`)
    return LSB.ok
  }

  /** @param hint what to do about it */
  refuse(text: string, code: number = LSB.failed, hint = ''): number {
    writeSync(2, `${this.paint('red', this.name)}: ${text}\n${hint === '' ? '' : `  ${hint}\n`}`)
    return code
  }

  /** Those that did not come out well. @param verb what was asked: `start` */
  failures(services: readonly ServiceOutcome[], verb: string): void {
    for (const service of services) {
      if (!service.ok) writeSync(2, failureText(service, verb, this.paint, null))
    }
  }

  reports(reports: ProgramReports): void {
    this.print(textOfReports(reports, this.paint, process.stdout.isTTY ? process.stdout.columns : null))
  }

  print(text: string): void {
    writeSync(1, text.endsWith('\n') ? text : `${text}\n`)
  }
}

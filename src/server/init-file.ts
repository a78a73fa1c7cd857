// The file that starts a program at boot. Pure: facts in, text out.
import { openrcInitFile } from './init-file-openrc.ts'
import { systemdInitFile } from './init-file-systemd.ts'
import { sysvInitFile } from './init-file-sysv.ts'

export interface InitFileFacts {
  readonly name: string
  /** Absolute path of the script. */
  readonly program: string
  /** process.execPath and its flags. */
  readonly node: string
  readonly execArgv: readonly string[]
  /** What follows the command: `node shop.js start ARGUMENTS`. */
  readonly programArguments: readonly string[]
  /** Where the program is run; other paths that are relative are relative to it. */
  readonly workingDirectory: string
  readonly description: string
  /** One line. */
  readonly shortDescription: string
  readonly pidFile: string | null
  /** The foreground would leave the supervisor out, and the standbys with it. */
  readonly supervised: boolean
  /** LSB facilities: `$network`, `$remote_fs`, or names of other services. */
  readonly requiredStart: readonly string[]
  readonly requiredStop: readonly string[]
  /** A shell file that is read first, if it is there: /etc/default/shop. */
  readonly initConfig: string | null
  /** Shell code that is run after it, before the program. Put in as it is. */
  readonly initCode: string | null
  /** The longest that the program's own stop takes; Infinity for no end. */
  readonly stopTimeoutMillis: number
  /** Of Holdfast. */
  readonly version: string
  readonly date: Date
}

export type InitFileKind = 'sysv' | 'systemd' | 'openrc'

const INIT_FILES: Readonly<Record<InitFileKind, (facts: InitFileFacts) => string>> = {
  sysv: sysvInitFile,
  systemd: systemdInitFile,
  openrc: openrcInitFile,
}

export const INIT_FILE_KINDS = Object.keys(INIT_FILES) as readonly InitFileKind[]

/** @throws HoldfastError HF_CONFIG_VALUE for what can not be written in such a file (a line end in a path for systemd) */
export function initFile(kind: InitFileKind, facts: InitFileFacts): string {
  return INIT_FILES[kind](facts)
}

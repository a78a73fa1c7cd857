// The command `init-file` of a program.
import { HoldfastError } from '../errors/holdfast-error.ts'
import { INIT_FILE_KINDS, type InitFileKind, initFile } from './init-file.ts'
import { initFileFacts } from './init-file-facts.ts'
import type { ServerOptions } from './server-options.ts'
import { evaluateOptions } from './server-spec.ts'
import { supervisorSpecOf } from './supervised-server.ts'

/** For the machine on which it will stand: users and directories of this one are not looked at. @throws HoldfastError HF_USAGE */
export async function programInitFile<Config>(
  options: ServerOptions<Config>,
  program: string,
  environment: Readonly<Record<string, string | undefined>>,
  [kind = 'sysv', ...programArguments]: readonly string[],
): Promise<string> {
  if (!INIT_FILE_KINDS.some((known) => known === kind)) {
    throw new HoldfastError('HF_USAGE', {
      problem: `there is no init file "${kind}"; there are ${INIT_FILE_KINDS.join(', ')}`,
      verb: '',
    })
  }
  const check = { host: false } as const
  const { spec } = await evaluateOptions(options, program, environment, check)
  const started = options.supervised
    ? await supervisorSpecOf(options as ServerOptions<never>, spec, program, environment, check)
    : spec
  const [service] = Object.values(started.services)
  return initFile(kind as InitFileKind, initFileFacts(options, service, program, programArguments))
}

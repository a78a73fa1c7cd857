import { chmodSync, chownSync, mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { findSupervisor } from '../../src/server/find-supervisor.ts'
import { pointerPath } from '../../src/server/pointer.ts'

const uid = process.getuid?.() ?? 0
let directory: string
let base: string
let config: string
beforeEach(() => {
  directory = realpathSync(mkdtempSync(join(tmpdir(), 'holdfast-find-')))
  base = join(directory, 'xdg', 'holdfast')
  config = join(directory, 'holdfast.yaml')
  writeFileSync(config, 'this: is: not: yaml')
})
afterEach(() => rmSync(directory, { recursive: true, force: true }))

/** As an ordinary user, whose base is where the test says; the pointers belong to who runs the test. */
const around = (environment: Record<string, string> = {}, cwd = directory) => ({
  cwd,
  environment: { XDG_RUNTIME_DIR: join(directory, 'xdg'), ...environment },
  uid: uid === 0 ? 4242 : uid,
})
const options = (config: string | null = null, socket: string | null = null) => ({ config, socket })

function leave(configFile: string, socket: string, changes: object = {}): string {
  const path = pointerPath(base, configFile)
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(path, JSON.stringify({ socket, pid: 1, runtimeDir: '/r', stateDir: '/s', logDir: '/l', ...changes }))
  return path
}

describe('the order in which a supervisor is looked for', () => {
  beforeEach(() => {
    leave(config, '/by-config.sock')
    leave(join(directory, 'other.yaml'), '/by-other.sock')
    writeFileSync(join(directory, 'other.yaml'), '')
  })

  test('--socket comes first, relative to the directory of the call', () => {
    const found = findSupervisor(options('other.yaml', 'my.sock'), around({ HOLDFAST_SOCKET: '/env.sock' }))
    expect(found).toEqual({ socket: join(directory, 'my.sock'), pointer: null })
  })

  test('then -c, although HOLDFAST_SOCKET is set', () => {
    expect(findSupervisor(options('other.yaml'), around({ HOLDFAST_SOCKET: '/env.sock' })).socket).toBe(
      '/by-other.sock',
    )
  })

  test('then HOLDFAST_SOCKET', () => {
    expect(findSupervisor(options(), around({ HOLDFAST_SOCKET: '/env.sock' })).socket).toBe('/env.sock')
  })

  test('then the config in the current directory, whatever stands in it', () => {
    expect(findSupervisor(options(), around()).socket).toBe('/by-config.sock')
    expect(findSupervisor(options(), around({ HOLDFAST_SOCKET: '' })).socket).toBe('/by-config.sock')
  })
})

test('a config is known by its real path', () => {
  leave(config, '/real.sock')
  symlinkSync(config, join(directory, 'link.yaml'))
  expect(findSupervisor(options('link.yaml'), around()).socket).toBe('/real.sock')
})

test('a config that was deleted still has its supervisor', () => {
  leave(config, '/real.sock')
  rmSync(config)
  expect(findSupervisor(options('holdfast.yaml'), around()).socket).toBe('/real.sock')
})

describe.skipIf(uid !== 0)('root also looks in the base of the config’s owner', () => {
  const OWNER = 54321
  const ownersBase = `/tmp/holdfast-${OWNER}`
  const asRoot = () => ({ cwd: directory, environment: {}, uid: 0 })
  const chown = (...paths: string[]) => {
    for (const path of paths) chownSync(path, OWNER, OWNER)
  }
  afterEach(() => rmSync(ownersBase, { recursive: true, force: true }))

  test('if it is really that user’s alone', () => {
    base = ownersBase
    const pointer = leave(config, '/theirs.sock')
    chown(config)
    const find = () => findSupervisor(options(), asRoot())
    expect(find).toThrow(expect.objectContaining({ code: 'HF_UNREACHABLE' }))
    chown(ownersBase, dirname(pointer))
    // The pointer is still root's: nobody but its owner may have put it there.
    expect(find).toThrow(expect.objectContaining({ code: 'HF_UNREACHABLE' }))
    chown(pointer)
    expect(find()).toMatchObject({ socket: '/theirs.sock', pointer: { foreign: { uid: OWNER } } })
    chmodSync(ownersBase, 0o777)
    expect(find).toThrow(expect.objectContaining({ code: 'HF_UNREACHABLE' }))
    chmodSync(ownersBase, 0o700)
    rmSync(config)
    chown(directory)
    const named = findSupervisor(options('holdfast.yaml'), asRoot())
    expect(named.socket).toBe('/theirs.sock')
  })
})

describe('where there is no pointer', () => {
  test('the error says how to start it', () => {
    expect(() => findSupervisor(options('holdfast.yaml'), around())).toThrow(
      expect.objectContaining({ code: 'HF_UNREACHABLE', exit: 5, hint: 'Start it with: holdfast up' }),
    )
    expect(() => findSupervisor(options(), around())).toThrow(
      expect.objectContaining({ hint: 'Start it with: holdfast up' }),
    )
  })

  test('nor a config', () => {
    mkdirSync(join(directory, 'empty'))
    expect(() => findSupervisor(options(), around({}, join(directory, 'empty')))).toThrow(
      expect.objectContaining({
        code: 'HF_UNREACHABLE',
        exit: 5,
        message: expect.stringContaining('no config file in'),
      }),
    )
  })

  test.each([
    ['torn', '{"socket": "/x'],
    ['of another kind', '[1,2]'],
    ['incomplete', '{"socket":"/x","pid":1}'],
  ])('or it is %s', (_what, text) => {
    writeFileSync(leave(config, '/x'), text)
    expect(() => findSupervisor(options(), around())).toThrow(expect.objectContaining({ code: 'HF_UNREACHABLE' }))
  })

  test.skipIf(uid !== 0)('or it belongs to somebody else', () => {
    const path = leave(config, '/theirs.sock')
    chownSync(path, 65534, 65534)
    expect(() => findSupervisor(options(), around())).toThrow(expect.objectContaining({ code: 'HF_UNREACHABLE' }))
    chownSync(path, 4242, 4242)
    expect(findSupervisor(options(), around()).socket).toBe('/theirs.sock')
  })
})

import { afterEach, beforeEach, expect, it } from 'vitest'
import { ForkScene, forEachLanguage } from './languages.ts'

// What only Ruby has.
forEachLanguage(
  'its own ways',
  (language) => {
    let scene: ForkScene
    beforeEach(() => {
      scene = new ForkScene(language)
    })
    afterEach(() => scene.end())

    async function call(program: string, entry: string | null, args: string[] = []) {
      scene.write('program.rb', program)
      const driver = scene.forkserver({ preloads: ['program'], args })
      await driver.loaded()
      const pid = await driver.start({ entry, stdout: scene.path('out'), stderr: scene.path('err') })
      const { code } = await driver.exit(pid)
      return { code, out: scene.read('out'), err: scene.read('err') }
    }

    it('an entry may be a method of a module, a library, or the method that the last preload names', async () => {
      const program = 'module Shop\n  def self.open\n    puts "open"\n  end\nend\ndef serve\n  puts "served"\nend\n'
      expect(await call(program, 'Shop.open')).toEqual({ code: 0, out: 'open\n', err: '' })
      expect((await call(program, 'set')).code).toBe(0)
      expect((await call(program, null, ['--preload', './program.rb:serve'])).out).toContain('served\n')
      expect((await call(program, null, ['--preload', 'Shop.open'])).out).toMatch(/open\n$/)
      expect((await call(program, 'Shop.close')).err).toContain('close')
    })

    it('a hook that Ruby calls in each fork runs in the worker', async () => {
      const program = `
HOOK = Module.new do
  def _fork
    pid = super
    $forked = Process.pid if pid.zero?
    pid
  end
end
Process.singleton_class.prepend(HOOK)
def main
  exit($forked == Process.pid ? 6 : 1)
end
`
      expect((await call(program, 'program.rb:main')).code).toBe(6)
    })

    it('threads are started and waited for in a worker', async () => {
      const program = 'def main\n  Thread.new { sleep 0.1; puts "later" }.join\n  puts `echo child`\nend\n'
      expect(await call(program, 'program.rb:main')).toEqual({ code: 0, out: 'later\nchild\n', err: '' })
    })

    it('a signal that comes before the worker has its handlers is not lost', async () => {
      const program = `
Holdfast.after_fork { File.write('STARTED', '') }
def main
  sleep
end
`
      scene.write('program.rb', program)
      const driver = scene.forkserver({ preloads: ['program'] })
      await driver.loaded()
      for (let worker = 0; worker < 10; worker++) {
        const pid = await driver.start({ entry: 'program.rb:main' })
        process.kill(pid, 'SIGTERM')
        expect((await driver.exit(pid)).signal).toBe(15)
      }
    })

    it.each([
      ['dies', 'Process.kill(9, Process.pid)', /died before it was ready/],
      ['stops', 'Process.kill(19, Process.pid)', /not ready within 700 ms/],
    ])('a process between that %s costs one answer and nothing else', async (_, act, expected) => {
      const program = `
FORKSERVER = Process.pid
HOOK = Module.new do
  def _fork
    pid = super
    ${act} if pid.zero? && File.exist?('MIDDLE') && Process.ppid == FORKSERVER
    pid
  end
end
Process.singleton_class.prepend(HOOK)
def main; end
`
      scene.write('program.rb', program)
      const driver = scene.forkserver({ preloads: ['program'], args: ['--fork-timeout', '700'] })
      await driver.loaded()
      const middle = scene.write('MIDDLE', '')
      const answer = await driver.ask({ entry: 'program.rb:main' })
      expect(answer.failed).toEqual({ token: 't0', error: expect.stringMatching(expected), unsound: true })
      scene.remove(middle)
      expect((await driver.exit(await driver.start({ entry: 'program.rb:main' }))).code).toBe(0)
    })
  },
  'ruby',
)

import { mkdirSync } from 'node:fs'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { ForkScene, forEachLanguage } from './languages.ts'

// What only Perl has.
forEachLanguage(
  'its own ways',
  (language) => {
    let scene: ForkScene
    beforeEach(() => {
      scene = new ForkScene(language)
    })
    afterEach(() => scene.end())

    async function call(program: string, entry: string | null, env: Record<string, string> = {}) {
      scene.write('program.pl', program)
      const driver = scene.forkserver({ preloads: ['program'], env })
      await driver.loaded()
      const start = { id: 'web/0', entry, stdout: scene.path('out'), stderr: scene.path('err') }
      const pid = await driver.start(start)
      const { code } = await driver.exit(pid)
      return { code, out: scene.read('out'), err: scene.read('err') }
    }

    it('a file that returns a CODE reference is called: as preload without an entry, and as entry', async () => {
      const program = 'my $count = 1; return sub { print "called ", $count++, " @_\\n"; $$ };'
      expect(await call(program, null)).toEqual({ code: 0, out: 'called 1 \n', err: '' })
      scene.write('entry.pl', 'sub { print "as entry\\n" }')
      expect((await call('1;', './entry.pl')).out).toContain('as entry\n')
    })

    it('modules are found where Perl looks for them', async () => {
      mkdirSync(scene.path('lib'))
      scene.write('lib/Shop.pm', 'package Shop; sub main { print "@_ of $0\\n" } sub sell { print "sold\\n" } 1;')
      const env = { PERL5LIB: scene.path('lib') }
      expect((await call('1;', 'Shop', env)).out).toBe(' of holdfast web/0 Shop\n')
      expect((await call('1;', 'Shop::sell', env)).out).toContain('sold\n')
      expect(await call('1;', 'Shop::lend', env)).toMatchObject({
        code: 255,
        err: expect.stringContaining('There is no function and no module Shop::lend'),
      })
    })

    it('an error number that is left from before is no exit code, one of its own is', async () => {
      scene.write('dies.pl', 'die "at once"')
      expect((await call('1;', './dies.pl')).code).toBe(255)
      scene.write('dies.pl', 'open my $file, "<", "/no/such/file" or exit($!+0);')
      expect((await call('1;', './dies.pl')).code).toBe(2)
      scene.write('dies.pl', 'die { an => "object" }')
      expect((await call('1;', './dies.pl')).code).toBe(255)
    })

    it('an application’s handler for deaths is its own, and kept', async () => {
      const program = '$SIG{__DIE__} = sub { print STDERR "handled: $_[0]" }; sub main::run { die "now\\n" } 1;'
      expect(await call(program, 'main::run')).toMatchObject({ code: 255, err: 'handled: now\nnow\n' })
    })

    it('END blocks run once, in the worker; $$ is right in them', async () => {
      const program = 'my $loader = $$; END { print "end ", $$ == $loader ? "wrong" : "right", "\\n" } 1;'
      scene.write('entry.pl', 'print "entry\\n"; exit 5;')
      expect(await call(program, './entry.pl')).toEqual({ code: 5, out: 'entry\nend right\n', err: '' })
    })

    it('random numbers differ although the application has seeded them', async () => {
      const program = 'srand 42; rand; sub main::dice { print rand, "\\n" } 1;'
      scene.write('program.pl', program)
      const driver = scene.forkserver({ preloads: ['program'] })
      await driver.loaded()
      for (let worker = 0; worker < 10; worker++) {
        await driver.exit(await driver.start({ entry: 'main::dice', stdout: scene.path('dice') }))
      }
      expect(new Set(scene.read('dice').trim().split('\n')).size).toBe(10)
    })
  },
  'perl',
)

// An HADaemon::Control launcher with a main and a standby:
//
//   my $daemon = HADaemon::Control->new({
//     name => 'feeder', user => 'nobody',
//     pid_dir => '/var/run/feeder', log_file => '/var/log/feeder.log',
//     main_stop_file => '/var/run/feeder/stop-%p',
//     stop_signals => [qw(TERM TERM INT KILL)], kill_timeout => 3,
//     ipc_cl_options => { max_procs => 1, standby_max_procs => 1, interval => 0.5 },
//     program => sub {
//       my ($self) = @_;
//       my $stop; $SIG{TERM} = sub { $stop = 1 };
//       until ($stop || -e "/var/run/feeder/stop-$$") { feed(); sleep 1 }
//     },
//     lsb_sdesc => 'feeds the queue', init_config => '/etc/default/feeder',
//   });
//   exit $daemon->run_command(@ARGV);
//
// Two processes there contend for one lock: one works, the other looks every half second whether it is its turn. Here nobody looks: the
// kernel wakes the standby, which has its program loaded, within milliseconds of the main's death, and a fresh standby is started in
// place of the one that died. The contenders are whole servers with their workers; a worker of a standby waits in `ctx.onPromote`
// (or in `ctx.listen`), and `ctx.fencingToken()` is a number that lets a database refuse a former main.
//
// `user` needs root, as there: without it the program runs as whoever starts it. `fork` from cron starts what is missing, unless
// `stop` has left the stop file of standbys; the next `start` takes it away.
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { defineServer } from 'holdfast'

const stopFile = (pid) => join(import.meta.dirname, `feeder-stop-${pid}`)

await defineServer({
  name: 'feeder',
  pidFile: 'feeder.pid',
  slots: { mains: 1, standbys: 1, stopFile: 'feeder-stopped' },
  workers: 1,
  // The file asks first, then the signals do; 3 s for each.
  stop: { file: 'feeder-stop-%p', fileTimeout: '3s', signals: ['TERM', 'TERM', 'INT', 'KILL'], timeout: '3s' },
  initFile: { description: 'feeds the queue', config: '/etc/default/feeder' },
  worker: {
    async run(ctx) {
      ctx.ready()
      await new Promise((resolve) => ctx.onPromote(resolve))
      for (let turn = 1; ctx.tick() && !existsSync(stopFile(process.pid)); turn++) {
        ctx.logger.info(`fed, turn ${turn}`)
        await sleep(200, undefined, { signal: ctx.signal })
      }
    },
  },
}).run()

// Acme::Ghost's prefork example:
//
//   my $g = MyGhost->new(logfile => 'daemon.log', pidfile => 'daemon.pid', spirits => 3);
//   exit $g->ctrl(shift(@ARGV) // 'start');
//   package MyGhost; use parent 'Acme::Ghost::Prefork';
//   sub init { my $self = shift; $SIG{HUP} = sub { $self->hangup } }
//   sub spirit {
//     my $self = shift; my $max = 10; my $i = 0;
//     while ($self->tick) { $i++; sleep 1; $self->log->debug("$$> $i/$max"); last if $i >= $max }
//   }
//
// `tick` is the heartbeat there as here, false when a stop was asked; a worker that forgets it for `timeout` is replaced. A worker
// whose `run` returns ends, and another one takes its place; one that dies before it has begun to tick takes all with it, as it did.
import { setTimeout as sleep } from 'node:timers/promises'
import { defineServer } from 'holdfast'

const TURNS = 10

await defineServer({
  name: 'ghost',
  pidFile: 'ghost.pid',
  workers: 3,
  signals: 'ghost',
  heartbeat: { interval: '5s', timeout: '55s' },
  stop: { timeout: '120s' },
  restart: { resetAfter: '100ms' },
  earlyDeath: { firstBoot: 'shut-down', newGeneration: 'shut-down', steady: 'shut-down' },
  worker: {
    async run(ctx) {
      ctx.autoHeartbeat = false
      ctx.ready()
      for (let turn = 1; turn <= TURNS && ctx.tick(); turn++) {
        await sleep(1_000, undefined, { signal: ctx.signal })
        ctx.logger.info(`${process.pid}> ${turn}/${TURNS}`)
      }
    },
  },
}).run()

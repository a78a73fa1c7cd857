// ServerEngine's multiprocess TCP server:
//
//   module MyServer
//     def before_run; @sock = TCPServer.new(config[:bind], config[:port]); end
//     attr_reader :sock
//   end
//   module MyWorker
//     def run
//       until @stop
//         c = server.sock.accept; c.write "Awesome work!"; c.close
//       end
//     end
//     def stop; @stop = true; end
//   end
//   se = ServerEngine.create(MyServer, MyWorker, { daemonize: true, log: 'myserver.log', pid_path: 'myserver.pid',
//     worker_type: 'process', workers: 4, bind: '0.0.0.0', port: 9071 })
//   se.run
//
// The socket is declared instead of made, so that it outlives the workers; nothing is left to do at a stop. `supervisor: true`
// is `supervised: true`; USR1, HUP, USR2, INT and CONT mean what they meant there.
import { createServer } from 'node:net'
import { defineServer } from 'holdfast'

await defineServer({
  name: 'myserver',
  pidFile: 'myserver.pid',
  workerType: 'process',
  workers: 4,
  signals: 'serverengine',
  sockets: { main: 'tcp://127.0.0.1:9071' },
  worker: {
    run: (ctx) =>
      ctx.listen(
        'main',
        createServer((connection) => connection.end('Awesome work!')),
      ),
  },
}).run()

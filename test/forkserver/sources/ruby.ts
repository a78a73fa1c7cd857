import type { Sources } from './sources.ts'

const report = `
require 'json'
def write_report(loaded_by)
  content = { pid: Process.pid, ppid: Process.ppid, env: ENV.to_h, argv: ARGV, loadedBy: loaded_by }
  File.write("#{ENV['REPORT']}.new", JSON.generate(content))
  File.rename("#{ENV['REPORT']}.new", ENV['REPORT'])
  loop { sleep 1 }
end
`

export const rubySources: Sources = {
  app: `${report}
require 'securerandom'
require 'socket'
LOADED_BY = Process.pid
rand
SecureRandom.hex
trap('USR1') { nil }
trap('USR2', 'IGNORE')

def report
  write_report(LOADED_BY)
end

def returns
  'whatever'
end

def raises
  raise ArgumentError, 'as it should'
end

def exits
  exit 3
end

def killed
  Process.kill(:KILL, Process.pid)
end

def lingers
  loop { sleep 1 }
end

def randoms
  STDOUT.syswrite("#{rand} #{Random.rand} #{SecureRandom.hex(8)} #{[*1..1000].shuffle.first(8).join('-')}\\n")
end

def announces
  at_exit { puts "worker's end" }
  puts "worker's word"
end

def accepts
  connection, = Socket.for_fd(ENV.fetch('ACCEPT_ON', '0').to_i).accept
  connection.write("from #{Process.pid}\\n")
  connection.close
end

def speaks
  STDOUT.syswrite("a: word\\n\\nanother\\n")
  STDERR.syswrite('no newline')
end

def writes
  loop { STDOUT.syswrite("#{'x' * 99}\\n") }
end

def children
  exit(system('true') ? 0 : 1)
end
`,
  report: `${report}
raise "not the program: #{$0}" unless __FILE__ == $0
write_report(Process.pid)
`,
  hooks: `
def note(text)
  File.write('HOOKS', "#{text} #{Process.pid}\\n", mode: 'a')
end
Holdfast.before_fork do
  raise 'not now' if File.exist?('FAIL')
  note('before')
end
Holdfast.after_fork { note('after') }
`,
  unsafe: `
require 'socket'
LISTENER = TCPServer.new('127.0.0.1', 0)
File.write('ADDRESS', "127.0.0.1:#{LISTENER.addr[1]} #{LISTENER.fileno}")
Thread.new { sleep }.name = 'worker-1'
`,
  tidy: `
require 'socket'
listener = TCPServer.new('127.0.0.1', 0)
Holdfast.before_fork { listener.close }
`,
  noisy: `
print "preload's word "
KEPT = File.open('KEPT', 'w')
KEPT.write('kept ')
at_exit { puts "preload's end" }
`,
  holds: "HELD = File.open('HELD', 'w')\n",
  broken: "require 'no_such_module'\n",
  callable: 'Holdfast.entry { exit 6 }\n',
}

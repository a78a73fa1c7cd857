# The whole protocol in Ruby: a socket, a line to say ready, a line now and then, a line (or TERM) to stop.
require 'io/wait'
require 'json'
require 'socket'

notify = IO.for_fd(ENV.fetch('HOLDFAST_NOTIFY_FD').to_i, 'w')
commands = IO.for_fd(ENV.fetch('HOLDFAST_COMMAND_FD').to_i, 'r')
listener = TCPServer.for_fd(ENV.fetch('HOLDFAST_SOCKET_RUBY').to_i)
$stdout.sync = true
# While no supervisor reads, words are lost, and work goes on.
say = ->(text) { notify.write_nonblock("#{text}\n", exception: false) }

stopping = false
trap('TERM') { stopping = true }

def answer(connection)
  return unless connection.wait_readable(2)

  connection.readpartial(65_536)
  body = "hello from ruby, pid #{Process.pid}\n"
  connection.write("HTTP/1.1 200 OK\r\nContent-Length: #{body.bytesize}\r\nConnection: close\r\n\r\n#{body}")
rescue SystemCallError, EOFError => e
  puts e.message
ensure
  connection.close
end

say.call 'READY=1'
until stopping
  ready, = IO.select([listener, commands], nil, nil, 1)
  Array(ready).each do |handle|
    if handle == listener
      # Two workers may wait for the same connection: the second one gets :wait_readable.
      connection = listener.accept_nonblock(exception: false)
      answer(connection) if connection != :wait_readable
    else
      stopping = true if commands.readpartial(65_536).lines.any? { |line| JSON.parse(line).key?('stop') }
    end
  end
  say.call 'WATCHDOG=1'
end
say.call 'STOPPING=1'

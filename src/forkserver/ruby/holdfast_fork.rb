# frozen_string_literal: true

# Holdfast's forkserver for Ruby: loads an application once, and forks workers that share its memory.
#
# Forkserver:  ruby holdfast_fork.rb [--preload X]... [--allow sockets,threads] [--fork-timeout MS]
# Cold start:  ruby holdfast_fork.rb --cold [--preload X]... --entry E
#
# X is a file or what `require` takes. E is a file, `file.rb:method`, `Module.method`, or what `require` takes. X may name a method,
# too: without E that of the last preload is called, or the block that it gave to Holdfast.entry.
#
# JSON lines on HOLDFAST_FORK_COMMANDS and HOLDFAST_FORK_STATUS; ControlFreak's messages where _CFK_COMMAND_FD is set instead.
# An application may give blocks to Holdfast.before_fork, called in the forkserver before each fork, and to Holdfast.after_fork,
# called in each worker before its entry, in one that starts cold, too.
#
# A worker is forked twice. The process between ends at once, so that the worker is the supervisor's child. The worker sets itself
# up, reports, and runs nothing of the application before `started` is written: a worker that the supervisor was not told of ends.

require 'etc'
require 'fcntl'
require 'json'
require 'socket'

# What an application may use.
module Holdfast
  @before = []
  @after = []

  class << self
    def before_fork(&block)
      @before.push(block)
    end

    def after_fork(&block)
      @after.push(block)
    end

    # What a worker runs for which nothing else is said.
    def entry(&block)
      @entry = block
    end
  end
end

module Holdfast
  # The runner. Nothing in here is for applications.
  module Fork
    FORK_TIMEOUT = 5.0
    # Forks under way at the same time. Of hundreds none would get enough of the processors to be ready in time.
    AT_ONCE = 8
    # A write of so many bytes does not block on a pipe that select calls writable.
    PIECE = 4096
    LONGEST_LINE = 16 * 1024 * 1024
    # How long ControlFreak's services may take to end before the forkserver leaves without them: cfkd declares it dead after 3 s.
    FAREWELL = 2.5
    # A turn of the loop that comes so much later than it should: we were suspended, and deadlines move by that time.
    SUSPENDED = 1.0
    # Log lines that wait for ControlFreak: with more, the services' output is not read on.
    LOG_BACKLOG = 1024 * 1024
    LOG_LINE = 65_536
    PR_SET_DUMPABLE = 4
    F_DUPFD_CLOEXEC = 1030

    # Variables that speak of the forkserver itself, or of what it was given.
    OWN_VARIABLES = /\A(?:HOLDFAST(?:_.*)?|LISTEN_.*|SERVER_STARTER_.*|NOTIFY_SOCKET|WATCHDOG_.*|NODE_CHANNEL_.*|FENCING_TOKEN|_CFK_.*|CONTROL_FREAK_.*)\z/m.freeze

    LIMITS = %w[cpu fsize data stack core rss nproc nofile memlock as locks sigpending msgqueue nice rtprio rttime]
             .each_with_index.to_h.freeze

    # What a user is told, without a stack.
    class Refusal < StandardError; end

    # The fork itself did not do what it should.
    class Unsound < Refusal; end

    # The command line, or the environment, says nothing that makes sense.
    class Usage < Refusal; end

    module_function

    def check(holds, complaint, kind = Refusal)
      raise kind, complaint unless holds
    end

    def reason(error)
      text =
        case error
        when Refusal then error.message
        # Without the name of the C function, which says nothing to anybody.
        when SystemCallError then error.message.sub(/ @ \w+ - /, ': ')
        when SystemExit then "it called exit(#{error.status})"
        else "#{error.message} (#{error.class})"
        end
      text.dup.force_encoding(Encoding::UTF_8).scrub.gsub(/\s*\n\s*/, ' ')
    end

    def now
      Process.clock_gettime(Process::CLOCK_MONOTONIC)
    end

    # ------------------------------------------------------------ the application

    # The preloads, and what runs in a worker.
    class Application
      attr_reader :names

      def initialize(names)
        @names = names
        @default = nil
      end

      def load
        @names.each do |name|
          Holdfast.entry
          preload(name)
          @default ||= Holdfast.instance_variable_get(:@entry)
        rescue Exception => e # rubocop:disable Lint/RescueException -- a script may exit, or lack a file
          $stderr.write(e.full_message(highlight: false))
          raise Refusal, "preload #{name}: #{Fork.reason(e)}"
        end
      end

      def before_fork
        Holdfast.instance_variable_get(:@before).reverse_each(&:call)
      end

      def after_fork
        Holdfast.instance_variable_get(:@after).each(&:call)
      end

      def entry?(entry)
        !(entry.nil? || entry.empty?) || !@default.nil?
      end

      # The file that is the program; nil: the entry is none.
      def self.program(entry)
        File.realpath(entry) if entry && File.file?(entry)
      end

      # Ends as the program would: what it raises goes on to the interpreter.
      def run(entry, arguments = [])
        ARGV.replace(arguments)
        return @default.call if entry.nil? || entry.empty?

        callable = callable_of(entry)
        return callable.call if callable
        return Kernel.load(File.expand_path(entry)) if path?(entry)

        require entry
      end

      private

      def preload(name)
        @default = callable_of(name)
        load_once(name) unless @default
      end

      def path?(name)
        name.include?('/') || File.file?(name)
      end

      def load_once(name)
        require(path?(name) ? File.expand_path(name) : name)
      end

      # `file.rb:method` or `Module.method`, loaded; nil: it is neither.
      def callable_of(name)
        return if File.file?(name)

        case name
        when /\A(.+):([a-z_]\w*[?!]?)\z/
          file, method = Regexp.last_match.captures
          load_once(file)
          main = TOPLEVEL_BINDING.receiver
          -> { main.__send__(method) }
        when /\A((?:::)?[A-Z]\w*(?:::[A-Z]\w*)*)\.([a-z_]\w*[?!]?)\z/
          constant, method = Regexp.last_match.captures
          -> { Object.const_get(constant).public_send(method) }
        end
      end
    end

    # ------------------------------------------------------------ descriptors

    module_function

    def open_descriptors
      # The one that the directory was read through is gone.
      Dir.children('/proc/self/fd').map(&:to_i).select { |fd| open?(fd) }.sort
    end

    def open?(fd)
      File.symlink?("/proc/self/fd/#{fd}")
    end

    def target_of(fd)
      File.readlink("/proc/self/fd/#{fd}")
    rescue SystemCallError
      ''
    end

    # fd => IO. What came with exec: anything of the interpreter's own has the flag that would have ended it there.
    def inherited_sockets
      sockets = open_descriptors.select { |fd| fd > 2 && target_of(fd).start_with?('socket:') }
      given = sockets.to_h { |fd| [fd, borrowed(fd)] }.reject { |_, io| io.close_on_exec? }
      # What a preload starts is not to hold them.
      given.each_value { |io| io.close_on_exec = true }
    end

    # An IO for it that does not close it when it is collected.
    def borrowed(fd)
      IO.for_fd(fd, autoclose: false)
    end

    # Borrowed or not.
    def close(io)
      io.autoclose = true
      io.close
    end

    # Nil: nothing yet; '': its end.
    def read_some(io)
      io.sysread(65_536)
    rescue Errno::EAGAIN, Errno::EINTR
      nil
    rescue EOFError, SystemCallError
      ''
    end

    def wait_for(io, seconds)
      seconds = [seconds, 0].max
      !IO.select([io], nil, nil, seconds).nil?
    end

    # What lies in a buffer at the fork would be written by each process that holds a copy of it.
    def flush_all
      ObjectSpace.each_object(IO) do |io|
        io.flush unless io.closed?
      rescue IOError, SystemCallError
        nil # read only, or its disk is full: not our business
      end
    end

    # Whole lines of bytes that come in pieces. A line that is too long comes as nil, or split where that is asked for.
    class Lines
      attr_reader :rest

      def initialize(longest = LONGEST_LINE, splits: false)
        @longest = longest
        @splits = splits
        @rest = +''.b
        @skipping = false
      end

      def feed(data)
        lines = []
        data.each_line("\n") do |piece|
          ends = piece.end_with?("\n")
          @rest << piece unless @skipping
          lines << take if ends
          shorten(lines) if @rest.bytesize > @longest
        end
        lines
      end

      private

      def take
        line = @rest.chomp("\n")
        bad = @skipping || (line.bytesize > @longest && !@splits)
        @rest = +''.b
        @skipping = false
        bad ? nil : line
      end

      def shorten(lines)
        @splits ? lines << @rest : @skipping = true
        @rest = +''.b
      end
    end

    # Lines for a pipe. Its reader may be slow, or stopped: the loop goes on meanwhile.
    class Outbox
      attr_reader :waiting

      def initialize(loop, io)
        @loop = loop
        @io = io
        @queue = []
        @waiting = 0
      end

      def put(line, &on_sent)
        return if @io.nil?

        @loop.watch_writable(@io) { write } if @queue.empty?
        @queue.push([line.b, on_sent])
        @waiting += line.bytesize
      end

      def put_json(message, &on_sent)
        put("#{JSON.generate(message)}\n", &on_sent)
      end

      # Before the end.
      def drain(seconds)
        deadline = Fork.now + seconds
        write while !@queue.empty? && IO.select(nil, [@io], nil, [deadline - Fork.now, 0].max)
      end

      private

      def write
        line, on_sent = @queue.first
        written = @io.syswrite(line.byteslice(0, PIECE))
        @waiting -= written
        return @queue.first[0] = line.byteslice(written..-1) if written < line.bytesize

        @queue.shift
        @loop.forget(@io) if @queue.empty?
        on_sent&.call
      rescue Errno::EAGAIN, Errno::EINTR
        nil
      rescue SystemCallError
        # Its reader is gone for good. Nobody is told anything any more.
        @loop.forget(@io)
        @io = nil
        @queue.clear
        @waiting = 0
      end
    end

    # Calls who waits for a descriptor.
    class Loop
      def initialize
        @readers = {}
        @writers = {}
      end

      def watch_readable(io, &block)
        @readers[io] = block
      end

      def watch_writable(io, &block)
        @writers[io] = block
      end

      def forget(io)
        @readers.delete(io)
        @writers.delete(io)
      end

      def turn(seconds)
        readable, writable = IO.select(@readers.keys, @writers.keys, nil, seconds)
        # An earlier one of this turn may have ended a later one.
        readable&.each { |io| @readers[io]&.call }
        writable&.each { |io| @writers[io]&.call }
      end
    end

    # ------------------------------------------------------------ what must not be shared

    module_function

    # What a fork would share or lose: [what to allow, text].
    def unsafe_things(exempt)
      shared_descriptors(exempt) + other_threads
    end

    # The epoll that Ruby itself keeps for its threads it makes anew in a child.
    def shared_descriptors(exempt)
      open_descriptors.reject { |fd| fd < 3 || exempt.include?(fd) }.map do |fd|
        case target_of(fd)
        when /\Asocket:/ then ['sockets', "a #{describe_socket(fd)} (fd #{fd})"]
        when 'anon_inode:[io_uring]' then ['sockets', "an io_uring (fd #{fd})"]
        when 'anon_inode:[timerfd]' then ['timers', "a timer (fd #{fd})"]
        end
      end.compact
    end

    def describe_socket(fd)
      socket = Socket.for_fd(fd)
      socket.autoclose = false
      address = begin
        socket.remote_address
      rescue SystemCallError
        socket.local_address
      end
      return ['unix socket', address.unix_path.sub(/\A\0/, '@')].reject(&:empty?).join(' ') if address.unix?
      return 'socket' unless address.ip?

      kind = { Socket::SOCK_STREAM => 'TCP ', Socket::SOCK_DGRAM => 'UDP ' }[socket.getsockopt(:SOCKET, :TYPE).int]
      "#{kind}socket #{address.ipv6? ? "[#{address.ip_address}]" : address.ip_address}:#{address.ip_port}"
    rescue SystemCallError, SocketError, ArgumentError
      'socket'
    end

    def other_threads
      (Thread.list - [Thread.main]).map { |thread| ['threads', "thread \"#{thread.name || thread.inspect}\""] }
    end

    # ------------------------------------------------------------ the new process

    # A worker that was asked for, as either protocol says it.
    class Order
      attr_accessor :name, :entry, :arguments, :env, :cwd, :output, :stdin, :notify, :commands, :user, :umask, :nice, :limits,
                    :session, :sockets, :title

      def initialize(name, entry)
        @name = name
        @entry = entry
        @arguments = []
        @env = {}
        # fd => a path; nil: /dev/null; an IO; missing: the forkserver's own.
        @output = {}
        # A path; nil: /dev/null; the number of a socket that was given.
        @stdin = nil
        @nice = 0
        @limits = {}
        @session = true
        @sockets = {}
        @title = "holdfast #{name} #{entry}"
      end
    end

    # Reads the order that stands in a message. Raises a Refusal that says what is wrong with it.
    class OrderReader
      def initialize(message)
        @message = message
      end

      def order
        order = Order.new(text('id', needed: true), text('entry'))
        order.env = environment(object('env'))
        order.cwd = text('cwd')
        order.notify = text('notify')
        order.commands = text('commands')
        { 1 => 'stdout', 2 => 'stderr' }.each do |fd, name|
          order.output[fd] = text(name) if @message.key?(name) && @message[name] != 'inherit'
        end
        order.sockets = object('sockets')
        order.sockets.each { |name, fd| Fork.check(fd.is_a?(Integer), "sockets: #{name} is no number") }
        order.stdin = stdin(order.sockets)
        order.user = user
        order.umask = number('umask')
        order.nice = number('nice') || 0
        order.limits = limits
        order.session = session
        order
      end

      def environment(wanted)
        wanted.to_h do |name, value|
          known = value.nil? || value.is_a?(Numeric) || (value.is_a?(String) && !value.include?("\0"))
          Fork.check(known, "env #{name}: no text")
          [name, value&.to_s]
        end
      end

      private

      def text(name, needed: false)
        value = @message[name]
        return nil if value.nil? && !needed

        Fork.check(value.is_a?(String) && !value.empty? && !value.include?("\0"), "#{name}: no text")
        value
      end

      def number(name)
        value = @message[name]
        Fork.check(value.nil? || value.is_a?(Integer), "#{name}: no number")
        value
      end

      def object(name)
        value = @message[name] || {}
        Fork.check(value.is_a?(Hash), "#{name}: of the wrong type")
        value
      end

      def stdin(sockets)
        value = @message['stdin']
        return text('stdin') unless value.is_a?(Hash)

        sockets.fetch(value['socket']) { raise Refusal, 'stdin: no such socket' }
      end

      def user
        value = @message['user']
        return text('user') unless value.is_a?(Hash)

        groups = value['groups'] || []
        numbers = [value['uid'], value['gid'], *groups]
        Fork.check(groups.is_a?(Array) && numbers.all? { |one| one.nil? || one.is_a?(Integer) }, 'user: no numbers')
        { uid: value['uid'], gid: value['gid'], groups: groups }
      end

      def limits
        object('limits').each do |name, limit|
          Fork.check(LIMITS.key?(name), "limits: #{name} is unknown")
          values = limit.is_a?(Hash) ? limit.values : [limit.to_s]
          Fork.check(values.all? { |one| one.nil? || one.is_a?(Integer) }, "limits: #{name} is no limit")
        end
      end

      def session
        value = @message.fetch('session', true)
        Fork.check([true, false, 'group'].include?(value), 'session: neither true, false nor group')
        value
      end
    end

    # The forked process, from the fork to its entry.
    class Worker
      def initialize(application, order, given: {}, own: [], report: nil, go: nil, signals: [])
        @application = application
        @order = order
        # Sockets that the forkserver was given: the worker keeps those that are its own.
        @given = given
        # The forkserver's own descriptors.
        @own = own
        @report = report
        @go = go
        # Names of those that came before they meant anything.
        @signals = signals
      end

      def set_up
        (@own - [@report, @go, *@order.output.values]).each { |io| Fork.close(io) }
        case @order.session
        when true then Process.setsid
        when 'group' then Process.setpgid(0, 0)
        end
        place_descriptors
        set_environment
        # While it may still do all that: the memory is root's until the user changes.
        Title.set(@order.title, "holdfast #{@order.name}", Application.program(@order.entry))
        set_resources
        Dir.chdir(@order.cwd) if @order.cwd
        User.new(@order.user).become if @order.user
        # After all files are made.
        File.umask(@order.umask) if @order.umask
        # A generator that was seeded before gives all of us the same numbers.
        srand
        verify
      end

      def announce
        @report.syswrite("ready #{Process.pid}\n")
        @report.close
        @go.readpartial(1)
        @go.close
      rescue EOFError
        # The forkserver ended before it could say that we are here: nobody would look after us.
        exit!(1)
      end

      def fail(error)
        kind = error.is_a?(Unsound) ? 'unsound' : 'error'
        # Short enough to be one piece.
        @report.syswrite("#{"#{kind} #{Fork.reason(error)}".byteslice(0, 2000)}\n")
      rescue SystemCallError, IOError
        nil # nobody is there to hear it
      end

      def run
        Fork.reset_signals
        @signals.each { |name| Process.kill(name, Process.pid) }
        @application.after_fork
        @application.run(@order.entry, @order.arguments)
      end

      private

      def place_descriptors
        places = @order.sockets.to_h { |name, fd| [name, place(name, fd)] }
        Fork.check(places.values.uniq.size == places.size, 'sockets: two at one place')
        # Beyond all places, so that any permutation works.
        beyond = [2, *places.values, *@given.keys].max + 1
        high = @order.sockets.to_h do |name, fd|
          [name, given(fd, "socket #{name}").fcntl(F_DUPFD_CLOEXEC, beyond)]
        end
        @report = moved(@report, beyond)
        @go = moved(@go, beyond)
        open_stdin
        @order.output.each { |fd, target| put_at(fd, target.is_a?(IO) ? target : opened(target, File::WRONLY | File::APPEND | File::CREAT)) }
        @given.each_value { |io| Fork.close(io) }
        places.each { |name, place| put_socket(name, high[name], place) }
        { @order.notify => 'HOLDFAST_NOTIFY_FD', @order.commands => 'HOLDFAST_COMMAND_FD' }.each do |path, variable|
          @order.env[variable] = lasting(File.open(path, File::RDWR | File::NOCTTY)).to_s if path
        end
      end

      def place(name, fd)
        wanted = @order.env[Fork.variable_of(name)] or return fd
        Fork.check(wanted.match?(/\A\d+\z/), "#{Fork.variable_of(name)}: no place for a socket")
        wanted.to_i
      end

      def given(fd, what)
        @given.fetch(fd) { raise Refusal, "#{what}: the forkserver was not given fd #{fd}" }
      end

      def moved(io, beyond)
        return if io.nil?

        fd = io.fcntl(F_DUPFD_CLOEXEC, beyond)
        io.close
        IO.for_fd(fd)
      end

      def put_socket(name, high, place)
        Fork.check(place > 2 && !Fork.open?(place), "socket #{name}: fd #{place} is in use")
        io = IO.for_fd(high)
        # The lowest free number from there on is that one.
        @order.env[Fork.variable_of(name)] = lasting(IO.for_fd(io.fcntl(Fcntl::F_DUPFD, place))).to_s
        io.close
      end

      # As the fds of a worker that was spawned: what it executes has them, too, and no collection closes them.
      def lasting(io)
        io.close_on_exec = false
        io.autoclose = false
        io.fileno
      end

      def open_stdin
        source = @order.stdin
        if source.is_a?(Integer)
          STDIN.reopen(given(source, 'stdin'))
        else
          put_at(0, opened(source, File::RDONLY))
        end
      end

      def put_at(fd, io)
        [STDIN, STDOUT, STDERR][fd].reopen(io)
        io.close
      end

      def opened(path, flags)
        path ||= File::NULL
        # It holds the other end itself: a write waits for the next reader, and never fails, a read never ends.
        flags = File::RDWR if File.pipe?(path)
        File.open(path, flags | File::NOCTTY, 0o666)
      end

      def set_environment
        ENV.delete_if { |name, _| name.match?(OWN_VARIABLES) }
        @order.env.each { |name, value| ENV[name] = value }
        ENV['LISTEN_PID'] = Process.pid.to_s if ENV.key?('LISTEN_FDS')
      end

      def set_resources
        unless @order.nice.zero?
          own = Process.getpriority(Process::PRIO_PROCESS, 0)
          Process.setpriority(Process::PRIO_PROCESS, 0, own + @order.nice)
        end
        @order.limits.each do |name, limit|
          soft, hard = Process.getrlimit(LIMITS[name])
          wanted = [limit.fetch('soft', soft), limit.fetch('hard', hard)]
          Process.setrlimit(LIMITS[name], *wanted.map { |value| value || Process::RLIM_INFINITY })
        end
      end

      # What could go wrong without an error: a fork is trusted only when it has been looked at.
      def verify
        Fork.check(Process.getsid == Process.pid, 'it has no session of its own', Unsound) if @order.session == true
        Fork.check(Process.getpgrp == Process.pid, 'it has no group of its own', Unsound) if @order.session == 'group'
      end
    end

    module_function

    def variable_of(socket)
      "HOLDFAST_SOCKET_#{socket.upcase.tr('-', '_')}"
    end

    def reset_signals
      Signal.list.each_key do |name|
        trap(name, 'DEFAULT') unless name == 'EXIT'
      rescue ArgumentError, SystemCallError
        nil # not to be caught, or Ruby's own
      end
    end

    # Whom the worker becomes.
    class User
      def initialize(user)
        @name = user if user.is_a?(String)
        @wanted = user
      end

      def become
        uid, gid, groups = @name ? named : @wanted.values_at(:uid, :gid, :groups)
        return if already?(uid, gid, groups)

        Process.groups = groups
        Process::Sys.setresgid(gid, gid, gid) if gid
        Process::Sys.setresuid(uid, uid, uid) if uid
        Fork.check(is?(:uid, uid), 'it is not the user that it should be', Unsound)
        Fork.check(is?(:gid, gid), 'it is not of the group that it should be', Unsound)
        make_dumpable
      end

      private

      def named
        entry = Etc.getpwnam(@name)
        before = Process.groups
        # The only way to ask for them.
        groups = Process.uid.zero? ? Process.initgroups(@name, entry.gid) : before
        [entry.uid, entry.gid, groups]
      rescue ArgumentError
        raise Refusal, "there is no user #{@name}"
      end

      # An ordinary user may become itself, but no system call of these would say so.
      def already?(uid, gid, groups)
        is?(:uid, uid) && is?(:gid, gid) && [*groups, Process.gid].uniq.sort == [*Process.groups, Process.gid].uniq.sort
      end

      # Real, effective, saved, of files.
      def is?(kind, id)
        return true if id.nil?

        ids = File.read('/proc/self/status')[/^#{kind.capitalize}:(.*)/, 1].split.map(&:to_i)
        ids.uniq == [id]
      end

      # An exec would do it. Without, /dev/stdout and all of /proc/self belong to root.
      def make_dumpable
        number = { 'x86_64' => 157, 'aarch64' => 167 }[Etc.uname[:machine]] or return
        verbose = $VERBOSE
        $VERBOSE = nil
        syscall(number, PR_SET_DUMPABLE, 1, 0, 0, 0)
      rescue NotImplementedError, SystemCallError
        nil
      ensure
        $VERBOSE = verbose
      end
    end

    # What ps shows. Ruby writes it over the arguments and over the first environment, too, which outsiders look at: by HOLDFAST_ID
    # the supervisor finds whose descendant a process is, one that was forked and executed nothing as well; it leaves room there.
    module Title
      module_function

      # title: nil: that of the program
      def set(title, name, program)
        arguments, arguments_end, start, finish = own_memory
        File.open('/proc/self/mem', 'r+b') do |memory|
          block = memory.pread(finish - start, start)
          # Code that asks whether it is the program compares its file with this.
          $PROGRAM_NAME = program if program
          Process.setproctitle(title.byteslice(0, arguments_end - arguments - 1)) if title
          memory.pwrite(with_own_id(block), start)
        end
        File.write('/proc/self/comm', name.byteslice(0, 15)) if name
      rescue SystemCallError, EOFError
        nil # only cosmetics
      end

      def with_own_id(block)
        id = ENV.fetch('HOLDFAST_ID', '').b
        block.sub(/(\A|\0)HOLDFAST_ID=([^\0]*)/n) do |known|
          room = Regexp.last_match(2).bytesize
          id.empty? || id.bytesize > room ? known : "#{Regexp.last_match(1)}HOLDFAST_ID=#{id.ljust(room, '/')}"
        end
      end

      # Where the arguments begin and end, and the environment.
      def own_memory
        # Behind the name, which may hold anything: field 3 is the first.
        File.binread('/proc/self/stat').rpartition(')').last.split.values_at(45, 46, 47, 48).map(&:to_i)
      end
    end

    # ------------------------------------------------------------ the forkserver

    # What both protocols share: descriptors of its own, children, forks.
    class Forker
      def initialize(application, given, allowed, timeout)
        @application = application
        @given = given
        @allowed = allowed
        @timeout = timeout
        @loop = Loop.new
        @own = []
        @children = {}
      end

      private

      def own(*ios)
        @own.concat(ios)
        ios
      end

      def pipe
        own(*IO.pipe)
      end

      def close_own(io)
        @loop.forget(io)
        @own.delete(io)
        io.close
      end

      # After the load: what has been made so far is old, and lies close together, so that later collections copy few pages.
      def settle
        Fork.flush_all
        if Process.respond_to?(:warmup)
          Process.warmup
        else
          3.times { GC.start }
          GC.compact if GC.respond_to?(:compact)
        end
      rescue NotImplementedError
        nil
      end

      def listen_for_children
        input, output = pipe
        @wake = output
        @pid = Process.pid
        trap('CHLD') { wake }
        @loop.watch_readable(input) { Fork.read_some(input) }
      end

      def wake
        @wake.write_nonblock('c', exception: false)
      rescue IOError, SystemCallError
        nil
      end

      # Ruby can not block signals: what comes to a new process before it has its own handlers is kept for it.
      def on_signals(*names)
        @kept_signals = []
        names.each do |name|
          trap(name) { Process.pid == @pid ? yield : @kept_signals.push(name) }
        end
      end

      # One by one: an application's own children are not ours to wait for.
      def reap
        @children.keys.each do |pid|
          ended, status = wait_without_waiting(pid)
          @children.delete(pid).call(status) if ended
        end
      end

      def wait_without_waiting(pid)
        ended, status = Process.waitpid2(pid, Process::WNOHANG)
        [ended, status.to_i]
      rescue Errno::ECHILD
        [pid, 0]
      end

      def refuse_unsafe
        exempt = @own.map(&:fileno) + @given.keys
        found = Fork.unsafe_things(exempt).reject { |kind, _| @allowed.include?(kind) }
        return if found.empty?

        names = @application.names.map { |name| name.delete_prefix('./') }.join(', ')
        kinds = found.map(&:first).uniq.sort.join(', ')
        raise Refusal, "#{names.empty? ? 'it' : names} can not be forked from: it holds open #{found.map(&:last).join(', ')}; " \
                       "close them in a beforeFork hook, or allow them with allow: [#{kinds}]"
      end

      def prepare_fork
        @application.before_fork
        refuse_unsafe
      end

      # Nil if a fork works, otherwise why not.
      def self_test
        return "#{RUBY_ENGINE} #{RUBY_ENGINE_VERSION} can not fork" unless Process.respond_to?(:fork)

        input, output = pipe
        prepare_fork
        pid = Process.fork
        return sound(output) if pid.nil?

        close_own(output)
        sound = Fork.wait_for(input, @timeout) && Fork.read_some(input) == 'sound'
        close_own(input)
        # Whatever it does after its report, it does not keep us.
        Process.kill(:KILL, pid)
        Process.waitpid(pid)
        sound ? nil : "a forked process did not report within #{(@timeout * 1000).round} ms"
      rescue SystemCallError => e
        Fork.reason(e)
      end

      def sound(output)
        Fork.reset_signals
        srand
        output.syswrite('sound')
      ensure
        exit!(0)
      end

      def new_worker(order, **pipes)
        Worker.new(@application, order, given: @given, own: @own, signals: @kept_signals, **pipes)
      end

      # What the application registered for its end is the workers' business.
      def leave(code)
        [$stdout, $stderr].each do |stream|
          stream.flush
        rescue IOError, SystemCallError, ThreadError
          nil # in the middle of a write that a signal interrupted
        end
        exit!(code)
      end
    end

    # A start under way. `middle` is nil when the one between has ended; the others are set as soon as they are known.
    Pending = Struct.new(:token, :middle, :report, :go, :deadline, :lines, :pid, :ready, :error, :unsound)

    # Takes orders.
    class ForkServer < Forker
      def initialize(commands, status, *rest)
        super(*rest)
        @commands = commands
        own(commands, status, *Fork.controlfreaks_log)
        @outbox = Outbox.new(@loop, status)
        @lines = Lines.new
        @pending = []
        @orders = []
      end

      # Throws :born in workers.
      def serve(began)
        cold = load_application
        on_signals('TERM', 'INT') { leave(0) }
        loaded = { modules: $LOADED_FEATURES.size, ms: ((Time.now - began) * 1000).round, rss: resident, pid: Process.pid }
        loaded[:cold] = cold if cold
        @outbox.put_json({ loaded: loaded })
        @loop.watch_readable(@commands) { read_commands }
        loop { turn }
      end

      private

      def load_application
        @application.load
        settle
        listen_for_children
        self_test
      rescue StandardError => e
        $stderr.write(e.full_message(highlight: false)) unless e.is_a?(Refusal)
        complain(Fork.reason(e))
        @outbox.drain(5)
        leave(1)
      end

      def turn
        deadline = @pending.map(&:deadline).min
        before = Fork.now
        # A second at most while something is to come, should a signal get lost.
        wait = (deadline - before).clamp(0, 1) if deadline
        @loop.turn(wait)
        reap
        late = wait ? Fork.now - before - wait : 0
        @pending.each { |start| start.deadline += late } if late > SUSPENDED
        @pending.select { |start| start.deadline <= Fork.now }.each { |start| kill(start) }
        start(*@orders.shift) while !@orders.empty? && @pending.size < AT_ONCE
      end

      def read_commands
        data = Fork.read_some(@commands) or return
        leave(0) if data.empty?
        @lines.feed(data).each do |line|
          if line.nil?
            complain("a line of more than #{LONGEST_LINE} bytes")
          elsif !line.strip.empty?
            obey(line.force_encoding(Encoding::UTF_8))
          end
        end
      end

      def obey(line)
        message = JSON.parse(line)
        return complain("not a message: #{shown(line)}") unless message.is_a?(Hash) && !message.empty?

        leave(0) if message.key?('quit')
        # To a forkserver that it does not know the supervisor speaks ControlFreak's language besides: there is more in it then.
        return complain("unknown message: #{message.keys.join(', ')[0, 100]}") unless message.key?('start')

        content = message['start']
        return complain('start without a token') unless content.is_a?(Hash) && content['token'].is_a?(String)

        @orders.push([content['token'], content])
      rescue JSON::ParserError, JSON::NestingError, EncodingError
        complain("not JSON: #{shown(line)}")
      end

      def shown(line)
        line[0, 100].scrub
      end

      def complain(text)
        @outbox.put_json({ error: text })
      end

      def start(token, message)
        order = OrderReader.new(message).order
        Fork.check(@application.entry?(order.entry), 'no entry: the last preload gave none')
        fork_twice(token, order)
      rescue StandardError => e
        $stderr.write(e.full_message(highlight: false)) unless e.is_a?(Refusal) || e.is_a?(SystemCallError)
        failed(token, Fork.reason(e))
      end

      def failed(token, error, unsound: false)
        content = { token: token, error: error }
        content[:unsound] = true if unsound
        @outbox.put_json({ failed: content })
      end

      def fork_twice(token, order)
        prepare_fork
        report, report_output = pipe
        go_input, go = pipe
        begin
          middle = Process.fork
        rescue SystemCallError => e
          [report, report_output, go_input, go].each { |io| close_own(io) }
          raise Refusal, "can not fork: #{Fork.reason(e)}"
        end
        between(order, report_output, go_input) if middle.nil?
        [report_output, go_input].each { |io| close_own(io) }
        start = Pending.new(token, middle, report, go, Fork.now + @timeout, Lines.new)
        @pending.push(start)
        @children[middle] = lambda do |_|
          start.middle = nil
          announce(start)
        end
        @loop.watch_readable(report) { read_report(start) }
      end

      # In the process between. It leaves with exit!: buffers and exit handlers are copies of the forkserver's.
      def between(order, report, go)
        pid = 0
        begin
          pid = Process.fork
          report.syswrite("forked #{pid}\n") if pid
        rescue SystemCallError => e
          report.syswrite("error can not fork: #{Fork.reason(e)}\n") if pid&.zero?
        ensure
          # Whatever happened, none but the worker goes on from here.
          exit!(0) unless pid.nil?
        end
        throw :born, set_up(new_worker(order, report: report, go: go))
      end

      def set_up(worker)
        done = false
        worker.set_up
        worker.announce
        done = true
        worker
      rescue Exception => e # rubocop:disable Lint/RescueException -- it must not go on as a second forkserver
        worker.fail(e)
      ensure
        exit!(1) unless done
      end

      def read_report(start)
        data = Fork.read_some(start.report) or return
        if data.empty?
          @loop.forget(start.report)
          give_up(start, start.error, unsound: start.unsound || start.error.nil?) unless start.ready
          return
        end
        start.lines.feed(data).each { |line| heard(start, *line.split(' ', 2)) }
      end

      def heard(start, word, rest)
        if %w[error unsound].include?(word)
          start.error = rest.force_encoding(Encoding::UTF_8).scrub
          start.unsound = word == 'unsound'
        else
          start.pid = rest.to_i
          start.ready ||= word == 'ready'
          announce(start)
        end
      end

      # Only when the one between is gone: the worker's parent is the supervisor by then.
      def announce(start)
        return if start.middle || !start.ready || !pending?(start)

        finish(start)
        # The worker goes on only then: it would run unknown to the supervisor if we were killed before.
        @outbox.put_json({ started: { token: start.token, pid: start.pid } }) { let_go(start) }
      end

      def let_go(start)
        start.go.syswrite('g')
      rescue SystemCallError
        nil # it has been killed meanwhile
      ensure
        close_own(start.go)
      end

      def pending?(start)
        @pending.any? { |one| one.equal?(start) }
      end

      def finish(start)
        @pending.delete_if { |one| one.equal?(start) }
        close_own(start.report)
      end

      def give_up(start, error, unsound:)
        finish(start)
        close_own(start.go)
        failed(start.token, error || 'the forked process died before it was ready', unsound: unsound)
      end

      def kill(start)
        Process.kill(:KILL, start.middle) if start.middle
        if start.ready
          # Only the one between hung: its death is noticed, and the worker announced.
          start.deadline = Fork.now + @timeout
          return
        end
        begin
          # It holds the pipe that we would have seen closed: the number is still its own.
          Process.kill(:KILL, start.pid) if start.pid
        rescue SystemCallError
          nil
        end
        late = "the forked process was not ready within #{(@timeout * 1000).round} ms, and was killed"
        give_up(start, late, unsound: true)
      end

      def resident
        File.read('/proc/self/statm').split[1].to_i * Etc.sysconf(Etc::SC_PAGESIZE)
      end
    end

    # ------------------------------------------------------------ ControlFreak's messages

    # A service that runs. Its process is our own child: we report its end.
    Service = Struct.new(:pid, :leads_group) do
      def terminate
        # Without a session of its own its group is the forkserver's.
        return Process.kill(:TERM, pid) unless leads_group

        begin
          Process.kill(:TERM, -pid)
        rescue Errno::ESRCH
          # In its first moment it has no group yet.
          Process.kill(:TERM, pid)
        end
      end
    end

    Stream = Struct.new(:kind, :name, :lines)

    # Takes ControlFreak's orders, and those that its proxy scripts' users send.
    class ControlFreakProxy < Forker
      def initialize(commands, status, log, *rest)
        super(*rest)
        @sockets = ENV.select { |name, _| name.start_with?('_CFK_SOCK_') }
                      .to_h { |name, fd| [name.delete_prefix('_CFK_SOCK_'), fd.to_i] }
        @commands = commands
        own(*[commands, status, log].compact)
        @status = Outbox.new(@loop, status)
        @log = log && Outbox.new(@loop, log)
        @lines = Lines.new
        @services = {}
        @streams = {}
        @orders = []
        @ending = nil
        @signals = 0
      end

      # Throws :born in workers.
      def serve(_began)
        load_application
        on_signals('TERM', 'INT', 'HUP') do
          @signals += 1
          wake
        end
        @loop.watch_readable(@commands) { read_commands }
        turn while @ending.nil? || (!@services.empty? && Fork.now < @ending)
        @streams.keys.each { |io| last_words(io) }
        drain
        leave(0)
      end

      private

      def load_application
        @application.load
        settle
        listen_for_children
      rescue Refusal => e
        say(e.message)
        drain
        leave(1)
      end

      def turn
        @loop.turn(@orders.empty? ? @ending && 0.1 : 0)
        # One at a time: what it did is told before the next one is forked.
        obey(@orders.shift) unless @orders.empty?
        finish(hurried: @signals > 1) if @signals.positive?
        listen_to_services
        reap
      end

      def drain
        [@status, @log].compact.each { |outbox| outbox.drain(1) }
      end

      def say(message)
        return $stderr.puts("holdfast: #{message}") if @log.nil?

        log_line('err', '-', message)
      end

      def log_line(kind, name, line)
        @log.put("#{kind}:#{name}:".b << line.b << "\n")
      end

      # TERM, or the end of the commands: cfkd is gone, or wants us to go. A second signal hurries.
      def finish(hurried: false)
        if @ending.nil?
          @ending = Fork.now + FAREWELL
          @orders.clear
          @loop.forget(@commands)
          @services.each_value(&:terminate)
        end
        @ending = 0 if hurried
      end

      def read_commands
        data = Fork.read_some(@commands) or return
        return finish if data.empty?

        lines = @lines.feed(data).map { |line| line.to_s.force_encoding(Encoding::UTF_8) }
        @orders.concat(lines.reject { |line| line == '' })
      end

      def obey(line)
        message = JSON.parse(line)
        command, name = message.values_at('command', 'name') if message.is_a?(Hash)
        unless %w[start stop].include?(command) && service_name?(name)
          return say("couldn't understand command #{line[0, 200].scrub}")
        end

        begin
          command == 'start' ? start(name, message) : stop(name)
        rescue StandardError => e
          say("couldn't #{command} #{name}: #{Fork.reason(e)}")
        end
      rescue JSON::ParserError, JSON::NestingError, EncodingError
        say("parse error in command #{line[0, 200].scrub}")
      end

      def service_name?(name)
        name.is_a?(String) && !['', '-'].include?(name) && !name.match?(/[\n:\0]/)
      end

      # ControlFreak hands on what its user wrote, in Perl.
      def true?(value)
        ![nil, false, 0, '', '0', 'false', 'no'].include?(value)
      end

      def stop(name)
        service = @services[name] or return say("Oops, I don't know about '#{name}'")
        service.terminate
      end

      def start(name, message)
        Fork.check(!@services.key?(name), 'it runs already')
        order = read_order(name, message)
        prepare_fork
        outputs = { 1 => 'out', 2 => 'err' }.to_h { |fd, kind| [kind, output(order, fd, true?(message["ignore_std#{kind}"]))] }
        begin
          pid = Process.fork
        rescue SystemCallError
          outputs.values.compact.flatten.each { |io| close_own(io) }
          raise
        end
        become(order) if pid.nil?
        outputs.each { |kind, pipe| listen(kind, name, *pipe) if pipe }
        @services[name] = Service.new(pid, order.session)
        report('started', name, pid, nil)
        @children[pid] = ->(status) { stopped(name, pid, status) }
      end

      # The pipe that it writes into, if its lines are logged.
      def output(order, fd, ignored)
        return order.output[fd] = nil if ignored
        return if @log.nil?

        input, output = pipe
        # Ruby's pipes do not block: a program that writes does not expect that.
        output.fcntl(Fcntl::F_SETFL, output.fcntl(Fcntl::F_GETFL) & ~File::NONBLOCK)
        order.output[fd] = output
        [input, output]
      end

      def listen(kind, name, input, output)
        close_own(output)
        @streams[input] = Stream.new(kind, name, Lines.new(LOG_LINE, splits: true))
      end

      def read_order(name, message)
        entry, *arguments = Array(message['cmd'] || '')
        Fork.check([entry, *arguments].all?(String), 'cmd is no command')
        # What the preload brings is run, whatever the command says.
        order = Order.new(name, @application.entry?(nil) ? nil : entry)
        Fork.check(@application.entry?(order.entry), 'no cmd')
        order.arguments = arguments
        order.title = "[cfk #{name}] #{[entry, *arguments].join(' ')}"
        order.env = OrderReader.new(message).environment(message['env'] || {})
        order.env.update('CONTROL_FREAK_ENABLED' => '1', 'CONTROL_FREAK_SERVICE' => name)
        order.session = !true?(message['no_new_session'])
        socket = message['tie_stdin_to']
        order.stdin = @sockets.fetch(socket) { raise Refusal, "no socket #{socket}" } if socket
        order
      end

      def become(order)
        worker = new_worker(order)
        done = false
        begin
          worker.set_up
          done = true
        rescue Exception => e # rubocop:disable Lint/RescueException -- it must not go on as a second forkserver
          $stderr.puts("holdfast: #{Fork.reason(e)}")
        ensure
          exit!(125) unless done
        end
        throw :born, worker
      end

      def stopped(name, pid, status)
        # Its last words first. Not for ever: a process that it left behind may write on.
        @streams.select { |_, stream| stream.name == name }.each_key do |io|
          32.times { break unless Fork.wait_for(io, 0) && read_stream(io) }
        end
        @services.delete(name)
        report('stopped', name, pid, status)
      end

      def report(status, name, pid, exit_status)
        @status.put_json({ status: status, name: name, pid: pid, exit_status: exit_status })
      end

      def listen_to_services
        busy = @log && @log.waiting > LOG_BACKLOG
        @streams.each_key { |io| busy ? @loop.forget(io) : @loop.watch_readable(io) { read_stream(io) } }
      end

      # Whether it has more to say, perhaps.
      def read_stream(io)
        data = Fork.read_some(io)
        if data == ''
          last_words(io)
          return false
        end
        stream = @streams[io]
        stream.lines.feed(data).each { |line| log_line(stream.kind, stream.name, line) } if data
        true
      end

      def last_words(io)
        stream = @streams.delete(io)
        log_line(stream.kind, stream.name, stream.lines.rest) unless stream.lines.rest.empty?
        close_own(io)
      end
    end

    # ------------------------------------------------------------ the command line

    Options = Struct.new(:cold, :entry, :preloads, :allowed, :timeout) do
      def self.read(arguments)
        options = new(false, nil, [], [], FORK_TIMEOUT)
        arguments = arguments.dup
        options.take(arguments.shift, arguments) until arguments.empty?
        options
      end

      def take(name, arguments)
        return self.cold = true if name == '--cold'

        value = arguments.shift or raise Usage, "#{name} is unknown, or has no value"
        case name
        when '--preload', '-p' then preloads.push(value)
        when '--entry' then self.entry = value
        when '--allow' then allowed.concat(value.split(','))
        when '--fork-timeout'
          Fork.check(value.match?(/\A[1-9]\d*\z/), '--fork-timeout: no milliseconds', Usage)
          self.timeout = value.to_i / 1000.0
        else raise Usage, "unknown option #{name}"
        end
      end
    end

    module_function

    # Returns a worker: in another process, but for a cold start.
    def main(arguments)
      began = Time.now
      options = Options.read(arguments)
      application = Application.new(options.preloads)
      ARGV.clear
      return start_cold(application, options.entry) if options.cold

      catch(:born) { serve(application, options, began) }
    rescue Refusal => e
      $stderr.puts("holdfast: #{e.message}")
      exit(e.is_a?(Usage) ? 2 : 1)
    end

    def start_cold(application, entry)
      application.load
      check(application.entry?(entry), 'no entry: the last preload gave none')
      program = Application.program(entry)
      Title.set(nil, nil, program) if program
      Worker.new(application, Order.new('', entry))
    end

    def serve(application, options, began)
      rest = [application, inherited_sockets, options.allowed, options.timeout]
      if ENV.key?('HOLDFAST_FORK_COMMANDS')
        ForkServer.new(descriptor('HOLDFAST_FORK_COMMANDS'), descriptor('HOLDFAST_FORK_STATUS'), *rest).serve(began)
      elsif ENV.key?('_CFK_COMMAND_FD')
        ControlFreakProxy.new(descriptor('_CFK_COMMAND_FD'), descriptor('_CFK_STATUS_FD'), controlfreaks_log, *rest).serve(began)
      else
        raise Usage, 'neither HOLDFAST_FORK_COMMANDS nor _CFK_COMMAND_FD says where the orders come from'
      end
    end

    # Given to a forkserver that the supervisor does not know, too: it might be a proxy of ControlFreak.
    def controlfreaks_log
      descriptor('_CFK_LOG_FD') if ENV.key?('_CFK_LOG_FD')
    end

    def descriptor(name)
      value = ENV.fetch(name, '')
      check(value.match?(/\A\d+\z/) && open?(value), "#{name} names no open file", Usage)
      io = borrowed(value.to_i)
      io.close_on_exec = true
      io
    end
  end
end

Holdfast::Fork.main(ARGV).run

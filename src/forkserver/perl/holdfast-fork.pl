#!/usr/bin/perl
# Holdfast's forkserver for Perl: loads an application once, and forks workers that share its memory.
#
# Forkserver:  perl holdfast-fork.pl [--preload X]... [--allow sockets,threads] [--fork-timeout MS]
# Cold start:  perl holdfast-fork.pl --cold [--preload X]... --entry E
#
# X is a file or a module, E a file, a function (`My::Module::function`) or a module. A file is run by `do`; if it returns a CODE
# reference, that is called. Without E the CODE reference that the last preload returned is called. Perl looks for modules where it
# always does: PERL5LIB or -I say where yours are.
#
# JSON lines on HOLDFAST_FORK_COMMANDS and HOLDFAST_FORK_STATUS; ControlFreak's messages where _CFK_COMMAND_FD is set instead.
# An application may push CODE references to @Holdfast::Fork::before, called in the forkserver before each fork, and to
# @Holdfast::Fork::after, called in each worker before its entry, in one that starts cold, too.
#
# A worker is forked twice. The process between ends at once, so that the worker is the supervisor's child. The worker sets itself
# up, reports, and runs nothing of the application before `started` is written: a worker that the supervisor was not told of ends.

package Holdfast::Fork;

use 5.024;
use strict;
use warnings;

use Cwd         ();
use Errno       ();
use IO::Handle  ();
use Fcntl       qw(O_APPEND O_CREAT O_NOCTTY O_NONBLOCK O_RDONLY O_RDWR O_WRONLY F_GETFL F_SETFL F_SETFD FD_CLOEXEC);
use File::Spec  ();
use JSON::PP    ();
use POSIX       ();
use Socket      ();
use Time::HiRes ();

our (@before, @after);

use constant {
    FORK_TIMEOUT => 5,
    # Forks under way at the same time. Of hundreds none would get enough of the processors to be ready in time.
    AT_ONCE => 8,
    # A write of so many bytes does not block on a pipe that select calls writable.
    PIECE        => 4096,
    LONGEST_LINE => 16 * 1024 * 1024,
    # How long ControlFreak's services may take to end before the forkserver leaves without them: cfkd declares it dead after 3 s.
    FAREWELL => 2.5,
    # A turn of the loop that comes so much later than it should: we were suspended, and deadlines move by that time.
    SUSPENDED => 1,
    # Log lines that wait for ControlFreak: with more, the services' output is not read on.
    LOG_BACKLOG     => 1024 * 1024,
    LOG_LINE        => 65_536,
    PR_SET_DUMPABLE => 4,
};

# Variables that speak of the forkserver itself, or of what it was given.
my $own_variables = qr{
    \A (?: HOLDFAST (?: _ .* )? | LISTEN_.* | SERVER_STARTER_.* | NOTIFY_SOCKET | WATCHDOG_.* | NODE_CHANNEL_.* | FENCING_TOKEN
         | _CFK_.* | CONTROL_FREAK_.* ) \z
}xs;

my %limits = do {
    my $number = 0;
    map { $_ => $number++ }
        qw(cpu fsize data stack core rss nproc nofile memlock as locks sigpending msgqueue nice rtprio rttime);
};

# Perl's core has no way to these.
my %system_calls = (
    x86_64  => { prctl => 157, setgroups => 116, setresuid => 117, setresgid => 119, prlimit64 => 302 },
    aarch64 => { prctl => 167, setgroups => 159, setresuid => 147, setresgid => 149, prlimit64 => 261 },
);

exit_after(main());

sub exit_after {
    my ($worker) = @_;
    $worker->run;
    exit 0;
}

# ---------------------------------------------------------------- errors

# What a user is told, without a stack. `unsound`: the fork itself did not do what it should. `usage`: the command line is wrong.
sub refuse {
    my ($text, %kind) = @_;
    die bless { text => $text, %kind }, 'Holdfast::Fork::Refusal';
}

sub is_refusal { return ref $_[0] && UNIVERSAL::isa($_[0], 'Holdfast::Fork::Refusal') }

# Runs it. Returns what it died of; undef if it did not. An application's own handler for deaths is not asked.
sub attempt {
    my ($code) = @_;
    local $SIG{__DIE__};
    return attempt_openly($code);
}

# The same for code of the application, which may install such a handler.
sub attempt_openly {
    my ($code) = @_;
    local $@;
    return eval { $code->(); 1 } ? undef : ($@ || 'died');
}

sub reason {
    my ($error) = @_;
    return $error->{text} if is_refusal($error);
    my $text = "$error";
    $text =~ s/\s+\z//;
    $text =~ s/\n/ /g;
    return $text;
}

# ---------------------------------------------------------------- the application

package Holdfast::Fork::Application;

sub new {
    my ($class, @names) = @_;
    return bless { names => \@names, returned => {}, default => undef }, $class;
}

sub names { return @{ $_[0]{names} } }

sub load {
    my ($self) = @_;
    for my $name ($self->names) {
        my $value;
        my $error = Holdfast::Fork::attempt_openly(sub { $value = $self->_require($name) });
        if (defined $error) {
            print STDERR $error, "\n";
            Holdfast::Fork::refuse("preload $name: " . Holdfast::Fork::reason($error));
        }
        $self->{default} = ref $value eq 'CODE' ? $value : undef;
    }
    return;
}

# What the file returned, at its first time.
sub _require {
    my ($self, $name) = @_;
    my $file = is_path($name) ? absolute($name) : $name =~ s{::}{/}gr . '.pm';
    $self->{returned}{$file} = do { package main; require $file }
        unless exists $self->{returned}{$file};
    return $self->{returned}{$file};
}

sub has_entry {
    my ($self, $entry) = @_;
    return (defined $entry && $entry ne '') || defined $self->{default};
}

# Ends as the program would: what it dies of goes on to the interpreter.
sub run {
    my ($self, $entry, @arguments) = @_;
    @ARGV = @arguments;
    my $code
        = !defined $entry || $entry eq '' ? $self->{default}
        : is_path($entry)                 ? $self->_file($entry)
        :                                   $self->_function($entry);
    # The exit code of a die is made of them.
    $! = $? = 0;
    $code->() if defined $code;
    return;
}

sub _file {
    my ($self, $name) = @_;
    my $path = absolute($name);
    my $known = $self->{returned}{$path};
    return $known if ref $known eq 'CODE';
    open my $readable, '<', $path or die "Can't open $name: $!\n";
    close $readable;
    $! = 0;
    my $value = do { package main; do $path };
    if ($@) {
        # Its handler has been asked where it died, and an error number that is left from before is no exit code.
        $SIG{__DIE__} = 'DEFAULT';
        $! = 0;
        die $@;
    }
    return ref $value eq 'CODE' ? $value : undef;
}

sub _function {
    my ($self, $name) = @_;
    no strict 'refs';
    return \&{$name} if defined &{$name};
    my ($module) = $name =~ /\A(.+)::\w+\z/;
    # Both may be one: My::Module, or function Module of package My.
    my $error = defined $module ? Holdfast::Fork::attempt_openly(sub { $self->_require($module) }) : undef;
    return \&{$name} if defined &{$name};
    if (defined $error && $error !~ /\ACan't locate /) {
        $! = 0;
        die $error;
    }
    my $value;
    my $second = Holdfast::Fork::attempt_openly(sub { $value = $self->_require($name) });
    if (defined $second) {
        $! = 0;
        die "There is no function and no module $name: " . ($error // $second) . "\n";
    }
    return ref $value eq 'CODE' ? $value : $name->can('main');
}

sub is_path { return $_[0] =~ m{/} || -f $_[0] }

sub absolute {
    my ($name) = @_;
    return Cwd::realpath($name) // File::Spec->rel2abs($name);
}

# ---------------------------------------------------------------- descriptors

package Holdfast::Fork;

sub open_descriptors {
    opendir my $directory, '/proc/self/fd' or return;
    my @numbers = grep {/\A\d+\z/} readdir $directory;
    closedir $directory;
    # The one that the directory was read through is gone.
    return sort { $a <=> $b } grep { is_open($_) } @numbers;
}

sub is_open { return -l "/proc/self/fd/$_[0]" }

sub is_inheritable {
    my ($fd) = @_;
    open my $info, '<', "/proc/self/fdinfo/$fd" or return 0;
    my ($flags) = map { /\Aflags:\s*([0-7]+)/ ? oct $1 : () } <$info>;
    return !($flags & oct '2000000');
}

# fd => handle. What came with exec: anything of the interpreter's own has the flag that would have ended it there.
sub inherited_sockets {
    my %given;
    for my $fd (open_descriptors()) {
        next if $fd < 3 || readlink("/proc/self/fd/$fd") !~ /\Asocket:/ || !is_inheritable($fd);
        $given{$fd} = own_handle($fd);
    }
    return \%given;
}

# A handle for the fd itself, that what a preload starts will not hold.
sub own_handle {
    my ($fd) = @_;
    open my $handle, '+<&=', $fd or refuse("fd $fd: $!");
    fcntl $handle, F_SETFD, FD_CLOEXEC;
    return $handle;
}

sub set_blocking {
    my ($handle, $blocking) = @_;
    my $flags = fcntl $handle, F_GETFL, 0;
    return fcntl $handle, F_SETFL, $blocking ? $flags & ~O_NONBLOCK : $flags | O_NONBLOCK;
}

# undef: nothing yet; '': its end.
sub read_some {
    my ($handle) = @_;
    my $size = sysread $handle, my $data, 65_536;
    return $data if defined $size;
    return $!{EAGAIN} || $!{EINTR} ? undef : '';
}

# Waits until it can be read or written. Whether it can.
sub wait_for {
    my ($handle, $to_write, $seconds) = @_;
    my $deadline = now() + $seconds;
    while (1) {
        my $bits = '';
        vec($bits, fileno $handle, 1) = 1;
        my $left = $deadline - now();
        $left = 0 if $left < 0;
        my $ready = $to_write ? select(undef, $bits, undef, $left) : select($bits, undef, undef, $left);
        return $ready > 0 if $ready >= 0 || !$!{EINTR};
    }
}

sub now { return Time::HiRes::clock_gettime(Time::HiRes::CLOCK_MONOTONIC()) }

# Whole lines of bytes that come in pieces. A line that is too long comes as undef, or split where that is asked for.
package Holdfast::Fork::Lines;

sub new {
    my ($class, $longest, $splits) = @_;
    return bless { longest => $longest, splits => $splits, held => '', skipping => 0 }, $class;
}

sub feed {
    my ($self, $data) = @_;
    my @lines;
    my @pieces = split /\n/, $data, -1;
    my $rest   = pop @pieces;
    for my $piece (@pieces) {
        my $line = $self->{held} . $piece;
        my $bad  = $self->{skipping} || (length $line > $self->{longest} && !$self->{splits});
        push @lines, $bad ? undef : $line;
        $self->{held}     = '';
        $self->{skipping} = 0;
    }
    $self->{held} .= $rest if defined $rest && !$self->{skipping};
    if (length $self->{held} > $self->{longest}) {
        if ($self->{splits}) { push @lines, $self->{held} }
        else                 { $self->{skipping} = 1 }
        $self->{held} = '';
    }
    return @lines;
}

sub rest { return $_[0]{held} }

# Lines for a pipe. Its reader may be slow, or stopped: the loop goes on meanwhile.
package Holdfast::Fork::Outbox;

sub new {
    my ($class, $loop, $handle) = @_;
    return bless { loop => $loop, handle => $handle, queue => [], waiting => 0 }, $class;
}

sub waiting { return $_[0]{waiting} }

sub put {
    my ($self, $line, $on_sent) = @_;
    return if !defined $self->{handle};
    $self->{loop}->watch_writable($self->{handle}, sub { $self->_write }) if !@{ $self->{queue} };
    push @{ $self->{queue} }, [$line, $on_sent];
    $self->{waiting} += length $line;
    return;
}

sub put_json {
    my ($self, $message, $on_sent) = @_;
    state $json = JSON::PP->new->ascii->canonical;
    return $self->put($json->encode($message) . "\n", $on_sent);
}

sub _write {
    my ($self) = @_;
    my $first = $self->{queue}[0];
    my $size = syswrite $self->{handle}, $first->[0], Holdfast::Fork::PIECE;
    if (!defined $size) {
        return if $!{EAGAIN} || $!{EINTR};
        # Its reader is gone for good. Nobody is told anything any more.
        $self->{loop}->forget($self->{handle});
        @$self{qw(handle queue waiting)} = (undef, [], 0);
        return;
    }
    $self->{waiting} -= $size;
    substr $first->[0], 0, $size, '';
    return if length $first->[0];
    shift @{ $self->{queue} };
    $self->{loop}->forget($self->{handle}) if !@{ $self->{queue} };
    $first->[1]->()                        if $first->[1];
    return;
}

# Before the end.
sub drain {
    my ($self, $seconds) = @_;
    my $deadline = Holdfast::Fork::now() + $seconds;
    while (@{ $self->{queue} } && Holdfast::Fork::wait_for($self->{handle}, 1, $deadline - Holdfast::Fork::now())) {
        $self->_write;
    }
    return;
}

# Calls who waits for a handle.
package Holdfast::Fork::Loop;

sub new { return bless { readers => {}, writers => {} }, $_[0] }

sub watch_readable { my ($self, $handle, $code) = @_; $self->{readers}{ fileno $handle } = $code; return }
sub watch_writable { my ($self, $handle, $code) = @_; $self->{writers}{ fileno $handle } = $code; return }

sub forget {
    my ($self, $handle) = @_;
    my $fd = fileno $handle // return;
    delete $self->{readers}{$fd};
    delete $self->{writers}{$fd};
    return;
}

sub turn {
    my ($self, $seconds) = @_;
    my ($in, $out) = ('', '');
    vec($in,  $_, 1) = 1 for keys %{ $self->{readers} };
    vec($out, $_, 1) = 1 for keys %{ $self->{writers} };
    my $ready = select $in, $out, undef, $seconds;
    return if $ready <= 0;
    my @ready = map {
        my ($codes, $bits) = @$_;
        map { [$codes, $_, $codes->{$_}] } grep { vec $bits, $_, 1 } keys %$codes
    } [$self->{readers}, $in], [$self->{writers}, $out];
    for my $one (@ready) {
        my ($codes, $fd, $code) = @$one;
        # An earlier one of this turn may have closed it, and opened another of the same number, which has nothing to say yet.
        next if !$codes->{$fd} || $codes->{$fd} != $code;
        $code->();
    }
    return;
}

# ---------------------------------------------------------------- what must not be shared

package Holdfast::Fork;

# What a fork would share or lose: [what to allow, text].
sub unsafe_things {
    my ($exempt) = @_;
    return shared_descriptors($exempt), other_threads();
}

sub shared_descriptors {
    my ($exempt) = @_;
    my @found;
    for my $fd (grep { $_ > 2 && !$exempt->{$_} } open_descriptors()) {
        my $target = readlink "/proc/self/fd/$fd" // next;
        push @found,
              $target =~ /\Asocket:/             ? [sockets => 'a ' . describe_socket($fd) . " (fd $fd)"]
            : $target eq 'anon_inode:[eventpoll]' ? [sockets => "an epoll descriptor (fd $fd)"]
            : $target eq 'anon_inode:[io_uring]'  ? [sockets => "an io_uring (fd $fd)"]
            : $target eq 'anon_inode:[timerfd]'   ? [timers  => "a timer (fd $fd)"]
            :                                       ();
    }
    return @found;
}

sub describe_socket {
    my ($fd) = @_;
    open my $copy, '+<&', $fd or return 'socket';
    my $address = getpeername($copy) // getsockname($copy) // return 'socket';
    my $family = Socket::sockaddr_family($address);
    if ($family == Socket::AF_UNIX()) {
        my $name = length $address > 2 ? Socket::unpack_sockaddr_un($address) =~ s/\A\0/@/r : '';
        return length $name ? "unix socket $name" : 'unix socket';
    }
    return 'socket' if $family != Socket::AF_INET() && $family != Socket::AF_INET6();
    my ($port, $ip) = $family == Socket::AF_INET() ? Socket::sockaddr_in($address) : Socket::sockaddr_in6($address);
    my $host = Socket::inet_ntop($family, $ip);
    my $type = unpack 'i', getsockopt($copy, Socket::SOL_SOCKET(), Socket::SO_TYPE());
    my $kind = $type == Socket::SOCK_STREAM() ? 'TCP ' : $type == Socket::SOCK_DGRAM() ? 'UDP ' : '';
    return sprintf '%ssocket %s:%d', $kind, $family == Socket::AF_INET6() ? "[$host]" : $host, $port;
}

sub other_threads {
    opendir my $tasks, '/proc/self/task' or return;
    my @found;
    for my $thread (sort { $a <=> $b } grep { /\A\d+\z/ && $_ != $$ } readdir $tasks) {
        open my $file, '<', "/proc/self/task/$thread/comm" or next;
        chomp(my $name = <$file> // next);
        push @found, [threads => qq{thread "$name"}];
    }
    return @found;
}

# ---------------------------------------------------------------- the new process

# A worker that was asked for, as either protocol says it.
sub new_order {
    my ($name, $entry) = @_;
    return {
        name      => $name,
        entry     => $entry,
        arguments => [],
        env       => {},
        cwd       => undef,
        # fd => a path; undef: /dev/null; a handle; missing: the forkserver's own.
        output => {},
        # A path; undef: /dev/null; \ the number of a socket that was given.
        stdin    => undef,
        notify   => undef,
        commands => undef,
        user     => undef,
        umask    => undef,
        nice     => 0,
        limits   => {},
        # 1, 0, 'group'
        session => 1,
        sockets => {},
        title   => 'holdfast ' . $name . ' ' . ($entry // ''),
    };
}

# Dies of a refusal that says what is wrong with it.
sub read_order {
    my ($message) = @_;
    my $order = new_order(needed_text($message, 'id'), text($message, 'entry'));
    my $env = object($message, 'env');
    $order->{env} = { map { bytes($_) => value_text($env->{$_}, "env $_") } keys %$env };
    $order->{$_} = text($message, $_) for qw(cwd notify commands);
    for my $output ([1, 'stdout'], [2, 'stderr']) {
        my ($fd, $name) = @$output;
        next if !exists $message->{$name} || ($message->{$name} // '') eq 'inherit';
        $order->{output}{$fd} = text($message, $name);
    }
    my $sockets = $order->{sockets} = object($message, 'sockets');
    is_number($sockets->{$_}) || refuse("sockets: $_ is no number") for keys %$sockets;
    $order->{stdin} = ref $message->{stdin} eq 'HASH' ? \given_stdin($message->{stdin}{socket}, $sockets) : text($message, 'stdin');
    $order->{user} = ref $message->{user} eq 'HASH' ? read_user($message->{user}) : text($message, 'user');
    for my $name (qw(umask nice)) {
        next if !defined $message->{$name};
        $order->{$name} = is_number($message->{$name}) ? $message->{$name} : refuse("$name: no number");
    }
    $order->{limits}  = read_limits(object($message, 'limits'));
    $order->{session} = exists $message->{session} ? read_session($message->{session}) : 1;
    return $order;
}

sub given_stdin {
    my ($name, $sockets) = @_;
    return $sockets->{ $name // '' } // refuse('stdin: no such socket');
}

sub read_user {
    my ($user) = @_;
    my $groups = $user->{groups} // [];
    refuse('user: no list of groups') if ref $groups ne 'ARRAY';
    defined $_ && !is_number($_) && refuse('user: no numbers') for $user->{uid}, $user->{gid}, @$groups;
    return { uid => $user->{uid}, gid => $user->{gid}, groups => $groups };
}

sub read_limits {
    my ($wanted) = @_;
    for my $name (keys %$wanted) {
        exists $limits{$name} || refuse("limits: $name is unknown");
        ref $wanted->{$name} eq 'HASH' || refuse("limits: $name is no limit");
        defined $_ && !is_number($_) && refuse("limits: $name is no limit") for values %{ $wanted->{$name} };
    }
    return $wanted;
}

sub read_session {
    my ($value) = @_;
    return $value ? 1 : 0 if JSON::PP::is_bool($value);
    return 'group' if ($value // '') eq 'group';
    return refuse('session: neither true, false nor group');
}

sub is_number { return defined $_[0] && !ref $_[0] && $_[0] =~ /\A-?\d+\z/ }

sub object {
    my ($message, $name) = @_;
    my $value = $message->{$name} // {};
    return ref $value eq 'HASH' ? $value : refuse("$name: of the wrong type");
}

sub text {
    my ($message, $name) = @_;
    return defined $message->{$name} ? needed_text($message, $name) : undef;
}

sub needed_text {
    my ($message, $name) = @_;
    my $value = $message->{$name};
    refuse("$name: no text") if !defined $value || ref $value || $value eq '' || $value =~ /\0/;
    return bytes($value);
}

sub value_text {
    my ($value, $name) = @_;
    return undef if !defined $value;
    refuse("$name: no text") if ref $value || $value =~ /\0/;
    return bytes($value);
}

# As the kernel wants names and values.
sub bytes {
    my ($text) = @_;
    utf8::encode($text);
    return $text;
}

# The forked process, from the fork to its entry.
package Holdfast::Fork::Worker;

use Fcntl qw(:DEFAULT);

# application, order; given: sockets; own: descriptors of the forkserver; report, go: handles
sub new {
    my ($class, %self) = @_;
    return bless {%self}, $class;
}

sub set_up {
    my ($self) = @_;
    my $order = $self->{order};
    Holdfast::Fork::reset_signals();
    $self->_close_the_forkservers;
    if ($order->{session} eq 'group') { POSIX::setpgid(0, 0) // die "setpgid: $!\n" }
    elsif ($order->{session}) { POSIX::setsid() // die "setsid: $!\n" }
    $self->_place_descriptors;
    $self->_set_environment;
    # While it may still do all that: the memory is root's until the user changes.
    Holdfast::Fork::set_title($order->{title});
    if ($order->{nice}) { POSIX::nice($order->{nice}) // die "nice: $!\n" }
    Holdfast::Fork::set_limit($_, $order->{limits}{$_}) for keys %{ $order->{limits} };
    if (defined $order->{cwd}) { chdir $order->{cwd} or Holdfast::Fork::refuse("$!: $order->{cwd}") }
    Holdfast::Fork::become_user($order->{user}) if defined $order->{user};
    # After all files are made.
    umask $order->{umask} if defined $order->{umask};
    # A generator that the application has used already gives all of us the same numbers.
    srand;
    # What could go wrong without an error: a fork is trusted only when it has been looked at.
    Holdfast::Fork::refuse('it has no group of its own', unsound => 1) if $order->{session} && getpgrp != $$;
    return;
}

sub _close_the_forkservers {
    my ($self) = @_;
    my %kept = map { $_ => 1 } grep {defined} $self->{report}, $self->{go}, values %{ $self->{order}{output} };
    for my $handle (values %{ $self->{own} }) {
        close $handle if !$kept{$handle};
    }
    $self->{own} = {};
    return;
}

sub _place_descriptors {
    my ($self) = @_;
    my ($order, $given) = @$self{qw(order given)};
    my %places = map { $_ => $self->_place($_) } keys %{ $order->{sockets} };
    my %taken;
    $taken{$_}++ && Holdfast::Fork::refuse('sockets: two at one place') for values %places;
    # Beyond all places, so that any permutation works.
    my ($beyond) = sort { $b <=> $a } 2, values %places, keys %$given;
    my %high;
    for my $name (keys %places) {
        my $fd = $order->{sockets}{$name};
        $given->{$fd} || Holdfast::Fork::refuse("socket $name: the forkserver was not given fd $fd");
        $high{$name} = copied($fd, $beyond);
    }
    for my $handle (grep {defined} @$self{qw(report go)}) {
        my $fd = copied(fileno $handle, $beyond);
        close $handle;
        $handle = Holdfast::Fork::own_handle($fd);
    }
    $self->_open_stdin;
    $self->_open_outputs;
    close $_ for values %$given;
    $self->{given} = {};
    for my $name (keys %places) {
        my $place = $places{$name};
        Holdfast::Fork::refuse("socket $name: fd $place is in use") if $place < 3 || Holdfast::Fork::is_open($place);
        POSIX::dup2($high{$name}, $place) // die "dup2: $!\n";
        POSIX::close($high{$name});
        $order->{env}{ variable_of($name) } = $place;
    }
    for my $fifo ([notify => 'HOLDFAST_NOTIFY_FD'], [commands => 'HOLDFAST_COMMAND_FD']) {
        my $path = $order->{ $fifo->[0] } // next;
        # As the fds of a worker that was spawned: what it executes has them, too.
        $order->{env}{ $fifo->[1] } = POSIX::open($path, O_RDWR | O_NOCTTY) // Holdfast::Fork::refuse("$!: $path");
    }
    return;
}

sub variable_of {
    my ($name) = @_;
    return 'HOLDFAST_SOCKET_' . uc($name) =~ tr/-/_/r;
}

sub _place {
    my ($self, $name) = @_;
    my $wanted = $self->{order}{env}{ variable_of($name) } // return $self->{order}{sockets}{$name};
    $wanted =~ /\A\d+\z/ || Holdfast::Fork::refuse(variable_of($name) . ': no place for a socket');
    return $wanted;
}

# At the first free number beyond.
sub copied {
    my ($fd, $beyond) = @_;
    1 while Holdfast::Fork::is_open(++$beyond);
    POSIX::dup2($fd, $beyond) // die "dup2: $!\n";
    return $beyond;
}

sub _open_stdin {
    my ($self) = @_;
    my $source = $self->{order}{stdin};
    if (ref $source) {
        $self->{given}{$$source} || Holdfast::Fork::refuse("stdin: the forkserver was not given fd $$source");
        POSIX::dup2($$source, 0) // die "dup2: $!\n";
        return;
    }
    return put_at(0, opened($source // '/dev/null', O_RDONLY));
}

sub _open_outputs {
    my ($self) = @_;
    my $output = $self->{order}{output};
    for my $fd (keys %$output) {
        my $target = $output->{$fd};
        put_at($fd, ref $target ? $target : opened($target // '/dev/null', O_WRONLY | O_APPEND | O_CREAT));
    }
    return;
}

sub put_at {
    my ($fd, $handle) = @_;
    POSIX::dup2(fileno $handle, $fd) // die "dup2: $!\n";
    close $handle;
    return;
}

sub opened {
    my ($path, $flags) = @_;
    # It holds the other end itself: a write waits for the next reader, and never fails, a read never ends.
    $flags = O_RDWR if -p $path;
    sysopen my $handle, $path, $flags | O_NOCTTY, oct '666' or Holdfast::Fork::refuse("$!: $path");
    return $handle;
}

sub _set_environment {
    my ($self) = @_;
    delete @ENV{ grep {/$own_variables/} keys %ENV };
    my $env = $self->{order}{env};
    for my $name (keys %$env) {
        if (defined $env->{$name}) { $ENV{$name} = $env->{$name} }
        else                       { delete $ENV{$name} }
    }
    $ENV{LISTEN_PID} = $$ if exists $ENV{LISTEN_FDS};
    return;
}

sub announce {
    my ($self) = @_;
    my ($report, $go) = delete @$self{qw(report go)};
    syswrite $report, "ready $$\n";
    close $report;
    # The forkserver may end before it could say that we are here: nobody would look after us.
    POSIX::_exit(1) if !sysread $go, my $byte, 1;
    close $go;
    $SIG{PIPE} = 'DEFAULT';
    return;
}

sub fail {
    my ($self, $error) = @_;
    my $kind = Holdfast::Fork::is_refusal($error) && $error->{unsound} ? 'unsound' : 'error';
    # Short enough to be one piece.
    syswrite $self->{report}, substr("$kind " . Holdfast::Fork::reason($error), 0, 2000) . "\n" if $self->{report};
    return;
}

sub run {
    my ($self) = @_;
    my ($application, $order) = @$self{qw(application order)};
    %$self = ();
    $_->() for @Holdfast::Fork::after;
    $application->run($order->{entry}, @{ $order->{arguments} });
    return;
}

package Holdfast::Fork;

sub all_signals {
    my $all = POSIX::SigSet->new;
    $all->fillset;
    return $all;
}

sub block_signals { return POSIX::sigprocmask(POSIX::SIG_SETMASK(), all_signals()) }
sub unblock_signals { return POSIX::sigprocmask(POSIX::SIG_SETMASK(), POSIX::SigSet->new) }

sub reset_signals {
    for my $name (grep { !/\A(?:KILL|STOP|NUM\d+|__\w+__)\z/ } keys %SIG) {
        # Perl begins without FPE. And a forkserver that is gone must not kill the worker before it can tell.
        $SIG{$name} = $name eq 'FPE' || $name eq 'PIPE' ? 'IGNORE' : 'DEFAULT';
    }
    unblock_signals();
    return;
}

# Numbers have to be numbers: of a string the address is passed.
sub system_call {
    my $name = shift;
    state $numbers = $system_calls{ (POSIX::uname())[4] } // {};
    my $number = $numbers->{$name} // refuse("$name: not known on this machine");
    return syscall $number, @_;
}

sub set_limit {
    my ($name, $limit) = @_;
    my $values = "\0" x 16;
    system_call(prlimit64 => 0, $limits{$name}, 0, $values) == 0 or die "prlimit: $!\n";
    my ($soft, $hard) = unpack 'Q2', $values;
    $soft = $limit->{soft} // ~0 if exists $limit->{soft};
    $hard = $limit->{hard} // ~0 if exists $limit->{hard};
    my $wanted = pack 'Q2', $soft, $hard;
    system_call(prlimit64 => 0, $limits{$name}, $wanted, 0) == 0 or refuse("limit $name: $!");
    return;
}

sub become_user {
    my ($user) = @_;
    $user = user_named($user) if !ref $user;
    my ($uid, $gid, @groups) = ($user->{uid}, $user->{gid}, @{ $user->{groups} });
    return if is_already($uid, $gid, @groups);
    my $list = pack 'L*', @groups;
    system_call(setgroups => scalar @groups, $list) == 0 or refuse("setgroups: $!");
    if (defined $gid) { system_call(setresgid => ($gid + 0) x 3) == 0 or refuse("setresgid: $!") }
    if (defined $uid) { system_call(setresuid => ($uid + 0) x 3) == 0 or refuse("setresuid: $!") }
    my %ids = ids();
    refuse('it is not the user that it should be',      unsound => 1) if defined $uid && grep { $_ != $uid } @{ $ids{Uid} };
    refuse('it is not of the group that it should be',  unsound => 1) if defined $gid && grep { $_ != $gid } @{ $ids{Gid} };
    # An exec would do it. Without, /dev/stdout and all of /proc/self belong to root.
    system_call(prctl => PR_SET_DUMPABLE, 1, 0, 0, 0);
    return;
}

sub user_named {
    my ($name) = @_;
    my (undef, undef, $uid, $gid) = getpwnam $name or refuse("there is no user $name");
    # Perl itself can only search all groups, which not every directory service lists.
    open my $id, '-|', 'id', '-G', '--', $name or refuse("id: $!");
    my @groups = split ' ', <$id> // '';
    close $id;
    refuse("the groups of $name are not known") if !@groups;
    return { uid => $uid, gid => $gid, groups => \@groups };
}

# An ordinary user may become itself, but no system call of these would say so.
sub is_already {
    my ($uid, $gid, @groups) = @_;
    my %ids = ids();
    return 0 if defined $uid && grep { $_ != $uid } @{ $ids{Uid} };
    return 0 if defined $gid && grep { $_ != $gid } @{ $ids{Gid} };
    my $own = $gid // $ids{Gid}[0];
    return same_set([$own, @groups], [$own, @{ $ids{Groups} }]);
}

sub same_set {
    my ($one, $other) = map {
        my %set = map { $_ => 1 } @$_;
        join ' ', sort keys %set
    } @_;
    return $one eq $other;
}

# Uid, Gid (real, effective, saved, of files) and Groups
sub ids {
    open my $status, '<', '/proc/self/status' or die "/proc/self/status: $!\n";
    return map { /\A(Uid|Gid|Groups):\s*(.*)/ ? ($1 => [split ' ', $2]) : () } <$status>;
}

# What ps shows. Perl writes it over the arguments and over the first environment, too, which outsiders look at: by HOLDFAST_ID the
# supervisor finds whose descendant a process is, one that was forked and executed nothing as well; it leaves room there.
sub set_title {
    my ($title) = @_;
    my ($arguments, $arguments_end, $start, $end) = own_memory();
    my $block = '';
    my $memory;
    if ($end && open $memory, '+<:unix', '/proc/self/mem') {
        sysseek $memory, $start, 0;
        sysread $memory, $block, $end - $start;
        $title = substr $title, 0, $arguments_end - $arguments - 1;
    }
    $0 = $title;
    return if !length $block;
    my $id = $ENV{HOLDFAST_ID} // '';
    $block =~ s{((?:\A|\0)HOLDFAST_ID=)([^\0]*)}{$1 . ($id ne '' && length $id <= length $2 ? $id . '/' x (length($2) - length $id) : $2)}e;
    sysseek $memory, $start, 0;
    syswrite $memory, $block;
    return;
}

# Where the arguments begin and end, and the environment.
sub own_memory {
    open my $file, '<', '/proc/self/stat' or return;
    local $/;
    # Behind the name, which may hold anything: field 3 is the first.
    my @fields = split ' ', <$file> =~ s/\A.*\)//sr;
    return @fields[45 .. 48];
}

# ---------------------------------------------------------------- the forkserver

# What both protocols share: descriptors of its own, children, forks.
package Holdfast::Fork::Forker;

sub new {
    my ($class, %self) = @_;
    my $self = bless { loop => Holdfast::Fork::Loop->new, own => {}, children => {}, %self }, $class;
    $self->_begin;
    return $self;
}

sub own {
    my ($self, @handles) = @_;
    $self->{own}{ fileno $_ } = $_ for @handles;
    return @handles;
}

sub pipe {
    my ($self) = @_;
    CORE::pipe(my $in, my $out) or die "pipe: $!\n";
    return $self->own($in, $out);
}

sub close_own {
    my ($self, $handle) = @_;
    my $fd = fileno $handle // return;
    $self->{loop}->forget($handle);
    delete $self->{own}{$fd};
    close $handle;
    return;
}

sub listen_for_children {
    my ($self) = @_;
    my ($in, $out) = $self->pipe;
    Holdfast::Fork::set_blocking($_, 0) for $in, $out;
    $SIG{PIPE} = 'IGNORE';
    $SIG{CHLD} = sub { local ($!, $?); syswrite $out, 'c' };
    $self->{loop}->watch_readable($in, sub { Holdfast::Fork::read_some($in) });
    return;
}

# One by one: an application's own children are not ours to wait for.
sub reap {
    my ($self) = @_;
    for my $pid (keys %{ $self->{children} }) {
        my $ended = waitpid $pid, POSIX::WNOHANG();
        next if $ended == 0;
        my $status = $ended == $pid ? $? : 0;
        (delete $self->{children}{$pid})->($status);
    }
    return;
}

sub refuse_unsafe {
    my ($self) = @_;
    my %exempt = map { $_ => 1 } keys %{ $self->{own} }, keys %{ $self->{given} };
    my @found = grep { !$self->{allowed}{ $_->[0] } } Holdfast::Fork::unsafe_things(\%exempt) or return;
    my %kinds = map { $_->[0] => 1 } @found;
    return Holdfast::Fork::refuse(
        sprintf '%s can not be forked from: it holds open %s; close them in a beforeFork hook, or allow them with allow: [%s]',
        join(', ', map { File::Spec->canonpath($_) } $self->{application}->names) || 'it',
        join(', ', map { $_->[1] } @found),
        join(', ', sort keys %kinds)
    );
}

sub prepare_fork {
    my ($self) = @_;
    $_->() for reverse @Holdfast::Fork::before;
    $self->refuse_unsafe;
    # Until a process has its own handlers, signals wait.
    Holdfast::Fork::block_signals();
    return;
}

# undef if a fork works, otherwise why not.
sub self_test {
    my ($self) = @_;
    my ($in, $out) = $self->pipe;
    $self->prepare_fork;
    my $pid = fork;
    if (defined $pid && $pid == 0) {
        Holdfast::Fork::attempt(sub {
            Holdfast::Fork::reset_signals();
            srand;
            syswrite $out, 'sound';
        });
        POSIX::_exit(0);
    }
    my $error = "$!";
    Holdfast::Fork::unblock_signals();
    $self->close_own($out);
    return "fork: $error" if !defined $pid;
    my $sound = Holdfast::Fork::wait_for($in, 0, $self->{timeout}) && Holdfast::Fork::read_some($in);
    $self->close_own($in);
    # Whatever it does after its report, it does not keep us.
    kill KILL => $pid;
    waitpid $pid, 0;
    return ($sound // '') eq 'sound' ? undef : sprintf 'a forked process did not report within %d ms', $self->{timeout} * 1000;
}

# What the application registered for its end is the workers' business.
sub leave {
    my ($code) = @_;
    STDOUT->flush;
    POSIX::_exit($code);
}

package Holdfast::Fork::ForkServer;
use parent -norequire, 'Holdfast::Fork::Forker';

sub _begin {
    my ($self) = @_;
    $self->own(grep {defined} @$self{qw(commands status log)});
    $self->{outbox}  = Holdfast::Fork::Outbox->new($self->{loop}, $self->{status});
    $self->{lines}   = Holdfast::Fork::Lines->new(Holdfast::Fork::LONGEST_LINE);
    $self->{pending} = {};
    $self->{orders}  = [];
    return;
}

# Returns in workers only.
sub serve {
    my ($self, $began) = @_;
    my $cold;
    my $error = Holdfast::Fork::attempt_openly(sub {
        $self->{application}->load;
        $self->listen_for_children;
        $cold = $self->self_test;
    });
    if (defined $error) {
        print STDERR $error if !Holdfast::Fork::is_refusal($error);
        $self->_complain(Holdfast::Fork::reason($error));
        $self->{outbox}->drain(5);
        Holdfast::Fork::Forker::leave(1);
    }
    $SIG{$_} = sub { Holdfast::Fork::Forker::leave(0) } for qw(TERM INT);
    my %loaded = (
        modules => scalar(keys %INC),
        ms      => int((Time::HiRes::time() - $began) * 1000 + 0.5),
        rss     => resident(),
        pid     => $$ + 0,
    );
    $loaded{cold} = $cold if defined $cold;
    $self->{outbox}->put_json({ loaded => \%loaded });
    $self->{loop}->watch_readable($self->{commands}, sub { $self->_read_commands });
    while (1) {
        my $worker = $self->_turn;
        return $worker if defined $worker;
    }
}

sub _turn {
    my ($self) = @_;
    my ($deadline) = sort { $a <=> $b } map { $_->{deadline} } values %{ $self->{pending} };
    my $before = Holdfast::Fork::now();
    my $wait;
    if (defined $deadline) {
        # A second at most while something is to come, should a signal get lost.
        $wait = $deadline - $before;
        $wait = $wait < 0 ? 0 : $wait > 1 ? 1 : $wait;
    }
    $self->{loop}->turn($wait);
    $self->reap;
    my $now = Holdfast::Fork::now();
    if (defined $wait && $now - $before - $wait > Holdfast::Fork::SUSPENDED) {
        $_->{deadline} += $now - $before - $wait for values %{ $self->{pending} };
    }
    $self->_late($_) for grep { $_->{deadline} <= $now } values %{ $self->{pending} };
    while (@{ $self->{orders} } && keys %{ $self->{pending} } < Holdfast::Fork::AT_ONCE) {
        my ($token, $content) = @{ shift @{ $self->{orders} } };
        my $started;
        my $error = Holdfast::Fork::attempt(sub { $started = $self->_start($token, $content) });
        $self->_failed($token, $error) if defined $error;
        return $started if defined $started;
    }
    return;
}

sub _read_commands {
    my ($self) = @_;
    my $data = Holdfast::Fork::read_some($self->{commands}) // return;
    Holdfast::Fork::Forker::leave(0) if $data eq '';
    $self->_obey($_) for grep { !defined $_ || /\S/ } $self->{lines}->feed($data);
    return;
}

sub _obey {
    my ($self, $line) = @_;
    return $self->_complain('a line of more than ' . Holdfast::Fork::LONGEST_LINE . ' bytes') if !defined $line;
    my $message;
    my $error = Holdfast::Fork::attempt(sub { $message = Holdfast::Fork::decode_json($line) });
    return $self->_complain('not JSON: ' . shown($line)) if defined $error;
    return $self->_complain('not a message: ' . shown($line)) if ref $message ne 'HASH' || !%$message;
    Holdfast::Fork::Forker::leave(0) if exists $message->{quit};
    # To a forkserver that it does not know the supervisor speaks ControlFreak's language besides: there is more in it then.
    return $self->_complain('unknown message: ' . substr join(', ', keys %$message), 0, 100) if !exists $message->{start};
    my $content = $message->{start};
    my $token = ref $content eq 'HASH' ? $content->{token} : undef;
    return $self->_complain('start without a token') if !defined $token || ref $token;
    push @{ $self->{orders} }, [$token, $content];
    return;
}

sub shown {
    my ($line) = @_;
    return substr($line, 0, 100) =~ s/[^\x20-\x7e]/?/gr;
}

sub _complain {
    my ($self, $text) = @_;
    $self->{outbox}->put_json({ error => $text });
    return;
}

sub _failed {
    my ($self, $token, $error, $unsound) = @_;
    my %content = (token => "$token", error => characters(Holdfast::Fork::reason($error)));
    $content{unsound} = JSON::PP::true() if $unsound;
    $self->{outbox}->put_json({ failed => \%content });
    return;
}

sub characters {
    my ($text) = @_;
    utf8::decode($text);
    return $text;
}

sub _start {
    my ($self, $token, $message) = @_;
    my $order = Holdfast::Fork::read_order($message);
    $self->{application}->has_entry($order->{entry})
        || Holdfast::Fork::refuse('no entry: the last preload returned no CODE reference');
    my ($report_in, $report_out) = $self->pipe;
    my ($go_in, $go_out) = $self->pipe;
    my $middle;
    my $error = Holdfast::Fork::attempt(sub {
        $self->prepare_fork;
        $middle = fork // Holdfast::Fork::refuse("can not fork: $!");
    });
    return $self->_between($order, $report_out, $go_in) if defined $middle && $middle == 0;
    Holdfast::Fork::unblock_signals();
    $self->close_own($_) for $report_out, $go_in;
    if (defined $error) {
        $self->close_own($_) for $report_in, $go_out;
        die $error;
    }
    my $start = $self->{pending}{$middle} = {
        key   => $middle,
        token => $token,
        # undef: it has ended.
        middle   => $middle,
        report   => $report_in,
        go       => $go_out,
        deadline => Holdfast::Fork::now() + $self->{timeout},
        lines    => Holdfast::Fork::Lines->new(Holdfast::Fork::LONGEST_LINE),
        # pid of the worker, ready, error, unsound: as soon as they are known.
    };
    $self->{children}{$middle} = sub { $start->{middle} = undef; $self->_announce($start) };
    $self->{loop}->watch_readable($report_in, sub { $self->_read_report($start) });
    return;
}

# In the process between. It leaves with _exit: buffers and END blocks are copies of the forkserver's.
sub _between {
    my ($self, $order, $report, $go) = @_;
    my $pid = fork;
    if (!defined $pid || $pid != 0) {
        syswrite $report, defined $pid ? "forked $pid\n" : "error can not fork: $!\n";
        POSIX::_exit(0);
    }
    my $worker = Holdfast::Fork::Worker->new(
        application => $self->{application},
        order       => $order,
        given       => $self->{given},
        own         => $self->{own},
        report      => $report,
        go          => $go,
    );
    my $error = Holdfast::Fork::attempt(sub { $worker->set_up; $worker->announce });
    if (defined $error) {
        $worker->fail($error);
        POSIX::_exit(1);
    }
    return $worker;
}

sub _read_report {
    my ($self, $start) = @_;
    my $data = Holdfast::Fork::read_some($start->{report}) // return;
    if ($data eq '') {
        $self->{loop}->forget($start->{report});
        $self->_give_up($start, $start->{error}, $start->{unsound} || !defined $start->{error}) if !$start->{ready};
        return;
    }
    for my $line ($start->{lines}->feed($data)) {
        my ($word, $rest) = split / /, $line, 2;
        if ($word eq 'error' || $word eq 'unsound') {
            @$start{qw(error unsound)} = ($rest, $word eq 'unsound');
            next;
        }
        $start->{pid} = $rest + 0;
        $start->{ready} ||= $word eq 'ready';
        $self->_announce($start);
    }
    return;
}

# Only when the one between is gone: the worker's parent is the supervisor by then.
sub _announce {
    my ($self, $start) = @_;
    return if !$self->{pending}{ $start->{key} } || $self->{pending}{ $start->{key} } != $start;
    return if defined $start->{middle} || !$start->{ready};
    $self->_finish($start);
    $self->{outbox}->put_json(
        { started => { token => "$start->{token}", pid => $start->{pid} } },
        # Not before: it would run unknown to the supervisor if we were killed now.
        sub {
            syswrite $start->{go}, 'g';
            $self->close_own($start->{go});
        },
    );
    return;
}

sub _finish {
    my ($self, $start) = @_;
    delete $self->{pending}{ $start->{key} };
    $self->close_own($start->{report});
    return;
}

sub _give_up {
    my ($self, $start, $error, $unsound) = @_;
    $self->_finish($start);
    $self->close_own($start->{go});
    $self->_failed($start->{token}, $error // 'the forked process died before it was ready', $unsound);
    return;
}

sub _late {
    my ($self, $start) = @_;
    kill KILL => $start->{middle} if defined $start->{middle};
    if ($start->{ready}) {
        # Only the one between hung: its death is noticed, and the worker announced.
        $start->{deadline} = Holdfast::Fork::now() + $self->{timeout};
        return;
    }
    # It holds the pipe that we would have seen closed: the number is still its own.
    kill KILL => $start->{pid} if defined $start->{pid};
    my $ms = $self->{timeout} * 1000;
    $self->_give_up($start, "the forked process was not ready within $ms ms, and was killed", 1);
    return;
}

sub resident {
    open my $file, '<', '/proc/self/statm' or return 0;
    return (split ' ', <$file>)[1] * POSIX::sysconf(POSIX::_SC_PAGESIZE());
}

# ---------------------------------------------------------------- ControlFreak's messages

package Holdfast::Fork::ControlFreakProxy;
use parent -norequire, 'Holdfast::Fork::Forker';

sub _begin {
    my ($self) = @_;
    $self->own(grep {defined} @$self{qw(commands status log)});
    $self->{sockets}  = { map { /\A_CFK_SOCK_(.+)\z/s ? ($1 => $ENV{$_}) : () } keys %ENV };
    $self->{status}   = Holdfast::Fork::Outbox->new($self->{loop}, $self->{status});
    $self->{log}      = Holdfast::Fork::Outbox->new($self->{loop}, $self->{log}) if defined $self->{log};
    $self->{lines}    = Holdfast::Fork::Lines->new(Holdfast::Fork::LONGEST_LINE);
    $self->{orders}   = [];
    # name => { pid, leads_group }: our own children, we report their end.
    $self->{services} = {};
    # fd => { kind, name, lines, handle }
    $self->{streams} = {};
    $self->{ending}  = undef;
    return;
}

# Returns in workers only.
sub serve {
    my ($self) = @_;
    my $error = Holdfast::Fork::attempt_openly(sub {
        $self->{application}->load;
        $self->listen_for_children;
    });
    if (defined $error) {
        $self->_say(Holdfast::Fork::reason($error));
        $self->_drain;
        Holdfast::Fork::Forker::leave(1);
    }
    $SIG{$_} = sub { $self->_end } for qw(TERM INT HUP);
    $self->{loop}->watch_readable($self->{commands}, sub { $self->_read_commands });
    while (!defined $self->{ending} || (%{ $self->{services} } && Holdfast::Fork::now() < $self->{ending})) {
        $self->{loop}->turn(@{ $self->{orders} } ? 0 : defined $self->{ending} ? 0.1 : undef);
        if (@{ $self->{orders} }) {
            # One at a time: what it did is told before the next one is forked.
            my $worker = $self->_obey(shift @{ $self->{orders} });
            return $worker if defined $worker;
        }
        $self->_listen_to_services;
        $self->reap;
    }
    $self->_last_words($_) for values %{ $self->{streams} };
    $self->_drain;
    return Holdfast::Fork::Forker::leave(0);
}

sub _drain {
    my ($self) = @_;
    $_->drain(1) for grep {defined} @$self{qw(status log)};
    return;
}

sub _say {
    my ($self, $message) = @_;
    return print STDERR "holdfast: $message\n" if !defined $self->{log};
    return $self->_log_line('err', '-', $message =~ s/\n/ /gr);
}

sub _log_line {
    my ($self, $kind, $name, $line) = @_;
    return $self->{log}->put("$kind:$name:$line\n");
}

# TERM, or the end of the commands: cfkd is gone, or wants us to go. A second time hurries.
sub _end {
    my ($self) = @_;
    if (defined $self->{ending}) {
        $self->{ending} = 0;
        return;
    }
    $self->{ending} = Holdfast::Fork::now() + Holdfast::Fork::FAREWELL;
    $self->{orders} = [];
    $self->{loop}->forget($self->{commands});
    terminate($_) for values %{ $self->{services} };
    return;
}

sub terminate {
    my ($service) = @_;
    # Without a session of its own its group is the forkserver's. In its first moment it has no group yet.
    return ($service->{leads_group} && kill TERM => -$service->{pid}) || kill TERM => $service->{pid};
}

sub _read_commands {
    my ($self) = @_;
    my $data = Holdfast::Fork::read_some($self->{commands}) // return;
    return $self->_end if $data eq '';
    push @{ $self->{orders} }, grep { !defined $_ || /\S/ } $self->{lines}->feed($data);
    return;
}

# Returns in workers only something.
sub _obey {
    my ($self, $line) = @_;
    my $shown = substr $line // '', 0, 200;
    my $message;
    my $error = Holdfast::Fork::attempt(sub { $message = Holdfast::Fork::decode_json($line // '') });
    if (defined $error) {
        $self->_say("parse error in command $shown");
        return;
    }
    my ($command, $name) = ref $message eq 'HASH' ? @$message{qw(command name)} : ();
    if (($command // '') !~ /\A(?:start|stop)\z/ || !is_service_name($name)) {
        $self->_say("couldn't understand command $shown");
        return;
    }
    $name = Holdfast::Fork::bytes($name);
    my $worker;
    $error = Holdfast::Fork::attempt(sub {
        if   ($command eq 'start') { $worker = $self->_start($name, $message) }
        else                       { $self->_stop($name) }
    });
    $self->_say("couldn't $command $name: " . Holdfast::Fork::reason($error)) if defined $error;
    return $worker;
}

sub is_service_name {
    my ($name) = @_;
    return defined $name && !ref $name && $name !~ /\A-?\z/ && $name !~ /[\n:\0]/;
}

# ControlFreak hands on what its user wrote, in Perl.
sub is_true {
    my ($value) = @_;
    return defined $value && $value && $value !~ /\A(?:false|no)\z/;
}

sub _stop {
    my ($self, $name) = @_;
    my $service = $self->{services}{$name} // return $self->_say("Oops, I don't know about '$name'");
    return terminate($service);
}

sub _start {
    my ($self, $name, $message) = @_;
    Holdfast::Fork::refuse('it runs already') if $self->{services}{$name};
    my $order = $self->_order($name, $message);
    my @pipes;
    for my $output ([1, 'out'], [2, 'err']) {
        my ($fd, $kind) = @$output;
        if (is_true($message->{"ignore_std$kind"})) { $order->{output}{$fd} = undef }
        elsif (defined $self->{log}) {
            my ($in, $out) = $self->pipe;
            push @pipes, [$kind, $in, $out];
            $order->{output}{$fd} = $out;
        }
    }
    my $pid;
    my $error = Holdfast::Fork::attempt(sub {
        $self->prepare_fork;
        $pid = fork // Holdfast::Fork::refuse("can not fork: $!");
    });
    return $self->_become($order) if defined $pid && $pid == 0;
    Holdfast::Fork::unblock_signals();
    $self->close_own($_->[2]) for @pipes;
    if (defined $error) {
        $self->close_own($_->[1]) for @pipes;
        die $error;
    }
    for my $pipe (@pipes) {
        my ($kind, $in) = @$pipe;
        my $lines = Holdfast::Fork::Lines->new(Holdfast::Fork::LOG_LINE, 1);
        $self->{streams}{ fileno $in } = { kind => $kind, name => $name, lines => $lines, handle => $in };
    }
    $self->{services}{$name} = { pid => $pid, leads_group => $order->{session} };
    $self->_report('started', $name, $pid, undef);
    $self->{children}{$pid} = sub { $self->_stopped($name, $pid, $_[0]) };
    return;
}

sub _order {
    my ($self, $name, $message) = @_;
    my $command = $message->{cmd} // '';
    my ($entry, @arguments) = map { defined $_ && !ref $_ ? Holdfast::Fork::bytes($_) : Holdfast::Fork::refuse('cmd is no command') }
        ref $command eq 'ARRAY' ? @$command : $command;
    # What the preload brings is run, whatever the command says.
    my $order = Holdfast::Fork::new_order($name, $self->{application}->has_entry(undef) ? undef : $entry);
    $self->{application}->has_entry($order->{entry}) || Holdfast::Fork::refuse('no cmd');
    $order->{arguments} = \@arguments;
    $order->{title}     = "[cfk $name] " . join ' ', $entry // (), @arguments;
    my $env = Holdfast::Fork::object($message, 'env');
    $order->{env} = {
        (map { Holdfast::Fork::bytes($_) => Holdfast::Fork::value_text($env->{$_}, "env $_") } keys %$env),
        CONTROL_FREAK_ENABLED => 1,
        CONTROL_FREAK_SERVICE => $name,
    };
    $order->{session} = is_true($message->{no_new_session}) ? 0 : 1;
    if (defined(my $socket = $message->{tie_stdin_to})) {
        $order->{stdin} = \($self->{sockets}{$socket} // Holdfast::Fork::refuse("no socket $socket"));
    }
    return $order;
}

sub _become {
    my ($self, $order) = @_;
    my $worker = Holdfast::Fork::Worker->new(
        application => $self->{application},
        order       => $order,
        given       => $self->{given},
        own         => $self->{own},
    );
    my $error = Holdfast::Fork::attempt(sub { $worker->set_up });
    if (defined $error) {
        print STDERR 'holdfast: ' . Holdfast::Fork::reason($error) . "\n";
        POSIX::_exit(125);
    }
    $SIG{PIPE} = 'DEFAULT';
    return $worker;
}

sub _stopped {
    my ($self, $name, $pid, $status) = @_;
    # Its last words first. Not for ever: a process that it left behind may write on.
    for my $stream (grep { $_->{name} eq $name } values %{ $self->{streams} }) {
        for (1 .. 32) {
            last if !Holdfast::Fork::wait_for($stream->{handle}, 0, 0) || !$self->_read_stream($stream);
        }
    }
    delete $self->{services}{$name};
    return $self->_report('stopped', $name, $pid, $status);
}

sub _report {
    my ($self, $status, $name, $pid, $exit_status) = @_;
    $self->{status}->put_json({
        status      => $status,
        name        => Holdfast::Fork::ForkServer::characters($name),
        pid         => $pid + 0,
        exit_status => defined $exit_status ? $exit_status + 0 : undef,
    });
    return;
}

sub _listen_to_services {
    my ($self) = @_;
    my $busy = defined $self->{log} && $self->{log}->waiting > Holdfast::Fork::LOG_BACKLOG;
    for my $stream (values %{ $self->{streams} }) {
        if   ($busy) { $self->{loop}->forget($stream->{handle}) }
        else         { $self->{loop}->watch_readable($stream->{handle}, sub { $self->_read_stream($stream) }) }
    }
    return;
}

# Whether it has more to say, perhaps.
sub _read_stream {
    my ($self, $stream) = @_;
    my $data = Holdfast::Fork::read_some($stream->{handle}) // return 1;
    if ($data eq '') {
        $self->_last_words($stream);
        return 0;
    }
    $self->_log_line($stream->{kind}, $stream->{name}, $_) for $stream->{lines}->feed($data);
    return 1;
}

sub _last_words {
    my ($self, $stream) = @_;
    delete $self->{streams}{ fileno $stream->{handle} };
    my $rest = $stream->{lines}->rest;
    $self->_log_line($stream->{kind}, $stream->{name}, $rest) if length $rest;
    $self->close_own($stream->{handle});
    return;
}

# ---------------------------------------------------------------- the command line

package Holdfast::Fork;

sub decode_json {
    my ($line) = @_;
    state $json = JSON::PP->new->utf8;
    return $json->decode($line);
}

sub read_options {
    my @arguments = @_;
    my %options = (preloads => [], allowed => {}, timeout => FORK_TIMEOUT, cold => 0, entry => undef);
    while (defined(my $name = shift @arguments)) {
        if ($name eq '--cold') {
            $options{cold} = 1;
            next;
        }
        my $value = shift @arguments // refuse("$name is unknown, or has no value", usage => 1);
        if    ($name eq '--preload' || $name eq '-p') { push @{ $options{preloads} }, $value }
        elsif ($name eq '--entry')                    { $options{entry} = $value }
        elsif ($name eq '--allow')                    { $options{allowed}{$_} = 1 for split /,/, $value }
        elsif ($name eq '--fork-timeout' && $value =~ /\A[1-9]\d*\z/) { $options{timeout} = $value / 1000 }
        elsif ($name eq '--fork-timeout') { refuse('--fork-timeout: no milliseconds', usage => 1) }
        else                              { refuse("unknown option $name", usage => 1) }
    }
    return %options;
}

# Returns a worker: in another process, but for a cold start.
sub main {
    my $began = Time::HiRes::time();
    my $worker;
    my $error = attempt_openly(sub {
        my %options     = read_options(@ARGV);
        my $application = Holdfast::Fork::Application->new(@{ $options{preloads} });
        @ARGV = ();
        $worker = $options{cold} ? start_cold($application, $options{entry}) : serve($application, $began, %options);
    });
    if (defined $error) {
        print STDERR 'holdfast: ' . reason($error) . "\n";
        exit(is_refusal($error) && $error->{usage} ? 2 : 1);
    }
    return $worker;
}

sub start_cold {
    my ($application, $entry) = @_;
    $application->load;
    $application->has_entry($entry) || refuse('no entry: the last preload returned no CODE reference');
    return Holdfast::Fork::Worker->new(application => $application, order => new_order('', $entry));
}

sub serve {
    my ($application, $began, %options) = @_;
    my %rest = (application => $application, given => inherited_sockets(), %options{qw(allowed timeout)});
    if (defined $ENV{HOLDFAST_FORK_COMMANDS}) {
        return Holdfast::Fork::ForkServer->new(
            commands => descriptor('HOLDFAST_FORK_COMMANDS'),
            status   => descriptor('HOLDFAST_FORK_STATUS'),
            log      => controlfreaks_log(),
            %rest,
        )->serve($began);
    }
    if (defined $ENV{_CFK_COMMAND_FD}) {
        return Holdfast::Fork::ControlFreakProxy->new(
            commands => descriptor('_CFK_COMMAND_FD'),
            status   => descriptor('_CFK_STATUS_FD'),
            log      => controlfreaks_log(),
            %rest,
        )->serve;
    }
    return refuse('neither HOLDFAST_FORK_COMMANDS nor _CFK_COMMAND_FD says where the orders come from', usage => 1);
}

# Given to a forkserver that the supervisor does not know, too: it might be a proxy of ControlFreak.
sub controlfreaks_log {
    return defined $ENV{_CFK_LOG_FD} ? descriptor('_CFK_LOG_FD') : undef;
}

sub descriptor {
    my ($name) = @_;
    my $fd = $ENV{$name} // '';
    refuse("$name names no open file", usage => 1) if $fd !~ /\A\d+\z/ || !is_open($fd);
    return own_handle($fd);
}

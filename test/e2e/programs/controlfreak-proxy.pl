#!/usr/bin/perl
# A proxy as somebody has written it for ControlFreak: it loads a file once, forks a child for each order and runs a script in it,
# and tells of starts, ends and output through the three pipes that it finds in its environment.
use strict;
use warnings;
use IO::Select;
use JSON::PP;
use POSIX ();

my ($preload) = @ARGV;
our $LOADED = do "./$preload";
die "cannot load $preload: " . ($@ || $!) . "\n" unless defined $LOADED;

my %fd = map { lc($_) => $ENV{"_CFK_${_}_FD"} // die "no \L$_\E fd\n" } qw(COMMAND STATUS LOG);
open my $commands, '<&=', $fd{command} or die $!;
open my $status, '>&=', $fd{status} or die $!;
open my $log, '>&=', $fd{log} or die $!;
$_->autoflush(1) for $status, $log;

my (%name_of, %output);
my $select = IO::Select->new($commands);
my ($ended, $input) = (0, '');
$SIG{CHLD} = sub { $ended = 1 };

sub tell_status { print {$status} encode_json({@_}) . "\n" }

sub start {
    my ($order) = @_;
    my %pipe;
    for my $stream (qw(out err)) { pipe $pipe{$stream}[0], $pipe{$stream}[1] or die $! }
    my $pid = fork // die $!;
    if (!$pid) {
        POSIX::setsid() unless $order->{no_new_session};
        open STDOUT, '>&', $pipe{out}[1];
        open STDERR, '>&', $pipe{err}[1];
        if ($order->{ignore_stdout}) { open STDOUT, '>', '/dev/null' }
        $SIG{CHLD} = 'DEFAULT';
        $ENV{$_} = $order->{env}{$_} for keys %{ $order->{env} };
        $0 = "[cfk $order->{name}] $order->{cmd}";
        $| = 1;
        my $done = do "./$order->{cmd}";
        print STDERR "Couldn't do '$order->{cmd}': $@\n" and POSIX::_exit(255) if $@;
        POSIX::_exit(0);
    }
    $name_of{$pid} = $order->{name};
    for my $stream (qw(out err)) {
        close $pipe{$stream}[1];
        $select->add($pipe{$stream}[0]);
        $output{ $pipe{$stream}[0] } = { stream => $stream, name => $order->{name}, text => '' };
    }
    tell_status(status => 'started', name => $order->{name}, pid => $pid, exit_status => undef);
}

sub copy_output {
    my ($from) = @_;
    my $one = $output{$from};
    if (!sysread $from, my $text, 4096) { $select->remove($from); delete $output{$from}; close $from; return }
    else { $one->{text} .= $text }
    print {$log} "$one->{stream}:$one->{name}:$1\n" while $one->{text} =~ s/^(.*)\n//;
}

sub obey {
    my $order = eval { decode_json($_[0]) };
    if (!$order || ($order->{command} // '') ne 'start') { print {$log} "err:-:couldn't understand command\n"; return }
    start($order);
}

print {$log} "out:-:loaded $preload\n";
while (1) {
    for my $ready ($select->can_read(0.2)) {
        if ($ready != $commands) { copy_output($ready); next }
        exit 0 unless sysread $commands, my $text, 65536;
        $input .= $text;
        obey($1) while $input =~ s/^(.*)\n//;
    }
    next unless $ended;
    $ended = 0;
    while ((my $pid = waitpid -1, POSIX::WNOHANG()) > 0) {
        my $wait = $?;
        for my $from ($select->handles) {
            copy_output($from) while $output{$from} && $output{$from}{name} eq $name_of{$pid} && IO::Select->new($from)->can_read(0);
        }
        tell_status(status => 'stopped', name => delete $name_of{$pid}, pid => $pid, exit_status => $wait);
    }
}

# The whole protocol in Perl: a socket, a line to say ready, a line now and then, a line (or TERM) to stop.
use strict;
use warnings;
use IO::Handle;
use IO::Select;
use IO::Socket::INET;

my $notify   = IO::Handle->new_from_fd($ENV{HOLDFAST_NOTIFY_FD},  'w');
my $commands = IO::Handle->new_from_fd($ENV{HOLDFAST_COMMAND_FD}, 'r');
my $listener = IO::Socket::INET->new_from_fd($ENV{HOLDFAST_SOCKET_PERL}, 'r+');
$listener->blocking(0);    # two workers may wait for the same connection
STDOUT->autoflush(1);

$notify->blocking(0);     # while no supervisor reads, words are lost, and work goes on
sub say_to_supervisor { $notify->syswrite("$_[0]\n") }

my $stopping = 0;
$SIG{TERM} = sub { $stopping = 1 };

sub answer {
    my ($connection) = @_;
    $connection->blocking(1);
    IO::Select->new($connection)->can_read(2) or return;
    $connection->sysread(my $request, 65536);
    my $body = "hello from perl, pid $$\n";
    $connection->print("HTTP/1.1 200 OK\r\nContent-Length: ", length $body, "\r\nConnection: close\r\n\r\n$body");
    $connection->close;
}

my $waiting = IO::Select->new($listener, $commands);
say_to_supervisor('READY=1');
until ($stopping) {
    for my $handle ($waiting->can_read(1)) {
        if ($handle == $listener) {
            my $connection = $listener->accept or next;
            answer($connection);
        }
        else {
            # sysread, not <>: what a buffer holds, select does not see.
            sysread $commands, my $messages, 65536;
            $stopping = 1 if $messages =~ /^\{"stop"/m;
        }
    }
    say_to_supervisor('WATCHDOG=1');
}
say_to_supervisor('STOPPING=1');

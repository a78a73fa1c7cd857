# A worker in the manner of start_server: takes its socket from Server::Starter, accepts until TERM, ends what it has begun.
use strict;
use warnings;
use IO::Socket::INET;
use Server::Starter qw(server_ports);

my ($fd) = values %{ server_ports() };
my $listener = IO::Socket::INET->new or die $!;
$listener->fdopen($fd, 'w') or die "fd $fd: $!";
my $asked_to_stop = 0;
$SIG{TERM} = sub { $asked_to_stop = 1 };
$| = 1;
print "serving\n";
until ($asked_to_stop) {
    my $client = $listener->accept or next;
    while (my $line = <$client>) { last if $line eq "\r\n" }
    my $body = "pid $$";
    print $client "HTTP/1.0 200 OK\r\nContent-Length: ${\ length $body}\r\nConnection: close\r\n\r\n$body";
    close $client;
}

# A program that puts itself into the background, as old servers do, and writes its title over its environment.
use strict;
use warnings;
use POSIX qw(setsid);

# What is still in the first process's group when that ends is ended with it: it waits for the session.
pipe my $told, my $tell;
if (fork) {
    close $tell;
    readline $told;
    exit 0;
}
setsid();
close $tell;
exit 0 if fork;
$0 = 'daemon of old ' . ('x' x 20_000);
sleep 1000;

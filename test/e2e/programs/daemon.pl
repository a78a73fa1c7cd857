# A program that puts itself into the background, as old servers do, and writes its title over its environment.
use strict;
use warnings;
use POSIX qw(setsid);

exit 0 if fork;
setsid();
exit 0 if fork;
$0 = 'daemon of old ' . ('x' x 20_000);
sleep 1000;

import type { Sources } from './sources.ts'

const report = `
use strict; use warnings;
use JSON::PP ();
sub write_report {
    my ($loaded_by) = @_;
    my %report = (pid => $$ + 0, ppid => getppid() + 0, env => {map { $_ => decoded($ENV{$_}) } keys %ENV}, argv => [@ARGV], loadedBy => $loaded_by + 0);
    open my $file, '>', "$ENV{REPORT}.new" or die "$!";
    print $file JSON::PP->new->utf8->encode(\\%report);
    close $file;
    rename "$ENV{REPORT}.new", $ENV{REPORT};
    sleep 1 while 1;
}
sub decoded { my ($text) = @_; utf8::decode($text); $text }
`

export const perlSources: Sources = {
  app: `
package App;
use POSIX ();
${report}
my $loaded_by = $$;
my $seen = rand;
$SIG{USR1} = sub { };
$SIG{USR2} = 'IGNORE';
$SIG{__DIE__} = sub { print STDERR 'died: ' };
POSIX::sigprocmask(POSIX::SIG_BLOCK(), POSIX::SigSet->new(28));

sub report { write_report($loaded_by) }
sub returns { return 'whatever' }
sub raises { die "as it should" }
sub exits { exit 3 }
sub killed { kill KILL => $$ }
sub lingers { sleep 1 while 1 }
sub randoms { syswrite STDOUT, sprintf "%s %s\\n", rand, rand }
our $announces;
sub announces { $announces = 1; print "worker's word\\n" }
END { print "worker's end\\n" if $announces }
sub accepts {
    open my $listener, '+<&=', $ENV{ACCEPT_ON} // 0 or die $!;
    accept my $connection, $listener or die $!;
    syswrite $connection, "from $$\\n";
    close $connection;
}
sub speaks { syswrite STDOUT, "a: word\\n\\nanother\\n"; syswrite STDERR, 'no newline' }
sub writes { syswrite STDOUT, 'x' x 99 . "\\n" while 1 }
sub children { exit(system('true') >> 8) }
1;
`,
  report: `${report}
write_report($$);
`,
  hooks: `
use strict; use warnings;
sub note { open my $file, '>>', 'HOOKS' or die $!; print $file "$_[0] $$\\n" }
push @Holdfast::Fork::before, sub { die "not now\\n" if -e 'FAIL'; note('before') };
push @Holdfast::Fork::after, sub { note('after') };
1;
`,
  unsafe: `
use strict; use warnings;
use IO::Socket::INET;
our $listener = IO::Socket::INET->new(LocalAddr => '127.0.0.1', Listen => 5) or die $!;
open my $file, '>', 'ADDRESS' or die $!;
print $file $listener->sockhost, ':', $listener->sockport, ' ', fileno $listener;
close $file;
1;
`,
  tidy: `
use strict; use warnings;
use IO::Socket::INET;
my $listener = IO::Socket::INET->new(LocalAddr => '127.0.0.1', Listen => 5) or die $!;
push @Holdfast::Fork::before, sub { close $listener if $listener; undef $listener };
1;
`,
  noisy: `
use strict; use warnings;
print "preload's word ";
open our $kept, '>', 'KEPT' or die $!;
print $kept 'kept ';
END { print "preload's end\\n" }
1;
`,
  holds: `
open our $held, '>', 'HELD' or die $!;
1;
`,
  broken: 'use no_such_module;\n1;\n',
  callable: `
use strict; use warnings;
return sub { exit 6 };
`,
}

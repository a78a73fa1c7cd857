# A PSGI application that says which process answered.
sub {
    my $body = "pid $$";
    return [200, ['Content-Length' => length $body], [$body]];
};

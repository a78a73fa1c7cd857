# Starts a program as systemd starts one with sockets: ADDRESS NAME ADDRESS NAME -- PROGRAM ARGUMENT...
import os
import socket
import sys

split = sys.argv.index("--")
pairs = list(zip(sys.argv[1:split:2], sys.argv[2:split:2]))
listeners = []
for address, _ in pairs:
    host, port = address.rsplit(":", 1)
    listener = socket.create_server((host, int(port)))
    # Out of the way of 3, 4, … first.
    listeners.append(os.dup2(listener.fileno(), 50 + len(listeners)))
for index, fd in enumerate(listeners):
    os.dup2(fd, 3 + index, inheritable=True)
    os.close(fd)
os.environ["LISTEN_PID"] = str(os.getpid())
os.environ["LISTEN_FDS"] = str(len(pairs))
os.environ["LISTEN_FDNAMES"] = ":".join(name for _, name in pairs)
os.execvp(sys.argv[split + 1], sys.argv[split + 1 :])

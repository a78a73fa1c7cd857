"""Drives one forkserver over plain pipes, for driver.ts: starts it, is the subreaper of its workers, tells of all exits.

    python3 driver.py '{"command": [...], "env": {...}, "cwd": "...", "output": "FILE", "sockets": 2, "protocol": "holdfast"}'

Listening TCP sockets lie at fds 3, 4, ... of the forkserver, then come its pipes. JSON lines from stdin, to stdout:
    {"write": TEXT} to the forkserver, {"close": "commands"|"status"}, {"pause": true|false} reading its status
    {"began": {"pid": N, "ports": [..]}}, {"status": LINE}, {"log": LINE}, {"exit": {"pid": N, "code": N, "signal": N}}
When stdin ends all that is left is killed.
"""

import collections
import ctypes
import fcntl
import json
import os
import select
import signal
import socket
import sys

PR_SET_CHILD_SUBREAPER = 36
NAMES = {
    "holdfast": ("HOLDFAST_FORK_COMMANDS", "HOLDFAST_FORK_STATUS", None),
    "controlfreak": ("_CFK_COMMAND_FD", "_CFK_STATUS_FD", "_CFK_LOG_FD"),
}


def tell(event):
    os.write(1, json.dumps(event).encode() + b"\n")


class Driver:
    def __init__(self, spec):
        self.spec = spec
        self.poll = select.poll()
        self.handlers = {}
        self.waiting = collections.deque()
        self.held = {}

    def watch(self, fd, events, handler):
        self.handlers[fd] = handler
        self.poll.register(fd, events)

    def forget(self, fd):
        if self.handlers.pop(fd, None):
            self.poll.unregister(fd)

    def begin(self):
        listeners = [socket.create_server(("127.0.0.1", 0)) for _ in range(self.spec.get("sockets", 0))]
        commands_out, self.commands = os.pipe()
        self.status, status_in = os.pipe()
        self.log, log_in = os.pipe()
        given = [listener.fileno() for listener in listeners] + [commands_out, status_in, log_in]
        # From far above, so that none is overwritten before it is moved.
        high = [fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, 100) for fd in given]
        output = os.open(self.spec["output"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        null = os.open(os.devnull, os.O_RDONLY)
        high += [fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, 100) for fd in (null, output)]
        names = NAMES[self.spec.get("protocol", "holdfast")]
        first = 3 + len(listeners)
        env = dict(self.spec["env"], HOLDFAST="1", HOLDFAST_FORKSERVER="app")
        env.update((name, str(first + index)) for index, name in enumerate(names) if name)
        if names[2]:
            env.update(("_CFK_SOCK_s%d" % index, str(3 + index)) for index in range(len(listeners)))
        moves = [(high[-2], 0), (high[-1], 1), (high[-1], 2)]
        moves += [(fd, 3 + index) for index, fd in enumerate(high[:-2]) if names[2] or index < len(given) - 1]
        if "extra" in self.spec:
            moves.append((os.open(self.spec["extra"], os.O_RDONLY), moves[-1][1] + 1))
        os.chdir(self.spec["cwd"])
        self.forkserver = os.posix_spawnp(
            self.spec["command"][0],
            self.spec["command"],
            env,
            file_actions=[(os.POSIX_SPAWN_DUP2, fd, number) for fd, number in moves],
            setsigmask=[],
            setsigdef=[signal.SIGPIPE, signal.SIGXFSZ],
            setpgroup=0,
        )
        for fd in high + given[len(listeners):] + [output, null]:
            os.close(fd)
        os.set_blocking(self.commands, False)
        self.listeners = listeners
        tell({"began": {"pid": self.forkserver, "ports": [listener.getsockname()[1] for listener in listeners]}})

    def run(self):
        self.begin()
        self.watch(0, select.POLLIN, lambda: self.read_lines(0, self.obey))
        self.watch(self.status, select.POLLIN, self.read_status)
        self.watch(self.log, select.POLLIN, lambda: self.read_lines(self.log, lambda line: tell({"log": line})))
        read_end, write_end = os.pipe()
        os.set_blocking(write_end, False)
        signal.set_wakeup_fd(write_end, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        self.watch(read_end, select.POLLIN, lambda: (os.read(read_end, 4096), self.reap()))
        self.reap()
        while True:
            for fd, _ in self.poll.poll():
                if fd in self.handlers:
                    self.handlers[fd]()

    def read_status(self):
        self.read_lines(self.status, lambda line: tell({"status": line}))

    def read_lines(self, fd, handle):
        data = os.read(fd, 65536)
        if not data:
            self.forget(fd)
            if fd == 0:
                self.end()
            return
        lines = (self.held.get(fd, b"") + data).split(b"\n")
        self.held[fd] = lines.pop()
        for line in lines:
            handle(line.decode(errors="replace"))

    def obey(self, line):
        [(verb, value)] = json.loads(line).items()
        if verb == "write":
            self.waiting.append(value.encode())
            self.watch(self.commands, select.POLLOUT, self.write)
        elif verb == "close":
            fd = getattr(self, value)
            self.forget(fd)
            os.close(fd)
        elif verb == "pause":
            if value:
                self.forget(self.status)
            else:
                self.watch(self.status, select.POLLIN, self.read_status)

    def write(self):
        try:
            piece = self.waiting[0]
            written = os.write(self.commands, piece)
        except BlockingIOError:
            return
        except BrokenPipeError:
            self.waiting.clear()
            self.forget(self.commands)
            return
        if written < len(piece):
            self.waiting[0] = piece[written:]
            return
        self.waiting.popleft()
        if not self.waiting:
            self.forget(self.commands)

    def reap(self):
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            killed = os.WIFSIGNALED(status)
            tell({
                "exit": {
                    "pid": pid,
                    "code": None if killed else os.WEXITSTATUS(status),
                    "signal": os.WTERMSIG(status) if killed else None,
                }
            })  # fmt: skip

    def end(self):
        """Kills all that is left: what a child leaves becomes our child, until there is none."""
        signal.set_wakeup_fd(-1)
        while True:
            with open("/proc/self/task/%d/children" % os.getpid()) as file:
                children = file.read().split()
            if not children:
                os._exit(0)
            for pid in children:
                os.kill(int(pid), signal.SIGKILL)
            os.waitpid(-1, 0)


def main():
    for fd in map(int, os.listdir("/proc/self/fd")):
        try:
            # What our starter left open is not to be mistaken for the forkserver's.
            os.set_inheritable(fd, fd < 3)
        except OSError:
            pass
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    Driver(json.loads(sys.argv[1])).run()


main()

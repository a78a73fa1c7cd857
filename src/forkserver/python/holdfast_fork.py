"""Holdfast's forkserver for Python: loads an application once, and forks workers that share its memory.

Forkserver:  python3 holdfast_fork.py [--preload X]... [--allow sockets,threads] [--fork-timeout MS]
Cold start:  python3 holdfast_fork.py --cold [--preload X]... --entry E

X is a file or a module, E a file, a module (run as with -m), `module:function` or `file.py:function`. Without E, the last preload's
`:function`, else its `main`, is called. An integer that a function returns is the exit code, a coroutine is run by asyncio.

JSON lines on HOLDFAST_FORK_COMMANDS and HOLDFAST_FORK_STATUS; ControlFreak's messages where _CFK_COMMAND_FD is set instead.
A preloaded module may define holdfast_before_fork(), called in the forkserver before each fork, and holdfast_after_fork(), called
in each worker before its entry, in one that starts cold, too.

A worker is forked twice. The process between ends at once, so that the worker is the supervisor's child. The worker sets itself up,
reports, and runs nothing of the application before `started` is written: a worker that the supervisor was not told of ends.
"""

import collections
import fcntl
import gc
import importlib
import importlib.machinery
import importlib.util
import inspect
import json
import os
import pwd
import re
import resource
import select
import signal
import socket
import stat
import sys
import time
import traceback
import types
import warnings

FORK_TIMEOUT = 5.0
#: Forks under way at the same time. Of hundreds none would get enough of the processors to be ready in time.
AT_ONCE = 8
#: A write of so many bytes does not block on a pipe that poll calls writable.
PIECE = 4096
LONGEST_LINE = 16 * 1024 * 1024
#: How long ControlFreak's services may take to end before the forkserver leaves without them, as cfkd declares it dead after 3 s.
FAREWELL = 2.5
#: A turn of the loop that comes so much later than it should: we were suspended, and deadlines move by that time.
SUSPENDED = 1.0
#: Log lines that wait for ControlFreak: with more, the services' output is not read on.
LOG_BACKLOG = 1024 * 1024
PR_SET_DUMPABLE = 4

#: Variables that speak of the forkserver itself, or of what it was given.
OWN_VARIABLES = re.compile(
    r"HOLDFAST(_.*)?|LISTEN_.*|SERVER_STARTER_.*|NOTIFY_SOCKET|WATCHDOG_.*|NODE_CHANNEL_.*|FENCING_TOKEN|_CFK_.*|CONTROL_FREAK_.*",
    re.DOTALL,
)

LIMITS = {
    name: getattr(resource, "RLIMIT_" + name.upper(), number)
    for name, number in {
        "cpu": 0, "fsize": 1, "data": 2, "stack": 3, "core": 4, "rss": 5, "nproc": 6, "nofile": 7, "memlock": 8, "as": 9,
        "locks": 10, "sigpending": 11, "msgqueue": 12, "nice": 13, "rtprio": 14, "rttime": 15,
    }.items()
}  # fmt: skip


class Refusal(Exception):
    """What a user is told, without a stack."""


class Unsound(Refusal):
    """The fork itself did not do what it should."""


class Usage(Refusal):
    """The command line, or the environment, says nothing that makes sense."""


class Born(BaseException):
    """Raised in a new worker, to leave the forkserver's loop: the application is to find a stack as in any program."""

    def __init__(self, worker):
        super().__init__()
        self.worker = worker


def reason(error):
    if isinstance(error, Refusal):
        return str(error)
    if isinstance(error, OSError) and error.strerror:
        # Without "[Errno 2]".
        return error.strerror + (": " + str(error.filename) if error.filename else "")
    if isinstance(error, SystemExit):
        return "it called sys.exit(%r)" % (error.code,)
    return "".join(traceback.format_exception_only(type(error), error)).strip().replace("\n", " ")


# ---------------------------------------------------------------- the application


class Application:
    """The preloads, and what runs in a worker."""

    def __init__(self, preloads):
        self.names = preloads
        self._files = {}
        self._modules = []
        self._default = None

    def load(self):
        own = os.path.dirname(os.path.realpath(__file__))
        if sys.path and os.path.realpath(sys.path[0]) == own:
            # Where `python -m` looks, in place of the runner's own directory, which is nobody's business.
            sys.path[0] = os.getcwd()
        for name in self.names:
            sys.argv = [name]
            try:
                self._preload(name)
            except BaseException as error:
                traceback.print_exc()
                raise Refusal("preload %s: %s" % (name, reason(error))) from None
        sys.argv = [""]

    def _preload(self, name):
        target, function = split_callable(name)
        module = self._module(target)
        self._modules.append(module)
        if function:
            self._default = attribute(module, function)
        else:
            main = getattr(module, "main", None)
            self._default = main if callable(main) else None

    def _module(self, target):
        if not is_path(target):
            return importlib.import_module(target)
        path = os.path.realpath(target)
        if path not in self._files:
            self._files[path] = self._module_of_file(path)
        return self._files[path]

    @staticmethod
    def _module_of_file(path):
        directory, name = os.path.split(path)
        if directory not in sys.path:
            sys.path.insert(0, directory)
        name = os.path.splitext(name)[0]
        known = sys.modules.get(name)
        if known is not None:
            if os.path.realpath(getattr(known, "__file__", None) or "/") == path:
                return known
            # A file named like a module that is loaded must not take its place.
            name = "holdfast_preload_" + name
        # Any name of a file will do, app.wsgi as well.
        loader = importlib.machinery.SourceFileLoader(name, path)
        module = importlib.util.module_from_spec(importlib.util.spec_from_file_location(name, path, loader=loader))
        sys.modules[name] = module
        try:
            loader.exec_module(module)
        except BaseException:
            del sys.modules[name]
            raise
        return module

    def before_fork(self):
        for module in reversed(self._modules):
            call_hook(module, "holdfast_before_fork")

    def after_fork(self):
        for module in self._modules:
            call_hook(module, "holdfast_after_fork")

    def has_entry(self, entry):
        return bool(entry) or self._default is not None

    def run(self, entry, arguments=()):
        """Ends as the program would: what it raises goes on to the interpreter."""
        sys.argv = [entry or "", *arguments]
        if not entry:
            as_main(types.ModuleType("__main__"))
            return self._call(self._default)
        target, function = split_callable(entry)
        if not is_path(target) and os.getcwd() not in sys.path:
            sys.path.insert(0, os.getcwd())
        if function:
            # The runner must not be what multiprocessing and pickle take for the program.
            as_main(types.ModuleType("__main__"))
            return self._call(attribute(self._module(target), function))
        if is_path(target):
            return run_file(target)
        return run_module(target)

    @staticmethod
    def _call(function):
        result = function()
        if inspect.iscoroutine(result):
            import asyncio

            result = asyncio.run(result)
        if isinstance(result, int) and not isinstance(result, bool):
            sys.exit(result)


def is_path(target):
    return "/" in target or os.path.isfile(target)


def split_callable(name):
    """`module:function` -> both; a file's name may have a colon of its own."""
    target, colon, function = name.rpartition(":")
    if colon and target and not os.path.isfile(name) and all(part.isidentifier() for part in function.split(".")):
        return target, function
    return name, None


def attribute(module, path):
    value = module
    for name in path.split("."):
        value = getattr(value, name)
    if not callable(value):
        raise TypeError("%s of %s can not be called" % (path, module.__name__))
    return value


def call_hook(module, name):
    hook = getattr(module, name, None)
    if hook is not None:
        hook()


def as_main(module):
    sys.modules["__main__"] = module


def run_file(path):
    """As `python3 FILE` does."""
    with open(path, "rb") as file:
        source = file.read()
    main = types.ModuleType("__main__")
    main.__file__ = path
    directory = os.path.dirname(os.path.realpath(path))
    if directory in sys.path:
        sys.path.remove(directory)
    sys.path.insert(0, directory)
    as_main(main)
    exec(compile(source, path, "exec", dont_inherit=True), main.__dict__)


def run_module(name):
    """As `python3 -m NAME` does."""
    spec = importlib.util.find_spec(name)
    if spec is not None and spec.submodule_search_locations is not None:
        spec = importlib.util.find_spec(name + ".__main__")
    code = spec.loader.get_code(spec.name) if spec is not None and hasattr(spec.loader, "get_code") else None
    if code is None:
        raise ModuleNotFoundError("No module named %r that can be run" % name, name=name)
    main = types.ModuleType("__main__")
    main.__spec__ = spec
    main.__loader__ = spec.loader
    main.__package__ = spec.parent
    main.__file__ = sys.argv[0] = spec.origin
    as_main(main)
    exec(code, main.__dict__)


# ---------------------------------------------------------------- descriptors


def open_descriptors():
    with os.scandir("/proc/self/fd") as entries:
        numbers = [int(entry.name) for entry in entries]
    # The one that the directory was read through is gone.
    return sorted(number for number in numbers if is_open(number))


def is_open(fd):
    try:
        os.fstat(fd)
        return True
    except OSError:
        return False


def inherited_sockets():
    """What came with exec: anything of the interpreter's own has the flag that would have ended it there."""
    return [fd for fd in open_descriptors() if fd > 2 and os.get_inheritable(fd) and stat.S_ISSOCK(os.fstat(fd).st_mode)]


def close(fd):
    try:
        os.close(fd)
    except OSError:
        pass


def flush_all():
    """What lies in a buffer at the fork would be written by each process that holds a copy of it."""
    import io

    for thing in gc.get_objects():
        # Not isinstance: a proxy for something that is not there yet would be asked for it.
        if issubclass(type(thing), (io.TextIOWrapper, io.BufferedWriter, io.BufferedRandom)):
            try:
                thing.flush()
            except Exception:  # closed, read only, or its disk is full: not our business
                pass


class Lines:
    """Whole lines of bytes that come in pieces. A line that is too long comes as None, or split where that is asked for."""

    def __init__(self, longest=LONGEST_LINE, splits=False):
        self._longest = longest
        self._splits = splits
        self._held = bytearray()
        self._skipping = False

    def feed(self, data):
        start = 0
        while True:
            end = data.find(b"\n", start)
            if end < 0:
                break
            self._held += data[start:end]
            if self._skipping or (len(self._held) > self._longest and not self._splits):
                yield None
            else:
                yield bytes(self._held)
            self._skipping = False
            self._held.clear()
            start = end + 1
        if not self._skipping:
            self._held += data[start:]
            if len(self._held) > self._longest:
                if self._splits:
                    yield bytes(self._held)
                else:
                    self._skipping = True
                self._held.clear()

    def rest(self):
        return bytes(self._held)


class Outbox:
    """Lines for a pipe. Its reader may be slow, or stopped: the loop goes on meanwhile."""

    def __init__(self, loop, fd):
        self.fd = fd
        self.waiting = 0
        self._loop = loop
        self._queue = collections.deque()

    def put(self, line, on_sent=None):
        if self.fd is None:
            return
        if not self._queue:
            self._loop.watch(self.fd, select.POLLOUT, self._write)
        self._queue.append([memoryview(line), on_sent])
        self.waiting += len(line)

    def put_json(self, message, on_sent=None):
        self.put(json.dumps(message, separators=(",", ":")).encode() + b"\n", on_sent)

    def _write(self):
        line, on_sent = self._queue[0]
        try:
            written = os.write(self.fd, line[:PIECE])
        except BlockingIOError:
            return
        except OSError:
            # Its reader is gone for good. Nobody is told anything any more.
            self._loop.forget(self.fd)
            self._queue.clear()
            self.waiting = 0
            self.fd = None
            return
        self.waiting -= written
        if written < len(line):
            self._queue[0][0] = line[written:]
            return
        self._queue.popleft()
        if not self._queue:
            self._loop.forget(self.fd)
        if on_sent:
            on_sent()

    def drain(self, seconds):
        """Before the end."""
        deadline = time.monotonic() + seconds
        while self._queue and time.monotonic() < deadline:
            if select_one(self.fd, select.POLLOUT, deadline - time.monotonic()):
                self._write()


def select_one(fd, events, seconds):
    poll = select.poll()
    poll.register(fd, events)
    return bool(poll.poll(max(0, seconds) * 1000))


class Loop:
    def __init__(self):
        self._poll = select.poll()
        self._handlers = {}

    def watch(self, fd, events, handler):
        self._handlers[fd] = handler
        self._poll.register(fd, events)

    def forget(self, fd):
        if self._handlers.pop(fd, None):
            self._poll.unregister(fd)

    def turn(self, seconds):
        events = self._poll.poll(None if seconds is None else max(0, seconds) * 1000)
        for fd, handler in [(fd, self._handlers[fd]) for fd, _ in events]:
            # An earlier one of this turn may have closed it, and opened another of the same number, which has nothing to say yet.
            if self._handlers.get(fd) is handler:
                handler()


# ---------------------------------------------------------------- what must not be shared


def unsafe_things(exempt):
    """What a fork would share or lose: [(what to allow, text)]."""
    return shared_descriptors(exempt) + other_threads()


def shared_descriptors(exempt):
    found = []
    for fd in open_descriptors():
        if fd < 3 or fd in exempt:
            continue
        try:
            target = os.readlink("/proc/self/fd/%d" % fd)
        except OSError:
            continue
        if target.startswith("socket:"):
            found.append(("sockets", "a %s (fd %d)" % (describe_socket(fd), fd)))
        elif target == "anon_inode:[eventpoll]":
            found.append(("sockets", "an epoll descriptor (fd %d)" % fd))
        elif target == "anon_inode:[io_uring]":
            found.append(("sockets", "an io_uring (fd %d)" % fd))
        elif target == "anon_inode:[timerfd]":
            found.append(("timers", "a timer (fd %d)" % fd))
    return found


def describe_socket(fd):
    # With a default timeout it would be made non-blocking, for the application, too.
    timeout = socket.getdefaulttimeout()
    socket.setdefaulttimeout(None)
    try:
        with socket.socket(fileno=os.dup(fd)) as copy:
            return socket_text(copy)
    except OSError:
        return "socket"
    finally:
        socket.setdefaulttimeout(timeout)


def socket_text(sock):
    try:
        address = sock.getpeername()
    except OSError:
        address = sock.getsockname()
    if sock.family == socket.AF_UNIX:
        name = address.decode(errors="replace").replace("\0", "@") if isinstance(address, bytes) else address
        return ("unix socket " + name) if name else "unix socket"
    if sock.family not in (socket.AF_INET, socket.AF_INET6):
        return "socket"
    kind = {socket.SOCK_STREAM: "TCP ", socket.SOCK_DGRAM: "UDP "}.get(sock.type, "")
    host = "[%s]" % address[0] if sock.family == socket.AF_INET6 else address[0]
    return "%ssocket %s:%d" % (kind, host, address[1])


def other_threads():
    """Also those of libraries in C, which Python does not know."""
    import threading

    names = {thread.native_id: thread.name for thread in threading.enumerate()}
    found = []
    for thread in sorted(map(int, os.listdir("/proc/self/task"))):
        if thread != os.getpid():
            try:
                found.append(("threads", 'thread "%s"' % (names.get(thread) or thread_name(thread))))
            except OSError:
                pass  # it has ended
    return found


def thread_name(thread):
    with open("/proc/self/task/%d/comm" % thread) as file:
        return file.read().strip()


# ---------------------------------------------------------------- the new process


class Order:
    """A worker that was asked for, as either protocol says it."""

    def __init__(self, name, entry):
        self.name = name
        self.entry = entry
        self.arguments = ()
        self.env = {}
        self.cwd = None
        #: A path; None: /dev/null; an open descriptor; missing: the forkserver's own.
        self.output = {}
        #: A path; None: /dev/null; a socket that was given.
        self.stdin = None
        self.notify = None
        self.commands = None
        self.user = None
        self.umask = None
        self.nice = 0
        self.limits = {}
        self.session = True
        self.sockets = {}
        #: What the sockets' variables begin with.
        self.socket_prefix = "HOLDFAST_SOCKET_"
        self.title = "holdfast %s %s" % (name, entry or "")


def read_order(message):
    """@raises Refusal, with what is wrong with it"""
    order = Order(text(message, "id"), text(message, "entry", None))
    order.env = {
        str(name): None if value is None else as_text(value, "env " + str(name))
        for name, value in typed(message, "env", dict, {}).items()
    }
    order.cwd = text(message, "cwd", None)
    for fd, name in ((1, "stdout"), (2, "stderr")):
        if name in message and message[name] != "inherit":
            order.output[fd] = text(message, name, None)
    order.sockets = {
        name: fd for name, fd in typed(message, "sockets", dict, {}).items() if check(is_number(fd), "sockets: no number")
    }
    stdin = message.get("stdin")
    if isinstance(stdin, dict):
        check(stdin.get("socket") in order.sockets, "stdin: no such socket")
        order.stdin = order.sockets[stdin["socket"]]
    else:
        order.stdin = text(message, "stdin", None)
    order.notify = text(message, "notify", None)
    order.commands = text(message, "commands", None)
    order.user = message.get("user")
    check(order.user is None or isinstance(order.user, (dict, str)), "user: neither a name nor numbers")
    order.umask = message.get("umask")
    check(order.umask is None or is_number(order.umask), "umask: no number")
    order.nice = message.get("nice") or 0
    check(is_number(order.nice), "nice: no number")
    order.limits = typed(message, "limits", dict, {})
    for name, limit in order.limits.items():
        check(name in LIMITS, "limits: %s is unknown" % name)
        values = limit.values() if isinstance(limit, dict) else ("",)
        check(all(value is None or is_number(value) for value in values), "limits: %s is no limit" % name)
    order.session = message.get("session", True)
    check(order.session in (True, False, "group"), "session: neither true, false nor group")
    return order


def check(holds, complaint, kind=Refusal):
    if not holds:
        raise kind(complaint)
    return True


def is_number(value):
    return isinstance(value, int) and not isinstance(value, bool)


def typed(message, name, kind, default):
    value = message.get(name)
    if value is None:
        return default
    check(isinstance(value, kind), "%s: of the wrong type" % name)
    return value


def text(message, name, *default):
    if default and message.get(name) is None:
        return default[0]
    value = message.get(name)
    check(isinstance(value, str) and value != "" and "\0" not in value, "%s: no text" % name)
    return value


def as_text(value, name):
    if is_number(value) or isinstance(value, float):
        return str(value)
    check(isinstance(value, str) and "\0" not in value, "%s: no text" % name)
    return value


class Worker:
    """The forked process, from the fork to its entry."""

    def __init__(self, order, application, given, own, report=None, go=None):
        self._order = order
        self._application = application
        #: Sockets that the forkserver was given: the worker keeps those that are its own.
        self._given = given
        #: The forkserver's own descriptors.
        self._own = own
        self._report = report
        self._go = go

    def set_up(self):
        order = self._order
        reset_signals()
        for fd in self._own.difference((self._report, self._go), order.output.values()):
            close(fd)
        if order.session is True:
            os.setsid()
        elif order.session == "group":
            os.setpgid(0, 0)
        self._place_descriptors()
        self._set_environment()
        # While it may still do all that: the memory is root's until the user changes.
        set_title(order.title, "holdfast " + order.name)
        set_first_environment("HOLDFAST_ID", os.environ.get("HOLDFAST_ID", ""))
        if order.nice:
            os.nice(order.nice)
        for name, limit in order.limits.items():
            set_limit(LIMITS[name], limit)
        if order.cwd is not None:
            os.chdir(order.cwd)
        if order.user is not None:
            become_user(order.user)
        # After all files are made.
        if order.umask is not None:
            os.umask(order.umask)
        reseed()
        self._verify()

    def _place_descriptors(self):
        order = self._order
        places = {name: self._place(name) for name in order.sockets}
        check(len(set(places.values())) == len(places), "sockets: two at one place")
        given = set(self._given).difference(self._own)
        # Beyond all places, so that any permutation works.
        beyond = max([2, *places.values(), *given]) + 1
        high = {}
        for name, fd in order.sockets.items():
            check(fd in given, "socket %s: the forkserver was not given fd %d" % (name, fd))
            high[name] = fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, beyond)
        self._report = self._moved(self._report, beyond)
        self._go = self._moved(self._go, beyond)
        self._open_stdin(given)
        self._open_outputs()
        for fd in given:
            close(fd)
        for name, place in places.items():
            check(place > 2 and not is_open(place), "socket %s: fd %d is in use" % (name, place))
            os.dup2(high[name], place)
            os.close(high[name])
            order.env[self._variable(name)] = str(place)
        for path, variable in ((order.notify, "HOLDFAST_NOTIFY_FD"), (order.commands, "HOLDFAST_COMMAND_FD")):
            if path is not None:
                fd = os.open(path, os.O_RDWR | os.O_NOCTTY)
                # As the fds of a worker that was spawned.
                os.set_inheritable(fd, True)
                order.env[variable] = str(fd)

    def _variable(self, name):
        if self._order.socket_prefix == "HOLDFAST_SOCKET_":
            name = name.upper().replace("-", "_")
        return self._order.socket_prefix + name

    def _place(self, name):
        wanted = self._order.env.get(self._variable(name))
        if wanted is None:
            return self._order.sockets[name]
        check(wanted.isdigit() and int(wanted) > 2, "%s: no place for a socket" % self._variable(name))
        return int(wanted)

    @staticmethod
    def _moved(fd, beyond):
        if fd is None:
            return None
        high = fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, beyond)
        os.close(fd)
        return high

    def _open_stdin(self, given):
        source = self._order.stdin
        if source is None:
            replace(0, os.open(os.devnull, os.O_RDONLY))
        elif isinstance(source, int):
            check(source in given, "stdin: the forkserver was not given fd %d" % source)
            os.dup2(source, 0)
        else:
            replace(0, open_path(source, os.O_RDONLY))

    def _open_outputs(self):
        for number, target in self._order.output.items():
            replace(number, target if isinstance(target, int) else open_output(target))

    def _set_environment(self):
        for name in [name for name in os.environ if OWN_VARIABLES.fullmatch(name)]:
            del os.environ[name]
        for name, value in self._order.env.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
        if "LISTEN_FDS" in os.environ:
            os.environ["LISTEN_PID"] = str(os.getpid())

    def _verify(self):
        """What could go wrong without an error: a fork is trusted only when it has been looked at."""
        order = self._order
        for fd in (0, 1, 2):
            os.fstat(fd)
        if order.session is True:
            check(os.getsid(0) == os.getpid(), "it has no session of its own", Unsound)
        elif order.session == "group":
            check(os.getpgrp() == os.getpid(), "it has no group of its own", Unsound)

    def announce(self):
        os.write(self._report, b"ready %d\n" % os.getpid())
        os.close(self._report)
        if os.read(self._go, 1) == b"":
            # The forkserver ended before it could say that we are here: nobody would look after us.
            os._exit(1)
        os.close(self._go)

    def fail(self, error):
        line = ("unsound " if isinstance(error, Unsound) else "error ") + reason(error)
        # Short enough to be one piece.
        os.write(self._report, line.encode(errors="replace")[:2000].replace(b"\n", b" ") + b"\n")

    def run(self):
        self._application.after_fork()
        self._application.run(self._order.entry, self._order.arguments)


def reset_signals():
    signal.set_wakeup_fd(-1)
    for number in signal.valid_signals():
        # None: a handler in C, such as faulthandler's.
        if number in (signal.SIGKILL, signal.SIGSTOP) or signal.getsignal(number) is None:
            continue
        if number == signal.SIGINT:
            signal.signal(number, signal.default_int_handler)
        elif number in (signal.SIGPIPE, signal.SIGXFSZ):
            # As Python begins.
            signal.signal(number, signal.SIG_IGN)
        else:
            signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, [])


def open_output(path):
    return open_path(path or os.devnull, os.O_WRONLY | os.O_APPEND | os.O_CREAT)


def open_path(path, flags):
    try:
        if stat.S_ISFIFO(os.stat(path).st_mode):
            # It holds the other end itself: a write waits for the next reader, and never fails, a read never ends.
            flags = os.O_RDWR
    except FileNotFoundError:
        pass
    return os.open(path, flags | os.O_NOCTTY, 0o666)


def replace(number, fd):
    os.dup2(fd, number)
    os.close(fd)


def set_limit(number, limit):
    current = resource.getrlimit(number)
    values = [limit.get("soft", current[0]), limit.get("hard", current[1])]
    resource.setrlimit(number, tuple(resource.RLIM_INFINITY if value is None else value for value in values))


def become_user(user):
    if isinstance(user, str):
        try:
            entry = pwd.getpwnam(user)
        except KeyError:
            raise Refusal("there is no user %s" % user) from None
        user = {"uid": entry.pw_uid, "gid": entry.pw_gid, "groups": os.getgrouplist(user, entry.pw_gid)}
    uid, gid = user.get("uid"), user.get("gid")
    groups = user.get("groups") or []
    check(all(number is None or is_number(number) for number in [uid, gid, *groups]), "user: no numbers")
    if is_already(uid, gid, groups):
        return
    os.setgroups(groups)
    if gid is not None:
        os.setresgid(gid, gid, gid)
    if uid is not None:
        os.setresuid(uid, uid, uid)
    check(uid is None or os.getresuid() == (uid, uid, uid), "it is not the user that it should be", Unsound)
    check(gid is None or os.getresgid() == (gid, gid, gid), "it is not of the group that it should be", Unsound)
    make_dumpable()


def is_already(uid, gid, groups):
    """An ordinary user may become itself, but no system call of these would say so."""
    return (
        (uid is None or os.getresuid() == (uid, uid, uid))
        and (gid is None or os.getresgid() == (gid, gid, gid))
        and {gid, *os.getgroups()} == {gid, *groups}
    )


def make_dumpable():
    """An exec would do it. Without, /dev/stdout and all of /proc/self belong to root."""
    try:
        import ctypes

        ctypes.CDLL(None).prctl(PR_SET_DUMPABLE, 1, 0, 0, 0)
    except (ImportError, OSError, AttributeError):
        pass


def set_title(title, name):
    """What ps shows: the arguments' own memory, and the name of the thread. Only cosmetics: errors do not count."""
    try:
        with open("/proc/self/comm", "wb", buffering=0) as file:
            file.write(name.encode()[:15])
        start, end = own_memory(48)
        with open("/proc/self/mem", "r+b", buffering=0) as memory:
            memory.seek(start)
            # The last byte stays zero: otherwise the kernel reads on into the environment.
            memory.write(title.encode()[: end - start - 1].ljust(end - start, b"\0"))
    except (OSError, ValueError, IndexError):
        pass


def set_first_environment(name, value):
    """
    What /proc shows as the environment is what the forkserver began with. By this variable the supervisor finds whose descendant a
    process is, one that was forked and executed nothing as well; it leaves room there.
    """
    try:
        start, end = own_memory(50)
        with open("/proc/self/mem", "r+b", buffering=0) as memory:
            memory.seek(start)
            block = b"\0" + memory.read(end - start)
            place = block.find(b"\0" + name.encode() + b"=")
            if place < 0:
                return
            first = place + len(name) + 2
            room = block.index(b"\0", first) - first
            if len(value.encode()) <= room:
                memory.seek(start + first - 1)
                memory.write(value.encode().ljust(room, b"/"))
    except (OSError, ValueError, IndexError):
        pass


def own_memory(field):
    """Two addresses of /proc/self/stat."""
    with open("/proc/self/stat", "rb") as file:
        # Behind the name, which may hold anything: field 3 is the first.
        fields = file.read().rpartition(b")")[2].split()
    return int(fields[field - 3]), int(fields[field - 2])


def reseed():
    """The random module does it in a hook of its own, which an application may have replaced; numpy's old generator has none."""
    if "random" in sys.modules:
        sys.modules["random"].seed()
    numpy_random = sys.modules.get("numpy.random")
    if hasattr(numpy_random, "seed"):
        numpy_random.seed()


# ---------------------------------------------------------------- the forkserver


class Forker:
    """What both protocols share: descriptors of its own, children, forks."""

    def __init__(self, application, given, allowed, timeout):
        self.application = application
        self.given = given
        self.allowed = allowed
        self.timeout = timeout
        self.loop = Loop()
        self.own = set()
        self.children = {}

    def pipe(self):
        ends = os.pipe()
        self.own.update(ends)
        return ends

    def close_own(self, fd):
        self.loop.forget(fd)
        self.own.discard(fd)
        close(fd)

    def settle(self):
        """After the load: what has been made so far stays, and a collection never touches it, which would copy its pages."""
        self.collecting = gc.isenabled()
        gc.disable()
        gc.collect()
        # First: what is frozen is not found any more.
        flush_all()
        if hasattr(gc, "freeze"):
            gc.freeze()

    def listen_for_children(self):
        read_end, write_end = self.pipe()
        os.set_blocking(read_end, False)
        os.set_blocking(write_end, False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(write_end, warn_on_full_buffer=False)
        self.loop.watch(read_end, select.POLLIN, lambda: read_some(read_end))

    def reap(self):
        # One by one: an application's own children are not ours to wait for.
        for pid in list(self.children):
            try:
                ended, status = os.waitpid(pid, os.WNOHANG)
            except ChildProcessError:
                ended, status = pid, 0
            if ended:
                self.children.pop(pid)(status)

    def refuse_unsafe(self):
        found = [
            thing
            for thing in unsafe_things(self.own.union(self.given))
            if thing[0] not in self.allowed
        ]
        if found:
            raise Refusal(
                "%s can not be forked from: it holds open %s; close them in a beforeFork hook, or allow them with allow: [%s]"
                % (
                    ", ".join(os.path.normpath(name) for name in self.application.names) or "it",
                    ", ".join(text for _, text in found),
                    ", ".join(sorted({kind for kind, _ in found})),
                )
            )

    def prepare_fork(self):
        self.application.before_fork()
        self.refuse_unsafe()
        flush_streams()
        # Until a process has its own handlers, signals wait.
        signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())

    def forked(self):
        """In the child: back to how the application left it."""
        if self.collecting:
            gc.enable()

    def self_test(self):
        """None if a fork works, otherwise why not."""
        read_end, write_end = self.pipe()
        try:
            self.prepare_fork()
            pid = fork()
        except OSError as error:
            return reason(error)
        finally:
            if os.getpid() == self.pid:
                signal.pthread_sigmask(signal.SIG_SETMASK, [])
        if pid == 0:
            try:
                reset_signals()
                reseed()
                os.write(write_end, b"sound")
            finally:
                os._exit(0)
        self.close_own(write_end)
        sound = select_one(read_end, select.POLLIN, self.timeout) and os.read(read_end, 16) == b"sound"
        self.close_own(read_end)
        # Whatever it does after its report, it does not keep us.
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        return None if sound else "a forked process did not report within %d ms" % (self.timeout * 1000)


def fork():
    with warnings.catch_warnings():
        # Python warns of threads. They were allowed.
        warnings.simplefilter("ignore", DeprecationWarning)
        return os.fork()


def read_some(fd):
    try:
        return os.read(fd, 65536)
    except BlockingIOError:
        return None
    except OSError:
        return b""


class Pending:
    """A start under way."""

    def __init__(self, token, middle, report, go, deadline):
        self.token = token
        #: None: it has ended.
        self.middle = middle
        self.report = report
        self.go = go
        self.deadline = deadline
        self.lines = Lines()
        #: Of the worker, as soon as it is known.
        self.pid = None
        self.ready = False
        self.error = None
        self.unsound = False


class ForkServer(Forker):
    def __init__(self, commands, status, *rest):
        super().__init__(*rest)
        self.pid = os.getpid()
        self._commands = commands
        self.own.update((commands, status, *controlfreaks_log()))
        self._outbox = Outbox(self.loop, status)
        self._lines = Lines()
        self._pending = set()
        self._orders = collections.deque()

    def serve(self, began):
        try:
            self.application.load()
            self.settle()
            cold = too_old()
            if not cold:
                self.listen_for_children()
                cold = self.self_test()
        except Refusal as refusal:
            self._end({"error": str(refusal)}, 1)
        except Exception as error:
            traceback.print_exc()
            self._end({"error": reason(error)}, 1)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: leave(0))
        loaded = {"modules": len(sys.modules), "ms": round((time.time() - began) * 1000), "rss": resident(), "pid": self.pid}
        if cold:
            loaded["cold"] = cold
        self._outbox.put_json({"loaded": loaded})
        self.loop.watch(self._commands, select.POLLIN, self._read_commands)
        while True:
            self._turn()

    def _end(self, message, code):
        self._outbox.put_json(message)
        self._outbox.drain(5)
        leave(code)

    def _turn(self):
        deadline = min((start.deadline for start in self._pending), default=None)
        before = time.monotonic()
        # A second at most while something is to come, should a signal get lost.
        wait = None if deadline is None else min(1, max(0, deadline - before))
        self.loop.turn(wait)
        self.reap()
        now = time.monotonic()
        if deadline is not None and now - before - wait > SUSPENDED:
            for start in self._pending:
                start.deadline += now - before - wait
        for start in [start for start in self._pending if start.deadline <= now]:
            self._late(start)
        while self._orders and len(self._pending) < AT_ONCE:
            self._start(*self._orders.popleft())

    def _read_commands(self):
        data = read_some(self._commands)
        if data == b"":
            leave(0)
        for line in self._lines.feed(data or b""):
            if line is None:
                self._complain("a line of more than %d bytes" % LONGEST_LINE)
            elif line.strip():
                self._obey(line)

    def _obey(self, line):
        try:
            message = json.loads(line.decode("utf-8"))
        except (ValueError, RecursionError):
            return self._complain("not JSON: " + line[:100].decode(errors="replace"))
        if not isinstance(message, dict) or not message:
            return self._complain("not a message: " + line[:100].decode(errors="replace"))
        if "quit" in message:
            leave(0)
        # To a forkserver that it does not know the supervisor speaks ControlFreak's language besides: there is more in it then.
        if "start" not in message:
            return self._complain("unknown message: " + ", ".join(message)[:100])
        content = message["start"]
        if not isinstance(content, dict) or not isinstance(content.get("token"), str):
            return self._complain("start without a token")
        self._orders.append((content["token"], content))

    def _complain(self, text):
        self._outbox.put_json({"error": text})

    def _start(self, token, message):
        try:
            order = read_order(message)
            check(self.application.has_entry(order.entry), "no entry: the last preload has no function main")
            if order.user is not None:
                # Once for all workers, while we may read it.
                import_quietly("ctypes")
            self._fork(token, order)
        except Exception as error:
            if not isinstance(error, (Refusal, OSError)):
                traceback.print_exc()
            self._failed(token, reason(error))

    def _failed(self, token, error, unsound=False):
        content = {"token": token, "error": error}
        if unsound:
            content["unsound"] = True
        self._outbox.put_json({"failed": content})

    def _fork(self, token, order):
        self.prepare_fork()
        pipes = []
        try:
            pipes.extend(self.pipe())
            pipes.extend(self.pipe())
            report_in, report_out, go_in, go_out = pipes
            middle = fork()
        except BaseException:
            for fd in pipes:
                self.close_own(fd)
            signal.pthread_sigmask(signal.SIG_SETMASK, [])
            raise
        if middle == 0:
            # The worker leaves this by an exception.
            self._between(order, report_out, go_in)
        self.close_own(report_out)
        self.close_own(go_in)
        signal.pthread_sigmask(signal.SIG_SETMASK, [])
        start = Pending(token, middle, report_in, go_out, time.monotonic() + self.timeout)
        self._pending.add(start)
        self.children[middle] = lambda status: self._middle_ended(start, status)
        self.loop.watch(report_in, select.POLLIN, lambda: self._read_report(start))

    def _between(self, order, report, go):
        """In the process between. It leaves with _exit: buffers and exit handlers are copies of the forkserver's."""
        pid = None
        try:
            pid = os.fork()
            if pid:
                os.write(report, b"forked %d\n" % pid)
        except OSError as error:
            if pid is None:
                os.write(report, b"error can not fork: %s\n" % reason(error).encode())
        finally:
            # Whatever happened, none but the worker goes on from here.
            if pid != 0:
                os._exit(0)
        worker = Worker(order, self.application, self.given, self.own, report, go)
        set_up = False
        try:
            self.forked()
            worker.set_up()
            worker.announce()
            set_up = True
        except BaseException as error:
            worker.fail(error)
        finally:
            if not set_up:
                os._exit(1)
        raise Born(worker)

    def _read_report(self, start):
        data = read_some(start.report)
        if data == b"":
            self.loop.forget(start.report)
            if not start.ready:
                self._give_up(start, start.error, start.unsound or start.error is None)
            return
        for line in start.lines.feed(data or b""):
            word, _, rest = line.decode(errors="replace").partition(" ")
            if word == "error":
                start.error = rest
            elif word == "unsound":
                start.error, start.unsound = rest, True
            else:
                start.pid = int(rest)
                start.ready = start.ready or word == "ready"
                self._announce(start)

    def _middle_ended(self, start, status):
        start.middle = None
        self._announce(start)

    def _announce(self, start):
        """Only when the one between is gone: the worker's parent is the supervisor by then."""
        if start not in self._pending or start.middle is not None or not start.ready:
            return
        self._finish(start)
        self._outbox.put_json(
            {"started": {"token": start.token, "pid": start.pid}},
            # Not before: it would run unknown to the supervisor if we were killed now.
            lambda: self._let_go(start),
        )

    def _let_go(self, start):
        try:
            os.write(start.go, b"g")
        except OSError:
            pass  # it has been killed meanwhile
        self.close_own(start.go)

    def _finish(self, start):
        self._pending.discard(start)
        self.close_own(start.report)

    def _give_up(self, start, error, unsound):
        self._finish(start)
        self.close_own(start.go)
        self._failed(start.token, error or "the forked process died before it was ready", unsound)

    def _late(self, start):
        if start.middle is not None:
            os.kill(start.middle, signal.SIGKILL)
        if start.ready:
            # Only the one between hung: its death is noticed, and the worker announced.
            start.deadline = time.monotonic() + self.timeout
            return
        if start.pid is not None:
            try:
                # It holds the pipe that we would have seen closed: the number is still its own.
                os.kill(start.pid, signal.SIGKILL)
            except OSError:
                pass
        self._give_up(start, "the forked process was not ready within %d ms, and was killed" % (self.timeout * 1000), True)


def leave(code):
    """What the application registered for its end is the workers' business."""
    flush_streams()
    os._exit(code)


def flush_streams():
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except Exception:  # closed, or in the middle of a write that a signal interrupted
            pass


def too_old():
    if sys.version_info < (3, 8):
        return "Python %d.%d is older than 3.8" % sys.version_info[:2]
    return None


def import_quietly(name):
    try:
        importlib.import_module(name)
    except ImportError:
        pass


def controlfreaks_log():
    """Given to a forkserver that the supervisor does not know: it might be a proxy of ControlFreak."""
    return [descriptor("_CFK_LOG_FD")] if "_CFK_LOG_FD" in os.environ else []


def resident():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * resource.getpagesize()


# ---------------------------------------------------------------- ControlFreak's messages


class Service:
    """One that runs. Its process is our own child: we report its end."""

    def __init__(self, name, pid, leads_group):
        self.name = name
        self.pid = pid
        self.leads_group = leads_group

    def terminate(self):
        try:
            if self.leads_group:
                return os.killpg(self.pid, signal.SIGTERM)
        except OSError:
            pass  # in its first moment it has no group yet
        # Without a session of its own its group is the forkserver's.
        return os.kill(self.pid, signal.SIGTERM)


class ControlFreakProxy(Forker):
    def __init__(self, commands, status, log, *rest):
        super().__init__(*rest)
        self.pid = os.getpid()
        self._sockets = {
            name[len("_CFK_SOCK_") :]: int(fd)
            for name, fd in os.environ.items()
            if name.startswith("_CFK_SOCK_") and fd.isdigit()
        }
        self._commands = commands
        self._status = Outbox(self.loop, status)
        self._log = None if log is None else Outbox(self.loop, log)
        self._lines = Lines()
        self._services = {}
        self._streams = {}
        self._orders = collections.deque()
        self._ending = None
        self.own.update(fd for fd in (commands, status, log) if fd is not None)

    def serve(self, began):
        try:
            self.application.load()
            self.settle()
            self.listen_for_children()
        except Refusal as refusal:
            self._say(str(refusal))
            self._drain()
            leave(1)
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, lambda *_: self._end())
        self.loop.watch(self._commands, select.POLLIN, self._read_commands)
        while self._ending is None or (self._services and time.monotonic() < self._ending):
            self.loop.turn(0 if self._orders else None if self._ending is None else 0.1)
            if self._orders:
                # One at a time: what it did is told before the next one is forked.
                self._obey(self._orders.popleft())
            self._listen_to_services()
            self.reap()
        for stream in list(self._streams):
            self._last_words(stream)
        self._drain()
        leave(0)

    def _drain(self):
        for outbox in (self._status, self._log):
            if outbox is not None:
                outbox.drain(1)

    def _say(self, message):
        if self._log is None:
            print("holdfast: " + message, file=sys.stderr, flush=True)
        else:
            self._log_line("err", "-", message.encode(errors="replace"))

    def _log_line(self, kind, name, line):
        self._log.put(b"%s:%s:%s\n" % (kind.encode(), name.encode(), line))

    def _end(self):
        """TERM, or the end of the commands: cfkd is gone, or wants us to go. A second time hurries."""
        if self._ending is not None:
            self._ending = 0
            return
        self._ending = time.monotonic() + FAREWELL
        self._orders.clear()
        self.loop.forget(self._commands)
        for service in self._services.values():
            service.terminate()

    def _read_commands(self):
        data = read_some(self._commands)
        if data == b"":
            return self._end()
        self._orders.extend(line for line in self._lines.feed(data or b"") if line is None or line.strip())

    def _obey(self, line):
        shown = "" if line is None else line[:200].decode(errors="replace")
        try:
            message = json.loads(line.decode("utf-8"))
        except (AttributeError, ValueError, RecursionError):
            return self._say("parse error in command " + shown)
        command = message.get("command") if isinstance(message, dict) else None
        name = message.get("name") if isinstance(message, dict) else None
        if command not in ("start", "stop") or not is_service_name(name):
            return self._say("couldn't understand command " + shown)
        try:
            if command == "start":
                self._start(name, message)
            else:
                self._stop(name)
        except Exception as error:
            self._say("couldn't %s %s: %s" % (command, name, reason(error)))

    def _stop(self, name):
        service = self._services.get(name)
        if service is None:
            return self._say("Oops, I don't know about '%s'" % name)
        service.terminate()

    def _start(self, name, message):
        check(name not in self._services, "it runs already")
        command = message.get("cmd") or ""
        entry, *arguments = command if isinstance(command, list) and command else [command]
        check(all(isinstance(part, str) for part in [entry, *arguments]), "cmd is no command")
        # What the preload brings is run, whatever the command says.
        order = Order(name, None if self.application.has_entry(None) else entry)
        check(self.application.has_entry(order.entry), "no cmd")
        order.arguments = arguments
        order.title = "[cfk %s] %s" % (name, " ".join([entry, *arguments]))
        order.env = {
            key: None if value is None else as_text(value, "env " + key) for key, value in (message.get("env") or {}).items()
        }
        order.env.update({"CONTROL_FREAK_ENABLED": "1", "CONTROL_FREAK_SERVICE": name})
        order.session = not is_true(message.get("no_new_session"))
        stdin = message.get("tie_stdin_to")
        if stdin is not None:
            check(stdin in self._sockets, "no socket %s" % stdin)
            order.stdin = self._sockets[stdin]
        self.prepare_fork()
        pipes = []
        try:
            for fd, kind in ((1, "out"), (2, "err")):
                if is_true(message.get("ignore_std" + kind)):
                    order.output[fd] = None
                elif self._log is not None:
                    read_end, write_end = self.pipe()
                    pipes.append((kind, read_end, write_end))
                    order.output[fd] = write_end
            pid = fork()
        except BaseException:
            for _, read_end, write_end in pipes:
                self.close_own(read_end)
                self.close_own(write_end)
            signal.pthread_sigmask(signal.SIG_SETMASK, [])
            raise
        if pid == 0:
            self._become(order)
        signal.pthread_sigmask(signal.SIG_SETMASK, [])
        for kind, read_end, write_end in pipes:
            self.close_own(write_end)
            self._streams[read_end] = (kind, name, Lines(PIECE * 16, splits=True))
        self._services[name] = Service(name, pid, order.session)
        self._report("started", name, pid, None)
        self.children[pid] = lambda status: self._stopped(name, pid, status)

    def _become(self, order):
        worker = Worker(order, self.application, self.given, self.own)
        set_up = False
        try:
            self.forked()
            worker.set_up()
            set_up = True
        except BaseException as error:
            os.write(2, ("holdfast: %s\n" % reason(error)).encode(errors="replace"))
        finally:
            if not set_up:
                os._exit(125)
        raise Born(worker)

    def _stopped(self, name, pid, status):
        # Its last words first.
        for fd in [fd for fd, stream in self._streams.items() if stream[1] == name]:
            # Not for ever: a process that it left behind may write on.
            for _ in range(32):
                if not select_one(fd, select.POLLIN, 0) or not self._read_stream(fd):
                    break
        self._services.pop(name, None)
        self._report("stopped", name, pid, status)

    def _report(self, status, name, pid, exit_status):
        self._status.put_json({"status": status, "name": name, "pid": pid, "exit_status": exit_status})

    def _listen_to_services(self):
        busy = self._log is not None and self._log.waiting > LOG_BACKLOG
        for fd in self._streams:
            if busy:
                self.loop.forget(fd)
            else:
                self.loop.watch(fd, select.POLLIN, lambda fd=fd: self._read_stream(fd))

    def _read_stream(self, fd):
        """Whether it has more to say, perhaps."""
        data = read_some(fd)
        if data == b"":
            self._last_words(fd)
            return False
        kind, name, lines = self._streams[fd]
        for line in lines.feed(data or b""):
            self._log_line(kind, name, line)
        return True

    def _last_words(self, fd):
        kind, name, lines = self._streams.pop(fd)
        if lines.rest():
            self._log_line(kind, name, lines.rest())
        self.close_own(fd)


def is_service_name(name):
    return isinstance(name, str) and name not in ("", "-") and not re.search(r"[\n:\0]", name)


def is_true(value):
    """ControlFreak hands on what its user wrote, in Perl."""
    return value not in (None, False, 0, "", "0", "false", "no")


# ---------------------------------------------------------------- the command line


class Options:
    def __init__(self, arguments):
        self.cold = False
        self.entry = None
        self.preloads = []
        self.allowed = set()
        self.timeout = FORK_TIMEOUT
        arguments = iter(arguments)
        for name in arguments:
            if name == "--cold":
                self.cold = True
                continue
            value = next(arguments, None)
            check(value is not None, "%s is unknown, or has no value" % name, Usage)
            if name in ("--preload", "-p"):
                self.preloads.append(value)
            elif name == "--entry":
                self.entry = value
            elif name == "--allow":
                self.allowed.update(value.split(","))
            elif name == "--fork-timeout":
                check(value.isdigit() and int(value) > 0, "--fork-timeout: no milliseconds", Usage)
                self.timeout = int(value) / 1000
            else:
                raise Usage("unknown option %s" % name)


def main():
    began = time.time()
    try:
        options = Options(sys.argv[1:])
        # As soon as another module is __main__, this one lives here.
        sys.modules["holdfast_fork"] = sys.modules["__main__"]
        application = Application(options.preloads)
        if options.cold:
            application.load()
            check(application.has_entry(options.entry), "no entry: the last preload has no function main")
            worker = Worker(Order("", options.entry), application, (), ())
        else:
            worker = serve(options, application, began)
    except Refusal as refusal:
        print("holdfast: %s" % refusal, file=sys.stderr)
        sys.exit(2 if isinstance(refusal, Usage) else 1)
    # Outside of any `except`: an error of the application has no other behind it.
    worker.run()


def serve(options, application, began):
    """Returns in workers only."""
    given = inherited_sockets()
    for fd in given:
        # What a preload starts is not to hold them.
        os.set_inheritable(fd, False)
    rest = (application, given, options.allowed, options.timeout)
    if "HOLDFAST_FORK_COMMANDS" in os.environ:
        server = ForkServer(descriptor("HOLDFAST_FORK_COMMANDS"), descriptor("HOLDFAST_FORK_STATUS"), *rest)
    elif "_CFK_COMMAND_FD" in os.environ:
        [log] = controlfreaks_log() or [None]
        server = ControlFreakProxy(descriptor("_CFK_COMMAND_FD"), descriptor("_CFK_STATUS_FD"), log, *rest)
    else:
        raise Usage("neither HOLDFAST_FORK_COMMANDS nor _CFK_COMMAND_FD says where the orders come from")
    try:
        server.serve(began)
    except Born as born:
        return born.worker


def descriptor(name):
    value = os.environ.get(name, "")
    check(value.isdigit() and is_open(int(value)), "%s names no open file" % name, Usage)
    os.set_inheritable(int(value), False)
    return int(value)


if __name__ == "__main__":
    main()

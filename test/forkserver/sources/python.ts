import type { Sources } from './sources.ts'

const report = `
import json, os, sys, time

def write_report(loaded_by):
    content = {"pid": os.getpid(), "ppid": os.getppid(), "env": dict(os.environ), "argv": sys.argv, "loadedBy": loaded_by}
    with open(os.environ["REPORT"] + ".new", "w") as file:
        json.dump(content, file)
    os.rename(os.environ["REPORT"] + ".new", os.environ["REPORT"])
    while True:
        time.sleep(1)
`

export const pythonSources: Sources = {
  app: `${report}
import atexit, random, secrets, signal, subprocess, uuid
loaded_by = os.getpid()
random.random(); uuid.uuid4(); secrets.token_hex()
signal.signal(signal.SIGUSR1, lambda *_: None)
signal.signal(signal.SIGUSR2, signal.SIG_IGN)
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGWINCH])

def report():
    write_report(loaded_by)

def returns():
    return "whatever"

def raises():
    raise ValueError("as it should")

def exits():
    sys.exit(3)

def killed():
    os.kill(os.getpid(), signal.SIGKILL)

def lingers():
    while True:
        time.sleep(1)

def randoms():
    os.write(1, ("%r %s %s\\n" % (random.random(), secrets.token_hex(8), uuid.uuid4())).encode())

def announces():
    atexit.register(lambda: print("worker's end", flush=True))
    print("worker's word")

def accepts():
    import socket
    with socket.socket(fileno=int(os.environ.get("ACCEPT_ON", "0"))) as listener:
        connection, _ = listener.accept()
        connection.sendall(b"from %d\\n" % os.getpid())
        connection.close()

def speaks():
    print("a: word\\n\\nanother", flush=True)
    sys.stderr.write("no newline")

def writes():
    while True:
        print("x" * 99, flush=True)

def children():
    sys.exit(subprocess.run(["true"]).returncode)
`,
  report: `${report}
assert __name__ == "__main__"
write_report(os.getpid())
`,
  hooks: `
import os
def write(text):
    with open("HOOKS", "a") as file:
        file.write("%s %d\\n" % (text, os.getpid()))
def holdfast_before_fork():
    if os.path.exists("FAIL"):
        raise ValueError("not now")
    write("before")
def holdfast_after_fork():
    write("after")
`,
  unsafe: `
import socket, threading
listener = socket.create_server(("127.0.0.1", 0))
with open("ADDRESS", "w") as file:
    file.write("%s:%d %d" % (*listener.getsockname(), listener.fileno()))
stop = threading.Event()
threading.Thread(target=stop.wait, name="worker-1", daemon=True).start()
def lingers():
    import time
    time.sleep(1000)
main = lingers
`,
  tidy: `
import socket
listener = socket.create_server(("127.0.0.1", 0))
def holdfast_before_fork():
    listener.close()
def main():
    pass
`,
  noisy: `
import atexit, sys
sys.stdout.write("preload's word ")
kept = open("KEPT", "w")
kept.write("kept ")
atexit.register(lambda: print("preload's end", flush=True))
`,
  holds: `
import os
held = open("HELD", "w")
`,
  broken: 'import no_such_module\n',
  callable: `
def main():
    return 5
`,
}

# Runs a program on a terminal of its own, takes that terminal away when TEXT was seen on it, and says how the program ended:
# TEXT PROGRAM ARGUMENT...
import os
import pty
import sys

text, program = sys.argv[1].encode(), sys.argv[2:]
pid, terminal = pty.fork()
if pid == 0:
    os.execvp(program[0], program)
seen = b""
while text not in seen:
    try:
        chunk = os.read(terminal, 65536)
    except OSError:
        chunk = b""
    if not chunk:
        print("ended before:", seen.decode(), file=sys.stderr)
        break
    seen += chunk
os.close(terminal)
_, status = os.waitpid(pid, 0)
print("exit" if os.WIFEXITED(status) else "signal", status >> 8 if os.WIFEXITED(status) else status & 127)

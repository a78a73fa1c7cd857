# Runs a command, then says how what the command has left in the background ends: it becomes a child of this process.
import ctypes
import os
import subprocess
import sys

PR_SET_CHILD_SUBREAPER = 36
ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
print(f"start exited with {subprocess.run(sys.argv[1:]).returncode}", flush=True)
print(f"what it started exited with {os.waitstatus_to_exitcode(os.wait()[1])}", flush=True)

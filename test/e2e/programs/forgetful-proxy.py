# A proxy of ControlFreak with one worker, which dies with it and does not say so. It writes what nobody wants to have.
import json
import os
import signal

status = int(os.environ['_CFK_STATUS_FD'])
log = int(os.environ['_CFK_LOG_FD'])
for line in os.fdopen(int(os.environ['_CFK_COMMAND_FD'])):
    order = json.loads(line)
    pid = os.fork()
    if pid == 0:
        while True:
            signal.pause()
    started = {'status': 'started', 'name': order['name'], 'pid': pid, 'exit_status': None}
    os.write(status, (json.dumps(started) + '\n').encode())
    os.write(log, f'out:{order["name"]}:hello\n'.encode())
    os.waitpid(pid, 0)
    os._exit(1)

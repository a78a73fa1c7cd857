# A forkserver of somebody's own, as docs/forkservers.md says how to write one: loads, forks twice for each order, answers.
# What goes wrong on purpose is told by files in its working directory, so that a test can change it while it runs.
import json
import os
import signal
import sys
import time

commands = os.fdopen(int(os.environ['HOLDFAST_FORK_COMMANDS']), 'r')
status = int(os.environ['HOLDFAST_FORK_STATUS'])


def say(message):
    os.write(status, (json.dumps(message) + '\n').encode())


def worker(order):
    if order.get('session') is True:
        os.setsid()
    os.dup2(os.open(order['stdout'], os.O_RDWR), 1)
    os.dup2(os.open(order['stderr'], os.O_RDWR), 2)
    kept = {name: value for name, value in os.environ.items() if not name.startswith('HOLDFAST')}
    os.environ.clear()
    os.environ.update(kept)
    os.environ.update(order['env'])
    notify = None if order['entry'] == 'mute' else os.open(order['notify'], os.O_RDWR)
    commands.close()
    os.close(status)
    print(order['id'], 'runs', order['entry'], 'of', VERSION, os.environ.get('COLOUR', ''), flush=True)
    if order['entry'] == 'die':
        sys.exit(7)
    if notify is not None:
        os.write(notify, b'READY=1\n')
    while True:
        signal.pause()


def fork(order):
    reading, writing = os.pipe()
    middle = os.fork()
    if middle == 0:
        child = os.fork()
        if child:
            os.write(writing, str(child).encode())
            os._exit(0)
        os.close(reading)
        os.close(writing)
        worker(order)
    os.close(writing)
    pid = int(os.read(reading, 20))
    os.close(reading)
    os.waitpid(middle, 0)
    if os.path.exists('die-after-fork'):
        os.remove('die-after-fork')
        os.kill(os.getpid(), signal.SIGKILL)
    if os.path.exists('another-pid'):
        pid = int(open('another-pid').read())
    say({'started': {'token': order['token'], 'pid': pid}})


VERSION = open('version').read().strip() if os.path.exists('version') else '1'
print('loading version', VERSION, flush=True)
if VERSION == 'broken':
    say({'error': 'preload shop.py: No module named nix'})
    print('Traceback: No module named nix', file=sys.stderr, flush=True)
    sys.exit(1)
while os.path.exists('slow'):
    time.sleep(0.01)
if os.path.exists('flood'):
    os.write(status, b'nonsense\n' * 20_000)
say({'loaded': {'modules': len(sys.modules), 'ms': 1.5, 'rss': 1}})
for line in commands:
    order = json.loads(line).get('start')
    if order is None:
        say({'error': 'unknown message'})
    elif os.path.exists('refuse'):
        say({'failed': {'token': order['token'], 'error': 'no more processes'}})
    else:
        if os.path.exists('takes'):
            time.sleep(float(open('takes').read()))
        if os.path.exists('dies-of-forks'):
            os.kill(os.getpid(), signal.SIGKILL)
        fork(order)

"""The whole protocol in Python: a socket, a line to say ready, a line now and then, a line (or TERM) to stop."""
import json
import os
import selectors
import signal
import socket

notify = int(os.environ["HOLDFAST_NOTIFY_FD"])
commands = int(os.environ["HOLDFAST_COMMAND_FD"])
listener = socket.socket(fileno=int(os.environ["HOLDFAST_SOCKET_PYTHON"]))
listener.setblocking(False)  # two workers may wait for the same connection
os.set_blocking(notify, False)
stopping = False


def stop(*_):
    global stopping
    stopping = True


def say(text):
    try:
        os.write(notify, f"{text}\n".encode())
    except BlockingIOError:
        pass  # no supervisor reads at the moment: go on without


def answer(connection):
    with connection:
        connection.settimeout(2)
        connection.recv(65536)
        body = f"hello from python, pid {os.getpid()}\n"
        head = f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
        connection.sendall((head + body).encode())


signal.signal(signal.SIGTERM, stop)
waiting = selectors.DefaultSelector()
waiting.register(listener, selectors.EVENT_READ)
waiting.register(commands, selectors.EVENT_READ)
say("READY=1")
while not stopping:
    for key, _ in waiting.select(timeout=1):
        if key.fd == commands:
            messages = os.read(commands, 65536).decode().splitlines()
            stopping = stopping or any("stop" in json.loads(message) for message in messages)
        else:
            try:
                answer(listener.accept()[0])
            except OSError as error:
                print(error, flush=True)
    say("WATCHDOG=1")
say("STOPPING=1")

"""Run in each worker: `main`. What it imports is there already."""
import json
import os
import signal
import socket
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from app import by_beginning


class Search(BaseHTTPRequestHandler):
    def do_GET(self):
        asked = self.path[1:].lower()
        found = [word for word in by_beginning.get(asked[:4], []) if word.startswith(asked)]
        answer = {"worker": os.environ["HOLDFAST_SLOT"], "pid": os.getpid(), "found": len(found), "first": found[:1]}
        body = f"{json.dumps(answer)}\n".encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format, *args):
        pass


class InheritedServer(ThreadingHTTPServer):
    daemon_threads = False  # server_close() waits for answers under way

    def __init__(self, inherited):
        super().__init__(inherited.getsockname(), Search, bind_and_activate=False)
        self.socket.close()
        self.socket = inherited


def main():
    sock = socket.socket(fileno=int(os.environ["HOLDFAST_SOCKET_SEARCH"]))
    sock.setblocking(False)  # several workers wait for the same connection
    server = InheritedServer(sock)
    # shutdown() waits for serve_forever(), so it can not be called from the thread that the signal interrupts.
    signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=server.shutdown).start())
    os.write(int(os.environ["HOLDFAST_NOTIFY_FD"]), b"READY=1\n")
    server.serve_forever(poll_interval=0.1)
    server.server_close()

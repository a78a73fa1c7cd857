"""A Python worker with nothing but the standard library: threads on an inherited socket, ready and stop as Holdfast asks."""
import json
import os
import signal
import socket
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Report(BaseHTTPRequestHandler):
    def do_GET(self):
        if self.path != "/":
            return self.send_error(404)
        body = json.dumps({"load": os.getloadavg(), "pid": os.getpid(), "slot": os.environ.get("HOLDFAST_SLOT")})
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body) + 1))
        self.end_headers()
        self.wfile.write(f"{body}\n".encode())

    def log_message(self, format, *args):
        print(f"{self.client_address[0]} {format % args}", flush=True)


class InheritedServer(ThreadingHTTPServer):
    daemon_threads = False  # server_close() waits for answers under way

    def __init__(self, inherited):
        super().__init__(inherited.getsockname(), Report, bind_and_activate=False)
        self.socket.close()
        self.socket = inherited


sock = socket.socket(fileno=int(os.environ["HOLDFAST_SOCKET_REPORTS"]))
# During a restart two processes wait on this socket: whoever comes second must not be stuck in accept().
sock.setblocking(False)
server = InheritedServer(sock)
# shutdown() waits for serve_forever(), so it can not be called from the thread that the signal interrupts.
signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=server.shutdown).start())

print(f"ready, pid {os.getpid()}", flush=True)
os.write(int(os.environ["HOLDFAST_NOTIFY_FD"]), b"READY=1\n")
server.serve_forever(poll_interval=0.1)
print("stopping", flush=True)
server.server_close()

# The listening socket is stdin. Several processes accept on it; each connection goes to one of them.
import os
import socket

listener = socket.socket(fileno=os.dup(0))
answer = f"{os.environ['GREETING']} from {os.environ['HOLDFAST_SLOT']}\n".encode()
print(f"accepts on {listener.getsockname()[1]}")
while True:
    client, _ = listener.accept()
    with client:
        client.recv(4096)
        client.sendall(b"HTTP/1.0 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(answer), answer))

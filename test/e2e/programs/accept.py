# Answers each connection on every socket it was given with what it was given; blocking accept, as simple servers do.
import os, socket, threading

def serve(fd):
    listener = socket.socket(fileno=fd)
    if listener.type == socket.SOCK_DGRAM:
        while True:
            data, peer = listener.recvfrom(2048)
            listener.sendto(b'echo ' + data, peer)
    while True:
        connection, _ = listener.accept()
        wanted = ('LISTEN', 'HOLDFAST_SOCKET', 'SERVER_STARTER')
        lines = ['%s=%s' % item for item in sorted(os.environ.items()) if item[0].startswith(wanted)]
        connection.sendall('\n'.join(lines + ['pid=%d' % os.getpid()]).encode())
        connection.close()

for fd in range(3, 3 + int(os.environ['LISTEN_FDS'])):
    threading.Thread(target=serve, args=(fd,)).start()
os.write(int(os.environ['HOLDFAST_NOTIFY_FD']), b'READY=1\n')

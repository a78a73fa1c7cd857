# A WSGI application that says which process answered.
import os


def app(environ, start_response):
    body = f"pid {os.getpid()}".encode()
    start_response("200 OK", [("Content-Length", str(len(body)))])
    return [body]

"""A server that keeps connections for two seconds, and looks for those that idle too long before it reads:
as Node does. It answers each POST with its body, after a moment if its path is /slow; GET tells what was
received. Prints its port."""

import selectors
import socket
import time

KEEP = 2.0
HEAD = "HTTP/1.1 200 OK\r\nKeep-Alive: timeout=2\r\nContent-Length: %d\r\n\r\n"

chosen = selectors.DefaultSelector()
listener = socket.create_server(("127.0.0.1", 0), backlog=512)
chosen.register(listener, selectors.EVENT_READ)
print(listener.getsockname()[1], flush=True)
used, waiting, received = {}, [], []


def close(connection):
    chosen.unregister(connection)
    del used[connection]
    connection.close()


def answer(connection, body):
    connection.sendall((HEAD % len(body)).encode() + body)
    used[connection] = time.monotonic()


while True:
    events = chosen.select(0.01)
    now = time.monotonic()
    busy = [connection for _, connection, _ in waiting]
    for connection in [each for each, since in used.items() if now - since > KEEP and each not in busy]:
        close(connection)
    for due, connection, body in [each for each in waiting if each[0] <= now]:
        answer(connection, body)
    waiting = [each for each in waiting if each[0] > now]
    for key, _ in events:
        connection = key.fileobj
        if connection is listener:
            accepted, _ = listener.accept()
            chosen.register(accepted, selectors.EVENT_READ)
            used[accepted] = now
            continue
        if connection not in used:
            continue  # it has just been closed
        try:
            request = connection.recv(65536)
        except ConnectionError:
            request = b""
        if not request:
            close(connection)
            continue
        head, _, body = request.partition(b"\r\n\r\n")
        if head.startswith(b"GET /received"):
            answer(connection, b",".join(received))
        elif head.startswith(b"GET"):
            answer(connection, b"fine")
        elif head.startswith(b"POST /slow"):
            waiting.append((now + 0.2, connection, body))
        else:
            received.append(body)
            answer(connection, body)

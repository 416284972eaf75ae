"""The common application, over WSGI (gunicorn): README.md has the table of paths."""

import hashlib
import json
import time


def read(environ, length=65536):
    """The rest of the body, piece by piece."""
    body = environ["wsgi.input"]
    while piece := body.read(length):
        yield piece


def pieces(count, pause=0.0, text=None):
    for index in range(count):
        time.sleep(pause)
        yield (text or "x" * 1000).replace("%", str(index)).encode()


def echo(environ):
    digest, length = hashlib.sha256(), 0
    for piece in read(environ):
        digest.update(piece)
        length += len(piece)
    return f"{environ['REQUEST_METHOD']} {length} {digest.hexdigest()}\n".encode()


def fields(environ):
    named = [
        (name[5:].replace("_", "-").lower(), value)
        for name, value in environ.items()
        if name.startswith("HTTP_")
    ]
    query = environ.get("QUERY_STRING", "")
    return json.dumps({"query": query, "fields": sorted(named)}).encode()


def whole(start, status, body=b"", further=(), kind="text/plain"):
    start(status, [("Content-Type", kind), ("Content-Length", str(len(body))), *further])
    return [body]


def app(environ, start):
    path = environ["PATH_INFO"]
    if path == "/echo":
        return whole(start, "200 OK", echo(environ))
    if path == "/fields":
        return whole(start, "200 OK", fields(environ), kind="application/json")
    if path == "/early":
        return whole(start, "413 Content Too Large", b"too large\n")
    if path == "/etag":
        if environ.get("HTTP_IF_NONE_MATCH") == '"v1"':
            start("304 Not Modified", [("ETag", '"v1"')])
            return []
        return whole(start, "200 OK", b"tagged\n", [("ETag", '"v1"')])
    if path == "/empty":
        start("204 No Content", [("X-Empty", "yes")])
        return []
    if path == "/large":
        return whole(start, "200 OK", b"0123456789abcdef" * 65536)
    if path == "/many":
        return whole(start, "200 OK", b"many\n", [(f"X-Field-{i}", f"value {i}") for i in range(80)])
    if path == "/wide":
        return whole(start, "200 OK", b"wide\n", [("X-Wide", "w" * 6000)])
    if path == "/cookies":
        cookies = [("Set-Cookie", f"c{i}={i}; Path=/; HttpOnly") for i in range(3)]
        return whole(start, "200 OK", b"cookies\n", cookies)
    if path == "/redirect":
        return whole(start, "302 Found", b"", [("Location", "/small?from=redirect")])
    if path == "/error":
        return whole(start, "500 Internal Server Error", b"broken\n")
    if path == "/close":
        return whole(start, "200 OK", b"closing\n", [("Connection", "close")])
    if path == "/slow":
        time.sleep(1)
        return whole(start, "200 OK", b"slow\n")
    if path == "/chunked":
        start("200 OK", [("Content-Type", "text/plain")])
        return pieces(10)
    if path == "/events":
        start("200 OK", [("Content-Type", "text/event-stream"), ("Cache-Control", "no-store")])
        return pieces(3, 0.1, "id: %\ndata: event %\n\n")
    if path in ("/small", "/health", "/"):
        return whole(start, "200 OK", b"hello\n")
    return whole(start, "404 Not Found", b"missing\n")

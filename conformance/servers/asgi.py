"""The common application, over ASGI (uvicorn, hypercorn): README.md has the table."""

import asyncio
import hashlib
import json


async def start(send, status, further=(), kind="text/plain"):
    named = [("content-type", kind), *further] if kind else list(further)
    encoded = [(name.encode(), value.encode()) for name, value in named]
    await send({"type": "http.response.start", "status": status, "headers": encoded})


async def piece(send, body=b"", more=False):
    await send({"type": "http.response.body", "body": body, "more_body": more})


async def whole(send, status, body=b"", further=(), kind="text/plain"):
    await start(send, status, [("content-length", str(len(body))), *further], kind)
    await piece(send, body)


async def echo(scope, receive):
    digest, length, more = hashlib.sha256(), 0, True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        body = message.get("body", b"")
        digest.update(body)
        length += len(body)
        more = message.get("more_body", False)
    return f"{scope['method']} {length} {digest.hexdigest()}\n".encode()


def fields(scope):
    named = sorted((name.decode().lower(), value.decode()) for name, value in scope["headers"])
    return json.dumps({"query": scope["query_string"].decode(), "fields": named}).encode()


async def websocket(receive, send):
    await receive()
    await send({"type": "websocket.accept"})
    while (message := await receive())["type"] == "websocket.receive":
        answer = {"type": "websocket.send"}
        for kind in ("text", "bytes"):
            if message.get(kind) is not None:
                answer[kind] = message[kind]
        await send(answer)


async def stream(send, path):
    if path == "/events":
        await start(send, 200, [("cache-control", "no-store")], "text/event-stream")
        for index in range(3):
            await asyncio.sleep(0.1)
            await piece(send, f"id: {index}\ndata: event {index}\n\n".encode(), True)
    else:
        await start(send, 200)
        for _ in range(10):
            await piece(send, b"x" * 1000, True)
    await piece(send)


ANSWERS = {
    "/": (200, b"hello\n", []),
    "/small": (200, b"hello\n", []),
    "/health": (200, b"hello\n", []),
    "/early": (413, b"too large\n", []),
    "/large": (200, b"0123456789abcdef" * 65536, []),
    "/many": (200, b"many\n", [(f"x-field-{i}", f"value {i}") for i in range(80)]),
    "/wide": (200, b"wide\n", [("x-wide", "w" * 6000)]),
    "/cookies": (200, b"cookies\n", [("set-cookie", f"c{i}={i}; Path=/; HttpOnly") for i in range(3)]),
    "/redirect": (302, b"", [("location", "/small?from=redirect")]),
    "/error": (500, b"broken\n", []),
    "/close": (200, b"closing\n", [("connection", "close")]),
}


async def app(scope, receive, send):
    if scope["type"] == "websocket":
        return await websocket(receive, send)
    if scope["type"] != "http":
        return None
    path = scope["path"]
    if path == "/echo":
        body = await echo(scope, receive)
        return body and await whole(send, 200, body)
    if path == "/fields":
        return await whole(send, 200, fields(scope), kind="application/json")
    if path == "/etag":
        if (b"if-none-match", b'"v1"') in scope["headers"]:
            await start(send, 304, [("etag", '"v1"')], None)
            return await piece(send)
        return await whole(send, 200, b"tagged\n", [("etag", '"v1"')])
    if path == "/empty":
        await start(send, 204, [("x-empty", "yes")], None)
        return await piece(send)
    if path in ("/chunked", "/events"):
        return await stream(send, path)
    if path == "/slow":
        await asyncio.sleep(1)
        return await whole(send, 200, b"slow\n")
    return await whole(send, *ANSWERS.get(path, (404, b"missing\n", [])))

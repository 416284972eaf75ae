"""The package websockets: opening handshake, compression, messages, closing handshake."""

import ssl

import lines
from websockets.sync.client import connect


def handle(job):
    context = None if job["way"] == "http1" else ssl.create_default_context(cafile=job["ca"])
    results = []
    with connect(lines.url_of(job, "/ws", "ws"), ssl=context, max_size=None, open_timeout=lines.PATIENCE) as socket:
        fields = [(n, v) for n, v in socket.response.headers.raw_items() if "accept" not in n.lower()]
        results.append(lines.result(socket.response.status_code, fields, b""))
        for size in job["websocket"]:
            lines.pause(job)
            socket.send((lines.PATTERN * (size // 16 + 1))[:size])
            results.append(lines.result(101, [], socket.recv(timeout=lines.PATIENCE)))
        socket.send("text")
        results.append({"text": socket.recv(timeout=lines.PATIENCE)})
        socket.ping().wait(lines.PATIENCE)
    results.append({"status": socket.close_code})
    return results


lines.serve(handle)

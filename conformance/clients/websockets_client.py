"""The package websockets: opening handshake, compression, messages, closing handshake.

Its client for asyncio: the one for threads reads and writes the same TLS socket in two of them, for which
OpenSSL is not made. With TLS 1.3 it then fails by itself, at any server: a write that meets the session
ticket waits for ever, or is an "internal error".
"""

import asyncio
import ssl

import lines
from websockets.asyncio.client import connect


async def talk(job, context, results):
    url = lines.url_of(job, "/ws", "ws")
    async with connect(url, ssl=context, max_size=None, open_timeout=lines.PATIENCE) as socket:
        fields = [(n, v) for n, v in socket.response.headers.raw_items() if "accept" not in n.lower()]
        results.append(lines.result(socket.response.status_code, fields, b""))
        for size in job["websocket"]:
            await asyncio.sleep(job.get("pause", 0) / 1000)
            await socket.send((lines.PATTERN * (size // 16 + 1))[:size])
            results.append(lines.result(101, [], await asyncio.wait_for(socket.recv(), lines.PATIENCE)))
        await socket.send("text")
        results.append({"text": await asyncio.wait_for(socket.recv(), lines.PATIENCE)})
        await asyncio.wait_for(await socket.ping(), lines.PATIENCE)
    results.append({"status": socket.close_code})


def handle(job):
    context = None if job["way"] == "http1" else ssl.create_default_context(cafile=job["ca"])
    results = []
    asyncio.run(talk(job, context, results))
    return results


lines.serve(handle)

"""aiohttp with a pool, and its WebSocket client."""

import asyncio
import ssl

import aiohttp
import lines


async def pieces(body):
    for piece in lines.pieces_of(body):
        yield piece


async def ask(session, job, step):
    await asyncio.sleep(step.get("pause", 0) / 1000)
    body = lines.body_of(step)
    data = pieces(body) if body is not None and step.get("chunked") else body
    request = session.request(
        step["method"],
        lines.url_of(job, step["path"]),
        data=data,
        headers=step.get("fields", []),
        allow_redirects=False,
    )
    async with request as answer:
        return lines.result(answer.status, answer.headers.items(), await answer.read())


async def talk(session, job):
    results = []
    async with session.ws_connect(lines.url_of(job, "/ws", "ws"), max_msg_size=0) as socket:
        for size in job["websocket"]:
            await asyncio.sleep(job.get("pause", 0) / 1000)
            await socket.send_bytes((lines.PATTERN * (size // 16 + 1))[:size])
            message = await socket.receive()
            if message.type != aiohttp.WSMsgType.BINARY:
                results.append({"error": message.type.name, "detail": str(message)})
                break
            results.append(lines.result(101, [], message.data))
    results.append({"status": socket.close_code})
    return results


async def run(job):
    context = None if job["way"] == "http1" else ssl.create_default_context(cafile=job["ca"])
    connector = aiohttp.TCPConnector(ssl=context if context else True)
    timeout = aiohttp.ClientTimeout(total=lines.PATIENCE)
    options = {"max_line_size": 65536, "max_field_size": 65536, "auto_decompress": False}
    async with aiohttp.ClientSession(connector=connector, timeout=timeout, **options) as session:
        if "websocket" in job:
            return await talk(session, job)
        results = []
        for step in job["steps"]:
            try:
                results.append(await ask(session, job, step))
            except Exception as error:  # noqa: BLE001
                results.append(lines.failure(error))
        return results


lines.serve(lambda job: asyncio.run(run(job)))

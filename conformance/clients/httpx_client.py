"""httpx with a pool, over HTTP/1.1 and HTTP/2."""

import httpx
import lines


def ask(client, job, step):
    lines.pause(step)
    body = lines.body_of(step)
    content = lines.pieces_of(body) if body is not None and step.get("chunked") else body
    answer = client.request(
        step["method"], lines.url_of(job, step["path"]), content=content, headers=step.get("fields", [])
    )
    assert (answer.http_version == "HTTP/2") == (job["way"] == "http2"), answer.http_version
    return lines.result(answer.status_code, answer.headers.multi_items(), answer.content)


def handle(job):
    verify = httpx.create_ssl_context(verify=job["ca"]) if job["way"] != "http1" else True
    with httpx.Client(http2=job["way"] == "http2", verify=verify, timeout=lines.PATIENCE) as client:
        return [lines.attempt(lambda: ask(client, job, step)) for step in job["steps"]]


lines.serve(handle)

"""Python's own http.client: sends a whole upload before it reads, and speaks only HTTP/1.1."""

import http.client
import ssl

import lines


def connect(job):
    if job["way"] == "http1":
        return http.client.HTTPConnection("localhost", job["port"], timeout=lines.PATIENCE)
    context = ssl.create_default_context(cafile=job["ca"])
    return http.client.HTTPSConnection("localhost", job["port"], timeout=lines.PATIENCE, context=context)


def ask(connection, step):
    lines.pause(step)
    body = lines.body_of(step)
    chunked = body is not None and step.get("chunked", False)
    connection.request(
        step["method"],
        step["path"],
        body=lines.pieces_of(body) if chunked else body,
        headers=dict(step.get("fields", [])),
        encode_chunked=chunked,
    )
    answer = connection.getresponse()
    return lines.result(answer.status, answer.getheaders(), answer.read())


def handle(job):
    connection = connect(job)
    results = []
    for step in job["steps"]:
        results.append(lines.attempt(lambda: ask(connection, step)))
        if "error" in results[-1]:
            connection.close()
    connection.close()
    return results


http.client._MAXHEADERS = 300  # what the client reads is not what is tried here
lines.serve(handle)

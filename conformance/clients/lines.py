"""The protocol of the clients in Python: one job per line on standard input, its results on one line of output.

A job says where (`port`, `ca`), how (`way`: http1, tls or http2) and what (`steps`, or the sizes of
messages in `websocket`). One session or connection pool serves all steps of a job.
"""

import hashlib
import json
import sys
import time

PATTERN = b"0123456789abcdef"
PATIENCE = 10


def body_of(step):
    """The bytes of an upload, or none."""
    size = step.get("body")
    return None if size is None else (PATTERN * (size // 16 + 1))[:size]


def pieces_of(body):
    for start in range(0, len(body), 8192):
        yield body[start : start + 8192]


def url_of(job, path, scheme="http"):
    secure = "" if job["way"] == "http1" else "s"
    return f"{scheme}{secure}://localhost:{job['port']}{path}"


def result(status, fields, body, trailers=()):
    """The result of one step."""
    return {
        "status": status,
        "fields": [[name.lower(), value] for name, value in fields],
        "length": len(body),
        "sha256": hashlib.sha256(body).hexdigest(),
        "text": body[:20000].decode("latin-1") if len(body) <= 20000 else None,
        "trailers": [[name.lower(), value] for name, value in trailers],
    }


def failure(error):
    """A step without an answer; only the kind of error is compared."""
    words = [str(error), *([repr(error.__cause__)] if error.__cause__ else [])]
    return {"error": type(error).__name__, "detail": ": ".join(words)[:300]}


def attempt(action):
    try:
        return action()
    except Exception as error:  # noqa: BLE001 - whatever a client raises is its result
        return failure(error)


def pause(step):
    time.sleep(step.get("pause", 0) / 1000)


def serve(handle):
    """Handles jobs until the input ends."""
    for line in sys.stdin:
        job = json.loads(line)
        try:
            results = handle(job)
        except Exception as error:  # noqa: BLE001
            results = [failure(error)]
        print(json.dumps({"id": job["id"], "results": results}), flush=True)

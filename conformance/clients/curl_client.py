"""curl, over HTTP/1.1 and HTTP/2: one process for the steps of a job, so that it keeps its connection."""

import os
import pathlib
import re
import subprocess
import tempfile
import threading

import lines


def arguments(job, step, place, index):
    said = ["--silent", "--show-error", "--max-time", str(lines.PATIENCE), "--globoff"]
    said += ["--http2" if job["way"] == "http2" else "--http1.1", "--cacert", job["ca"]]
    said += ["--dump-header", f"{place}/head{index}", "--output", f"{place}/body{index}"]
    said += ["--head"] if step["method"] == "HEAD" else ["--request", step["method"]]
    for name, value in step.get("fields", []):
        said += ["--header", f"{name}: {value}"]
    body = lines.body_of(step)
    if body is not None:
        upload = pathlib.Path(place, f"upload{index}")
        upload.write_bytes(body)
        said += ["--header", "Content-Type: application/octet-stream", "--data-binary", f"@{upload}"]
        if step.get("chunked"):
            said += ["--header", "Transfer-Encoding: chunked"]
    return [*said, lines.url_of(job, step["path"])]


def waiting(place, index, step):
    """Arguments that make curl wait with its connections open: it reads an empty pipe."""
    if not step.get("pause"):
        return []
    pipe = f"{place}/pause{index}"
    os.mkfifo(pipe)

    def hold():
        with open(pipe, "wb"):  # opened as soon as curl opens it
            lines.pause(step)

    threading.Thread(target=hold, daemon=True).start()
    return ["--silent", "--output", "/dev/null", f"file://{pipe}", "--next"]


def sections(text):
    """The heads of a file in order: interim answers, the answer, its trailers."""
    return [section for section in text.replace("\r\n", "\n").split("\n\n") if section.strip()]


def fields_of(section_lines):
    pairs = (line.split(":", 1) for line in section_lines if ":" in line)
    return [(name.strip(), value.strip()) for name, value in pairs]


def result(place, index, head):
    path = pathlib.Path(place, f"head{index}")
    heads = sections(path.read_text("latin-1")) if path.exists() else []
    trailers = []
    final = None
    for section in heads:
        first, *rest = section.split("\n")
        if not first.startswith("HTTP/"):
            trailers = fields_of([first, *rest])
        elif not first.split()[1].startswith("1") or first.split()[1] == "101":
            final = (int(first.split()[1]), fields_of(rest))
    if final is None:
        return None
    body = pathlib.Path(place, f"body{index}")
    content = body.read_bytes() if body.exists() and not head else b""
    return lines.result(*final, content, trailers)


def handle(job):
    with tempfile.TemporaryDirectory() as place:
        said = ["curl"]
        for index, step in enumerate(job["steps"]):
            said += ["--next"] if index else []
            said += waiting(place, index, step) + arguments(job, step, place, index)
        pauses = sum(step.get("pause", 0) for step in job["steps"]) / 1000
        patience = lines.PATIENCE * 3 + pauses
        run = subprocess.run(said, capture_output=True, timeout=patience, check=False)
        results = [result(place, i, step["method"] == "HEAD") for i, step in enumerate(job["steps"])]
        # The exit code is that of the last step; each failed step prints its own on a line.
        said = run.stderr.decode("latin-1")
        code = re.search(r"curl: \((\d+)\)", said)
        lost = {"error": f"curl {code[1] if code else run.returncode}", "detail": said[:300]}
        if run.returncode:
            results.append(lost)
        return [one or lost for one in results]


lines.serve(handle)

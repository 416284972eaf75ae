"""Chromium, driven over its DevTools protocol: fetch and WebSocket from a page of the same origin."""

import contextlib
import json
import os
import re
import subprocess
import sys
import tempfile
import urllib.request

import lines
from websockets.sync.client import connect

# Runs in the page. The browser drops fields that only it may set.
SCRIPT = """
(async () => {
  const job = %s;
  const hex = (buffer) => [...new Uint8Array(buffer)].map((b) => b.toString(16).padStart(2, '0')).join('');
  const latin = (bytes) => bytes.length > 20000 ? null : [...bytes].map((b) => String.fromCharCode(b)).join('');
  const fill = (size) => new Uint8Array(size).map((_, i) => '0123456789abcdef'.charCodeAt(i %% 16));
  const told = async (status, fields, bytes) => ({ status, fields, length: bytes.length, text: latin(bytes), trailers: [] });
  const pause = (time) => new Promise((done) => setTimeout(done, time));
  const ask = async (step) => {
    await pause(step.pause ?? 0);
    const body = step.body === undefined || step.body === null ? undefined : fill(step.body);
    const answer = await fetch(step.path, {
      method: step.method, headers: step.fields ?? [], body, cache: 'no-store', redirect: 'manual', signal: AbortSignal.timeout(10000),
    });
    return told(answer.status, [...answer.headers], new Uint8Array(await answer.arrayBuffer()));
  };
  const talk = () => new Promise((done) => {
    const results = [];
    const socket = new WebSocket(location.origin.replace('http', 'ws') + '/ws');
    socket.binaryType = 'arraybuffer';
    const next = async () => (await pause(job.pause ?? 0), results.length < job.websocket.length ? socket.send(fill(job.websocket[results.length])) : socket.close(1000));
    socket.onopen = next;
    socket.onmessage = async (event) => { results.push({ status: 101, length: event.data.byteLength }); next(); };
    socket.onclose = (event) => done([...results, { status: event.code, clean: event.wasClean }]);
  });
  if (job.websocket) return talk();
  const results = [];
  for (const step of job.steps) {
    try { results.push(await ask(step)); } catch (error) { results.push({ error: error.name, detail: error.message }); }
  }
  return results;
})()
"""


class Browser:
    """A headless browser with one page."""

    def __init__(self):
        self.place = tempfile.TemporaryDirectory()
        switches = "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-sync"
        switches += " --disable-background-networking --disable-component-update --ignore-certificate-errors"
        command = ["chromium", *switches.split(), "--remote-debugging-port=0"]
        command += [f"--user-data-dir={self.place.name}", "about:blank"]
        self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        for line in self.process.stderr:
            if found := re.search(rb"ws://([^/]+)/", line):
                break
        else:
            raise RuntimeError("chromium has not started")
        with urllib.request.urlopen(f"http://{found[1].decode()}/json/list", timeout=10) as pages:
            page = next(page for page in json.load(pages) if page["type"] == "page")
        self.open = contextlib.ExitStack()
        self.socket = self.open.enter_context(connect(page["webSocketDebuggerUrl"], max_size=None))
        self.count = 0
        self.call("Page.enable")

    def call(self, method, **parameters):
        self.count += 1
        self.socket.send(json.dumps({"id": self.count, "method": method, "params": parameters}))
        while True:
            message = json.loads(self.socket.recv(timeout=lines.PATIENCE * 3))
            if message.get("id") == self.count:
                return message["result"]

    def wait_for(self, event):
        while json.loads(self.socket.recv(timeout=lines.PATIENCE)).get("method") != event:
            pass

    def handle(self, job):
        url = lines.url_of(job, "/small")
        self.call("Page.navigate", url=url)
        self.wait_for("Page.loadEventFired")
        script = SCRIPT % json.dumps(job)
        answer = self.call("Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True)
        return answer["result"].get("value") or [{"error": "script", "detail": str(answer)[:300]}]

    def end(self):
        self.open.close()
        self.process.terminate()
        self.process.wait(10)


browser = Browser()
try:
    lines.serve(browser.handle)
finally:
    sys.stdout.flush()
    browser.end()
    os._exit(0)

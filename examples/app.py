"""A small application: it says its version, and ends its requests before it stops."""

import argparse
import signal
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

arguments = argparse.ArgumentParser()
arguments.add_argument("--host", default="127.0.0.1")
arguments.add_argument("--port", type=int, required=True)
arguments.add_argument("--version", required=True)
arguments = arguments.parse_args()


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        body = f"version {arguments.version}\n".encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


server = ThreadingHTTPServer((arguments.host, arguments.port), Handler)
signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=server.shutdown).start())
print(f"{arguments.version} listens on {arguments.port}", flush=True)
server.serve_forever()

"""A server of gRPC (grpcio) for grpc_metadata.rs: says its port, then serves until its input ends.

Messages are bytes as they are. Metadata of a call says what is answered: see each method.
"""

import sys
import time
from concurrent import futures

import grpc


def metadata(_, context):
    """Gives `user_id` back in both kinds of metadata, and so many bytes and entries in the trailers."""
    asked = dict(context.invocation_metadata())
    told = asked.get("user_id", "none")
    context.send_initial_metadata((("initial_id", told),))
    trailing = [("trailing_id", told), ("bulk", "x" * int(asked.get("bulk-bytes", "0")))]
    trailing += [(f"entry-{place}", "y") for place in range(int(asked.get("entries", "0")))]
    context.set_trailing_metadata(tuple(trailing))
    return b"told"


def silent(_, context):
    """Says nothing for so many seconds, not even a head, then one message."""
    time.sleep(float(dict(context.invocation_metadata())["seconds"]))
    yield b"late"


METHODS = {
    "/test.Metadata/Echo": grpc.unary_unary_rpc_method_handler(metadata),
    "/test.Metadata/Silent": grpc.unary_stream_rpc_method_handler(silent),
    "/grpc.health.v1.Health/Check": grpc.unary_unary_rpc_method_handler(lambda *_: b"\x08\x01"),
}


class Handler(grpc.GenericRpcHandler):
    """Serves what is in METHODS."""

    def service(self, handler_call_details):
        return METHODS.get(handler_call_details.method)


server = grpc.server(
    futures.ThreadPoolExecutor(8),
    handlers=[Handler()],
    options=[("grpc.max_metadata_size", 200_000), ("grpc.absolute_max_metadata_size", 200_000)],
)
print(server.add_insecure_port("127.0.0.1:0"), flush=True)
server.start()
sys.stdin.read()
server.stop(None)

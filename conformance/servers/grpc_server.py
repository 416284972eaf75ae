"""A gRPC server (grpcio): /test.Echo/One and /test.Echo/Down, health, metadata. Usage: PORT"""

import sys
from concurrent import futures

import grpc


def one(request, context):
    context.send_initial_metadata((("x-initial", "first"),))
    context.set_trailing_metadata((("x-trailing", "last"), ("x-bin-bin", b"\x00\xff")))
    if request == b"fail":
        context.abort(grpc.StatusCode.INVALID_ARGUMENT, "asked to fail: 100 %")
    return request


def down(request, _context):
    for _ in range(5):
        yield request


def health(_request, _context):
    return b"\x08\x01"


class Calls(grpc.GenericRpcHandler):
    def service(self, call):
        return {
            "/test.Echo/One": grpc.unary_unary_rpc_method_handler(one),
            "/test.Echo/Down": grpc.unary_stream_rpc_method_handler(down),
            "/grpc.health.v1.Health/Check": grpc.unary_unary_rpc_method_handler(health),
        }.get(call.method)


server = grpc.server(futures.ThreadPoolExecutor(max_workers=16))
server.add_generic_rpc_handlers((Calls(),))
server.add_insecure_port(f"127.0.0.1:{sys.argv[1]}")
server.start()
server.wait_for_termination()

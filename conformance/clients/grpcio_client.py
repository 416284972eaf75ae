"""grpcio: calls with one and many messages, metadata both ways, errors. Never retries by itself."""

import grpc
import lines


def channel_of(job):
    options = [("grpc.enable_retries", 0), ("grpc.use_local_subchannel_pool", 1)]
    address = f"localhost:{job['port']}"
    if job["way"] == "http1":
        return grpc.insecure_channel(address, options)
    with open(job["ca"], "rb") as ca:
        return grpc.secure_channel(address, grpc.ssl_channel_credentials(ca.read()), options)


def metadata(pairs):
    return sorted([name, repr(value)] for name, value in pairs or ())


def one(channel, message):
    sent = (("x-request", "asked"), ("x-bin-bin", b"\x01\x02"))
    call = channel.unary_unary("/test.Echo/One").with_call
    try:
        answer, told = call(message, timeout=lines.PATIENCE, metadata=sent)
    except grpc.RpcError as error:
        return {
            "status": error.code().name,
            "text": error.details(),
            "trailers": metadata(error.trailing_metadata()),
        }
    return {
        "status": told.code().name,
        "length": len(answer),
        "text": answer[:100].decode("latin-1"),
        "fields": metadata(told.initial_metadata()),
        "trailers": metadata(told.trailing_metadata()),
    }


def calls(channel):
    results = [one(channel, message) for message in (b"a", b"x" * 1_000_000, b"fail")]
    down = channel.unary_stream("/test.Echo/Down")(b"b", timeout=lines.PATIENCE)
    results.append(lines.attempt(lambda: {"text": [message.decode() for message in down]}))
    missing = channel.unary_unary("/test.Echo/Missing")
    try:
        missing(b"", timeout=lines.PATIENCE)
        results.append({"status": "OK"})
    except grpc.RpcError as error:
        results.append({"status": error.code().name})
    return results


def handle(job):
    results = []
    with channel_of(job) as channel:
        for _ in range(job["repeat"]):
            lines.pause(job)
            results += calls(channel)
    return results


lines.serve(handle)

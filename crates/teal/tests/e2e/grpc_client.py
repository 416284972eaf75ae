"""A client of gRPC (grpcio) for grpc.rs: each word is one thing to do, each line says what came of it.

Messages are bytes as they are. Never tries anything again by itself.
"""

import sys
import threading

import grpc

address = sys.argv[1]
options = [
    ("grpc.enable_retries", 0),
    ("grpc.max_metadata_size", 200_000),
    ("grpc.absolute_max_metadata_size", 200_000),
]
if len(sys.argv) > 3:
    with open(sys.argv[3], "rb") as ca:
        credentials = grpc.ssl_channel_credentials(ca.read())
    channel = grpc.secure_channel(address, credentials, options)
else:
    channel = grpc.insecure_channel(address, options)

one = channel.unary_unary("/test.Echo/One")
down = channel.unary_stream("/test.Echo/Down")
up = channel.stream_unary("/test.Echo/Up")
both = channel.stream_stream("/test.Echo/Both")
none = channel.unary_unary("/test.Echo/None")


def kinds():
    """All four kinds, and two errors."""
    print(one(b"a", timeout=10).decode())
    print(" ".join(message.decode() for message in down(b"b", timeout=10)))
    print(up(iter([b"c", b"d"]), timeout=10).decode())
    print(" ".join(message.decode() for message in both(iter([b"e", b"f"]), timeout=10)))
    large = b"x" * 3_000_000
    print(len(one(large, timeout=10)))
    for call, message in ((one, b"fail"), (none, b"")):
        try:
            call(message, timeout=10)
            print("no error")
        except grpc.RpcError as error:
            print(error.code().name, error.details())


def load():
    """Calls from four threads until a line comes in; then how many there were, and what failed."""
    over, counts, failed = threading.Event(), [0] * 4, []

    def work(place):
        while not over.is_set():
            try:
                one(b"m", timeout=10)
                counts[place] += 1
                if place == 0:
                    assert len(list(both(iter([b"1", b"2"]), timeout=10))) == 2
            except grpc.RpcError as error:
                failed.append(f"{error.code().name} {error.details()}")

    threads = [threading.Thread(target=work, args=(place,)) for place in range(4)]
    for thread in threads:
        thread.start()
    print("begun", flush=True)
    sys.stdin.readline()
    over.set()
    for thread in threads:
        thread.join()
    print(sum(counts), failed)


def hold():
    """A stream that stays open until a line comes in, and says who answers on it."""
    waits, more = threading.Event(), threading.Event()

    def messages():
        yield b"first"
        waits.wait()
        yield b"last"
        more.wait()

    answers = both(messages(), timeout=60)
    print(next(answers).decode(), flush=True)
    sys.stdin.readline()
    waits.set()
    print(next(answers).decode(), flush=True)
    more.set()
    print(len(list(answers)))


def metadata():
    """What comes back of `user_id`, of look-alikes, and of large trailers."""
    call = channel.unary_unary("/test.Metadata/Echo")

    def ask(*asked):
        try:
            message, done = call.with_call(b"", metadata=asked, timeout=10)
        except grpc.RpcError as error:
            print(error.code().name, error.details())
            return
        initial, trailing = dict(done.initial_metadata()), dict(done.trailing_metadata())
        entries = sum(key.startswith("entry-") for key in trailing)
        told = (initial.get("initial_id"), trailing.get("trailing_id"))
        print(message.decode(), *told, len(trailing.get("bulk", "")), entries)

    ask(("user_id", "7"))
    ask(("user_id", "7"), ("bulk-bytes", "9000"))
    ask(("user_id", "7"), ("entries", "60"))
    ask(("user_id", "7"), ("bulk-bytes", "25000"), ("entries", "90"))


def silent():
    """A stream that is silent before its first message, without a deadline and with one."""
    call = channel.unary_stream("/test.Metadata/Silent")
    for timeout in (None, 20):
        try:
            answers = call(b"", metadata=(("seconds", "1.5"),), timeout=timeout)
            print(" ".join(message.decode() for message in answers))
        except grpc.RpcError as error:
            print(error.code().name, error.details())


kinds_of_use = {"kinds": kinds, "load": load, "hold": hold, "metadata": metadata, "silent": silent}
kinds_of_use[sys.argv[2]]()

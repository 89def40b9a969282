"""A gRPC server and its clients, by Debian's python3-grpcio, with bytes for messages."""
import contextlib
import threading
from concurrent import futures

import grpc

from . import ports

SERVICE = "test.Echo"
HEALTH = "grpc.health.v1.Health"
UNKNOWN, SERVING, NOT_SERVING = range(3)


class Server:
    """Echoes, each kind of call in its way; what a call shows of itself is kept."""

    def __init__(self, credentials=None, health=True, workers=32):
        self.port = ports.free()
        self.address = f"127.0.0.1:{self.port}"
        self.metadata = []         # of calls, as dicts
        self.peers = set()
        self.remaining = []        # seconds that a call had left as it came; None: no deadline
        self.cancelled = threading.Event()
        self.started = threading.Event()
        self.health = {"": SERVING}
        self.checks = 0
        self._credentials = credentials
        self._server = grpc.server(futures.ThreadPoolExecutor(workers),
                                   options=(("grpc.so_reuseport", 0),))
        self._server.add_generic_rpc_handlers([self._echo_handlers()])
        if health:
            self._server.add_generic_rpc_handlers([self._health_handlers()])
        if credentials:
            assert self._server.add_secure_port(self.address, credentials)
        else:
            assert self._server.add_insecure_port(self.address)
        self._server.start()

    def stop(self):
        self._server.stop(None).wait()

    def _note(self, context):
        self.metadata.append(dict(context.invocation_metadata()))
        self.peers.add(context.peer())
        self.remaining.append(context.time_remaining())

    def _unary(self, request, context):
        self._note(context)
        context.set_trailing_metadata((("x-trailer", "t"), ("x-bytes-bin", b"\0\1")))
        return request[::-1]

    def _fail(self, request, context):
        self._note(context)
        context.abort(grpc.StatusCode.FAILED_PRECONDITION, "not %d %% – no" % len(request))

    def _collect(self, requests, context):
        self._note(context)
        return b"".join(requests)

    def _spread(self, request, context):
        self._note(context)
        for i in range(int(request)):
            yield b"%d" % i

    def _chat(self, requests, context):
        self._note(context)
        self.started.set()
        for request in requests:
            yield b"re: " + request

    def _greet_first(self, requests, context):
        self._note(context)
        context.send_initial_metadata((("x-first", "1"),))
        for request in requests:
            yield request

    def _hang(self, _request, context):
        self._note(context)
        context.add_callback(self.cancelled.set)
        self.started.set()
        self.cancelled.wait(60)
        return b""

    def _hang_in_stream(self, _request, context):
        self._note(context)
        context.add_callback(self.cancelled.set)  # who hears of "one" may cancel at once
        self.started.set()
        yield b"one"
        self.cancelled.wait(60)

    def _echo_handlers(self):
        return grpc.method_handlers_generic_handler(SERVICE, {
            "Unary": grpc.unary_unary_rpc_method_handler(self._unary),
            "Fail": grpc.unary_unary_rpc_method_handler(self._fail),
            "Collect": grpc.stream_unary_rpc_method_handler(self._collect),
            "Spread": grpc.unary_stream_rpc_method_handler(self._spread),
            "Chat": grpc.stream_stream_rpc_method_handler(self._chat),
            "GreetFirst": grpc.stream_stream_rpc_method_handler(self._greet_first),
            "Hang": grpc.unary_unary_rpc_method_handler(self._hang),
            "HangInStream": grpc.unary_stream_rpc_method_handler(self._hang_in_stream),
        })

    def _check(self, request, context):
        self.checks += 1
        service = request[2:].decode() if request else ""
        if service not in self.health:
            context.abort(grpc.StatusCode.NOT_FOUND, "unknown service")
        return b"\x08" + bytes([self.health[service]]) if self.health[service] else b""

    def _health_handlers(self):
        return grpc.method_handlers_generic_handler(HEALTH, {
            "Check": grpc.unary_unary_rpc_method_handler(self._check)})


class Client:
    """`target` is an address, or the name that a certificate is for with its port."""

    def __init__(self, target, credentials=None, options=()):
        options = (("grpc.enable_retries", 0), ("grpc.use_local_subchannel_pool", 1), *options)
        self.channel = grpc.secure_channel(target, credentials, options) if credentials else \
            grpc.insecure_channel(target, options)

    def unary(self, name="Unary"):
        return self.channel.unary_unary(f"/{SERVICE}/{name}")

    def collect(self):
        return self.channel.stream_unary(f"/{SERVICE}/Collect")

    def spread(self, name="Spread"):
        return self.channel.unary_stream(f"/{SERVICE}/{name}")

    def chat(self, name="Chat"):
        return self.channel.stream_stream(f"/{SERVICE}/{name}")

    def close(self):
        self.channel.close()


class Messages:
    """What a streaming call sends: one after the other, as they are put in."""

    def __init__(self):
        self._condition = threading.Condition()
        self._queue = []
        self._ended = False

    def put(self, message):
        with self._condition:
            self._queue.append(message)
            self._condition.notify()

    def end(self):
        with self._condition:
            self._ended = True
            self._condition.notify()

    def __iter__(self):
        return self

    def __next__(self):
        with self._condition:
            self._condition.wait_for(lambda: self._queue or self._ended, 60)
            if self._queue:
                return self._queue.pop(0)
            raise StopIteration


@contextlib.contextmanager
def failing():
    """The error that the calls inside end with, as .value."""
    caught = type("Caught", (), {"value": None})()
    try:
        yield caught
    except grpc.RpcError as error:
        caught.value = error
    assert caught.value is not None, "the call did not fail"

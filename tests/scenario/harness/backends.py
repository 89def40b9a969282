"""Targets for the edge under test: small HTTP/1 servers in threads, with every kind of manners."""
import dataclasses
import json
import socket
import struct
import threading

from . import http1, ports, proxy_protocol, wait

HEALTH_PATH = "/healthz"


@dataclasses.dataclass
class Request:
    method: str
    target: str
    head: http1.Head
    body: bytes
    trailers: list

    def get(self, name, default=None):
        return self.head.get(name, default)

    def all(self, name):
        return self.head.all(name)


@dataclasses.dataclass
class Response:
    body: bytes = b""
    status: int = 200
    headers: tuple = ()        # (name, value)
    close: bool = False

    def to_bytes(self, method):
        lines = [f"HTTP/1.1 {self.status} Whatever"]
        lines += [f"{name}: {value}" for name, value in self.headers]
        names = {name.lower() for name, _ in self.headers}
        if not names & {"content-length", "transfer-encoding"} and self.status not in (204, 304):
            lines.append(f"Content-Length: {len(self.body)}")
        if self.close:
            lines.append("Connection: close")
        head = "\r\n".join([*lines, "", ""]).encode("latin-1")
        return head if method == "HEAD" else head + self.body


class Connection:
    """What a handler may do with its connection besides returning a Response."""

    def __init__(self, sock, number):
        self._socket = sock
        self.number = number       # 1 for the backend's first connection
        self.requests = 0          # on this connection, the current one included
        self.proxy = None          # the PROXY header it began with, where the backend wants one
        self.reader = http1.Reader(sock)
        self.is_open = True

    def send(self, data):
        self._socket.sendall(data)

    def receive(self):
        """What comes next, as in a tunnel; b"" at the end."""
        return self.reader.some()

    def close(self):
        self.is_open = False
        try:
            self._socket.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self._socket.close()

    def reset(self):
        self.is_open = False
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._socket.close()


class Backend:
    """A listening target. handler(request, connection) -> Response | bytes | None."""

    def __init__(self, handler, reads_body=True, unix_path=None, port=None, host="127.0.0.1",
                 wants_proxy=False):
        self._handler = handler
        self.wants_proxy = wants_proxy
        self.proxy_headers = []    # of connections with requests, in the order of those
        self.health_proxy_headers = []
        self._reads_body = reads_body
        self._lock = threading.Lock()
        self._open = set()
        self.requests = []         # Request, in the order of their arrival, without health requests
        self.health_requests = []
        self.connections = 0       # accepted so far
        self.is_healthy = True
        self.problems = []         # what the edge sent that is not HTTP
        if unix_path:
            self._listener = socket.socket(socket.AF_UNIX)
            self._listener.bind(str(unix_path))
            self.port, self.address = None, f"unix:{unix_path}"
        else:
            self._listener = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
            self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            self.port = port or ports.free()
            self._listener.bind((host, self.port))
            self.address = f"[{host}]:{self.port}" if ":" in host else f"{host}:{self.port}"
        self._listener.listen(1024)
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    def _accept(self):
        while True:
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            with self._lock:
                self.connections += 1
                connection = Connection(sock, self.connections)
                self._open.add(connection)
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection):
        try:
            if self.wants_proxy:
                connection.proxy = proxy_protocol.read(connection.reader)
            while connection.is_open and self._serve_one(connection):
                pass
        except http1.Closed:
            pass
        except http1.Malformed as problem:
            self.problems.append(str(problem))
        except OSError:
            pass
        finally:
            connection.close()
            with self._lock:
                self._open.discard(connection)

    def _serve_one(self, connection):
        head = http1.read_head(connection.reader)
        method, target, _ = head.start_line.split(" ")
        body, trailers = b"", []
        if self._reads_body:
            if head.get("Expect", "").lower() == "100-continue":
                connection.send(b"HTTP/1.1 100 Continue\r\n\r\n")
            body, trailers = http1.read_body(connection.reader, head, until_close=False)
        request = Request(method, target, head, body, trailers)
        connection.requests += 1
        if target.partition("?")[0] == HEALTH_PATH:
            self.health_requests.append(request)
            self.health_proxy_headers.append(connection.proxy)
            connection.send(Response(b"", 200 if self.is_healthy else 503).to_bytes(method))
            return True
        with self._lock:
            self.requests.append(request)
            self.proxy_headers.append(connection.proxy)
        answer = self._handler(request, connection)
        if isinstance(answer, Response):
            connection.send(answer.to_bytes(method))
            return not answer.close and request.get("Connection", "").lower() != "close"
        if answer is not None:
            connection.send(answer)
        return connection.is_open

    def wait_for_requests(self, count):
        wait.until(lambda: len(self.requests) >= count,
                   lambda: f"{count} requests at {self.address}; there are {len(self.requests)}")
        return self.requests

    def open_connections(self):
        with self._lock:
            return len(self._open)

    def drop_connections(self):
        """Closes what is open and goes on listening: idle connections die under the edge's hand."""
        with self._lock:
            connections = list(self._open)
        for connection in connections:
            connection.close()

    def stop(self):
        """As a killed process: nobody listens, all connections close."""
        try:
            self._listener.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self._listener.close()
        self._thread.join(wait.DEADLINE_S)
        self.drop_connections()


class SlowBackend(Backend):
    """Answers nobody until .release(); .waiting tells how many wait."""

    def __init__(self, body=b"late"):
        self._released = threading.Event()
        self.waiting = 0
        self._body = body
        super().__init__(self._hold)

    def _hold(self, _request, _connection):
        with self._lock:
            self.waiting += 1
        self._released.wait(wait.DEADLINE_S * 6 * wait.patience())
        return Response(self._body)

    def release(self):
        self._released.set()

    def stop(self):
        self.release()
        super().stop()


class Refusing:
    """An address where nobody listens."""

    def __init__(self):
        self.port = ports.free()
        self.address = f"127.0.0.1:{self.port}"


def _echo(request, _connection):
    told = {"method": request.method, "target": request.target,
            "headers": request.head.headers, "body": request.body.decode("latin-1"),
            "trailers": request.trailers}
    return Response(json.dumps(told).encode(), headers=(("Content-Type", "application/json"),))


class Backends:
    """Starts backends and stops all of them at the end; a context."""

    def __init__(self):
        self._started = []

    def _keep(self, backend):
        self._started.append(backend)
        return backend

    def serve(self, handler, **options):
        return self._keep(Backend(handler, **options))

    def echo(self, **options):
        return self.serve(_echo, **options)

    def text(self, text, **options):
        return self.serve(lambda *_: Response(text.encode()), **options)

    def scripted(self, *answers, reads_body=True):
        """The n-th request gets the n-th bytes, then its connection is closed."""
        left = list(answers)

        def answer(_request, connection):
            connection.send(left.pop(0) if len(left) > 1 else left[0])
            connection.close()
        return self.serve(answer, reads_body=reads_body)

    def slow(self, body=b"late"):
        return self._keep(SlowBackend(body))

    def dying(self):
        return self.serve(lambda _request, connection: connection.reset())

    def refusing(self):
        return Refusing()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for backend in self._started:
            backend.stop()

"""
Targets that speak HTTP/2 with prior knowledge, frame by frame, with every kind of manners: a thread
per connection runs a function that is given it.
"""
import dataclasses
import socket
import struct
import threading

from . import http2, ports, wait

DEFAULT_WINDOW = 65535


@dataclasses.dataclass
class Request:
    stream: int
    fields: tuple
    body: bytes = b""
    trailers: tuple = ()
    connection: int = 0        # the number of its connection, from 1

    def get(self, name, default=None):
        return dict(self.fields).get(name, default)


class Served(http2.Connection):
    """The target's side of a connection."""

    def __init__(self, sock, number, target):
        self._take(sock)
        self.number = number
        self.target = target
        self.open = {}             # Request by stream, whose end has not come yet
        self.ended = set()         # streams whose requests are whole
        self.resets = {}           # error by stream
        self.goaways = []
        self.pings = 0
        self._windows = {}
        self._window = DEFAULT_WINDOW

    def greet(self, **own_settings):
        """Reads the preface; our SETTINGS, and an answer to the client's."""
        self._fill(len(http2.PREFACE))
        assert self._buffer.startswith(http2.PREFACE), self._buffer[:40]
        self._buffer = self._buffer[len(http2.PREFACE):]
        return self.send(http2.settings(**own_settings))

    def _initial_window(self):
        return self.settings.get(http2.INITIAL_WINDOW_SIZE, DEFAULT_WINDOW)

    def step(self):
        """Takes a frame, answers what a client may expect answered, and returns it."""
        got = self.read()
        if got.ends_stream:
            self.ended.add(got.stream)
        if got.type == http2.SETTINGS and not got.flags & http2.ACK:
            self.send(http2.frame(http2.SETTINGS, http2.ACK, 0))
        elif got.type == http2.PING and not got.flags & http2.ACK:
            self.pings += 1
            self.send(http2.ping(got.payload, http2.ACK))
        elif got.type == http2.WINDOW_UPDATE:
            more = struct.unpack(">I", got.payload)[0]
            if got.stream == 0:
                self._window += more
            else:
                self._windows[got.stream] = self.window_of(got.stream) + more
        elif got.type == http2.RST_STREAM:
            self.resets[got.stream] = got.error
            self.open.pop(got.stream, None)
        elif got.type == http2.GOAWAY:
            self.goaways.append(got.error)
        elif got.type == http2.HEADERS:
            request = self.open.get(got.stream)
            if request is None:
                request = Request(got.stream, got.fields, connection=self.number)
                self.open[got.stream] = request
                self.target.heads.append(request)
            else:
                request.trailers = got.fields
        elif got.type == http2.DATA and got.stream in self.open:
            self.open[got.stream].body += got.payload
            if got.payload and self.target.opens_windows:
                self.send(http2.window_update(0, len(got.payload)),
                          b"" if got.ends_stream else
                          http2.window_update(got.stream, len(got.payload)))
        return got

    def window_of(self, stream):
        return self._windows.get(stream, self._initial_window())

    def request(self):
        """The next whole request."""
        while True:
            got = self.step()
            if got.ends_stream and got.stream in self.open:
                request = self.open.pop(got.stream)
                if request.get(":path") == "/healthz":
                    self.answer(request.stream)
                    continue
                self.target.requests.append(request)
                return request

    def answer(self, stream, body=b"", status=200, fields=(), trailers=(), ends=True):
        """A whole response, within the client's windows."""
        ends_now = ends and not body and not trailers
        self.send(self.headers(stream, ((":status", str(status)), *fields), ends=ends_now))
        if body:
            self.data(stream, body, ends=ends and not trailers)
        if trailers:
            self.send(self.headers(stream, trailers, ends=True))

    def data(self, stream, body, ends=False):
        while body or ends:
            room = min(self.window_of(stream), self._window, 16384)
            while body and room <= 0:
                self.step()
                if stream in self.resets:
                    return
                room = min(self.window_of(stream), self._window, 16384)
            part, body = body[:room], body[room:]
            self._windows[stream] = self.window_of(stream) - len(part)
            self._window -= len(part)
            last = ends and not body
            self.send(http2.frame(http2.DATA, http2.END_STREAM if last else 0, stream, part))
            if last or not body:
                return

    def await_reset(self, stream):
        """The error of the reset that comes."""
        while stream not in self.resets:
            self.step()
        return self.resets[stream]

    def await_close(self):
        try:
            while True:
                self.step()
        except http2.Closed:
            return


class Target:
    """A listening one. `serve(connection)` has each connection until it returns."""

    def __init__(self, serve, settings=None, greets=True, opens_windows=True):
        self._serve_one = serve
        self._settings = settings or {}
        self._greets = greets
        self.opens_windows = opens_windows
        self.heads = []            # requests, as they begin
        self.requests = []         # and as they end
        self.connections = []
        self.problems = []
        self.port = ports.free()
        self.address = f"127.0.0.1:{self.port}"
        self._listener = socket.socket()
        self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._listener.bind(("127.0.0.1", self.port))
        self._listener.listen(256)
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            connection = Served(sock, len(self.connections) + 1, self)
            self.connections.append(connection)
            threading.Thread(target=self._run, args=(connection,), daemon=True).start()

    def _run(self, connection):
        try:
            if self._greets:
                connection.greet(**self._settings)
            self._serve_one(connection)
        except (http2.Closed, OSError):
            pass
        except Exception as problem:  # told by the test that looks
            self.problems.append(repr(problem))
        finally:
            connection.close()

    def wait_for_heads(self, count):
        wait.until(lambda: len(self.heads) >= count,
                   lambda: f"{count} requests; there are {len(self.heads)}, {self.problems}")
        return self.heads

    def stop(self):
        try:
            self._listener.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self._listener.close()
        for connection in self.connections:
            connection.shut()


def answering(handler, **options):
    """`handler(request, connection)` answers each request, one after the other."""
    def serve(connection):
        while True:
            handler(connection.request(), connection)
    return Target(serve, **options)


def text(body, **options):
    return answering(lambda request, connection: connection.answer(
        request.stream, body if request.get(":method") != "HEAD" else b""), **options)

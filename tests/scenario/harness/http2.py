"""
A client of HTTP/2 that sends exactly the frames it is given, well formed or not. Answers come as
Frame objects; the header lists in them are decoded.
"""
import collections
import dataclasses
import socket
import struct

import hpack

from . import wait

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS, PUSH_PROMISE, PING, GOAWAY, WINDOW_UPDATE, \
    CONTINUATION = range(10)
PRIORITY_UPDATE = 16
NAMES = ("DATA", "HEADERS", "PRIORITY", "RST_STREAM", "SETTINGS", "PUSH_PROMISE", "PING", "GOAWAY",
         "WINDOW_UPDATE", "CONTINUATION")

ACK = END_STREAM = 1
END_HEADERS = 4
PADDED = 8
WITH_PRIORITY = 32

NO_ERROR, PROTOCOL_ERROR, INTERNAL_ERROR, FLOW_CONTROL_ERROR, SETTINGS_TIMEOUT, STREAM_CLOSED, \
    FRAME_SIZE_ERROR, REFUSED_STREAM, CANCEL, COMPRESSION_ERROR, CONNECT_ERROR, \
    ENHANCE_YOUR_CALM = range(12)

HEADER_TABLE_SIZE, ENABLE_PUSH, MAX_CONCURRENT_STREAMS, INITIAL_WINDOW_SIZE, MAX_FRAME_SIZE, \
    MAX_HEADER_LIST_SIZE = range(1, 7)
ENABLE_CONNECT_PROTOCOL = 8

GET = ((":method", "GET"), (":scheme", "http"), (":path", "/"), (":authority", "test.localhost"))
POST = ((":method", "POST"), (":scheme", "http"), (":path", "/"), (":authority", "test.localhost"))


class Closed(Exception):
    """The server has closed, or reset, the connection."""


@dataclasses.dataclass
class Frame:
    type: int
    flags: int
    stream: int
    payload: bytes
    fields: tuple = ()          # of HEADERS

    @property
    def error(self):
        """Of RST_STREAM and GOAWAY."""
        return struct.unpack(">I", self.payload[:4] if self.type == RST_STREAM
                             else self.payload[4:8])[0]

    @property
    def last_stream(self):
        return struct.unpack(">I", self.payload[:4])[0]

    @property
    def ends_stream(self):
        return self.type in (DATA, HEADERS) and bool(self.flags & END_STREAM)

    @property
    def status(self):
        return int(dict(self.fields)[":status"])

    def get(self, name, default=None):
        return dict(self.fields).get(name, default)

    def __repr__(self):
        name = NAMES[self.type] if self.type < len(NAMES) else self.type
        return f"<{name} stream={self.stream} flags={self.flags:#x} {self.fields or self.payload[:40]}>"


def frame(kind, flags, stream, payload=b"", length=None):
    """A frame as bytes; `length` in place of the payload's own."""
    length = len(payload) if length is None else length
    return struct.pack(">I", length)[1:] + struct.pack(">BBI", kind, flags, stream) + payload


def settings(**values):
    """SETTINGS by name: settings(INITIAL_WINDOW_SIZE=0)."""
    return frame(SETTINGS, 0, 0, b"".join(struct.pack(">HI", globals()[name], value)
                                          for name, value in values.items()))


def window_update(stream, increment):
    return frame(WINDOW_UPDATE, 0, stream, struct.pack(">I", increment))


def reset(stream, error=CANCEL):
    return frame(RST_STREAM, 0, stream, struct.pack(">I", error))


def ping(data=b"12345678", flags=0):
    return frame(PING, flags, 0, data)


def goaway(last=0, error=NO_ERROR, stream=0):
    return frame(GOAWAY, 0, stream, struct.pack(">II", last, error))


def priority(stream, depends_on=0, weight=255):
    return frame(PRIORITY, 0, stream, struct.pack(">IB", depends_on, weight))


@dataclasses.dataclass
class Response:
    fields: tuple
    body: bytes
    trailers: tuple
    interim: list
    error: int = None           # of a reset

    @property
    def status(self):
        return int(dict(self.fields)[":status"])

    def get(self, name, default=None):
        return dict(self.fields).get(name, default)


class Connection:
    """A context that closes it. With `greets`, preface and SETTINGS have been exchanged."""

    def __init__(self, port, greets=True, **own_settings):
        self._take(socket.create_connection(("127.0.0.1", port)))
        if greets:
            self.send(PREFACE + settings(**own_settings))
            self.read_until(lambda got: got.type == SETTINGS and not got.flags & ACK)
            self.send(frame(SETTINGS, ACK, 0))
            self.read_until(lambda got: got.type == SETTINGS and got.flags & ACK)

    def _take(self, sock):
        self._socket = sock
        self._socket.settimeout(wait.DEADLINE_S * wait.patience())
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._buffer = b""
        self._block = b""
        self.encoder = hpack.Encoder()
        self._decoder = hpack.Decoder()
        self._decoder.max_header_list_size = 1 << 20
        self.settings = {}
        self.seen = []          # frames that `responses` has passed over
        self.windows = collections.defaultdict(lambda: 65535)   # what we may send, by stream

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def shut(self):
        """Ends it under whoever reads from it on another thread."""
        try:
            self._socket.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass

    def close(self):
        self._socket.close()

    def half_close(self):
        self._socket.shutdown(socket.SHUT_WR)

    def patience(self, seconds):
        """How long to wait for the next byte."""
        self._socket.settimeout(seconds)

    def rest(self):
        """All bytes until the server closes."""
        return self._socket.makefile("rb").read()

    def send(self, *frames):
        """All in one packet, if they fit. What the server no longer takes is passed over."""
        try:
            self._socket.sendall(b"".join(frames))
        except (BrokenPipeError, ConnectionResetError):
            pass
        return self

    def block(self, *fields):
        """A header block."""
        return self.encoder.encode(fields, huffman=False)

    def headers(self, stream, fields=GET, ends=True, flags=END_HEADERS, extra=()):
        """A HEADERS frame as bytes; `extra` fields follow."""
        return frame(HEADERS, flags | (END_STREAM if ends else 0), stream,
                     self.block(*fields, *extra))

    def _fill(self, count):
        while len(self._buffer) < count:
            try:
                got = self._socket.recv(65536)
            except ConnectionResetError:
                got = b""
            if not got:
                raise Closed()
            self._buffer += got

    def read(self):
        """The next frame. Raises Closed, or socket.timeout."""
        self._fill(9)
        length = int.from_bytes(self._buffer[:3], "big")
        kind, flags, stream = struct.unpack(">BBI", self._buffer[3:9])
        self._fill(9 + length)
        payload, self._buffer = self._buffer[9:9 + length], self._buffer[9 + length:]
        got = Frame(kind, flags, stream & 0x7fffffff, payload)
        if kind in (HEADERS, CONTINUATION):
            self._block += payload
            if flags & END_HEADERS:
                got.fields = tuple((name, value) for name, value in
                                   self._decoder.decode(self._block))
                self._block = b""
        if kind == WINDOW_UPDATE:
            self.windows[got.stream] += struct.unpack(">I", payload)[0]
        if kind == SETTINGS and not flags & ACK:
            self.settings.update(struct.iter_unpack(">HI", payload))
        return got

    def send_data(self, stream, content, ends=True):
        """A part of it, as much as windows allow: how many bytes."""
        part = min(16384, len(content), self.windows[0], self.windows[stream])
        if part > 0:
            self.windows[0] -= part
            self.windows[stream] -= part
            self.send(frame(DATA, END_STREAM if ends and part == len(content) else 0, stream,
                            content[:part]))
        return part

    def read_until(self, condition):
        """The first frame for which the condition holds; those before it are passed over."""
        while True:
            got = self.read()
            if condition(got):
                return got

    def await_type(self, kind, stream=None):
        return self.read_until(lambda got: got.type == kind and stream in (None, got.stream))

    def goaway(self):
        """The error of the GOAWAY that comes; None: closed without one."""
        try:
            return self.await_type(GOAWAY).error
        except Closed:
            return None

    def is_closed(self):
        """Waits until the server has closed."""
        try:
            while True:
                self.read()
        except Closed:
            return True
        except socket.timeout:
            return False

    def is_alive(self, data=b"liveness"):
        """Does it answer a PING?"""
        self.send(ping(data))
        try:
            return bool(self.read_until(lambda got: got.type == PING and got.flags & ACK and
                                        got.payload == data))
        except Closed:
            return False

    def responses(self, *streams, windows=True):
        """The whole responses of these streams, as they come; windows are opened."""
        found = {stream: Response((), b"", (), []) for stream in streams}
        left = set(streams)
        while left:
            got = self.read()
            if got.stream not in left:
                if got.type == GOAWAY:
                    self.seen.append(got)
                continue
            response = found[got.stream]
            if got.type == HEADERS and not response.fields and got.status < 200:
                response.interim.append(got.fields)
            elif got.type == HEADERS and not response.fields:
                response.fields = got.fields
            elif got.type == HEADERS:
                response.trailers = got.fields
            elif got.type == DATA:
                response.body += got.payload
                if windows and got.payload:
                    self.send(window_update(0, len(got.payload)),
                              b"" if got.ends_stream else
                              window_update(got.stream, len(got.payload)))
            elif got.type == RST_STREAM:
                response.error = got.error
                left.discard(got.stream)
            if got.ends_stream:
                left.discard(got.stream)
        return [found[stream] for stream in streams]

    def response(self, stream=1, windows=True):
        return self.responses(stream, windows=windows)[0]

    def ask(self, stream, fields=GET, extra=()):
        """A request without a body, and its whole response."""
        return self.send(self.headers(stream, fields, extra=extra)).response(stream)

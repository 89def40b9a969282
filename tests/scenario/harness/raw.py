"""A client that sends exactly the bytes it is given and reads answers strictly."""
import contextlib
import dataclasses
import re
import socket
import struct

from . import http1, wait


@dataclasses.dataclass
class Response:
    status: int
    reason: str
    head: http1.Head
    body: bytes
    trailers: list
    informational: list        # the 1xx responses before it

    def get(self, name, default=None):
        return self.head.get(name, default)


class Connection:
    """One connection; a context that closes it."""

    def __init__(self, sock):
        self._socket = sock
        self._socket.settimeout(wait.DEADLINE_S * wait.patience())
        self._reader = http1.Reader(sock)

    def send(self, data):
        self._socket.sendall(data.encode("latin-1") if isinstance(data, str) else data)
        return self

    def send_in_pieces(self, data, size=1):
        """In pieces of `size` bytes, each in a packet of its own."""
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for at in range(0, len(data), size):
            self._socket.sendall(data[at:at + size])
        return self

    def response(self, method="GET"):
        """
        The next final response. Raises http1.Closed if the peer closed instead, http1.Malformed if
        it sent something else than HTTP.
        """
        informational = []
        while True:
            head = http1.read_head(self._reader)
            match = re.fullmatch(r"HTTP/1\.1 (\d{3}) ([^\r\n]*)", head.start_line)
            if not match:
                raise http1.Malformed(f"bad status line {head.start_line!r}")
            status = int(match[1])
            if status >= 200 or status == 101:
                break
            informational.append((status, head))
        body, trailers = b"", []
        is_tunnel = method == "CONNECT" and status // 100 == 2
        if method != "HEAD" and not is_tunnel and status not in (101, 204, 304):
            body, trailers = http1.read_body(self._reader, head, until_close=True)
        return Response(status, match[2], head, body, trailers, informational)

    def head(self):
        """The head of the next message, without its body."""
        return http1.read_head(self._reader)

    def chunk(self):
        """The next chunk of a chunked body."""
        return http1.read_chunk(self._reader)

    def exactly(self, count):
        """That many bytes of what comes next, as in a tunnel."""
        return self._reader.exactly(count)

    def rest(self):
        """All bytes until the peer closes; b"" after a reset too."""
        try:
            return self._reader.to_end()
        except ConnectionResetError:
            return b""

    def is_closed(self):
        """Waits until the peer has closed; false if it sends something or keeps silent."""
        try:
            return self.rest() == b""
        except socket.timeout:
            return False

    def is_silent(self, seconds=0.2):
        """True if nothing comes within that time and the connection stays open."""
        before = self._socket.gettimeout()
        self._socket.settimeout(seconds)
        try:
            self._socket.recv(1, socket.MSG_PEEK)
            return False
        except socket.timeout:
            return True
        except ConnectionResetError:
            return False
        finally:
            self._socket.settimeout(before)

    def half_close(self):
        self._socket.shutdown(socket.SHUT_WR)
        return self

    def reset(self):
        """Closes with a reset in place of an orderly end."""
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._socket.close()

    def close(self):
        self._socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._socket.close()


def connect(port, host="127.0.0.1", receive_buffer=None):
    """A connection to a port, or to a Unix socket if `port` is a path."""
    if isinstance(port, int):
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        sock, address = socket.socket(family), (host, port)
    else:
        sock, address = socket.socket(socket.AF_UNIX), str(port)
    if receive_buffer:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
    sock.settimeout(wait.DEADLINE_S * wait.patience())
    with contextlib.ExitStack() as stack:
        stack.callback(sock.close)
        sock.connect(address)
        stack.pop_all()
    return Connection(sock)


def request(method="GET", target="/", headers=(), body=b"", host="test.localhost"):
    """The bytes of a well-formed request; headers are (name, value) or complete lines."""
    lines = [f"{method} {target} HTTP/1.1", f"Host: {host}"]
    lines += [line if isinstance(line, str) else f"{line[0]}: {line[1]}" for line in headers]
    if body:
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + body


def exchange(port, data, method="GET"):
    """Sends the bytes on a connection of their own and returns the response."""
    with connect(port) as connection:
        return connection.send(data).response(method)


def get(port, target="/", headers=(), host="test.localhost"):
    """One GET on a connection of its own."""
    return exchange(port, request("GET", target, headers, host=host))

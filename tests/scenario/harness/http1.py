"""Reading of HTTP/1 from a socket, strictly: what weir sends must be well-formed."""
import dataclasses
import re


class Malformed(Exception):
    """The peer sent what HTTP/1 does not allow."""


class Closed(Exception):
    """The peer closed the connection before the first byte of a message."""


@dataclasses.dataclass
class Head:
    start_line: str
    headers: list              # (name, value) in order, names as sent
    raw: bytes

    def get(self, name, default=None):
        """The value of a field; an AssertionError if it is there twice."""
        values = self.all(name)
        assert len(values) < 2, f"{name} is there {len(values)} times: {values}"
        return values[0] if values else default

    def all(self, name):
        return [value for key, value in self.headers if key.lower() == name.lower()]


class Reader:
    """Bytes of a socket with what was read too far kept."""

    def __init__(self, sock):
        self._socket = sock
        self._kept = b""

    def _more(self):
        data = self._socket.recv(65536)
        self._kept += data
        return bool(data)

    def line_block(self, end, bytes_max=1 << 20):
        """All bytes up to and with `end`."""
        while end not in self._kept:
            if len(self._kept) > bytes_max:
                raise Malformed(f"no {end!r} within {bytes_max} bytes")
            if not self._more():
                if not self._kept:
                    raise Closed()
                raise Malformed(f"closed inside a message, after {self._kept[-200:]!r}")
        block, _, self._kept = self._kept.partition(end)
        return block + end

    def exactly(self, count):
        while len(self._kept) < count:
            if not self._more():
                raise Malformed(f"closed {count - len(self._kept)} bytes before the end of a body")
        data, self._kept = self._kept[:count], self._kept[count:]
        return data

    def some(self):
        """What is there, at least a byte; b"" at the end."""
        if not self._kept:
            self._more()
        data, self._kept = self._kept, b""
        return data

    def to_end(self):
        while self._more():
            pass
        data, self._kept = self._kept, b""
        return data


_FIELD = re.compile(rb"([!#$%&'*+\-.^_`|~0-9A-Za-z]+):[ \t]*([^\r\n\0]*?)[ \t]*")


def read_head(reader):
    raw = reader.line_block(b"\r\n\r\n")
    lines = raw[:-4].split(b"\r\n")
    headers = []
    for line in lines[1:]:
        match = _FIELD.fullmatch(line)
        if not match:
            raise Malformed(f"bad field line {line!r}")
        headers.append((match[1].decode(), match[2].decode("latin-1")))
    return Head(lines[0].decode("latin-1"), headers, raw)


def read_chunk(reader):
    """The bytes of the next chunk, b"" for the last."""
    line = reader.line_block(b"\r\n")[:-2]
    if not re.fullmatch(rb"[0-9a-fA-F]+(;.*)?", line):
        raise Malformed(f"bad chunk size {line!r}")
    size = int(line.split(b";")[0], 16)
    data = reader.exactly(size)
    if size and reader.exactly(2) != b"\r\n":
        raise Malformed("no CRLF behind a chunk")
    return data


def _read_chunked(reader):
    body, trailers = b"", []
    while (data := read_chunk(reader)):
        body += data
    while (line := reader.line_block(b"\r\n")[:-2]):
        match = _FIELD.fullmatch(line)
        if not match:
            raise Malformed(f"bad trailer line {line!r}")
        trailers.append((match[1].decode(), match[2].decode("latin-1")))
    return body, trailers


def read_body(reader, head, until_close):
    """(body, trailers) of a message; until_close: without a length it goes on to the end."""
    coding, length = head.get("Transfer-Encoding"), head.get("Content-Length")
    if coding is not None and length is not None:
        raise Malformed("both Transfer-Encoding and Content-Length")
    if coding is not None:
        if coding.lower() != "chunked":
            raise Malformed(f"Transfer-Encoding {coding!r}")
        return _read_chunked(reader)
    if length is not None:
        if not length.isdigit():
            raise Malformed(f"Content-Length {length!r}")
        return reader.exactly(int(length)), []
    return (reader.to_end() if until_close else b""), []

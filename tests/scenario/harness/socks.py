"""A client of SOCKS 5, byte by byte."""
import ipaddress
import struct

from . import raw


def address(host):
    """The address part of a request, by what the host looks like."""
    try:
        packed = ipaddress.ip_address(host)
    except ValueError:
        name = host.encode()
        return b"\x03" + bytes([len(name)]) + name
    return (b"\x01" if packed.version == 4 else b"\x04") + packed.packed


def as_name(host):
    return b"\x03" + bytes([len(host)]) + host.encode()


class Client:
    """A connection that has said hello."""

    def __init__(self, port, user=None, password=None):
        self.connection = raw.connect(port)
        method = b"\x02" if user is not None else b"\x00"
        self.connection.send(b"\x05\x01" + method)
        self.method = self.connection.exactly(2)[1]
        self.is_known = None
        if self.method == 2:
            self.connection.send(b"\x01" + bytes([len(user)]) + user.encode() +
                                 bytes([len(password)]) + password.encode())
            self.is_known = self.connection.exactly(2)[1] == 0

    def ask(self, host, port, command=1):
        """The reply's code; `host` is text, or an address part as bytes."""
        where = host if isinstance(host, bytes) else address(host)
        self.connection.send(bytes([5, command, 0]) + where + struct.pack(">H", port))
        return self.connection.exactly(10)[1]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.connection.close()

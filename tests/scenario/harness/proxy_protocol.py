"""The PROXY protocol as balancers speak it: headers written by hand, and read off a connection."""
import dataclasses
import ipaddress
import struct

SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"
LOCAL, PROXY = 0x20, 0x21


@dataclasses.dataclass
class Header:
    version: int
    source: str = ""            # "" for what nobody told
    source_port: int = 0
    destination: str = ""
    destination_port: int = 0
    is_local: bool = False


def v1(source="192.0.2.7", destination="198.51.100.1", ports=(56324, 443)):
    family = "TCP6" if ":" in source else "TCP4"
    return f"PROXY {family} {source} {destination} {ports[0]} {ports[1]}\r\n".encode()


def v2(source="192.0.2.7", destination="198.51.100.1", ports=(56324, 443), tlvs=b"",
       command=PROXY):
    body = (ipaddress.ip_address(source).packed + ipaddress.ip_address(destination).packed
            + struct.pack(">HH", *ports) + tlvs)
    family = 0x21 if ":" in source else 0x11
    return SIGNATURE + struct.pack(">BBH", command, family, len(body)) + body


def read(reader):
    """The header at the beginning of an http1.Reader."""
    start = reader.exactly(6)
    if start == b"PROXY ":
        words = reader.line_block(b"\r\n")[:-2].decode().split(" ")
        if words[0] == "UNKNOWN":
            return Header(1)
        assert words[0] in ("TCP4", "TCP6") and len(words) == 5, words
        return Header(1, words[1], int(words[3]), words[2], int(words[4]))
    rest = reader.exactly(10)
    assert start + rest[:6] == SIGNATURE, start + rest
    command, family, length = struct.unpack(">BBH", rest[6:])
    body = reader.exactly(length)
    if family == 0:
        return Header(2, is_local=command == LOCAL)
    size = {0x11: 4, 0x21: 16}[family]
    ports = struct.unpack(">HH", body[2 * size:2 * size + 4])
    addresses = [str(ipaddress.ip_address(body[at:at + size])) for at in (0, size)]
    return Header(2, addresses[0], ports[0], addresses[1], ports[1], command == LOCAL)

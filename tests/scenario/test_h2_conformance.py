"""
What RFC 9113 (HTTP/2) and RFC 7541 (HPACK) ask of a server that meets odd and broken clients, section
by section: the frames to send, and what has to come of them.
"""
import struct

import pytest

from harness import backends as backends_module
from harness import http2, weir as weir_module
from harness.http2 import (ACK, CONTINUATION, DATA, END_HEADERS, END_STREAM, GET, GOAWAY, HEADERS,
                           PADDED, PING, POST, PREFACE, PRIORITY, PUSH_PROMISE, RST_STREAM, SETTINGS,
                           WINDOW_UPDATE, WITH_PRIORITY, frame, ping, priority, reset, window_update)

PAGE = """\
listeners:
  http: { address: "127.0.0.1:@PORT@" }
workers: 1
access_log: { format: json, path: "@FOLDER@/access.log" }
sites:
  all:
    domains: ["*"]
    rules:
      - match: { path: "/echo" }
        forward: targets
      - respond: { status: 200, body: "a page of some length\\n" }
target_groups:
  targets: { targets: [@target@] }
"""


@pytest.fixture(scope="module")
def edge():
    """One edge for all probes."""
    with backends_module.Backends() as targets:
        programs = weir_module.Programs()
        yield programs.edge(PAGE, target=targets.echo())
        problems = programs.finish()
    if problems:
        pytest.fail("\n\n".join(problems), pytrace=False)


@pytest.fixture
def client(edge):
    with http2.Connection(edge.port) as connection:
        yield connection


# What may come of it ---------------------------------------------------------------------------

def connection_error(*codes):
    """A GOAWAY with one of these codes, and the connection's end."""
    def check(client):
        assert client.goaway() in codes
        assert client.is_closed()
    return check


def stream_error(*codes, stream=1):
    """A reset of the stream with one of these codes; ending the connection with it will do too."""
    def check(client):
        got = client.read_until(lambda got: got.type == GOAWAY or
                                (got.type == RST_STREAM and got.stream == stream))
        assert got.error in codes
        if got.type == RST_STREAM:
            assert client.is_alive()
    return check


def refusal(*codes, stream=1):
    """The same, or an answer of the 400s: RFC 9113 §8.1.1 allows it to come before the reset."""
    def check(client):
        got = client.read_until(lambda got: got.type == GOAWAY or
                                (got.type in (RST_STREAM, HEADERS) and got.stream == stream))
        if got.type == HEADERS:
            assert 400 <= got.status < 500
        else:
            assert got.error in codes
    return check


def response(stream=1, status=200):
    def check(client):
        assert client.response(stream).status == status
        assert client.is_alive()
    return check


def still_alive(client):
    assert client.is_alive()


def closes(client):
    assert client.is_closed()


PROTOCOL = connection_error(http2.PROTOCOL_ERROR)
SIZE = connection_error(http2.FRAME_SIZE_ERROR)
CLOSED = connection_error(http2.STREAM_CLOSED)
COMPRESSION = connection_error(http2.COMPRESSION_ERROR)
FLOW = connection_error(http2.FLOW_CONTROL_ERROR)
MALFORMED = refusal(http2.PROTOCOL_ERROR)
RESET = stream_error(http2.PROTOCOL_ERROR)


def without(fields, name):
    return tuple(field for field in fields if field[0] != name)


def request(*changes, fields=GET, drop=()):
    """A request whose fields are these, without some, and with others behind."""
    def send(client):
        kept = tuple(field for field in fields if field[0] not in drop)
        client.send(client.headers(1, kept + changes))
    return send


def raw_block(block, flags=END_HEADERS | END_STREAM):
    """A request with a header block as it is, behind a good one."""
    def send(client):
        client.send(frame(HEADERS, flags, 1, client.block(*GET) + block))
    return send


def frames(*made):
    """Frames that need no header block; `H` stands for a request on stream 1."""
    def send(client):
        client.send(*(client.headers(1) if one == "H" else client.headers(1, POST, ends=False)
                      if one == "P" else one for one in made))
    return send


def settings(identifier, value):
    return frame(SETTINGS, 0, 0, struct.pack(">HI", identifier, value))


def one_byte(client):
    assert len(client.await_type(DATA, 1).payload) == 1


def after_response(*made):
    """On a stream that both sides have ended."""
    def send(client):
        client.send(client.headers(1)).response()
        client.send(*(client.headers(1) if one == "H" else one for one in made))
    return send


CASES = {
    # 4.1 Frame Format
    "4.1 a frame of an unknown type is passed over": (frames(frame(0xf0, 0, 0, b"x" * 8)), still_alive),
    "4.1 undefined flags are passed over": (frames(ping(flags=0x16)), lambda client:
                                            client.read_until(lambda got: got.type == PING and got.flags & ACK)),
    "4.1 the reserved bit is passed over": (frames(frame(PING, 0, 0x80000000, b"x" * 8)), still_alive),
    # 4.2 Frame Size
    "4.2 DATA of 2^14 bytes is taken": (frames("P", frame(DATA, END_STREAM, 1, bytes(16384))), response()),
    "4.2 DATA over the maximum": (frames("P", frame(DATA, END_STREAM, 1, bytes(16385))),
                                  stream_error(http2.FRAME_SIZE_ERROR)),
    "4.2 HEADERS over the maximum": (frames(frame(HEADERS, END_HEADERS | END_STREAM, 1, bytes(16385))), SIZE),
    "4.2 HEADERS far over the maximum": (frames(frame(HEADERS, END_HEADERS | END_STREAM, 1, bytes(99999))), SIZE),
    "4.2 a frame that nobody knows over the maximum": (frames(frame(0xbb, 0, 0, bytes(16385))), SIZE),
    # 4.3 Field Section Compression and Decompression
    "4.3 a header block that cannot be decoded": (frames(frame(HEADERS, END_HEADERS | END_STREAM, 1, b"@")),
                                                  COMPRESSION),
    "4.3 PRIORITY inside a header block":
        (lambda client: client.send(client.headers(1, flags=0), priority(1),
                                    frame(CONTINUATION, END_HEADERS, 1)), PROTOCOL),
    "4.3 HEADERS of another stream inside a header block":
        (lambda client: client.send(client.headers(1, flags=0), client.headers(3),
                                    frame(CONTINUATION, END_HEADERS, 1)), PROTOCOL),
    # 5.1 Stream States
    "5.1 DATA on an idle stream": (frames(frame(DATA, END_STREAM, 1, b"test")), PROTOCOL),
    "5.1 RST_STREAM on an idle stream": (frames(reset(1)), PROTOCOL),
    "5.1 WINDOW_UPDATE on an idle stream": (frames(window_update(1, 100)), PROTOCOL),
    "5.1 CONTINUATION on an idle stream": (frames(frame(CONTINUATION, END_HEADERS, 1)), PROTOCOL),
    "5.1 PRIORITY on an idle stream": (frames(priority(1)), still_alive),
    "5.1 DATA on a half-closed stream": (frames("H", frame(DATA, END_STREAM, 1, b"test")),
                                         stream_error(http2.STREAM_CLOSED)),
    "5.1 HEADERS on a half-closed stream": (frames("H", "H"), stream_error(http2.STREAM_CLOSED)),
    "5.1 CONTINUATION on a half-closed stream":
        (frames("H", frame(CONTINUATION, END_HEADERS, 1)),
         stream_error(http2.STREAM_CLOSED, http2.PROTOCOL_ERROR)),
    "5.1 DATA behind a reset": (frames("P", reset(1), frame(DATA, END_STREAM, 1, b"test")),
                                stream_error(http2.STREAM_CLOSED)),
    "5.1 HEADERS behind a reset": (frames("P", reset(1), "H"), stream_error(http2.STREAM_CLOSED)),
    "5.1 CONTINUATION behind a reset": (frames("P", reset(1), frame(CONTINUATION, END_HEADERS, 1)),
                                        stream_error(http2.STREAM_CLOSED, http2.PROTOCOL_ERROR)),
    "5.1 DATA on a closed stream": (after_response(frame(DATA, END_STREAM, 1, b"test")), CLOSED),
    "5.1 HEADERS on a closed stream": (after_response("H"), CLOSED),
    "5.1 CONTINUATION on a closed stream":
        (after_response(frame(CONTINUATION, END_HEADERS, 1)),
         connection_error(http2.STREAM_CLOSED, http2.PROTOCOL_ERROR)),
    "5.1 PRIORITY on a closed stream": (after_response(priority(1)), still_alive),
    "5.1 WINDOW_UPDATE on a closed stream": (after_response(window_update(1, 1)), still_alive),
    "5.1 RST_STREAM on a closed stream": (after_response(reset(1)), still_alive),
    "5.1 RST_STREAM on a half-closed stream": (frames("H", reset(1)), still_alive),
    "5.1 WINDOW_UPDATE on a half-closed stream":
        (frames(settings(4, 0), "H", window_update(1, 1)), one_byte),
    "5.1 PRIORITY on a half-closed stream":
        (frames(settings(4, 0), "H", priority(1), window_update(1, 1)), one_byte),
    # 5.1.1 Stream Identifiers
    "5.1.1 a stream with an even number": (lambda client: client.send(client.headers(2)), PROTOCOL),
    "5.1.1 a stream with a smaller number":
        (lambda client: client.send(client.headers(5), client.headers(3)), PROTOCOL),
    # 5.3.1: deprecated, yet what cannot be is an error
    "5.3.1 HEADERS that depend on themselves":
        (lambda client: client.send(frame(HEADERS, END_HEADERS | END_STREAM | WITH_PRIORITY, 1,
                                          struct.pack(">IB", 1, 255) + client.block(*GET))),
         stream_error(http2.PROTOCOL_ERROR)),
    "5.3.1 PRIORITY that depends on itself": (frames(priority(2, 2)),
                                              stream_error(http2.PROTOCOL_ERROR, stream=2)),
    # 5.4.1 Connection Error Handling
    "5.4.1 the connection is closed behind a GOAWAY": (frames(frame(PING, 0, 3, b"x" * 8)), PROTOCOL),
    # 5.5 Extending HTTP/2
    "5.5 an unknown frame is passed over": (frames(frame(0xff, 0, 0, b"unknown"), ping()), still_alive),
    "5.5 an unknown frame inside a header block":
        (lambda client: client.send(client.headers(1, flags=0), frame(0xff, 0, 0, b"unknown"),
                                    frame(CONTINUATION, END_HEADERS, 1)), PROTOCOL),
    # 6.1 DATA
    "6.1 DATA on stream 0": (frames(frame(DATA, END_STREAM, 0, b"test")), PROTOCOL),
    "6.1 padding longer than DATA": (frames("P", frame(DATA, END_STREAM | PADDED, 1, b"\x06Test")), PROTOCOL),
    "6.1 padded DATA": (frames("P", frame(DATA, END_STREAM | PADDED, 1, b"\x06Test" + bytes(6))), response()),
    # 6.2 HEADERS
    "6.2 HEADERS on stream 0": (lambda client: client.send(client.headers(0)), PROTOCOL),
    "6.2 padding longer than HEADERS":
        (lambda client: client.send(frame(HEADERS, END_HEADERS | END_STREAM | PADDED, 1,
                                          b"\xff" + client.block(*GET))), PROTOCOL),
    "6.2 padded HEADERS":
        (lambda client: client.send(frame(HEADERS, END_HEADERS | END_STREAM | PADDED, 1,
                                          b"\x06" + client.block(*GET) + bytes(6))), response()),
    "6.2 HEADERS with a priority":
        (lambda client: client.send(frame(HEADERS, END_HEADERS | END_STREAM | WITH_PRIORITY, 1,
                                          struct.pack(">IB", 0, 255) + client.block(*GET))), response()),
    # 6.3 PRIORITY
    "6.3 PRIORITY on stream 0": (frames(priority(0)), PROTOCOL),
    "6.3 PRIORITY of another length than 5": (frames("P", frame(PRIORITY, 0, 1, bytes(4))),
                                              stream_error(http2.FRAME_SIZE_ERROR)),
    "6.3 PRIORITY too short, of a stream that depends on itself":
        (frames("H", frame(PRIORITY, 0, 1, b"\x80\0\0\1")), stream_error(http2.FRAME_SIZE_ERROR)),
    "6.3 PRIORITY of another length than 5 on a closed stream":
        (after_response(frame(PRIORITY, 0, 1, bytes(4))), stream_error(http2.FRAME_SIZE_ERROR)),
    "6.3 PRIORITY of an idle stream, and a request on a smaller one": (frames(priority(3), "H"), response()),
    # 6.4 RST_STREAM
    "6.4 RST_STREAM on stream 0": (frames(reset(0)), PROTOCOL),
    "6.4 RST_STREAM of another length than 4": (frames("P", frame(RST_STREAM, 0, 1, bytes(3))), SIZE),
    # 6.5 SETTINGS
    "6.5 an acknowledgement with a payload": (frames(frame(SETTINGS, ACK, 0, bytes(6))), SIZE),
    "6.5 SETTINGS on a stream": (frames(frame(SETTINGS, 0, 1, struct.pack(">HI", 3, 100))), PROTOCOL),
    "6.5 SETTINGS of a length that no settings have": (frames(frame(SETTINGS, 0, 0, bytes(3))), SIZE),
    "6.5.2 ENABLE_PUSH of neither 0 nor 1": (frames(settings(2, 2)), PROTOCOL),
    "6.5.2 INITIAL_WINDOW_SIZE over the maximum": (frames(settings(4, 1 << 31)), FLOW),
    "6.5.2 MAX_FRAME_SIZE under the minimum": (frames(settings(5, 16383)), PROTOCOL),
    "6.5.2 MAX_FRAME_SIZE over the maximum": (frames(settings(5, 1 << 24)), PROTOCOL),
    "6.5.2 an unknown setting is passed over": (frames(settings(0xff, 1)), still_alive),
    "6.5.3 SETTINGS are acknowledged": (frames(settings(2, 0)), lambda client:
                                        client.read_until(lambda got: got.type == SETTINGS and got.flags & ACK)),
    # 6.6 and 8.4 PUSH_PROMISE
    "6.6 PUSH_PROMISE of a client":
        (lambda client: client.send(client.headers(1, POST, ends=False),
                                    frame(PUSH_PROMISE, END_HEADERS, 1,
                                          struct.pack(">I", 3) + client.block(*GET))), PROTOCOL),
    # 6.7 PING
    "6.7 PING is answered": (frames(ping(b"h2weir!!")), lambda client:
                             client.read_until(lambda got: got.type == PING and got.flags & ACK and
                                               got.payload == b"h2weir!!")),
    "6.7 an answer to a PING is not answered": (frames(ping(b"invalid!", ACK)), still_alive),
    "6.7 PING on a stream": (frames(frame(PING, 0, 1, bytes(8))), PROTOCOL),
    "6.7 PING of another length than 8": (frames(frame(PING, 0, 0, bytes(6))), SIZE),
    # 6.8 GOAWAY
    "6.8 GOAWAY on a stream": (frames(http2.goaway(stream=1)), PROTOCOL),
    "6.8 GOAWAY, and requests under way": (frames("H", http2.goaway()), lambda client:
                                           client.read_until(lambda got: got.ends_stream)),
    # 6.9 WINDOW_UPDATE
    "6.9 an increment of 0 for the connection": (frames(window_update(0, 0)), PROTOCOL),
    "6.9 an increment of 0 for a stream": (frames("P", window_update(1, 0)),
                                           stream_error(http2.PROTOCOL_ERROR)),
    "6.9 WINDOW_UPDATE of another length than 4": (frames(frame(WINDOW_UPDATE, 0, 0, bytes(3))), SIZE),
    "6.9.1 a window of the connection over the maximum":
        (frames(window_update(0, 0x7fffffff), window_update(0, 0x7fffffff)), FLOW),
    "6.9.1 a window of a stream over the maximum":
        (frames("P", window_update(1, 0x7fffffff), window_update(1, 0x7fffffff)),
         stream_error(http2.FLOW_CONTROL_ERROR)),
    # 6.10 CONTINUATION
    "6.10 several CONTINUATIONs":
        (lambda client: client.send(client.headers(1, flags=0),
                                    frame(CONTINUATION, 0, 1, client.block(("x-a", "1"))),
                                    frame(CONTINUATION, END_HEADERS, 1, client.block(("x-b", "2")))),
         response()),
    "6.10 CONTINUATION followed by DATA":
        (lambda client: client.send(client.headers(1, POST, ends=False, flags=0),
                                    frame(DATA, END_STREAM, 1, b"test")), PROTOCOL),
    "6.10 DATA inside a header block, and CONTINUATION behind it":
        (lambda client: client.send(client.headers(1, POST, ends=False, flags=0),
                                    frame(DATA, END_STREAM, 1, b"test"), frame(CONTINUATION, 0, 1),
                                    frame(CONTINUATION, END_HEADERS, 0)), PROTOCOL),
    "6.10 CONTINUATION on stream 0":
        (lambda client: client.send(client.headers(1, flags=0), frame(CONTINUATION, END_HEADERS, 0)), PROTOCOL),
    "6.10 CONTINUATION behind a header block's end":
        (frames("P", frame(CONTINUATION, END_HEADERS, 1)), PROTOCOL),
    "6.10 CONTINUATION behind another one's end":
        (lambda client: client.send(client.headers(1, POST, ends=False, flags=0),
                                    frame(CONTINUATION, END_HEADERS, 1),
                                    frame(CONTINUATION, END_HEADERS, 1)), PROTOCOL),
    "6.10 CONTINUATION behind DATA":
        (frames("P", frame(DATA, 0, 1, b"test"), frame(CONTINUATION, END_HEADERS, 1)), PROTOCOL),
    # 7 Error Codes
    "7 an unknown error code in GOAWAY": (frames("H", http2.goaway(0, 0xff)), lambda client:
                                          client.read_until(lambda got: got.ends_stream)),
    "7 an unknown error code in GOAWAY, and nothing under way": (frames(http2.goaway(0, 0xff)), closes),
    "7 an unknown error code in RST_STREAM": (frames("P", reset(1, 0xff)), still_alive),
    # 8.1 HTTP Message Framing
    "8.1 a second HEADERS that does not end the stream":
        (lambda client: client.send(client.headers(1, POST, ends=False),
                                    client.headers(1, (("x-late", "1"),), ends=False)), RESET),
    "8.1.1 content-length over the length of DATA":
        (lambda client: client.send(client.headers(1, POST, ends=False, extra=(("content-length", "5"),)),
                                    frame(DATA, END_STREAM, 1, b"test")), RESET),
    "8.1.1 content-length under the length of DATA":
        (lambda client: client.send(client.headers(1, POST, ends=False, extra=(("content-length", "1"),)),
                                    frame(DATA, END_STREAM, 1, b"test")), RESET),
    "8.1.1 content-length over the length of several DATA":
        (lambda client: client.send(client.headers(1, POST, ends=False, extra=(("content-length", "9"),)),
                                    frame(DATA, 0, 1, b"test"), frame(DATA, END_STREAM, 1, b"test")),
         RESET),
    "8.1.1 content-length without a body": (request(("content-length", "5")), RESET),
    "8.1.1 differing content-lengths": (request(("content-length", "0"), ("content-length", "1")), RESET),
    # 8.2 HTTP Fields
    "8.2.1 a name with capitals": (request(("X-TEST", "ok")), RESET),
    "8.2.1 a name with a blank": (request(("x test", "ok")), RESET),
    "8.2.1 a name with a colon": (request(("x:test", "ok")), RESET),
    "8.2.1 an empty name": (request(("", "ok")), RESET),
    "8.2.1 a value with a CR": (request(("x-test", "a\rb")), RESET),
    "8.2.1 a value with a LF": (request(("x-test", "a\nx-smuggled: b")), RESET),
    "8.2.1 a value with a NUL": (request(("x-test", "a\0b")), RESET),
    "8.2.1 a value with a blank before it": (request(("x-test", " a")), RESET),
    "8.2.1 a value with a blank behind it": (request(("x-test", "a\t")), RESET),
    "8.2.2 connection": (request(("connection", "keep-alive")), RESET),
    "8.2.2 keep-alive": (request(("keep-alive", "timeout=1")), RESET),
    "8.2.2 proxy-connection": (request(("proxy-connection", "keep-alive")), RESET),
    "8.2.2 transfer-encoding": (request(("transfer-encoding", "chunked")), RESET),
    "8.2.2 upgrade": (request(("upgrade", "websocket")), RESET),
    "8.2.2 te of anything but trailers": (request(("te", "trailers, deflate")), RESET),
    "8.2.2 te of trailers": (request(("te", "trailers")), response()),
    # 8.3 HTTP Control Data
    "8.3 an unknown pseudo-header field": (request((":test", "ok")), RESET),
    "8.3 a pseudo-header field of responses": (request((":status", "200")), RESET),
    "8.3 a pseudo-header field in trailers":
        (lambda client: client.send(client.headers(1, POST, ends=False),
                                    client.headers(1, ((":method", "POST"),))), RESET),
    "8.3 a pseudo-header field behind others":
        (request(("x-test", "ok"), (":path", "/"), drop=(":path",)), RESET),
    "8.3.1 an empty :path": (request((":path", ""), drop=(":path",)), RESET),
    "8.3.1 no :method": (request(drop=(":method",)), RESET),
    "8.3.1 no :scheme": (request(drop=(":scheme",)), RESET),
    "8.3.1 no :path": (request(drop=(":path",)), RESET),
    "8.3.1 two :method": (request((":method", "GET")), RESET),
    "8.3.1 two :scheme": (request((":scheme", "http")), RESET),
    "8.3.1 two :path": (request((":path", "/")), RESET),
    "8.3.1 two :authority": (request((":authority", "test.localhost")), RESET),
    "8.3.1 a :path that is not one": (request((":path", "nothing"), drop=(":path",)), RESET),
    "8.3.1 a :path with a blank": (request((":path", "/a b"), drop=(":path",)), RESET),
    "8.3.1 a :path with a line": (request((":path", "/a\r\nx: y"), drop=(":path",)), RESET),
    "8.3.1 a :path of * for GET": (request((":path", "*"), drop=(":path",)), RESET),
    "8.3.1 an :authority with a user": (request((":authority", "u@test.localhost"), drop=(":authority",)),
                                        MALFORMED),
    "8.3.1 an :authority that Host contradicts": (request(("host", "other.localhost")), MALFORMED),
    "8.3.1 an :authority that Host repeats": (request(("host", "test.localhost")), response()),
    "8.3.1 Host in place of :authority": (request(("host", "test.localhost"), drop=(":authority",)), response()),
    "8.3.1 neither Host nor :authority": (request(drop=(":authority",)), RESET),
    "8.3.1 a :scheme that is not HTTP's": (request((":scheme", "ftp"), drop=(":scheme",)), MALFORMED),
    "8.5 CONNECT with a :path": (request((":method", "CONNECT"), drop=(":method",)), RESET),
    "8.5 CONNECT is for forward proxies":
        (request((":method", "CONNECT"), (":authority", "test.localhost:443"),
                 drop=(":method", ":scheme", ":path", ":authority")), response(status=405)),
    # RFC 7541
    "HPACK 2.3.3 an indexed field beyond the tables": (raw_block(b"\xff\x80\x01"), COMPRESSION),
    "HPACK 2.3.3 a literal whose name lies beyond the tables":
        (raw_block(b"\x7f\x80\x01\x04test"), COMPRESSION),
    "HPACK 2.3.3 an index just beyond the tables": (raw_block(b"\xc6"), COMPRESSION),
    "HPACK 2.3.3 a literal whose name lies just beyond the tables": (raw_block(b"\x7f\x07\0"), COMPRESSION),
    "HPACK 4.2 a table size update behind fields": (raw_block(b"\x20"), COMPRESSION),
    "HPACK 5.1 an integer too long": (raw_block(b"\x0f" + b"\xff" * 12), COMPRESSION),
    "HPACK 5.2 padding of more than 7 bits": (raw_block(b"\x00\x85\xf2\xb2\x4a\x84\xff\x84\x49\x50\x9f\xff"),
                                              COMPRESSION),
    "HPACK 5.2 padding of zeros": (raw_block(b"\x00\x85\xf2\xb2\x4a\x84\xff\x83\x49\x50\x90"), COMPRESSION),
    "HPACK 5.2 an end of string in a string":
        (raw_block(b"\x00\x85\xf2\xb2\x4a\x84\xff\x87\x49\x51\xff\xff\xff\xfa\x7f"), COMPRESSION),
    "HPACK 5.2 an end of string at a string's begin":
        (raw_block(b"\x00\x85\xf2\xb2\x4a\x84\xff\x87\xff\xff\xff\xfd\x25\x42\x7f"), COMPRESSION),
    "HPACK 5.2 a string longer than its block": (raw_block(b"\x00\x05x"), COMPRESSION),
    "HPACK 6.1 an index of 0": (raw_block(b"\x80"), COMPRESSION),
    "HPACK 6.2 a literal with an indexed name": (raw_block(b"\x0f\x2b\x04test"), response()),
    "HPACK 6.2.1 a literal that is kept": (raw_block(b"\x40\x06x-test\x02ok"), response()),
    "HPACK 6.2.2 a literal that is not": (raw_block(b"\x00\x06x-test\x02ok"), response()),
    "HPACK 6.2.3 a literal that never is": (raw_block(b"\x10\x06x-test\x02ok"), response()),
    "HPACK 6.3 a table size update":
        (lambda client: client.send(frame(HEADERS, END_HEADERS | END_STREAM, 1,
                                          b"\x20\x3f\xe1\x1f" + client.block(*GET))), response()),
    "HPACK 6.3 a table size over the setting":
        (lambda client: client.send(frame(HEADERS, END_HEADERS | END_STREAM, 1,
                                          b"\x3f\xe2\x1f" + client.block(*GET))), COMPRESSION),
}


@pytest.mark.parametrize("name", CASES)
def test_what_a_client_may_and_may_not_send(client, name):
    send, check = CASES[name]
    send(client)
    check(client)


def test_our_settings_come_first(edge):
    with http2.Connection(edge.port, greets=False) as client:
        client.send(PREFACE + http2.settings())
        first = client.read()
        assert (first.type, first.flags) == (SETTINGS, 0)
        assert client.settings[http2.MAX_CONCURRENT_STREAMS] == 128
        assert client.settings[http2.ENABLE_CONNECT_PROTOCOL] == 1


@pytest.mark.parametrize("preface", [
    b"INVALID CONNECTION PREFACE\r\n\r\n", b"PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n" + http2.settings(),
    PREFACE + ping(), PREFACE + b"GET / HTTP/1.1\r\nHost: test.localhost\r\n\r\n"])
def test_what_does_not_begin_like_http2_ends_the_connection(edge, preface):
    with http2.Connection(edge.port, greets=False) as client:
        client.send(preface)
        assert client.is_closed()


@pytest.mark.parametrize("pieces", [False, True], ids=["whole", "byte by byte"])
def test_a_first_line_of_neither_http1_nor_http2_is_a_bad_preface(edge, pieces):
    """RFC 9113 §3.4. An answer in text would be no frame to a client of HTTP/2."""
    with http2.Connection(edge.port, greets=False) as client:
        text = b"INVALID CONNECTION PREFACE\r\n\r\n"
        for part in [bytes([byte]) for byte in text] if pieces else [text]:
            client.send(part)
        assert client.goaway() == http2.PROTOCOL_ERROR
        assert client.is_closed()


@pytest.mark.parametrize("line", ["GET / NONSENSE", "GET nonsense HTTP/1.1", "GET * HTTPS", "GET nonsense"])
def test_a_first_line_with_something_of_http1_is_answered_by_it(edge, line):
    with http2.Connection(edge.port, greets=False) as client:
        client.send(f"{line}\r\nHost: test.localhost\r\n\r\n".encode())
        assert client.rest().startswith(b"HTTP/1.1 400 ")


def test_the_preface_may_come_byte_by_byte(edge):
    with http2.Connection(edge.port, greets=False) as client:
        for byte in PREFACE + http2.settings() + client.headers(1):
            client.send(bytes([byte]))
        assert client.response().status == 200


def test_a_connection_of_http1_cannot_become_one_of_http2(edge):
    with http2.Connection(edge.port, greets=False) as client:
        client.send(b"GET / HTTP/1.1\r\nHost: test.localhost\r\n\r\n" + PREFACE + http2.settings())
        text = client.rest()
        assert text.startswith(b"HTTP/1.1 200 ") and b"HTTP/1.1 505 " in text


def test_no_more_streams_than_the_settings_allow(edge, client):
    """RFC 9113 §5.1.2. Their windows are closed, so none of them ends."""
    client.send(http2.settings(INITIAL_WINDOW_SIZE=0))
    limit = client.settings[http2.MAX_CONCURRENT_STREAMS]
    for number in range(limit + 1):
        client.send(client.headers(2 * number + 1))
    got = client.read_until(lambda got: got.type in (GOAWAY, RST_STREAM))
    assert got.error in (http2.PROTOCOL_ERROR, http2.REFUSED_STREAM)


def test_a_window_of_one_byte(edge):
    with http2.Connection(edge.port, INITIAL_WINDOW_SIZE=1) as client:
        client.send(client.headers(1))
        assert client.await_type(DATA).payload == b"a"
        client.send(window_update(1, 2))
        assert client.await_type(DATA).payload == b" p"


def test_a_window_that_a_setting_changes(edge):
    """RFC 9113 §6.9.2: the windows of streams that are open change with it."""
    with http2.Connection(edge.port, INITIAL_WINDOW_SIZE=0) as client:
        client.send(client.headers(1), http2.settings(INITIAL_WINDOW_SIZE=1))
        assert len(client.await_type(DATA).payload) == 1


def test_a_window_that_a_setting_makes_negative(edge):
    with http2.Connection(edge.port, INITIAL_WINDOW_SIZE=3) as client:
        client.send(client.headers(1))
        assert len(client.await_type(DATA).payload) == 3
        client.send(http2.settings(INITIAL_WINDOW_SIZE=2))
        client.read_until(lambda got: got.type == SETTINGS and got.flags & ACK)
        client.send(window_update(1, 2))
        assert len(client.await_type(DATA).payload) == 1


def test_of_values_for_one_setting_the_last_counts(edge, client):
    client.send(frame(SETTINGS, 0, 0, struct.pack(">HIHI", 4, 100, 4, 1)), client.headers(1))
    assert len(client.await_type(DATA).payload) == 1


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "OPTIONS"])
def test_methods(edge, client, method):
    client.send(client.headers(1, ((":method", method), *GET[1:])))
    answer = client.response()
    assert answer.status == 200
    assert (answer.body == b"") == (method == "HEAD")


def test_trailers_behind_a_body(edge, client):
    client.send(client.headers(1, ((":method", "POST"), (":scheme", "http"), (":path", "/echo"),
                                   (":authority", "test.localhost"), ("trailer", "x-sum")), ends=False),
                frame(DATA, 0, 1, b"some"), frame(DATA, 0, 1, b" bytes"),
                client.headers(1, (("x-sum", "10"),)))
    assert client.response().status == 200

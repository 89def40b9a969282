"""
What clients of HTTP/2 do to make a server work for nothing, frame by frame. Each ends the client's own
connection within a bound that is told here, and harms nobody else. Those that only take their time are in
tests/unit/http/h2_test.c, where time is simulated.
"""
import itertools
import pathlib
import struct

import pytest

from harness import backends as backends_module
from harness import http2, raw, wait, weir as weir_module
from harness.http2 import (ACK, CONTINUATION, DATA, END_HEADERS, END_STREAM, ENHANCE_YOUR_CALM, GET,
                           GOAWAY, HEADERS, POST, PRIORITY_UPDATE, SETTINGS, frame, ping, priority,
                           reset, window_update)

SITE = """\
listeners:
  http: { address: "127.0.0.1:@PORT@" }
workers: 1
sites:
  all:
    domains: ["*"]
    rules:
      - match: { path: "/page" }
        respond: { status: 200, body: "page" }
      - match: { path: "/files/*" }
        files: @FOLDER@
        strip_prefix: /files
      - forward: targets
target_groups:
  targets: { targets: [@target@] }
"""


@pytest.fixture(scope="module")
def shared():
    """One edge that has to outlive all of it, and its slow target."""
    with backends_module.Backends() as targets:
        programs = weir_module.Programs()
        target = targets.slow()
        edge = programs.edge(SITE, target=target, files={"large.bin": bytes(4 << 20)})
        yield edge, target
        target.release()
        problems = programs.finish()
    if problems:
        pytest.fail("\n\n".join(problems), pytrace=False)


@pytest.fixture
def edge(shared):
    edge, _ = shared
    yield edge
    assert raw.get(edge.port, "/page").status == 200


def floods(edge):
    return edge.metrics()["weir_http2_floods_total"]


def endings(edge):
    """Of connections that had to end, whatever was wrong."""
    metrics = edge.metrics()
    return metrics["weir_http2_floods_total"] + metrics["weir_http2_violations_total"]


def memory_kib(edge):
    """Of the process that serves, which is a child of the one that was started."""
    children = pathlib.Path(f"/proc/{edge.process.pid}/task/{edge.process.pid}/children").read_text()
    return sum(int(line.split()[1]) for pid in children.split()
               for line in pathlib.Path(f"/proc/{pid}/status").read_text().split("\n")
               if line.startswith("VmRSS"))


def ended_calmly(client, edge, before):
    """It was told to calm down, or closed because it did not read even that."""
    assert client.goaway() in (ENHANCE_YOUR_CALM, None)
    assert client.is_closed()
    wait.until(lambda: floods(edge) == before + 1, "the flood to be counted")


def slow_post(client, stream):
    return client.headers(stream, POST, ends=False)


FLOODS = {
    "PING": lambda client: itertools.repeat(ping()),
    "answers to PING": lambda client: itertools.repeat(ping(flags=ACK)),
    "SETTINGS": lambda client: itertools.repeat(http2.settings(INITIAL_WINDOW_SIZE=65535)),
    "empty SETTINGS": lambda client: itertools.repeat(http2.settings()),
    "GOAWAY": lambda client: itertools.chain([slow_post(client, 1)],
                                             itertools.repeat(http2.goaway(error=0))),
    "PRIORITY": lambda client: (priority(stream) for stream in itertools.cycle(range(1, 2001, 2))),
    "PRIORITY_UPDATE": lambda client: (frame(PRIORITY_UPDATE, 0, 0, struct.pack(">I", stream) + b"u=1")
                                       for stream in itertools.cycle(range(1, 101, 2))),
    "WINDOW_UPDATE": lambda client: itertools.repeat(window_update(0, 1)),
    "unknown frames": lambda client: itertools.repeat(frame(0xbb, 0, 0, b"x")),
    "empty DATA": lambda client: itertools.chain([slow_post(client, 1)],
                                                 itertools.repeat(frame(DATA, 0, 1))),
    "resets": lambda client: (client.headers(stream) + reset(stream)
                              for stream in range(1, 1 << 30, 2)),
    "resets of requests with bodies": lambda client: (slow_post(client, stream) + reset(stream)
                                                      for stream in range(1, 1 << 30, 2)),
    "resets of one stream": lambda client: itertools.chain([client.headers(1)],
                                                           itertools.repeat(reset(1))),
    "malformed requests": lambda client: (client.headers(stream, GET[1:])
                                          for stream in range(1, 1 << 30, 2)),
    "requests without a field": lambda client: (frame(HEADERS, END_HEADERS | END_STREAM, stream)
                                                for stream in range(1, 1 << 30, 2)),
    "bodies of another length than told":
        lambda client: (client.headers(stream, POST, ends=False, extra=(("content-length", "1"),)) +
                        frame(DATA, 0, stream, b"more") for stream in range(1, 1 << 30, 2)),
}


@pytest.mark.parametrize("name", FLOODS)
def test_a_flood_ends(edge, name):
    """
    Within 40,000 frames; a client that sends without reading is ended too. Where each frame opens a
    stream that we have to reset, more may be open before it hears of that than it may open.
    """
    before = endings(edge)
    with http2.Connection(edge.port) as client:
        for sent, part in enumerate(FLOODS[name](client)):
            client.send(part)
            if sent % 200 == 0 and endings(edge) > before:
                break
            assert sent < 40000
        assert client.goaway() in (ENHANCE_YOUR_CALM, http2.PROTOCOL_ERROR, None)
        assert client.is_closed()


# CVE-2025-8671: the client makes the server reset, and waits for it, so that it never has too many streams.
MADE = {
    "a window that overflows": lambda client, stream: window_update(stream, 0x7fffffff),
    "a body behind a body of that length":
        lambda client, stream: frame(DATA, 0, stream, b"1234") + frame(DATA, 0, stream, b"5"),
    "trailers that end nothing": lambda client, stream: client.headers(stream, (("x-late", "1"),), ends=False),
}


@pytest.mark.parametrize("name", MADE)
def test_resets_that_a_client_provokes_are_a_flood(edge, name):
    before = floods(edge)
    with http2.Connection(edge.port) as client:
        try:
            for stream in range(1, 2001, 2):
                client.send(client.headers(stream, POST, ends=False, extra=(("content-length", "4"),)),
                            MADE[name](client, stream))
                got = client.read_until(lambda got: got.type in (http2.RST_STREAM, GOAWAY))
                if got.type == GOAWAY:
                    assert got.error == ENHANCE_YOUR_CALM
                    break
        except http2.Closed:
            pass
        assert stream < 600
        assert client.is_closed()
    assert floods(edge) == before + 1


@pytest.mark.parametrize("part", [
    lambda client, stream: window_update(stream, 0x7fffffff) * 2,
    lambda client, stream: window_update(stream, 0),
    lambda client, stream: frame(DATA, END_STREAM, stream, b"x") * 2,
    lambda client, stream: frame(SETTINGS, ACK, 0),
])
def test_what_a_client_must_not_do_ends_the_connection_sooner(edge, part):
    before = endings(edge)
    with http2.Connection(edge.port) as client:
        for stream in range(1, 4001, 2):
            client.send(slow_post(client, stream), part(client, stream))
        assert client.goaway() != http2.NO_ERROR
        assert client.is_closed()
    assert endings(edge) == before + 1


def test_a_flood_of_resets_reaches_targets_only_a_little(weir, backends):
    """CVE-2023-44487."""
    target = backends.slow()
    edge = weir.proxy(target)
    with http2.Connection(edge.port) as client:
        for stream in range(1, 4001, 2):
            client.send(client.headers(stream) + reset(stream))
        ended_calmly(client, edge, 0)
    target.release()
    assert target.connections <= 250


def test_a_client_that_cancels_now_and_then_is_not_a_flood(edge):
    before = floods(edge)
    page = (GET[0], GET[1], (":path", "/page"), GET[3])
    with http2.Connection(edge.port) as client:
        stream = 1
        for _ in range(500):
            client.send(client.headers(stream, page), client.headers(stream + 2), reset(stream + 2))
            assert client.response(stream).status == 200
            stream += 4
        assert client.is_alive()
    assert floods(edge) == before


def test_a_header_block_of_many_frames(edge):
    """CVE-2024-27316 and its like."""
    before = floods(edge)
    with http2.Connection(edge.port) as client:
        client.send(client.headers(1, flags=0))
        for number in range(100):
            client.send(frame(CONTINUATION, 0, 1, client.block((f"x-{number}", "y"))))
        ended_calmly(client, edge, before)


def test_a_header_block_of_empty_frames(edge):
    before = floods(edge)
    with http2.Connection(edge.port) as client:
        client.send(client.headers(1, flags=0), frame(CONTINUATION, 0, 1) * 1000)
        ended_calmly(client, edge, before)


def test_a_header_block_of_many_bytes(edge):
    before = floods(edge)
    with http2.Connection(edge.port) as client:
        client.send(client.headers(1, flags=0))
        for _ in range(9):
            client.send(frame(CONTINUATION, 0, 1, b"\x00\x01x\x7f\xa1\x7d" + b"y" * 16252))
        ended_calmly(client, edge, before)


@pytest.mark.parametrize("value, repeats", [("y" * 3900, 16000), ("", 16000)])
def test_a_header_list_that_grows_when_decoded(edge, value, repeats):
    """HPACK bombs: one byte each for a field of 4,000 bytes, or for a field more."""
    before = floods(edge)
    with http2.Connection(edge.port) as client:
        block = client.block(*GET, ("x-bomb", value))
        index = bytes([0x80 | 62])
        client.send(frame(HEADERS, END_STREAM, 1, block),
                    frame(CONTINUATION, END_HEADERS, 1, index * repeats))
        ended_calmly(client, edge, before)


def test_a_header_list_somewhat_too_large_is_only_refused(edge):
    before = floods(edge)
    with http2.Connection(edge.port) as client:
        block = client.block(*GET, ("x-much", "y" * 3900))
        client.send(frame(HEADERS, END_HEADERS | END_STREAM, 1, block + bytes([0x80 | 62]) * 20))
        assert client.response().status == 431
        assert client.is_alive()
    assert floods(edge) == before


def test_answers_that_nobody_reads_take_little_memory(edge):
    """Closed windows: each connection holds the parts that its handlers had read, no more."""
    large = (GET[0], GET[1], (":path", "/files/large.bin"), GET[3])
    before = memory_kib(edge)
    clients = [http2.Connection(edge.port, INITIAL_WINDOW_SIZE=0) for _ in range(8)]
    try:
        for client in clients:
            for stream in range(1, 201, 2):
                client.send(client.headers(stream, large))
        for client in clients:
            for _ in range(100):
                client.await_type(HEADERS)
        # 800 answers of 4 MiB each; of each a block of 64 KiB was read.
        assert memory_kib(edge) - before < 800 * 160 * wait.patience()
    finally:
        for client in clients:
            client.close()


def test_bodies_that_nobody_reads_take_little_memory(edge):
    """The target does not answer and does not read: windows stay closed."""
    before = memory_kib(edge)
    with http2.Connection(edge.port) as client:
        for stream in range(1, 201, 2):
            client.send(client.headers(stream, POST, ends=False))
        sent = 0
        for stream in itertools.cycle(range(1, 201, 2)):
            part = client.send_data(stream, bytes(16384), ends=False)
            sent += part
            if client.windows[0] < 16384 or sent > 32 << 20:
                break
        assert client.is_alive()
        assert memory_kib(edge) - before < 32 * 1024 * wait.patience()


def test_more_requests_than_allowed_at_once(edge):
    """Those before our SETTINGS were seen are refused, to be sent again; nothing is lost."""
    with http2.Connection(edge.port, greets=False) as client:
        client.send(http2.PREFACE + http2.settings(),
                    *(client.headers(stream) for stream in range(1, 401, 2)))
        refused = set()
        while len(refused) < 72:
            got = client.read_until(lambda got: got.type in (http2.RST_STREAM, GOAWAY))
            assert (got.type, got.error) == (http2.RST_STREAM, http2.REFUSED_STREAM)
            refused.add(got.stream)
        assert client.is_alive()

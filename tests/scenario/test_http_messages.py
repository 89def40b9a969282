"""Messages of every shape through the edge: framing, packets, trailers, sizes."""
import hashlib
import threading

import pytest

from harness import http1, proc, raw, wait
from harness.backends import Response

MIB = 1 << 20
LARGE_BYTES = 100 * MIB


@pytest.mark.parametrize("size", [1, 2, 3, 7, 16, 61, 127, 1000])
def test_many_requests_in_odd_packets_are_answered_in_order(weir, backends, size):
    target = backends.serve(lambda request, _: Response(request.target.encode() + request.body))
    data = b"".join(
        raw.request("GET", f"/{n}") + raw.request("POST", f"/p{n}", body=b"b" * n)
        + f"PUT /c{n} HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
          f"3\r\nabc\r\n2;x=y\r\nde\r\n0\r\n\r\n".encode()
        for n in range(1, 5))
    with raw.connect(weir.proxy(target).port) as connection:
        connection.send_in_pieces(data, size)
        for n in range(1, 5):
            assert connection.response().body == f"/{n}".encode()
            assert connection.response().body == f"/p{n}".encode() + b"b" * n
            assert connection.response().body == f"/c{n}".encode() + b"abcde"
    assert target.problems == []


def test_a_thousand_requests_in_one_go(weir, backends):
    target = backends.serve(lambda request, _: Response(request.target.encode()))
    with raw.connect(weir.proxy(target).port) as connection:
        sender = threading.Thread(target=connection.send, args=(
            b"".join(raw.request("GET", f"/{n}") for n in range(1000)),))
        sender.start()
        for n in range(1000):
            assert connection.response().body == f"/{n}".encode()
        sender.join()


@pytest.mark.parametrize("stays", [False, True])
def test_http_1_0_clients_close_unless_they_ask(weir, backends, stays):
    target = backends.text("x")
    field = "Connection: keep-alive\r\n" if stays else ""
    with raw.connect(weir.proxy(target).port) as connection:
        answer = connection.send(f"GET / HTTP/1.0\r\nHost: a\r\n{field}\r\n").response()
        assert answer.body == b"x"
        if stays:
            assert answer.get("Connection").lower() == "keep-alive"
            assert connection.send(raw.request()).response().status == 200
        else:
            assert connection.is_closed()


def test_an_http_1_0_request_without_host_is_served(weir, backends):
    assert raw.exchange(weir.proxy(backends.text("x")).port, "GET / HTTP/1.0\r\n\r\n").body == b"x"


def test_connection_close_of_the_client_is_kept(weir, backends):
    with raw.connect(weir.proxy(backends.text("x")).port) as connection:
        answer = connection.send(raw.request(headers=[("Connection", "close")])).response()
        assert answer.get("Connection").lower() == "close"
        assert connection.is_closed()


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "GET"])
def test_a_length_of_nought_is_an_empty_body(weir, backends, method):
    target = backends.echo()
    with raw.connect(weir.proxy(target).port) as connection:
        for _ in range(2):
            connection.send(raw.request(method, headers=[("Content-Length", "0")]))
            assert connection.response().status == 200
    assert target.requests[0].body == b"" and target.problems == []


def test_trailers_of_a_request_arrive_without_those_that_lie(weir, backends):
    target = backends.echo()
    with raw.connect(weir.proxy(target).port) as connection:
        for _ in range(2):
            connection.send("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n"
                            "Trailer: X-Sum\r\n\r\n5\r\nhello\r\n0\r\n"
                            "X-Sum:  17 \r\nContent-Length: 3\r\nHost: evil\r\n"
                            "X-Forwarded-For: 6.6.6.6\r\nAuthorization: x\r\n\r\n")
            assert connection.response().status == 200
    assert [request.trailers for request in target.requests] == [[("X-Sum", "17")]] * 2
    assert target.problems == []


def test_trailers_of_an_empty_chunked_body_arrive(weir, backends):
    target = backends.echo()
    raw.exchange(weir.proxy(target).port,
                 "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX-Sum: 0\r\n\r\n")
    assert target.requests[0].trailers == [("X-Sum", "0")]


@pytest.mark.parametrize("in_pieces", [False, True])
def test_trailers_of_a_response_arrive_and_the_next_response_too(weir, backends, in_pieces):
    gate = threading.Event()

    def answer(_request, connection):
        connection.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n")
        if in_pieces:
            gate.wait(10)
        connection.send(b"0\r\nX-Sum: 17\r\nSet-Cookie: a=b\r\n\r\n")
    with raw.connect(weir.proxy(backends.serve(answer)).port) as connection:
        for _ in range(2):
            connection.send(raw.request())
            if in_pieces:
                threading.Timer(0.05, gate.set).start()
            got = connection.response()
            assert (got.body, got.trailers) == (b"abc", [("X-Sum", "17")])
            gate.clear()


def test_a_last_chunk_that_comes_later_leaves_no_byte_behind(weir, backends):
    def answer(_request, connection):
        connection.send(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
                        b"Transfer-Encoding: chunked\r\n\r\n")
        for part in (b"3\r\n", b"abc", b"\r\n", b"0", b"\r\n", b"\r\n"):
            connection.send(part)
    with raw.connect(weir.proxy(backends.serve(answer)).port) as connection:
        for _ in range(20):
            assert connection.send(raw.request()).response().body == b"abc"
        assert connection.is_silent(0.05)


def test_a_malformed_trailer_of_a_response_is_a_truncation(weir, backends):
    target = backends.scripted(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
                               b"3\r\nabc\r\n0\r\nnonsense\r\n\r\n")
    with raw.connect(weir.proxy(target).port) as connection:
        try:
            connection.send(raw.request())
            assert connection.response().status == 502
        except (http1.Malformed, http1.Closed, ConnectionResetError):
            pass


def test_what_the_target_refuses_reaches_a_client_that_waits_for_100(weir, backends):
    target = backends.serve(lambda *_: Response(b"no", 403, close=True), reads_body=False)
    with raw.connect(weir.proxy(target).port) as connection:
        connection.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n"
                        "Expect: 100-continue\r\n\r\n")
        assert connection.response().status == 403


@pytest.mark.parametrize("request_text", [
    "nonsense\r\n\r\n", "GET / HTTP/1.1\r\n\r\n", "GET /missing HTTP/1.1\r\nHost: a\r\n\r\n"])
def test_every_answer_has_a_request_id(weir, request_text):
    edge = weir.edge("""\
listeners:
  http: { address: "127.0.0.1:@PORT@" }
access_log: off
sites:
  all: { domains: ["*"], respond: { status: 404, body: nothing } }
""")
    assert len(raw.exchange(edge.port, request_text).get("X-Request-Id")) == 16


def test_fields_that_connection_names_end_here_in_any_case_and_number(weir, backends):
    target = backends.serve(lambda *_: Response(b"x", headers=(
        ("Connection", "X-One ,x-TWO"), ("Connection", "x-three"), ("x-one", "1"), ("X-Two", "2"),
        ("X-Three", "3"), ("X-Four", "4"))))
    answer = raw.get(weir.proxy(target).port, headers=[
        ("X-one", "1"), ("Connection", "x-One"), ("X-Two", "2"), ("Connection", ", X-TWO,x-three"),
        ("X-three", "3"), ("X-Four", "4"), ("Cookie", "a=b"), ("Connection", "cookie")])
    got = target.requests[0]
    for message in (got, answer.head):
        assert [message.all(f"X-{n}") for n in ("One", "Two", "Three")] == [[], [], []]
        assert message.get("X-Four") == "4"
    assert got.get("Cookie") == "a=b"


def test_ids_and_forwarded_fields_are_set_never_appended(weir, backends):
    target = backends.echo()
    lies = [("X-Forwarded-For", "6.6.6.6"), ("X-Forwarded-For", "7.7.7.7"), ("X-Forwarded-Host", "evil"),
            ("X-Forwarded-Proto", "https"), ("X-Forwarded-Port", "1"), ("X-Request-Id", "mine"),
            ("Via", "1.0 fred"), ("x-forwarded-for", "8.8.8.8")]
    answer = raw.get(weir.proxy(target).port, headers=lies)
    got = target.requests[0]
    assert got.get("X-Forwarded-For") == "127.0.0.1"
    assert got.get("X-Forwarded-Host") == "test.localhost"
    assert got.get("X-Forwarded-Proto") == "http"
    assert got.get("X-Forwarded-Port") != "1"
    assert got.get("X-Request-Id") == answer.get("X-Request-Id") != "mine"
    assert got.get("Via") == "1.0 fred, 1.1 weir"


def _download(request, connection):
    if request.target == "/warm":
        return Response(b"x")
    block = bytes(range(256)) * 4096
    connection.send(f"HTTP/1.1 200 OK\r\nContent-Length: {LARGE_BYTES}\r\n\r\n".encode())
    for _ in range(LARGE_BYTES // len(block)):
        connection.send(block)
    return None


def _checksum(count):
    block = bytes(range(256)) * 4096
    total = hashlib.sha256()
    for _ in range(count // len(block)):
        total.update(block)
    return total.digest()


def test_a_hundred_mebibytes_down_in_constant_memory(weir, backends):
    edge = weir.proxy(backends.serve(_download))
    assert raw.get(edge.port, "/warm").status == 200
    serving = proc.serving_pid(edge)
    before = proc.resident_bytes(serving)
    total, left, most = hashlib.sha256(), LARGE_BYTES, 0
    with raw.connect(edge.port) as connection:
        connection.send(raw.request()).head()
        while left > 0:
            part = connection.exactly(min(left, MIB))
            total.update(part)
            left -= len(part)
            if left % (16 * MIB) == 0:
                most = max(most, proc.resident_bytes(serving))
    assert total.digest() == _checksum(LARGE_BYTES)
    assert most - before < 8 * MIB


@pytest.mark.parametrize("chunked", [False, True])
def test_a_hundred_mebibytes_up_in_constant_memory(weir, backends, chunked):
    seen, block = {}, bytes(range(256)) * 4096

    def take(request, connection):
        total, left = hashlib.sha256(), LARGE_BYTES
        if request.get("Content-Length") is None:
            while part := http1.read_chunk(connection.reader):
                total.update(part)
                left -= len(part)
            connection.reader.exactly(2)
        while left > 0:
            part = connection.receive()
            total.update(part)
            left -= len(part)
        seen["digest"] = total.digest()
        return Response(b"taken")
    edge = weir.proxy(backends.serve(take, reads_body=False))
    serving = proc.serving_pid(edge)
    before = proc.resident_bytes(serving)
    with raw.connect(edge.port) as connection:
        framing = ("Transfer-Encoding", "chunked") if chunked else ("Content-Length", str(LARGE_BYTES))
        connection.send(raw.request("POST", "/", [framing]))
        for _ in range(LARGE_BYTES // len(block)):
            connection.send(b"%x\r\n%s\r\n" % (len(block), block) if chunked else block)
        if chunked:
            connection.send(b"0\r\n\r\n")
        assert connection.response().body == b"taken"
    assert seen["digest"] == _checksum(LARGE_BYTES)
    assert proc.resident_bytes(serving) - before < 8 * MIB


def _wait_until_held_back(sent):
    """Until nothing was added over twenty looks, but something before."""
    looks = []

    def is_held_back():
        looks.append(len(sent))
        return len(looks) > 20 and looks[-1] == looks[-20]
    wait.until(is_held_back, "the sender to be held back")


def test_a_slow_reader_holds_the_target_back(weir, backends):
    sent = []

    def endless(_request, connection):
        connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 100000000\r\n\r\n")
        for _ in range(1000):
            connection.send(b"z" * 100000)
            sent.append(100000)
    edge = weir.proxy(backends.serve(endless))
    with raw.connect(edge.port, receive_buffer=4096) as connection:
        connection.send(raw.request()).head()
        _wait_until_held_back(sent)
        assert sum(sent) < 20 * MIB
        connection.reset()


def test_a_slow_target_holds_the_client_back(weir, backends):
    gate, begun = threading.Event(), threading.Event()

    def stalls(_request, connection):
        begun.set()
        gate.wait(30)
        left = 50 * MIB
        while left > 0:
            left -= len(connection.receive())
        return Response(b"taken")
    edge = weir.proxy(backends.serve(stalls, reads_body=False))
    sent = []

    def upload(connection):
        connection.send(raw.request("POST", "/", [("Content-Length", str(50 * MIB))]))
        for _ in range(50):
            connection.send(b"z" * MIB)
            sent.append(MIB)
    with raw.connect(edge.port) as connection:
        thread = threading.Thread(target=upload, args=(connection,))
        thread.start()
        assert begun.wait(10)
        _wait_until_held_back(sent)
        assert sum(sent) < 20 * MIB
        gate.set()
        thread.join()
        assert connection.response().body == b"taken"


ANSWERS = """\
listeners: { http: { address: "127.0.0.1:@PORT@" } }
access_log: off
sites: { all: { respond: early } }
"""


def _begin_post(connection, *headers):
    return connection.send(raw.request("POST", "/", headers))


def test_the_rest_of_a_short_body_passes_by_after_an_early_answer(weir):
    edge = weir.edge(ANSWERS)
    with raw.connect(edge.port) as connection:
        first = _begin_post(connection, ("Content-Length", "10")).response()
        assert (first.body, first.head.get("Connection")) == (b"early", None)
        connection.send(b"0123456789").send(raw.request())
        assert connection.response().body == b"early"


@pytest.mark.parametrize("header", [("Content-Length", str(10 << 20)),
                                    ("Expect", "100-continue")])
def test_an_early_answer_tells_when_the_body_will_not_be_read(weir, header):
    edge = weir.edge(ANSWERS)
    with raw.connect(edge.port) as connection:
        length = [] if header[0] == "Content-Length" else [("Content-Length", "5")]
        answer = _begin_post(connection, header, *length).response()
        assert (answer.body, answer.head.get("Connection")) == (b"early", "close")
        assert connection.is_closed()

"""
What is not HTTP is refused, as FACTS and RFC 9112 ask: the client gets the answer of its row and a closed
connection, the target gets nothing that could be taken for a request.
"""
import pytest

from harness import raw, wait

HOST = "Host: test.localhost\r\n"
GET = "GET / HTTP/1.1\r\n" + HOST
POST = "POST / HTTP/1.1\r\n" + HOST
CHUNKED = POST + "Transfer-Encoding: chunked\r\n\r\n"

# name: (bytes, status)
BEFORE_THE_BODY = {
    "length and coding": (POST + "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
    "coding and length": (POST + "Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n", 400),
    "two lengths that differ": (POST + "Content-Length: 3\r\nContent-Length: 4\r\n\r\nabcd", 400),
    "empty length": (POST + "Content-Length:\r\n\r\n", 400),
    "length with a plus": (POST + "Content-Length: +3\r\n\r\nabc", 400),
    "length with a minus": (POST + "Content-Length: -3\r\n\r\nabc", 400),
    "hexadecimal length": (POST + "Content-Length: 0x3\r\n\r\nabc", 400),
    "list of lengths": (POST + "Content-Length: 3, 3\r\n\r\nabc", 400),
    "length with a space inside": (POST + "Content-Length: 3 3\r\n\r\nabc", 400),
    "length past 64 bits": (POST + "Content-Length: 18446744073709551619\r\n\r\nabc", 400),
    "coding on HTTP/1.0": ("POST / HTTP/1.0\r\n" + HOST + "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
                           400),
    "unknown coding": (POST + "Transfer-Encoding: gzip\r\n\r\n", 501),
    "unknown coding before chunked": (POST + "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", 501),
    "coding that ends in chunked": (POST + "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n", 501),
    "chunked twice": (POST + "Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n", 400),
    "two coding fields": (POST + "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n"
                          "0\r\n\r\n", 400),
    "bare LF behind the request line": ("GET / HTTP/1.1\n" + HOST + "\r\n", 400),
    "bare LF behind a field": (GET + "X: y\n\r\n", 400),
    "bare LF at the end": (GET + "\n", 400),
    "bare CR in a value": (GET + "X: a\rb\r\n\r\n", 400),
    "NUL in a value": (GET + "X: a\0b\r\n\r\n", 400),
    "NUL in a name": (GET + "X\0Y: a\r\n\r\n", 400),
    "NUL in the target": ("GET /a\0b HTTP/1.1\r\n" + HOST + "\r\n", 400),
    "space before the colon": (GET + "X : y\r\n\r\n", 400),
    "folded line": (GET + "X: a\r\n b\r\n\r\n", 400),
    "first line folded": ("GET / HTTP/1.1\r\n X: y\r\n" + HOST + "\r\n", 400),
    "empty name": (GET + ": y\r\n\r\n", 400),
    "line without a colon": (GET + "nonsense\r\n\r\n", 400),
    "two Hosts": (GET + HOST + "\r\n", 400),
    "no Host": ("GET / HTTP/1.1\r\n\r\n", 400),
    "Host with a space": ("GET / HTTP/1.1\r\nHost: a b\r\n\r\n", 400),
    "Host with a path": ("GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", 400),
    "version in lower case": ("GET / http/1.1\r\n" + HOST + "\r\n", 400),
    "version without a minor": ("GET / HTTP/1\r\n" + HOST + "\r\n", 400),
    "version of two digits": ("GET / HTTP/1.10\r\n" + HOST + "\r\n", 400),
    "no version": ("GET /\r\n" + HOST + "\r\n", 400),
    "two spaces in the request line": ("GET  / HTTP/1.1\r\n" + HOST + "\r\n", 400),
    "method that is no token": ("G(T / HTTP/1.1\r\n" + HOST + "\r\n", 400),
    "target without a slash": ("GET a HTTP/1.1\r\n" + HOST + "\r\n", 400),
    "target with a fragment's space": ("GET /a b HTTP/1.1\r\n" + HOST + "\r\n", 400),
    "way out of the root": ("GET /a/../../b HTTP/1.1\r\n" + HOST + "\r\n", 400),
    "broken percent escape": ("GET /%zz HTTP/1.1\r\n" + HOST + "\r\n", 400),
    "escaped NUL": ("GET /a%00b HTTP/1.1\r\n" + HOST + "\r\n", 400),
    "a hundred fields and one": (GET + "".join(f"X-{n}: y\r\n" for n in range(100)) + "\r\n", 431),
    "line past 8 KiB": (GET + "X: " + "y" * 8300 + "\r\n\r\n", 431),
    "head past 32 KiB": (GET + "".join(f"X-{n}: {'y' * 4000}\r\n" for n in range(9)) + "\r\n", 431),
    "URI past 16 KiB": ("GET /" + "a" * 16400 + " HTTP/1.1\r\n" + HOST + "\r\n", 414),
    "unknown expectation": (POST + "Expect: a-miracle\r\nContent-Length: 3\r\n\r\n", 417),
}

IN_THE_BODY = {
    "chunk size without digits": CHUNKED + "g\r\n\r\n",
    "empty chunk size": CHUNKED + "\r\n\r\n",
    "space before a chunk size": CHUNKED + " 3\r\nabc\r\n0\r\n\r\n",
    "space behind a chunk size": CHUNKED + "3 \r\nabc\r\n0\r\n\r\n",
    "signed chunk size": CHUNKED + "+3\r\nabc\r\n0\r\n\r\n",
    "chunk size with 0x": CHUNKED + "0x3\r\nabc\r\n0\r\n\r\n",
    "chunk size past 64 bits": CHUNKED + "10000000000000003\r\nabc\r\n0\r\n\r\n",
    "chunk size line that ends in LF": CHUNKED + "3\nabc\r\n0\r\n\r\n",
    "chunk longer than its size": CHUNKED + "3\r\nabcd\r\n0\r\n\r\n",
    "chunk that ends in LF": CHUNKED + "3\r\nabc\n0\r\n\r\n",
    "chunk extension past all bounds": CHUNKED + "3;" + "x" * 20000 + "\r\nabc\r\n0\r\n\r\n",
    "bare LF in an extension": CHUNKED + "3;a\nb\r\nabc\r\n0\r\n\r\n",
    "trailer without a colon": CHUNKED + "3\r\nabc\r\n0\r\nnonsense\r\n\r\n",
}


@pytest.fixture(scope="module")
def shared(request):
    """One edge for all rows: a refused request must not harm the next."""
    from harness import backends, weir
    with backends.Backends() as targets:
        programs = weir.Programs()
        target = targets.echo()
        edge = programs.proxy(target)
        yield edge, target
        problems = programs.finish()
    if problems:
        pytest.fail("\n\n".join(problems), pytrace=False)


def _refused(edge, connection, data, status):
    answer = connection.response()
    assert answer.status == status, answer.body
    assert (answer.get("Connection") or "").lower() == "close"
    assert connection.is_closed()


@pytest.mark.parametrize("pieces", [0, 7], ids=["whole", "in pieces"])
@pytest.mark.parametrize("name", BEFORE_THE_BODY)
def test_a_bad_head_is_refused_and_never_forwarded(shared, name, pieces):
    edge, target = shared
    data, status = BEFORE_THE_BODY[name]
    before = len(target.requests)
    with raw.connect(edge.port) as connection:
        try:
            if pieces:
                connection.send_in_pieces(data.encode("latin-1"), pieces)
            else:
                connection.send(data)
        except (BrokenPipeError, ConnectionResetError):
            pass  # refused before all of it was sent
        _refused(edge, connection, data, status)
    assert len(target.requests) == before
    assert raw.get(edge.port).status == 200


@pytest.mark.parametrize("pieces", [0, 1], ids=["whole", "in pieces"])
@pytest.mark.parametrize("name", IN_THE_BODY)
def test_a_bad_body_is_refused_and_never_complete_at_the_target(shared, name, pieces):
    edge, target = shared
    data = IN_THE_BODY[name]
    before = len(target.requests)
    with raw.connect(edge.port) as connection:
        try:
            if pieces and len(data) < 1000:
                connection.send_in_pieces(data.encode(), pieces)
            else:
                connection.send(data)
        except (BrokenPipeError, ConnectionResetError):
            pass
        _refused(edge, connection, data, 400)
    assert len(target.requests) == before


def test_chunks_that_end_early_are_refused(shared):
    edge, target = shared
    before = len(target.requests)
    with raw.connect(edge.port) as connection:
        connection.send(CHUNKED + "5\r\nab").half_close()
        rest = connection.rest()
        assert rest == b"" or rest.startswith(b"HTTP/1.1 400 ")
    assert len(target.requests) == before


@pytest.mark.parametrize("version", ["HTTP/2.0", "HTTP/0.9", "HTTP/3.0"])
def test_another_major_version_is_refused(shared, version):
    edge, _ = shared
    answer = raw.exchange(edge.port, f"GET / {version}\r\n{HOST}\r\n")
    assert answer.status in (400, 505)


def test_a_hundred_fields_are_accepted(shared):
    edge, _ = shared
    fields = "".join(f"X-{n}: y\r\n" for n in range(90))
    assert raw.exchange(edge.port, GET + fields + "\r\n").status == 200


def test_a_uri_of_16000_bytes_is_accepted(shared):
    edge, target = shared
    path = "/" + "a" * 16000
    assert raw.get(edge.port, path).status == 200
    assert target.requests[-1].target == path


def test_absolute_form_overrides_host(shared):
    edge, target = shared
    answer = raw.exchange(edge.port, "GET http://other.localhost/a?b HTTP/1.1\r\n" + HOST + "\r\n")
    assert answer.status == 200
    assert target.requests[-1].target == "/a?b"
    assert target.requests[-1].get("Host") == "other.localhost"


def test_empty_lines_before_a_request_are_skipped(shared):
    edge, _ = shared
    assert raw.exchange(edge.port, "\r\n" + GET + "\r\n").status == 200


def test_bytes_behind_a_refused_connect_are_never_a_request(shared):
    edge, target = shared
    with raw.connect(edge.port) as connection:
        connection.send("CONNECT test.localhost:443 HTTP/1.1\r\nHost: test.localhost:443\r\n\r\n"
                        "GET /smuggled HTTP/1.1\r\n" + HOST + "\r\n")
        assert connection.response("CONNECT").status >= 400
        assert connection.is_closed()
    assert all(request.target != "/smuggled" for request in target.requests)


def test_bytes_behind_a_refused_upgrade_are_never_a_request(shared):
    edge, target = shared
    with raw.connect(edge.port) as connection:
        connection.send(GET + "Connection: upgrade\r\nUpgrade: websocket\r\n\r\n"
                        "GET /smuggled HTTP/1.1\r\n" + HOST + "\r\n")
        assert connection.response().status == 200
        assert connection.is_closed()
    assert all(request.target != "/smuggled" for request in target.requests)


def test_after_a_refusal_the_next_connection_is_served_by_the_same_worker(shared):
    edge, target = shared
    for _ in range(20):
        with raw.connect(edge.port) as connection:
            connection.send("nonsense\r\n\r\n")
            assert connection.response().status == 400
    assert raw.get(edge.port, "/after").status == 200
    wait.until(lambda: target.requests[-1].target == "/after", "the request after the refusals")

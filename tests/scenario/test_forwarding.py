"""What a proxy does to a message on its way, and what it leaves alone."""
import json
import re
import socket
import tempfile

import pytest

from harness import curl, http1, raw
from harness.backends import Response

pytestmark = pytest.mark.threads


def names(headers):
    return [name.lower() for name, _ in headers]


def echoed(answer):
    return json.loads(answer.body)


@pytest.mark.parametrize("field", ["Keep-Alive", "Proxy-Connection", "TE", "Upgrade",
                                   "Proxy-Authorization", "X-Named"])
def test_hop_by_hop_fields_of_a_request_end_here(weir, backends, field):
    target = backends.echo()
    edge = weir.proxy(target)
    value = "websocket" if field == "Upgrade" else "x"
    raw.get(edge.port, "/", [("Connection", "keep-alive, x-named"), (field, value), ("X-Kept", "1")])
    got = target.requests[0]
    assert got.all(field) == []
    assert got.get("X-Kept") == "1"
    assert "x-named" not in (got.get("Connection") or "").lower()


@pytest.mark.parametrize("field", ["Keep-Alive", "Proxy-Connection", "X-Named"])
def test_hop_by_hop_fields_of_a_response_end_here(weir, backends, field):
    target = backends.serve(lambda *_: Response(b"x", headers=(
        ("Connection", "keep-alive, x-named"), (field, "x"), ("X-Kept", "1"))))
    answer = raw.get(weir.proxy(target).port)
    assert answer.head.all(field) == []
    assert answer.get("X-Kept") == "1"
    assert "x-named" not in (answer.get("Connection") or "").lower()


def test_the_target_learns_who_asks_and_how(weir, backends):
    target = backends.echo()
    edge = weir.proxy(target)
    raw.get(edge.port, host="notes.localhost:8080")
    got = target.requests[0]
    assert got.get("X-Forwarded-For") == "127.0.0.1"
    assert got.get("X-Forwarded-Proto") == "http"
    assert got.get("X-Forwarded-Host") == "notes.localhost:8080"
    assert got.get("Host") == "notes.localhost:8080"
    assert re.fullmatch(r"1\.1 \S+", got.get("Via"))


def test_what_a_stranger_claims_about_himself_is_not_believed(weir, backends):
    target = backends.echo()
    edge = weir.proxy(target)
    raw.get(edge.port, headers=[("X-Forwarded-For", "6.6.6.6"), ("X-Forwarded-Proto", "https")])
    got = target.requests[0]
    assert "6.6.6.6" not in " ".join(got.all("X-Forwarded-For"))
    assert got.get("X-Forwarded-Proto") == "http"


def test_nor_what_he_claims_with_underscores(weir, backends):
    """To WSGI and CGI programs X_Forwarded_For is X-Forwarded-For."""
    target = backends.echo()
    edge = weir.proxy(target, rule="request_headers: { set: { X-User: ada } }")
    raw.get(edge.port, headers=[("X_Forwarded_For", "6.6.6.6"), ("x-forwarded_proto", "https"),
                                ("X_Request_Id", "mine"), ("X_User", "root"), ("X_Other", "1")])
    names = [name.lower() for name, _ in target.requests[0].head.headers]
    assert [name for name in names if "_" in name] == ["x_other"]
    assert target.requests[0].get("X-User") == "ada"


def test_each_request_has_an_id_that_target_client_and_log_share(weir, backends):
    target = backends.echo()
    edge = weir.proxy(target)
    ids = {raw.get(edge.port).get("X-Request-Id") for _ in range(3)}
    assert None not in ids and len(ids) == 3
    assert {request.get("X-Request-Id") for request in target.requests} == ids


def test_a_body_with_a_length_goes_through_unchanged(weir, backends):
    target = backends.echo()
    body = bytes(range(256)) * 1000
    answer = raw.exchange(weir.proxy(target).port, raw.request("POST", "/", body=body))
    assert answer.status == 200
    assert target.requests[0].body == body


def test_a_chunked_body_and_its_length_arrive(weir, backends):
    target = backends.echo()
    edge = weir.proxy(target)
    with raw.connect(edge.port) as connection:
        connection.send("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
                        "5;ext=1\r\nhello\r\n1\r\n!\r\n0\r\n\r\n")
        assert connection.response().status == 200
        assert target.requests[0].body == b"hello!"
        # the connection is at a message's end
        assert connection.send(raw.request()).response().status == 200


def test_a_chunked_response_arrives_whole(weir, backends):
    target = backends.serve(lambda *_: b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
                                       b"3\r\nabc\r\n4\r\ndefg\r\n0\r\n\r\n")
    edge = weir.proxy(target)
    with raw.connect(edge.port) as connection:
        for _ in range(2):
            assert connection.send(raw.request()).response().body == b"abcdefg"
    assert target.connections == 1


def test_a_response_that_ends_with_its_connection_arrives_whole(weir, backends):
    target = backends.scripted(b"HTTP/1.1 200 OK\r\n\r\n" + b"z" * 100000)
    answer = raw.get(weir.proxy(target).port)
    assert answer.body == b"z" * 100000


def test_an_http_1_0_client_gets_no_chunks(weir, backends):
    target = backends.serve(lambda *_: b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
                                       b"3\r\nabc\r\n0\r\n\r\n")
    with raw.connect(weir.proxy(target).port) as connection:
        answer = connection.send("GET / HTTP/1.0\r\nHost: a\r\n\r\n").response()
        assert answer.get("Transfer-Encoding") is None
        assert answer.body == b"abc"
        assert connection.is_closed()


def test_head_has_the_length_and_no_body(weir, backends):
    target = backends.text("hello")
    edge = weir.proxy(target)
    with raw.connect(edge.port) as connection:
        answer = connection.send(raw.request("HEAD")).response("HEAD")
        assert (answer.status, answer.get("Content-Length")) == (200, "5")
        assert connection.send(raw.request()).response().body == b"hello"


@pytest.mark.parametrize("status", [204, 304])
def test_a_response_without_a_body_leaves_the_connection_usable(weir, backends, status):
    target = backends.serve(lambda *_: Response(status=status))
    with raw.connect(weir.proxy(target).port) as connection:
        for _ in range(2):
            assert connection.send(raw.request()).response().status == status


def test_pipelined_requests_are_answered_in_their_order(weir, backends):
    target = backends.echo()
    with raw.connect(weir.proxy(target).port) as connection:
        connection.send(b"".join(raw.request("GET", f"/{n}") for n in range(10)))
        assert [echoed(connection.response())["target"] for _ in range(10)] == \
            [f"/{n}" for n in range(10)]


def test_a_client_that_waits_for_100_continue_gets_it(weir, backends):
    target = backends.echo()
    edge = weir.proxy(target)
    with raw.connect(edge.port) as connection:
        connection.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n"
                        "Expect: 100-continue\r\n\r\n")
        assert connection.head().start_line.startswith("HTTP/1.1 100")
        assert connection.send("hello").response().status == 200
    assert target.requests[0].body == b"hello"


def test_an_informational_response_goes_through(weir, backends):
    def answer(_request, connection):
        connection.send(b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n")
        return Response(b"final")
    answer = raw.get(weir.proxy(backends.serve(answer)).port)
    assert answer.body == b"final"
    assert [status for status, _ in answer.informational] in ([103], [])


def test_an_early_response_reaches_a_client_that_still_uploads(weir, backends):
    target = backends.serve(lambda *_: Response(b"too large", 413, close=True), reads_body=False)
    answer = curl.get(weir.proxy(target).url(), "-X", "POST", "-H", "Expect:",
                      "--data-binary", "x" * 100000)
    assert (answer.status, answer.body) == (413, b"too large"), answer.error


def test_keep_alive_connections_to_a_target_are_used_again(weir, backends):
    target = backends.text("x")
    edge = weir.proxy(target)
    for _ in range(10):
        assert raw.get(edge.port).status == 200
    assert target.connections == 1


def test_large_bodies_both_ways_under_a_slow_reader_arrive_unchanged(weir, backends):
    target = backends.serve(lambda request, _: Response(request.body))
    edge = weir.proxy(target)
    body = bytes(range(251)) * 20000
    with raw.connect(edge.port, receive_buffer=4096) as connection:
        connection.send(raw.request("POST", "/", body=body))
        assert connection.response().body == body


def _upgrades(_request, connection):
    connection.send(b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\n"
                    b"Upgrade: websocket\r\n\r\nfirst")
    while (data := connection.receive()):
        connection.send(data.upper())
    connection.close()


def test_an_upgrade_becomes_a_tunnel_both_ways(weir, backends):
    target = backends.serve(_upgrades)
    edge = weir.proxy(target)
    with raw.connect(edge.port) as connection:
        connection.send(raw.request("GET", "/", [("Connection", "Upgrade"),
                                                 ("Upgrade", "websocket")]))
        answer = connection.response()
        assert answer.status == 101
        assert answer.get("Upgrade") == "websocket"
        assert target.requests[0].get("Upgrade") == "websocket"
        assert connection.exactly(5) == b"first"
        for n in range(50):
            text = f"message {n}".encode()
            assert connection.send(text).exactly(len(text)) == text.upper()
        connection.half_close()
        assert connection.is_closed()


def test_server_sent_events_arrive_one_by_one(weir, backends):
    gates = []

    def events(_request, connection):
        gates.append(connection)  # first: the client may be quicker than this thread
        connection.send(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
                        b"Transfer-Encoding: chunked\r\n\r\n")
    edge = weir.proxy(backends.serve(events))
    with raw.connect(edge.port) as connection:
        connection.send(raw.request())
        assert connection.head().start_line.startswith("HTTP/1.1 200")
        for n in range(3):
            event = f"data: {n}\n\n".encode()
            gates[0].send(b"%x\r\n%s\r\n" % (len(event), event))
            assert connection.chunk() == event
        gates[0].send(b"0\r\n\r\n")
        assert connection.chunk() == b""


def test_a_target_behind_a_unix_socket(weir, backends):
    with tempfile.TemporaryDirectory() as folder:
        target = backends.echo(unix_path=f"{folder}/t.sock")
        assert raw.get(weir.proxy(target).port).status == 200


def test_ipv6_listens_and_is_told_to_the_target(weir, backends):
    if not socket.has_ipv6:
        pytest.skip("no IPv6 on this machine")
    target = backends.echo()
    edge = weir.edge("""\
listeners:
  http: { address: "[::1]:@PORT@" }
access_log: off
sites:
  all: { domains: ["*"], forward: t }
target_groups:
  t: { targets: ["@target@"] }
""", target=target)
    with raw.connect(edge.port, host="::1") as connection:
        assert connection.send(raw.request()).response().status == 200
    assert target.requests[0].get("X-Forwarded-For") == "::1"


def test_what_a_target_sends_that_is_not_http_is_a_502(weir, backends):
    for nonsense in (b"nonsense\r\n\r\n", b"HTTP/1.1 200 OK\nX: y\n\n",
                     b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n",
                     b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nx"):
        target = backends.scripted(nonsense)
        assert raw.get(weir.proxy(target).port).status == 502


def test_a_length_that_is_sent_twice_the_same_is_one_or_refused(weir, backends):
    target = backends.scripted(b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\nx")
    answer = raw.get(weir.proxy(target).port)
    assert answer.status in (200, 502)
    assert len(answer.head.all("Content-Length")) == 1


def test_closing_inside_the_head_is_no_answer(weir, backends):
    edge = weir.proxy(backends.text("x"))
    with raw.connect(edge.port) as connection:
        connection.send("GET / HT").half_close()
        try:
            assert connection.response().status == 400
        except http1.Closed:
            pass

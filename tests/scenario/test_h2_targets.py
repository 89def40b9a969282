"""Targets that speak HTTP/2: multiplexing, bodies, retries, faults, and targets that mean ill."""
import threading
import time

import pytest

from harness import curl, h2_target, http2, raw, wait
from harness.backends import Response
from harness.h2_target import answering, text

H2 = "protocol: h2\n"


@pytest.fixture
def targets():
    """Keeps them, and stops all at the end; what one of them could not read fails the test."""
    started = []

    def keep(target):
        started.append(target)
        return target
    yield keep
    for target in started:
        target.stop()
    problems = [problem for target in started for problem in target.problems]
    assert not problems, problems


def post(port, body=b"x" * 10, path="/", **options):
    return raw.exchange(port, raw.request("POST", path, body=body, **options), "POST")


def in_parallel(count, ask):
    """What `count` calls at the same time return, in order of their number."""
    results = [None] * count

    def run(number):
        results[number] = ask(number)
    threads = [threading.Thread(target=run, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(wait.DEADLINE_S * 4 * wait.patience())
    return results


# What goes up and comes down.

def test_a_request_as_its_target_sees_it(weir, targets):
    target = targets(text(b"hello"))
    edge = weir.proxy(target, group=H2)
    answer = raw.exchange(edge.port, raw.request(
        "GET", "/a?b=c", headers=[("X-One", "1"), ("Connection", "x-gone, keep-alive"),
                                  ("X-Gone", "2"), ("TE", "gzip"), ("Cookie", "a=b; c=d")]))
    assert (answer.status, answer.body) == (200, b"hello")
    seen = target.requests[0]
    pseudo = [name for name, _ in seen.fields if name.startswith(":")]
    assert [name for name, _ in seen.fields][:len(pseudo)] == pseudo
    assert (seen.get(":method"), seen.get(":path"), seen.get(":scheme")) == ("GET", "/a?b=c", "http")
    assert seen.get(":authority") == "test.localhost"
    assert seen.get("x-one") == "1" and seen.get("cookie") == "a=b; c=d"
    assert seen.get("x-forwarded-for") == "127.0.0.1" and seen.get("via") == "1.1 weir"
    for name in ("host", "connection", "x-gone", "te", "keep-alive", "transfer-encoding"):
        assert seen.get(name) is None, name


def test_a_response_as_its_client_sees_it(weir, targets):
    target = targets(answering(lambda request, connection: connection.answer(
        request.stream, b"body", 201, (("x-a", "1"), ("set-cookie", "a=1"), ("set-cookie", "b=2"),
                                       ("content-type", "text/plain")))))
    edge = weir.proxy(target, group=H2)
    answer = raw.get(edge.port)
    assert (answer.status, answer.reason, answer.body) == (201, "Created", b"body")
    assert answer.get("X-A") == "1" and answer.head.all("Set-Cookie") == ["a=1", "b=2"]
    assert answer.get("Via") == "2.0 weir"


@pytest.mark.parametrize("status", [204, 304])
def test_a_response_without_a_body(weir, targets, status):
    target = targets(answering(lambda request, connection: connection.answer(
        request.stream, b"", status, (("etag", '"1"'),))))
    edge = weir.proxy(target, group=H2)
    with raw.connect(edge.port) as client:
        for _ in range(2):
            answer = client.send(raw.request("GET")).response()
            assert (answer.status, answer.get("ETag")) == (status, '"1"')


def test_head(weir, targets):
    target = targets(answering(lambda request, connection: connection.answer(
        request.stream, b"", 200, (("content-length", "1000"),))))
    edge = weir.proxy(target, group=H2)
    with raw.connect(edge.port) as client:
        for _ in range(2):
            answer = client.send(raw.request("HEAD")).response("HEAD")
            assert (answer.status, answer.get("Content-Length")) == (200, "1000")


@pytest.mark.parametrize("size", [0, 1, 65535, 65536, 3000000])
def test_bodies_both_ways(weir, targets, size):
    target = targets(answering(lambda request, connection: connection.answer(
        request.stream, request.body)))
    edge = weir.proxy(target, group=H2, rule="body_max: 10MB\n")
    body = bytes(i * 7 % 251 for i in range(size))
    answer = post(edge.port, body)
    assert (answer.status, answer.body == body) == (200, True)
    assert target.requests[0].get("content-length") == (str(size) if size else None)


def test_a_chunked_body_with_trailers(weir, targets):
    target = targets(answering(lambda request, connection: connection.answer(
        request.stream, request.body, trailers=(("x-sum", "42"),))))
    edge = weir.proxy(target, group=H2)
    with raw.connect(edge.port) as client:
        client.send("POST / HTTP/1.1\r\nHost: test.localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
                    "5\r\nhello\r\n0\r\nX-Checked: yes\r\n\r\n")
        answer = client.response("POST")
    assert (answer.body, answer.trailers) == (b"hello", [("x-sum", "42")])
    assert target.requests[0].body == b"hello"
    assert dict(target.requests[0].trailers)["x-checked"] == "yes"


def test_te_trailers_goes_on(weir, targets):
    target = targets(text(b""))
    edge = weir.proxy(target, group=H2)
    raw.exchange(edge.port, raw.request("GET", headers=[("TE", "trailers, deflate"),
                                                        ("Connection", "TE")]))
    assert target.requests[0].get("te") == "trailers"


def test_interim_responses_are_passed_on(weir, targets):
    def answer(request, connection):
        connection.send(connection.headers(request.stream, ((":status", "103"), ("link", "</a>")),
                                           ends=False))
        connection.answer(request.stream, b"done")
    edge = weir.proxy(targets(answering(answer)), group=H2)
    got = raw.get(edge.port)
    assert [status for status, _ in got.informational] == [103]
    assert got.body == b"done"


def test_both_ways_at_once(weir, targets):
    """The response begins, and moves, while the request goes up."""
    def serve(connection):
        while not connection.open:
            connection.step()
        stream = next(iter(connection.open))
        connection.send(connection.headers(stream, ((":status", "200"),
                                                    ("content-type", "text/event-stream")),
                                           ends=False))
        told = 0
        while True:
            got = connection.step()
            if got.type == http2.DATA and got.payload:
                told += len(got.payload)
                connection.data(stream, b"%d;" % told)
            if got.ends_stream:
                connection.data(stream, b"end", ends=True)
                connection.await_close()
    edge = weir.proxy(targets(h2_target.Target(serve)), group=H2)
    with raw.connect(edge.port) as client:
        client.send("POST / HTTP/1.1\r\nHost: test.localhost\r\nTransfer-Encoding: chunked\r\n\r\n")
        assert client.head().start_line.startswith("HTTP/1.1 200")
        client.send("3\r\nabc\r\n")
        assert client.chunk() == b"3;"
        client.send("2\r\nde\r\n")
        assert client.chunk() == b"5;"
        client.send("0\r\n\r\n")
        assert client.chunk() == b"end"


def test_a_target_that_answers_before_it_opens_its_window(weir, targets):
    """The response is read although the request's first part cannot leave yet."""
    def serve(connection):
        while True:
            answer(connection)

    def answer(connection):
        while not connection.open:
            connection.step()
        stream = next(iter(connection.open))
        connection.send(connection.headers(stream, ((":status", "200"),), ends=False))
        for _ in range(10):
            connection.data(stream, b"x" * 60000)      # more than one window of ours
        connection.send(http2.window_update(stream, 100000))
        while stream not in connection.ended:
            connection.step()
        connection.data(stream, connection.open.pop(stream).body, ends=True)
    target = targets(h2_target.Target(serve, settings={"INITIAL_WINDOW_SIZE": 5},
                                      opens_windows=False))
    edge = weir.proxy(target, group=H2)
    for _ in range(2):                      # the second one knows of the window beforehand
        assert post(edge.port, b"y" * 1000).body == b"x" * 600000 + b"y" * 1000


def test_an_upgrade_is_not_passed_on(weir, targets):
    target = targets(text(b"plain"))
    edge = weir.proxy(target, group=H2)
    answer = raw.exchange(edge.port, raw.request("GET", headers=[
        ("Connection", "Upgrade"), ("Upgrade", "websocket")]))
    assert (answer.status, answer.body) == (200, b"plain")
    assert target.requests[0].get("upgrade") is None


def test_from_http2_to_http2(weir, targets):
    target = targets(answering(lambda request, connection: connection.answer(
        request.stream, request.body, trailers=(("x-t", "1"),))))
    edge = weir.proxy(target, group=H2)
    with http2.Connection(edge.port) as client:
        client.send(client.headers(1, http2.POST, ends=False),
                    http2.frame(http2.DATA, http2.END_STREAM, 1, b"abc"))
        answer = client.response(1)
    assert (answer.status, answer.body) == (200, b"abc")
    assert dict(answer.trailers) == {"x-t": "1"}


# Connections.

def test_requests_share_a_connection(weir, targets):
    """A target that answers the first one last."""
    def serve(connection):
        while len(connection.open) < 8:
            connection.step()
        for stream in sorted(connection.open, reverse=True):
            connection.answer(stream, b"%d" % stream)
        connection.await_close()

    target = targets(h2_target.Target(serve, opens_windows=False))
    edge = weir.proxy(target, group=H2)
    with http2.Connection(edge.port) as client:
        streams = range(1, 17, 2)
        client.send(*(client.headers(stream, http2.POST, ends=False) for stream in streams))
        target.wait_for_heads(8)
        client.send(*(http2.frame(http2.DATA, http2.END_STREAM, stream, b"x")
                      for stream in streams))
        answers = client.responses(*streams)
    assert len({answer.body for answer in answers}) == 8
    assert len(target.connections) == 1


@pytest.mark.threads
def test_each_worker_has_its_own(weir, targets):
    target = targets(text(b"ok"))
    edge = weir.proxy(target, group=H2 + "health: { path: /healthz, interval: 100ms }\n", workers=2)
    for _ in range(5):
        assert in_parallel(20, lambda _: raw.get(edge.port).status) == [200] * 20
    served = {request.connection for request in target.requests}
    assert 1 <= len(served) <= 2


def test_a_limit_of_streams_is_kept_by_more_connections(weir, targets):
    def serve(connection):
        while len(connection.open) < 2:
            connection.step()
        wait.until(lambda: len(target.heads) == 8, "all requests")
        for stream in connection.open:
            connection.answer(stream, b"%d" % connection.number)
        connection.await_close()
    target = targets(h2_target.Target(serve, settings={"MAX_CONCURRENT_STREAMS": 2}))
    edge = weir.proxy(target, group=H2)
    answers = in_parallel(8, lambda _: raw.get(edge.port).body)
    assert sorted(answers) == sorted([b"1", b"2", b"3", b"4"] * 2)


def test_more_than_all_connections_take_wait_their_turn(weir, targets):
    target = targets(text(b"ok", settings={"MAX_CONCURRENT_STREAMS": 1}))
    edge = weir.proxy(target, group=H2)
    answers = in_parallel(40, lambda _: raw.get(edge.port).status)
    assert answers == [200] * 40
    assert len(target.connections) <= 8


def test_streams_that_are_all_taken_are_waited_for_no_longer_than_connect(weir, targets):
    def serve(connection):
        while True:
            got = connection.step()
            if got.type == http2.HEADERS and connection.open[got.stream].get(":path") == "/short":
                connection.answer(got.stream, b"ok")
    target = targets(h2_target.Target(serve, settings={"MAX_CONCURRENT_STREAMS": 1}))
    edge = weir.proxy(target, group=H2, rule="timeouts: { connect: 500ms }\nretries: 0\n")
    held = [raw.connect(edge.port).send(raw.request("GET", "/held")) for _ in range(8)]
    target.wait_for_heads(8)
    assert len(target.connections) == 8
    assert raw.get(edge.port, "/short").status == 503
    held[0].reset()
    assert raw.get(edge.port, "/short").status == 200
    for client in held[1:]:
        client.close()


def test_goaway_moves_requests_to_a_new_connection(weir, targets):
    def serve(connection):
        request = connection.request()
        connection.answer(request.stream, b"%d" % connection.number)
        connection.send(http2.goaway(request.stream))
        connection.await_close()
    target = targets(h2_target.Target(serve))
    edge = weir.proxy(target, group=H2)
    assert [raw.get(edge.port).body for _ in range(4)] == [b"1", b"2", b"3", b"4"]


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_streams_above_a_goaway_are_sent_again(weir, targets, method):
    """Whatever the method is: the target says that it has not looked at it."""
    def serve(connection):
        request = connection.request()
        if connection.number == 1:
            connection.send(http2.goaway(0))
            connection.await_close()
        connection.answer(request.stream, request.body)
        connection.await_close()
    target = targets(h2_target.Target(serve))
    edge = weir.proxy(target, group=H2)
    answer = raw.exchange(edge.port, raw.request(method, body=b"abc" if method == "POST" else b""),
                          method)
    assert (answer.status, answer.body) == (200, b"abc" if method == "POST" else b"")
    assert len(target.connections) == 2


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_refused_stream_is_sent_again(weir, targets, method):
    refused = []

    def serve(connection):
        while True:
            request = connection.request()
            if not refused:
                refused.append(request)
                connection.send(http2.reset(request.stream, http2.REFUSED_STREAM))
            else:
                connection.answer(request.stream, request.body or b"-")
    target = targets(h2_target.Target(serve))
    edge = weir.proxy(target, group=H2)
    answer = raw.exchange(edge.port, raw.request(method, body=b"abc" if method == "POST" else b""),
                          method)
    assert answer.status == 200 and refused
    assert len(target.requests) == 2


def test_a_target_that_refuses_all_is_left_for_another(weir, targets):
    def refuse(request, connection):
        connection.send(http2.reset(request.stream, http2.REFUSED_STREAM))
    bad, good = targets(answering(refuse)), targets(text(b"good"))
    edge = weir.proxy(bad, good, group=H2 + "balance: round_robin\n")
    assert {post(edge.port).body for _ in range(6)} == {b"good"}
    assert edge.metrics()["weir_upstream_retries_total"] >= 1


def test_a_refused_body_that_was_too_large_to_keep_is_a_502(weir, targets):
    def serve(connection):
        while True:
            got = connection.step()
            request = connection.open.get(got.stream)
            if request is not None and len(request.body) > 100000:
                connection.send(http2.reset(got.stream, http2.REFUSED_STREAM))
                connection.open.pop(got.stream)
    target = targets(h2_target.Target(serve))
    edge = weir.proxy(target, group=H2, rule="body_max: 10MB\n")
    assert post(edge.port, b"x" * 1000000).status == 502
    assert len(target.heads) == 1


def test_an_idle_connection_that_was_closed_costs_nobody_an_answer(weir, targets):
    def serve(connection):
        request = connection.request()
        connection.answer(request.stream, b"ok")
        wait.until(lambda: len(target.requests) >= connection.number, "its request")
    target = targets(h2_target.Target(serve))
    edge = weir.proxy(target, group=H2)
    for _ in range(20):
        assert raw.get(edge.port).status == 200


def test_a_reload_keeps_connections(weir, targets):
    target = targets(text(b"ok"))
    edge = weir.proxy(target, group=H2)
    assert raw.get(edge.port).status == 200
    edge.admin("/v1/reload", "POST")
    assert raw.get(edge.port).status == 200
    assert len(target.connections) == 1


# Faults.

def test_a_broken_connection_before_the_head(weir, targets):
    def serve(connection):
        connection.request()
        connection.shut()
    bad, good = targets(h2_target.Target(serve)), targets(text(b"good"))
    edge = weir.proxy(bad, good, group=H2 + "balance: round_robin\n")
    assert {raw.get(edge.port).body for _ in range(4)} == {b"good"}
    statuses = [post(edge.port).status for _ in range(4)]
    assert set(statuses) <= {200, 502}


@pytest.mark.parametrize("error", [http2.CANCEL, http2.INTERNAL_ERROR, http2.PROTOCOL_ERROR])
def test_a_reset_before_the_head_is_a_502(weir, targets, error):
    target = targets(answering(lambda request, connection: connection.send(
        http2.reset(request.stream, error))))
    edge = weir.proxy(target, group=H2)
    assert post(edge.port).status == 502
    assert len(target.requests) == 1


def test_a_reset_in_the_body_is_seen_by_the_client(weir, targets):
    def answer(request, connection):
        connection.answer(request.stream, b"part", ends=False)
        connection.send(http2.reset(request.stream, http2.INTERNAL_ERROR))
    edge = weir.proxy(targets(answering(answer)), group=H2)
    with raw.connect(edge.port) as client:
        client.send(raw.request("GET", headers=[("Connection", "close")]))
        text_of = client.rest()
    assert b"200" in text_of and not text_of.endswith(b"0\r\n\r\n")
    with http2.Connection(edge.port) as client:
        assert client.ask(1).error is not None


def test_one_broken_stream_leaves_the_others(weir, targets):
    def answer(request, connection):
        if request.get(":path") == "/bad":
            connection.send(http2.reset(request.stream, http2.INTERNAL_ERROR))
        else:
            connection.answer(request.stream, b"ok")
    target = targets(answering(answer))
    edge = weir.proxy(target, group=H2, rule="retries: 0\n")
    assert [raw.get(edge.port, path).status for path in ("/", "/bad", "/", "/bad", "/")] == \
        [200, 502, 200, 502, 200]
    assert len(target.connections) == 1


def test_no_answer_in_time(weir, targets):
    target = targets(h2_target.Target(lambda connection: connection.await_close()))
    edge = weir.proxy(target, group=H2, rule="timeouts: { response: 300ms }\n")
    assert raw.get(edge.port).status == 504
    wait.until(lambda: target.connections[0].resets, "the reset of the request")
    assert set(target.connections[0].resets.values()) == {http2.CANCEL}


def test_a_client_that_leaves_resets_its_request(weir, targets):
    target = targets(h2_target.Target(lambda connection: connection.await_close()))
    edge = weir.proxy(target, group=H2)
    client = raw.connect(edge.port).send(raw.request("GET"))
    target.wait_for_heads(1)
    client.reset()
    wait.until(lambda: target.connections[0].resets, "the reset of the request")


def test_an_early_answer_to_an_upload(weir, targets):
    """It is passed on, and the rest of the body is not sent."""
    def serve(connection):
        while True:
            got = connection.step()
            if got.type == http2.HEADERS:
                connection.answer(got.stream, b"too large", 413)
    target = targets(h2_target.Target(serve, opens_windows=False))
    edge = weir.proxy(target, group=H2, rule="body_max: 10MB\n")
    answer = post(edge.port, b"x" * 1000000)
    assert (answer.status, answer.body) == (413, b"too large")
    wait.until(lambda: target.connections[0].resets, "the reset of the request")
    assert target.connections[0].resets == {1: http2.NO_ERROR}


def test_a_slow_client_does_not_hold_up_others(weir, targets):
    """Each stream has a window of its own; the connection's is never used up."""
    target = targets(answering(lambda request, connection: connection.answer(
        request.stream, b"x" * (60000 if request.get(":path") == "/large" else 10))))
    edge = weir.proxy(target, group=H2)
    with http2.Connection(edge.port, INITIAL_WINDOW_SIZE=0) as client:
        large = tuple((name, "/large" if name == ":path" else value) for name, value in http2.GET)
        client.send(*(client.headers(stream, large) for stream in range(1, 61, 2)))
        target.wait_for_heads(30)
        for _ in range(5):
            assert raw.get(edge.port).body == b"x" * 10
    assert len(target.connections) == 1


def test_a_target_whose_window_stays_shut(weir, targets):
    target = targets(h2_target.Target(lambda connection: connection.await_close(),
                                      opens_windows=False))
    edge = weir.proxy(target, group=H2, rule="timeouts: { idle: 400ms }\nbody_max: 10MB\n")
    assert post(edge.port, b"x" * 300000).status in (502, 504)


def test_what_is_not_http2(weir, backends):
    target = backends.scripted(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n",
                               reads_body=False)
    edge = weir.proxy(target, group=H2)
    answer = raw.get(edge.port)
    assert answer.status == 502


# Targets that mean ill: the request fails, the connection ends, the edge goes on.

def floods():
    def continuation(connection, stream):
        connection.send(connection.headers(stream, ((":status", "200"),), flags=0))
        for _ in range(100000):
            connection.send(http2.frame(http2.CONTINUATION, 0, stream, connection.block(("a", "b"))))

    def bomb(connection, stream):
        value = "x" * 4000
        connection.send(connection.headers(stream, ((":status", "200"), ("bomb", value)), flags=0))
        for _ in range(4):
            connection.send(http2.frame(http2.CONTINUATION, 0, stream,
                                        connection.block(*[("bomb", value)] * 10000)))

    def many_fields(connection, stream):
        connection.send(connection.headers(stream, ((":status", "200"),
                                                    *[(f"f{i}", "v") for i in range(1000)])))

    def repeated(frame):
        def send(connection, _stream):
            for _ in range(200):
                connection.send(frame * 1000)
        return send

    def resets(connection, stream):
        for _ in range(200):
            connection.send(http2.reset(stream) * 1000)

    def empty_data(connection, stream):
        connection.send(connection.headers(stream, ((":status", "200"),), ends=False))
        for _ in range(200):
            connection.send(http2.frame(http2.DATA, 0, stream) * 1000)

    def window_overflow(connection, stream):
        connection.send(http2.window_update(0, 0x7fffffff), http2.window_update(stream, 0x7fffffff))

    def push(connection, stream):
        connection.send(http2.frame(http2.PUSH_PROMISE, http2.END_HEADERS, stream,
                                    b"\0\0\0\2" + connection.block(*http2.GET)))

    def endless_interim(connection, stream):
        for _ in range(20000):
            connection.send(connection.headers(stream, ((":status", "103"), ("link", "x" * 500)),
                                               ends=False))

    def more_than_the_window(connection, stream):
        connection.send(connection.headers(stream, ((":status", "200"),), ends=False))
        for _ in range(200):
            connection.send(http2.frame(http2.DATA, 0, stream, b"x" * 16384))

    def more_than_the_length(connection, stream):
        connection.send(connection.headers(stream, ((":status", "200"), ("content-length", "3")),
                                           ends=False))
        connection.send(http2.frame(http2.DATA, http2.END_STREAM, stream, b"x" * 10))

    def head_of_rubbish(connection, stream):
        connection.send(http2.frame(http2.HEADERS, http2.END_HEADERS, stream, b"\xff" * 40))

    def no_status(connection, stream):
        connection.send(connection.headers(stream, (("a", "b"),)))

    def bad_value(connection, stream):
        connection.send(connection.headers(stream, ((":status", "200"), ("a", "b\r\nc: d"))))

    def connection_field(connection, stream):
        connection.send(connection.headers(stream, ((":status", "200"), ("connection", "close"))))

    def upgrade(connection, stream):
        connection.send(connection.headers(stream, ((":status", "101"),), ends=False))

    def unasked(connection, stream):
        connection.send(connection.headers(stream + 100, ((":status", "200"),)))

    def huge_frame(connection, stream):
        connection.send(http2.frame(http2.DATA, 0, stream, b"x" * 20000))

    return {"continuation": continuation, "bomb": bomb, "fields": many_fields,
            "pings": repeated(http2.ping()), "settings": repeated(http2.settings()),
            "table_sizes": repeated(http2.settings(HEADER_TABLE_SIZE=0)),
            "priorities": repeated(http2.priority(1)), "unknown": repeated(http2.frame(200, 0, 0)),
            "resets": resets, "empty_data": empty_data, "window_overflow": window_overflow,
            "push": push, "interim": endless_interim, "over_window": more_than_the_window,
            "over_length": more_than_the_length, "rubbish": head_of_rubbish,
            "no_status": no_status, "bad_value": bad_value, "connection": connection_field,
            "upgrade": upgrade, "unasked": unasked, "huge_frame": huge_frame}


@pytest.mark.parametrize("name", floods())
def test_a_hostile_target(weir, targets, name):
    attack = floods()[name]

    def serve(connection):
        request = connection.request()
        attack(connection, request.stream)
        connection.await_close()
    bad = targets(h2_target.Target(serve))
    edge = weir.proxy(bad, group=H2, rule="retries: 0\ntimeouts: { response: 3s, idle: 2s }\n")
    with raw.connect(edge.port) as client:
        client.send(raw.request("GET", headers=[("Connection", "close")]))
        got = client.rest()
    assert got == b"" or got.startswith((b"HTTP/1.1 502", b"HTTP/1.1 200", b"HTTP/1.1 103")), got
    assert not (b"HTTP/1.1 200" in got and got.endswith(b"0\r\n\r\n"))
    assert b"\r\nc: d" not in got
    assert edge.metrics()["weir_connections_open"] >= 0


def test_flood_of_resets_costs_no_more_than_its_requests(weir, targets):
    """A target that refuses each request: no storm of retries."""
    target = targets(answering(lambda request, connection: connection.send(
        http2.reset(request.stream, http2.REFUSED_STREAM))))
    edge = weir.proxy(target, group=H2)
    answers = [post(edge.port).status for _ in range(50)]
    assert set(answers) == {502}
    assert len(target.requests) <= 100


# Beside forwarding.

def test_health_by_http2(weir, targets):
    def serve(connection):
        while True:
            request = connection.request()
            connection.answer(request.stream, b"ok")
    target = targets(h2_target.Target(serve))
    edge = weir.proxy(target, group=H2 + "health: { path: /healthz, interval: 100ms }\n")
    assert raw.get(edge.port).status == 200
    wait.until(lambda: len(target.heads) > 3, "health requests")
    assert {head.get(":path") for head in target.heads} == {"/", "/healthz"}


def test_an_auth_service_and_a_mirror_by_http2(weir, backends, targets):
    auth = targets(answering(lambda request, connection: connection.answer(
        request.stream, b"", 200 if request.get("authorization") else 401,
        (("x-user", "eva"),))))
    mirror = targets(text(b"copied"))
    plain = backends.echo()
    edge = weir.edge("""
listeners: { http: { address: "127.0.0.1:@PORT@" } }
workers: 1
sites:
  all:
    domains: ["*"]
    rules:
      - forward: plain
        auth: { forward: auth, path: /check, copy: [X-User] }
        mirror: mirror
target_groups:
  plain: { targets: ["@plain@"] }
  auth: { targets: ["@auth@"], protocol: h2 }
  mirror: { targets: ["@mirror@"], protocol: h2 }
""", plain=plain, auth=auth, mirror=mirror)
    assert raw.get(edge.port).status == 401
    answer = post(edge.port, b"abc", "/x", headers=[("Authorization", "Basic abc")])
    assert answer.status == 200 and plain.requests[0].get("X-User") == "eva"
    wait.until(lambda: mirror.requests, "the copy")
    assert (mirror.requests[0].body, mirror.requests[0].get(":path")) == (b"abc", "/x")


def test_proxy_protocol_is_not_for_shared_connections(weir):
    result = weir.run("check", text="""
listeners: { http: { address: ":8080" } }
sites: { a: { domains: ["*"], forward: t } }
target_groups: { t: { targets: ["127.0.0.1:1"], protocol: h2, proxy_protocol: v2 } }
""")
    assert result.code == 1 and "many clients" in result.stderr

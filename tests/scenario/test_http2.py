"""Clients of HTTP/2: what they ask for reaches targets as HTTP/1.1, and answers come back."""
import json
import re
import struct
import subprocess
import threading

import pytest

from harness import curl, http2, raw, wait
from harness.backends import Response
from harness.http2 import (CONTINUATION, DATA, END_HEADERS, END_STREAM, GET, GOAWAY, HEADERS, POST,
                           RST_STREAM, WINDOW_UPDATE, frame, window_update)

PRIOR = "--http2-prior-knowledge"
MIB = 1 << 20


def told(response):
    """What the echo target was asked."""
    return json.loads(response.body)


def all_told(response, name):
    return [value for key, value in told(response)["headers"] if key.lower() == name]


def test_curl_speaks_http2(weir, backends):
    target = backends.echo()
    edge = weir.proxy(target)
    answer = curl.get(edge.url("/a?b=c"), PRIOR, "--data-binary", "x" * 1000)
    assert (answer.code, answer.status) == (0, 200)
    request = target.requests[0]
    assert (request.method, request.target, len(request.body)) == ("POST", "/a?b=c", 1000)
    assert request.get("Via") == "2.0 weir"
    assert request.get("X-Forwarded-For") == "127.0.0.1"
    assert request.get("Host") == f"127.0.0.1:{edge.port}"
    line = edge.access_log(1)[0]
    assert line["protocol"] == "HTTP/2.0"
    assert edge.metrics()["weir_http2_connections_total"] == 1


def test_nghttp_and_h2load(weir, backends):
    edge = weir.proxy(backends.text("x" * 1024))
    out = subprocess.run(["nghttp", "-nv", edge.url("/")], text=True, capture_output=True, timeout=20)
    assert ":status: 200" in out.stdout, out.stdout
    out = subprocess.run(["h2load", "-c4", "-m100", "-n4000", edge.url("/")], text=True,
                         capture_output=True, timeout=60)
    assert "4000 succeeded, 0 failed" in out.stdout, out.stdout


def test_http1_goes_on_beside_it(weir, backends):
    edge = weir.proxy(backends.text("same"))
    assert raw.get(edge.port, "/").status == 200
    assert curl.get(edge.url("/"), PRIOR).body == curl.get(edge.url("/"), "--http1.1").body


def test_many_streams_at_once_and_each_gets_its_own(weir, backends):
    edge = weir.proxy(backends.echo())
    with http2.Connection(edge.port) as client:
        streams = list(range(1, 201, 2))
        client.send(*(client.headers(stream, (GET[0], GET[1], (":path", f"/{stream}"), GET[3]))
                      for stream in streams))
        for stream, response in zip(streams, client.responses(*streams)):
            assert told(response)["target"] == f"/{stream}"


def test_cookies_in_crumbs_are_one_field(weir, backends):
    """RFC 9113 §8.2.3."""
    edge = weir.proxy(backends.echo())
    with http2.Connection(edge.port) as client:
        response = client.ask(1, extra=(("cookie", "a=1"), ("x-between", "y"), ("cookie", "b=2"),
                                        ("cookie", "c=3")))
        assert all_told(response, "cookie") == ["a=1; b=2; c=3"]
        assert all_told(response, "x-between") == ["y"]


def test_heads_larger_than_a_small_block(weir, backends):
    edge = weir.proxy(backends.echo())
    fields = tuple((f"x-{number}", str(number) * 200) for number in range(60))
    with http2.Connection(edge.port) as client:
        block = client.block(*GET, *fields)
        parts = [block[at:at + 8000] for at in range(0, len(block), 8000)]
        client.send(frame(HEADERS, END_STREAM, 1, parts[0]),
                    *(frame(CONTINUATION, 0, 1, part) for part in parts[1:]),
                    frame(CONTINUATION, END_HEADERS, 1))
        response = client.response()
        for name, value in fields:
            assert all_told(response, name) == [value]


@pytest.mark.parametrize("fields, status", [
    ([(f"x-{number}", "y") for number in range(101)], 431),
    ([("x-long", "y" * 8200)], 431),
    ([(f"x-{number}", "y" * 4000) for number in range(9)], 431),
    ([("expect", "a miracle")], 417),
])
def test_limits_of_heads(weir, backends, fields, status):
    """The same as of HTTP/1; the connection goes on."""
    target = backends.echo()
    edge = weir.proxy(target)
    with http2.Connection(edge.port) as client:
        block = client.block(*GET, *fields)
        parts = [block[at:at + 16000] for at in range(0, len(block), 16000)]
        client.send(frame(HEADERS, END_STREAM, 1, parts[0]),
                    *(frame(CONTINUATION, 0, 1, part) for part in parts[1:]),
                    frame(CONTINUATION, END_HEADERS, 1))
        assert client.response().status == status
        assert client.ask(3).status == 200
    assert len(target.requests) == 1


def test_a_target_that_is_too_long(weir, backends):
    edge = weir.proxy(backends.echo())
    with http2.Connection(edge.port) as client:
        path = (":path", "/" + "x" * 16400)
        block = client.block(GET[0], GET[1], path, GET[3])
        client.send(frame(HEADERS, END_STREAM, 1, block[:16000]),
                    frame(CONTINUATION, END_HEADERS, 1, block[16000:]))
        assert client.response().status == 414


# Bodies ----------------------------------------------------------------------------------------

def test_a_large_answer_through_small_windows(weir, backends):
    body = bytes(range(256)) * 4 * 1024 * 3
    edge = weir.proxy(backends.serve(lambda *_: Response(body)))
    with http2.Connection(edge.port, INITIAL_WINDOW_SIZE=1000) as client:
        assert client.ask(1).body == body


def test_a_large_file(weir):
    content = bytes(range(256)) * 8192
    edge = weir.edge(FILES, files={"www/large.bin": content})
    answer = curl.get(edge.url("/large.bin"), PRIOR)
    assert answer.body == content
    part = curl.get(edge.url("/large.bin"), PRIOR, "-r", "1000-1999999")
    assert (part.status, part.body) == (206, content[1000:2000000])
    head = curl.get(edge.url("/large.bin"), PRIOR, "-I")
    assert (head.code, head.status, head.get("content-length")) == (0, 200, str(len(content)))


def test_a_large_upload(weir, backends, tmp_path):
    content = bytes(range(256)) * 4096 * 5
    (tmp_path / "upload").write_bytes(content)
    target = backends.serve(lambda request, _: Response(str(len(request.body)).encode()))
    edge = weir.proxy(target)
    answer = curl.get(edge.url("/"), PRIOR, "--data-binary", f"@{tmp_path}/upload")
    assert answer.text == str(len(content))
    assert target.requests[0].body == content
    answer = curl.get(edge.url("/"), PRIOR, "-T", str(tmp_path / "upload"), "-H", "content-length:")
    assert answer.text == str(len(content))


def test_padding_does_not_use_up_windows(weir, backends):
    target = backends.serve(lambda request, _: Response(str(len(request.body)).encode()))
    edge = weir.proxy(target)
    with http2.Connection(edge.port) as client:
        client.send(client.headers(1, POST, ends=False))
        padded = b"\xff" + b"x" + bytes(255)
        for _ in range(10000):
            while min(client.windows[0], client.windows[1]) < len(padded):
                client.await_type(WINDOW_UPDATE)
            client.windows[0] -= len(padded)
            client.windows[1] -= len(padded)
            client.send(frame(DATA, http2.PADDED, 1, padded))
        client.send(frame(DATA, END_STREAM, 1))
        assert client.response().body == b"10000"


def test_bodies_that_nobody_wants_do_not_use_up_windows(weir, backends):
    """Neither what comes behind an answer, nor behind a reset, is kept from the connection's window."""
    edge = weir.proxy(backends.serve(lambda *_: Response(b"enough"), reads_body=False))
    with http2.Connection(edge.port) as client:
        for stream in range(1, 201, 2):
            client.send(client.headers(stream, POST, ends=False))
            while client.windows[0] < 16384:
                client.await_type(WINDOW_UPDATE, 0)
            client.send_data(stream, bytes(16384), ends=False)
            client.send(http2.reset(stream) if stream % 4 == 1 else frame(DATA, END_STREAM, stream))
        assert client.ask(201).body == b"enough"


def test_a_body_of_unknown_length_goes_on_in_chunks(weir, backends):
    target = backends.echo()
    edge = weir.proxy(target)
    with http2.Connection(edge.port) as client:
        client.send(client.headers(1, POST, ends=False), frame(DATA, 0, 1, b"first "))
        target_saw = lambda: target.open_connections() > 0  # noqa: E731
        wait.until(target_saw, "the request at the target")
        client.send(frame(DATA, END_STREAM, 1, b"second"))
        response = client.response()
        assert told(response)["body"] == "first second"
        assert all_told(response, "transfer-encoding") == ["chunked"]


def test_a_body_that_is_there_whole_has_a_length(weir, backends):
    edge = weir.proxy(backends.echo())
    with http2.Connection(edge.port) as client:
        client.send(client.headers(1, POST, ends=False), frame(DATA, END_STREAM, 1, b"all of it"))
        assert all_told(client.response(), "content-length") == ["9"]
        client.send(client.headers(3, GET, ends=False), frame(DATA, END_STREAM, 3))
        response = client.response(3)
        assert all_told(response, "content-length") + all_told(response, "transfer-encoding") == []


def test_trailers_both_ways(weir, backends):
    answer = (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n"
              b"4\r\nbody\r\n0\r\nX-Sum: 4\r\n\r\n")
    target = backends.serve(lambda *_: answer)
    edge = weir.proxy(target)
    with http2.Connection(edge.port) as client:
        client.send(client.headers(1, POST, ends=False), frame(DATA, 0, 1, b"some"),
                    client.headers(1, (("x-checksum", "abc"), ("host", "smuggled"))))
        response = client.response()
        assert response.body == b"body"
        assert response.trailers == (("x-sum", "4"),)
    assert target.requests[0].trailers == [("x-checksum", "abc")]


def test_interim_responses(weir, backends):
    answer = (b"HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\n"
              b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
    edge = weir.proxy(backends.serve(lambda *_: answer))
    with http2.Connection(edge.port) as client:
        response = client.ask(1)
        assert [dict(fields) for fields in response.interim] == [{":status": "103", "link": "</a.css>"}]
        assert response.body == b"ok"


def test_a_client_that_waits_to_go_on(weir, backends):
    edge = weir.proxy(backends.echo())
    with http2.Connection(edge.port) as client:
        client.send(client.headers(1, POST, ends=False, extra=(("expect", "100-continue"),)))
        assert client.await_type(HEADERS).status == 100
        client.send(frame(DATA, END_STREAM, 1, b"now"))
        assert told(client.response())["body"] == "now"


def test_what_belongs_to_a_connection_of_http1_stays_there(weir, backends):
    answer = (b"HTTP/1.1 200 OK\r\nConnection: X-Hop\r\nX-Hop: 1\r\nKeep-Alive: timeout=5\r\n"
              b"X-End: 2\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n")
    edge = weir.proxy(backends.serve(lambda *_: answer))
    with http2.Connection(edge.port) as client:
        response = client.ask(1)
        names = [name for name, _ in response.fields]
        assert "x-end" in names
        assert not {"connection", "x-hop", "keep-alive", "transfer-encoding"} & set(names)
        assert all(name == name.lower() for name in names)


def test_an_answer_before_the_body_has_come(weir, backends):
    """The rest of it is not wanted: the stream is reset without an error (RFC 9113 §8.1)."""
    edge = weir.proxy(backends.serve(lambda *_: Response(b"enough"), reads_body=False))
    with http2.Connection(edge.port) as client:
        client.send(client.headers(1, POST, ends=False, extra=(("content-length", "10000000"),)),
                    frame(DATA, 0, 1, b"some"))
        assert client.await_type(HEADERS).status == 200
        assert client.await_type(RST_STREAM).error == http2.NO_ERROR
        assert client.ask(3).body == b"enough"


def test_a_body_over_its_limit(weir, backends):
    target = backends.echo()
    edge = weir.proxy(target, rule="body_max: 1KiB")
    with http2.Connection(edge.port) as client:
        client.send(client.headers(1, POST, ends=False, extra=(("content-length", "1025"),)))
        assert client.await_type(HEADERS, 1).status == 413
        client.send(client.headers(3, POST, ends=False), frame(DATA, 0, 3, bytes(2000)))
        assert client.await_type(HEADERS, 3).status == 413
        assert client.ask(5).status == 200


def test_windows_open_as_the_target_reads(weir, backends):
    """A target that does not read holds the client back: nothing piles up in between."""
    gate = threading.Event()

    def hold(_request, connection):
        gate.wait(wait.DEADLINE_S * wait.patience())
        connection.reader.exactly(8 * MIB)
        return Response(b"read")
    edge = weir.proxy(backends.serve(hold, reads_body=False))
    with http2.Connection(edge.port) as client:
        client.send(client.headers(1, POST, ends=False, extra=(("content-length", str(8 * MIB)),)))
        content, sent = bytes(8 * MIB), 0
        client.patience(0.5)
        with pytest.raises(TimeoutError):
            while True:
                part = client.send_data(1, content[sent:])
                sent += part
                if part == 0:
                    client.read()
        assert sent < 7 * MIB
        gate.set()
        client.patience(wait.DEADLINE_S * wait.patience())
        while sent < 8 * MIB:
            part = client.send_data(1, content[sent:])
            sent += part
            if part == 0:
                client.await_type(WINDOW_UPDATE)
        assert client.response().body == b"read"


def test_a_reader_that_stops_does_not_hold_up_other_streams(weir, backends):
    edge = weir.proxy(backends.serve(lambda request, _: Response(
        bytes(4 * MIB) if request.target == "/large" else b"small")))
    with http2.Connection(edge.port) as client:
        client.send(window_update(0, 64 * MIB),
                    client.headers(1, (GET[0], GET[1], (":path", "/large"), GET[3])))
        client.await_type(DATA, 1)
        assert client.ask(3).body == b"small"


# Ends ------------------------------------------------------------------------------------------

def test_a_client_that_resets_is_noticed(weir, backends):
    """Its target's connection is given up, and other streams go on."""
    target = backends.slow()
    edge = weir.proxy(target)
    with http2.Connection(edge.port) as client:
        client.send(client.headers(1))
        wait.until(lambda: target.waiting, "the request at the target")
        client.send(http2.reset(1))
        line = edge.access_log(1)[0]
        assert line["status"] in (0, 499)
        assert client.is_alive()
    assert edge.metrics()["weir_http2_streams_reset_total"] == 1


def test_a_target_that_breaks_off_is_no_clean_end(weir, backends):
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort"
    edge = weir.proxy(backends.scripted(answer))
    with http2.Connection(edge.port) as client:
        response = client.ask(1)
        assert response.error == http2.INTERNAL_ERROR
        assert client.is_alive()


def test_a_target_that_dies_is_a_502(weir, backends):
    edge = weir.proxy(backends.dying())
    with http2.Connection(edge.port) as client:
        assert client.ask(1).status == 502
        assert client.ask(3).status == 502


def test_no_request_is_lost_in_a_stop(weir, backends):
    """RFC 9113 §6.8: a notice first, then the last stream; what is under way is finished."""
    target = backends.slow(b"finished")
    edge = weir.proxy(target)
    with http2.Connection(edge.port) as client:
        client.send(client.headers(1))
        wait.until(lambda: target.waiting, "the request at the target")
        edge.process.terminate()
        notice = client.await_type(GOAWAY)
        assert (notice.last_stream, notice.error) == (0x7fffffff, http2.NO_ERROR)
        client.send(client.headers(3))
        wait.until(lambda: target.waiting == 2, "the second request at the target")
        last = client.await_type(GOAWAY)
        assert (last.last_stream, last.error) == (3, http2.NO_ERROR)
        target.release()
        assert [answer.body for answer in client.responses(1, 3)] == [b"finished"] * 2
        assert client.is_closed()
    assert edge.wait() == 0


def test_an_idle_connection_is_told_and_closed_in_a_stop(weir, backends):
    edge = weir.proxy(backends.echo())
    with http2.Connection(edge.port) as client:
        client.ask(1)
        edge.process.terminate()
        last = client.await_type(GOAWAY)
        assert (last.last_stream, last.error) == (1, http2.NO_ERROR)
        assert client.is_closed()


def test_a_reload_drops_no_stream(weir, backends):
    target = backends.slow(b"finished")
    edge = weir.proxy(target)
    with http2.Connection(edge.port) as client:
        client.send(client.headers(1))
        wait.until(lambda: target.waiting, "the request at the target")
        edge.file.write_text(edge.file.read_text().replace("rules:", "rules:\n      - match: { path: /new }\n"
                                                           "        respond: { status: 204 }"))
        edge.admin("/v1/reload", "POST")
        wait.until(lambda: raw.get(edge.port, "/new").status == 204, "the new rule")
        target.release()
        assert client.response().body == b"finished"
        assert client.ask(3, (GET[0], GET[1], (":path", "/new"), GET[3])).status == 204


def test_half_a_connection_is_enough_for_an_answer(weir, backends):
    target = backends.slow(b"late")
    edge = weir.proxy(target)
    with http2.Connection(edge.port) as client:
        client.send(client.headers(1))
        wait.until(lambda: target.waiting, "the request at the target")
        client.half_close()
        target.release()
        assert client.response(windows=False).body == b"late"
        assert client.is_closed()


# Priorities ------------------------------------------------------------------------------------

@pytest.mark.parametrize("how", ["field", "frame"])
def test_what_is_urgent_comes_first(weir, how):
    """RFC 9218: of two answers that wait for the connection's window, the urgent one goes first."""
    edge = weir.edge(FILES, files={"www/large.bin": bytes(1 * MIB)})
    large = (GET[0], GET[1], (":path", "/large.bin"), GET[3])
    with http2.Connection(edge.port, INITIAL_WINDOW_SIZE=16 * MIB) as client:
        client.send(client.headers(1, large, extra=(("priority", "u=5"),)))
        got = 0
        while got < 65535:
            got += len(client.await_type(DATA, 1).payload)
        if how == "field":
            client.send(client.headers(3, large, extra=(("priority", "u=1"),)))
        else:
            client.send(client.headers(3, large, extra=(("priority", "u=6"),)),
                        frame(http2.PRIORITY_UPDATE, 0, 0, struct.pack(">I", 3) + b"u=0"))
        client.await_type(HEADERS, 3)
        client.send(window_update(0, 16 * MIB))
        order = []
        while len(order) < 2:
            frame_ = client.await_type(DATA)
            if frame_.ends_stream:
                order.append(frame_.stream)
        assert order == [3, 1]


# WebSockets ------------------------------------------------------------------------------------

CONNECT = ((":method", "CONNECT"), (":protocol", "websocket"), (":scheme", "http"), (":path", "/chat"),
           (":authority", "test.localhost"), ("sec-websocket-version", "13"))


def upgrading(after=b""):
    """A target that takes an upgrade and echoes what comes."""
    def answer(request, connection):
        if request.get("Upgrade") is None:
            return Response(b"a page")
        assert re.fullmatch(r"[A-Za-z0-9+/]{22}==", request.get("Sec-WebSocket-Key"))
        connection.send(b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\n"
                        b"Upgrade: websocket\r\nSec-WebSocket-Accept: x\r\n"
                        b"Sec-WebSocket-Protocol: chat\r\n\r\n" + after)
        while data := connection.receive():
            connection.send(data)
        connection.close()
    return answer


def test_a_websocket_is_an_upgrade_to_its_target(weir, backends):
    """RFC 8441."""
    target = backends.serve(upgrading(b"welcome"))
    edge = weir.proxy(target)
    with http2.Connection(edge.port) as client:
        client.send(client.headers(1, CONNECT, ends=False))
        head = client.await_type(HEADERS)
        assert head.status == 200
        assert head.get("sec-websocket-protocol") == "chat"
        assert head.get("sec-websocket-accept") is None and head.get("upgrade") is None
        assert client.await_type(DATA).payload == b"welcome"
        client.send(frame(DATA, 0, 1, b"hello"))
        assert client.await_type(DATA).payload == b"hello"
        assert client.ask(3).body == b"a page"
        client.send(frame(DATA, END_STREAM, 1, b"bye"))
        assert client.await_type(DATA, 1).payload == b"bye"
        assert client.read_until(lambda got: got.ends_stream and got.stream == 1)
    request = target.requests[0]
    assert (request.method, request.target) == ("GET", "/chat")
    assert request.get("Upgrade") == "websocket" and request.get("Connection") == "Upgrade"
    wait.until(lambda: target.open_connections() == 1, "the tunnel's end; the page's is kept")


def test_a_websocket_carries_more_than_windows_hold(weir, backends):
    edge = weir.proxy(backends.serve(upgrading()))
    content = bytes(range(256)) * 8192
    with http2.Connection(edge.port, INITIAL_WINDOW_SIZE=30000) as client:
        client.send(client.headers(1, CONNECT, ends=False))
        client.await_type(HEADERS)
        sent, got = 0, b""
        while len(got) < len(content):
            part = client.send_data(1, content[sent:], ends=False)
            sent += part
            if part > 0:
                continue
            read = client.read()
            if read.type == DATA:
                got += read.payload
                client.send(window_update(0, len(read.payload)), window_update(1, len(read.payload)))
        assert got == content


def test_a_websocket_ends_when_its_target_or_client_does(weir, backends):
    target = backends.serve(upgrading())
    edge = weir.proxy(target)
    with http2.Connection(edge.port) as client:
        for stream in (1, 3):
            client.send(client.headers(stream, CONNECT, ends=False))
            assert client.await_type(HEADERS, stream).status == 200
        client.send(http2.reset(1))
        wait.until(lambda: target.open_connections() == 1, "the end of the first")
        target.drop_connections()
        assert client.read_until(lambda got: got.stream == 3 and (got.ends_stream or got.type == RST_STREAM))
        assert client.is_alive()


@pytest.mark.parametrize("answer", [Response(b"no", status=403), Response(b"a page")])
def test_a_websocket_that_is_refused(weir, backends, answer):
    """A page in place of an upgrade must not look like a tunnel."""
    edge = weir.proxy(backends.serve(lambda *_: answer))
    with http2.Connection(edge.port) as client:
        client.send(client.headers(1, CONNECT, ends=False))
        response = client.response()
        assert response.error is not None or response.status == answer.status
        assert not response.fields or response.status // 100 != 2
        assert client.is_alive()


def test_another_protocol_than_websocket_is_not_tunnelled(weir, backends):
    edge = weir.proxy(backends.echo())
    fields = tuple((name, "connect-udp" if name == ":protocol" else value) for name, value in CONNECT)
    with http2.Connection(edge.port) as client:
        client.send(client.headers(1, fields, ends=False))
        assert client.await_type(HEADERS).status == 501


# What stands around it -------------------------------------------------------------------------

def test_compression_and_pages_work_as_ever(weir, backends):
    body = b"compress me " * 1000
    edge = weir.proxy(backends.serve(lambda *_: Response(body, headers=(("Content-Type", "text/plain"),))),
                      rule="compress: true")
    answer = curl.get(edge.url("/"), PRIOR, "--compressed")
    assert answer.body == body
    assert answer.get("content-encoding")


def test_trusted_proxies_and_proxy_headers(weir, backends):
    edge = weir.edge(PROXIED, target=backends.echo())
    with http2.Connection(edge.port, greets=False) as client:
        client.send(b"PROXY TCP4 192.0.2.7 192.0.2.1 1234 80\r\n" + http2.PREFACE + http2.settings())
        response = client.ask(1)
        assert all_told(response, "x-forwarded-for") == ["192.0.2.7"]


def test_explain_knows_the_request(weir, backends):
    edge = weir.proxy(backends.echo())
    with http2.Connection(edge.port) as client:
        response = client.ask(1)
    found = json.loads(edge.admin(f"/v1/requests/{response.get('x-request-id')}").body)
    assert "HTTP/2.0" in json.dumps(found)


FILES = """\
listeners:
  http: { address: "127.0.0.1:@PORT@" }
workers: 1
sites:
  all: { domains: ["*"], files: @FOLDER@/www }
"""

PROXIED = """\
listeners:
  http: { address: "127.0.0.1:@PORT@", proxy_protocol: true }
workers: 1
sites:
  all: { domains: ["*"], forward: targets }
target_groups:
  targets: { targets: [@target@] }
"""

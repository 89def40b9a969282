"""What stands between an action and the client: headers, CORS, compression, error pages."""
import contextlib
import gzip
import json
import subprocess
import zlib

from harness import curl, http1, raw, wait
from harness.backends import Response

TOP = 'listeners: { main: "127.0.0.1:@PORT@" }\naccess_log: { path: @FOLDER@/access.log }\n'


def decompress(program, data):
    return subprocess.run([program, "-dc"], input=data, stdout=subprocess.PIPE, check=True).stdout


DECODERS = {"gzip": gzip.decompress, "br": lambda data: decompress("brotli", data),
            "zstd": lambda data: decompress("zstd", data)}

JSON = json.dumps([{"id": i, "name": f"user {i}", "mail": f"user{i}@example.org"}
                   for i in range(2000)]).encode()


def json_backend(backends, body=JSON, headers=()):
    return backends.serve(lambda *_: Response(
        body, headers=(("Content-Type", "application/json"), ("ETag", '"v1"'), *headers)))


# Headers.

def test_request_headers_reach_the_target_site_first(weir, backends):
    target = backends.echo()
    edge = weir.edge(TOP + """
sites:
  s:
    request_headers: { set: { X-Where: "{host}{path}{query}", X-Both: site }, remove: [Cookie] }
    rules:
      - forward: api
        request_headers:
          set: { X-Both: rule, Host: inner.example }
          add: { X-More: "{client} {request_id}" }
target_groups: { api: { targets: "@api@" } }
""", api=target)
    answer = curl.get(edge.url("/a?b=c"), "-H", "Cookie: secret", "-H", "X-Both: client",
                      "-H", "X-More: mine", "-H", "X-Other: kept")
    told = target.requests[0]
    assert answer.status == 200
    assert told.get("X-Where") == "127.0.0.1/a?b=c"
    assert told.get("X-Both") == "rule"
    assert told.get("Cookie") is None
    assert told.get("X-Other") == "kept"
    assert told.get("Host") == "inner.example"
    assert told.get("X-Forwarded-Host") == f"127.0.0.1:{edge.port}"
    assert told.all("X-More") == ["mine", f"127.0.0.1 {answer.get('X-Request-Id')}"]


def test_response_headers_on_every_action_and_on_errors(weir, backends):
    target = backends.serve(lambda *_: Response(b"x", headers=(("X-Powered-By", "me"),)))
    edge = weir.edge(TOP + """
sites:
  s:
    response_headers: { set: { X-Frame-Options: DENY, X-Id: "{request_id}" }, remove: [X-Powered-By, Server] }
    rules:
      - match: { path: /api }
        forward: api
        response_headers: { add: { X-Rule: "1" }, set: { X-Frame-Options: SAMEORIGIN } }
      - match: { path: /fixed }
        respond: hello
      - match: { path: /away }
        redirect: /fixed
      - match: { path: /dead }
        forward: dead
target_groups: { api: { targets: "@api@" }, dead: { targets: "@dead@" } }
""", api=target, dead=backends.refusing())
    answer = curl.get(edge.url("/api"))
    assert answer.get("X-Frame-Options") == "SAMEORIGIN"
    assert answer.get("X-Rule") == "1"
    assert answer.get("X-Powered-By") is None
    for path, status in (("/fixed", 200), ("/away", 302), ("/dead", 502), ("/none", 404)):
        answer = curl.get(edge.url(path))
        assert answer.status == status
        assert answer.get("X-Frame-Options") == "DENY"
        assert answer.get("X-Id") == answer.get("X-Request-Id")
        assert answer.get("Server") is None


def test_the_log_tells_what_the_client_sent(weir, backends):
    edge = weir.edge(TOP + """
sites: { s: { forward: api, request_headers: { set: { User-Agent: weir } } } }
target_groups: { api: { targets: "@api@" } }
""", api=backends.echo())
    answer = curl.get(edge.url("/"), "-A", "mine")
    assert "weir" in answer.text
    wait.until(lambda: any(line.get("user_agent") == "mine" for line in edge.access_log()),
               "the client's own agent in the log")


# CORS.

CORS = TOP + """
sites:
  s:
    rules:
      - match: { path: /open }
        cors: "*"
        respond: hi
      - cors:
          origins: ["https://app.example.org", "https://*.preview.example.org"]
          methods: [DELETE]
          headers: [X-Token]
          expose: [X-Total]
          credentials: true
          max_age: 1h
        forward: api
target_groups: { api: { targets: "@api@" } }
"""


def test_cors_preflight_is_answered_by_weir(weir, backends):
    target = backends.echo()
    edge = weir.edge(CORS, api=target)
    ask = ["-X", "OPTIONS", "-H", "Access-Control-Request-Method: DELETE",
           "-H", "Access-Control-Request-Headers: x-token"]
    answer = curl.get(edge.url("/"), *ask, "-H", "Origin: https://app.example.org")
    assert answer.status == 204
    assert answer.get("Access-Control-Allow-Origin") == "https://app.example.org"
    assert answer.get("Access-Control-Allow-Credentials") == "true"
    assert answer.get("Access-Control-Allow-Methods") == "GET, HEAD, POST, DELETE"
    assert answer.get("Access-Control-Allow-Headers") == "X-Token"
    assert answer.get("Access-Control-Max-Age") == "3600"
    vary = ", ".join(value for name, value in answer.headers if name == "vary")
    assert "Origin" in vary and "Access-Control-Request-Headers" in vary
    answer = curl.get(edge.url("/"), *ask, "-H", "Origin: https://evil.example.org")
    assert answer.status == 204
    assert not [name for name, _ in answer.headers if name.startswith("access-control")]
    answer = curl.get(edge.url("/open"), *ask, "-H", "Origin: https://any.example")
    assert answer.get("Access-Control-Allow-Origin") == "*"
    assert answer.get("Access-Control-Allow-Headers") == "x-token"
    assert target.requests == []


def test_cors_on_responses_is_weirs_and_not_the_targets(weir, backends):
    target = backends.serve(lambda *_: Response(
        b"x", headers=(("Access-Control-Allow-Origin", "*"), ("Vary", "Cookie"))))
    edge = weir.edge(CORS, api=target)
    answer = curl.get(edge.url("/"), "-H", "Origin: https://a.preview.example.org")
    assert [value for name, value in answer.headers if name == "access-control-allow-origin"] == \
        ["https://a.preview.example.org"]
    assert answer.get("Access-Control-Expose-Headers") == "X-Total"
    for origin in (["-H", "Origin: https://evil.example"], []):
        answer = curl.get(edge.url("/"), *origin)
        assert answer.get("Access-Control-Allow-Origin") is None
        assert [v for n, v in answer.headers if n == "vary"] == ["Cookie", "Origin"]
    # OPTIONS that is no preflight is the target's.
    assert curl.get(edge.url("/"), "-X", "OPTIONS").status == 200


# Compression.

def compressing(weir, target, compress="true", rule=""):
    return weir.edge(TOP + f"""
sites: {{ s: {{ forward: api, compress: {compress} {rule} }} }}
target_groups: {{ api: {{ targets: "@api@" }} }}
""", api=target)


def test_each_encoding_is_decoded_by_its_own_program(weir, backends):
    edge = compressing(weir, json_backend(backends))
    for encoding, decode in DECODERS.items():
        answer = curl.get(edge.url("/"), "-H", f"Accept-Encoding: {encoding}")
        assert answer.get("Content-Encoding") == encoding
        assert answer.get("Vary") == "Accept-Encoding"
        assert answer.get("ETag") == 'W/"v1"'
        assert len(answer.body) < len(JSON) / 3
        assert decode(answer.body) == JSON
        head = curl.get(edge.url("/"), "-I", "-H", f"Accept-Encoding: {encoding}")
        assert head.get("Content-Encoding") == encoding
        assert head.get("ETag") == 'W/"v1"'
        assert head.get("Content-Length") is None
    plain = curl.get(edge.url("/"))
    assert plain.get("Content-Encoding") is None
    assert plain.get("Vary") == "Accept-Encoding"
    assert plain.get("ETag") == '"v1"'
    assert plain.body == JSON
    assert curl.get(edge.url("/"), "--compressed").body == JSON


def test_a_body_is_told_with_its_length_where_that_is_known_in_time(weir, backends):
    for body in (JSON[:20000], JSON):
        edge = compressing(weir, json_backend(backends, body))
        for encoding, decode in DECODERS.items():
            answer = curl.get(edge.url("/"), "-H", f"Accept-Encoding: {encoding}")
            assert int(answer.get("Content-Length")) == len(answer.body)
            assert decode(answer.body) == body


def test_the_client_chooses_and_the_rule_decides_between_equals(weir, backends):
    edge = compressing(weir, json_backend(backends), "[br, gzip]")

    def asked(accept):
        return curl.get(edge.url("/"), "-H", f"Accept-Encoding: {accept}").get("Content-Encoding")
    assert asked("gzip, deflate, br, zstd") == "br"
    assert asked("gzip;q=0.9, br;q=0.5") == "gzip"
    assert asked("zstd") is None
    assert asked("*") == "br"
    assert asked("identity, gzip;q=0.5") is None


def test_what_is_left_as_it_is(weir, backends):
    cases = {
        "/short": (b"[1]", ()),
        "/encoded": (JSON, (("Content-Encoding", "gzip"),)),
        "/kept": (JSON, (("Cache-Control", "public, no-transform"),)),
        "/picture": (JSON, (("Content-Type", "image/png"),)),
    }

    def answer(request, _connection):
        body, headers = cases[request.target]
        names = {name for name, _ in headers}
        return Response(body, headers=headers if "Content-Type" in names else
                        (("Content-Type", "application/json"), *headers))
    edge = compressing(weir, backends.serve(answer))
    for path, (body, headers) in cases.items():
        got = curl.get(edge.url(path), "-H", "Accept-Encoding: gzip, br, zstd")
        assert got.body == body
        assert got.get("Content-Encoding") == dict(headers).get("Content-Encoding")
        assert got.get("Vary") is None


def test_files_are_compressed_and_their_ranges_are_not(weir):
    edge = weir.edge(TOP + 'sites: { s: { files: "@FOLDER@/www", compress: true } }\n',
                     files={"www/big.js": JSON * 12, "www/small.css": b"a{}" * 700})
    for name, body in (("big.js", JSON * 12), ("small.css", b"a{}" * 700)):
        for encoding, decode in DECODERS.items():
            accept = ["-H", f"Accept-Encoding: {encoding}"]
            answer = curl.get(edge.url("/" + name), *accept)
            assert answer.get("Content-Encoding") == encoding
            assert answer.get("Accept-Ranges") is None
            assert decode(answer.body) == body
            part = curl.get(edge.url("/" + name), *accept, "-H", "Range: bytes=5-9")
            assert part.status == 206
            assert part.get("Content-Encoding") is None
            assert part.body == body[5:10]
            again = curl.get(edge.url("/" + name), *accept, "-H",
                             f"If-None-Match: {answer.get('ETag')}")
            assert again.status == 304
            assert again.get("ETag") == answer.get("ETag")
            assert again.get("Vary") == "Accept-Encoding"


def test_event_streams_and_slow_bodies_are_not_held_back(weir, backends):
    told = []

    def handler(request, connection):
        kind = "text/event-stream" if request.target == "/events" else "application/json"
        connection.send(f"HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\n"
                        "Transfer-Encoding: chunked\r\n\r\n".encode())
        connection.send(b"b\r\ndata: one\n\n\r\n")
        wait.until(lambda: told, "the first event to arrive")
        connection.send(b"b\r\ndata: two\n\n\r\n0\r\n\r\n")
    edge = compressing(weir, backends.serve(handler))
    for path in ("/events", "/json"):
        told.clear()
        with subprocess.Popen(["curl", "-sN", "--noproxy", "*", "--compressed", edge.url(path)],
                              stdout=subprocess.PIPE) as client:
            assert client.stdout.read(11) == b"data: one\n\n"
            told.append(True)
            assert client.stdout.read() == b"data: two\n\n"


def test_a_target_that_breaks_off_leaves_a_truncation(weir, backends):
    def handler(_request, connection):
        connection.send(b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 9000"
                        b"\r\n\r\n" + b"x" * 4000)
        connection.reset()
    target = backends.serve(handler)
    edge = compressing(weir, target)
    answer = curl.get(edge.url("/"), "--compressed")
    assert answer.code != 0
    assert len(target.requests) == 1


def test_what_came_before_a_target_broke_off_is_not_lost_in_the_encoder(weir, backends):
    arrived = []

    def handler(_request, connection):
        connection.send(b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 9000"
                        b"\r\n\r\n" + b"x" * 4000)
        wait.until(lambda: arrived, "the request at the target")
        connection.close()
    target = backends.serve(handler)
    edge = compressing(weir, target)
    with raw.connect(edge.port) as client:
        client.send(raw.request(headers=[("Accept-Encoding", "gzip")]))
        target.wait_for_requests(1)
        arrived.append(True)
        assert client.head().get("Content-Encoding") == "gzip"
        decoder, body = zlib.decompressobj(31), b""
        with contextlib.suppress(http1.Closed):
            while chunk := client.chunk():
                body += decoder.decompress(chunk)
            raise AssertionError("the body came to a clean end")
        assert body == b"x" * 4000


# Error pages.

PAGES = {"404.html": b"<h1>{status}</h1><style>a{color:red}</style>{request_id}{x}",
         "sorry.txt": b"sorry"}


def error_site(weir, backends, more=""):
    target = backends.serve(lambda *_: Response(
        b"its own", status=404, headers=(("ETag", '"x"'), ("Content-Type", "text/x"))))
    return weir.edge(TOP + f"""
sites:
  s:
    errors: {{ 404: ./404.html, "5xx": ./sorry.txt {more} }}
    response_headers: {{ set: {{ X-Site: s }} }}
    rules:
      - {{ match: {{ path: /api }}, forward: api }}
      - {{ match: {{ path: /dead }}, forward: dead, compress: {{ min_size: 0 }} }}
target_groups: {{ api: {{ targets: "@api@" }}, dead: {{ targets: "@dead@" }} }}
""", api=target, dead=backends.refusing(), files=PAGES)


def test_error_pages_are_filled_in(weir, backends):
    edge = error_site(weir, backends)
    answer = curl.get(edge.url("/none"))
    assert answer.status == 404
    assert answer.text == ("<h1>404</h1><style>a{color:red}</style>"
                           + answer.get("X-Request-Id") + "{x}")
    assert answer.get("Content-Type").startswith("text/html")
    assert answer.get("X-Site") == "s"
    head = curl.get(edge.url("/none"), "-I")
    assert head.get("Content-Length") == str(len(answer.body))
    assert curl.get(edge.url("/dead")).body == b"sorry"
    assert curl.get(edge.url("/dead"), "--compressed").body == b"sorry"
    assert curl.get(edge.url("/dead"), "--compressed").get("Content-Encoding") is not None
    assert curl.get(edge.url("/api")).body == b"its own"


def test_error_pages_take_the_place_of_the_targets(weir, backends):
    edge = error_site(weir, backends, ", intercept: true")
    with raw.connect(edge.port) as client:
        for _ in range(2):
            client.send(b"GET /api HTTP/1.1\r\nHost: a\r\n\r\n")
            answer = client.response()
            assert b"<h1>404</h1>" in answer.body
            assert answer.get("ETag") is None


def test_the_page_does_not_wait_for_the_body_that_it_replaces(weir, backends):
    shown = []

    def handler(request, connection):
        if request.target == "/short":
            return Response(b"its own", status=502)
        connection.send(b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 9000\r\n\r\n"
                        + (b"begun" if request.target == "/begun" else b""))
        wait.until(lambda: shown, "the page")
        connection.close()
        return None
    edge = weir.edge(TOP + """
sites: { s: { forward: api, errors: { 5xx: ./sorry.txt, intercept: true } } }
target_groups: { api: { targets: "@api@" } }
""", api=backends.serve(handler), files=PAGES)
    for path in ("/begun", "/silent"):
        shown.clear()
        with raw.connect(edge.port) as client:
            answer = client.send(raw.request(target=path)).response()
            assert (answer.status, answer.body) == (502, b"sorry")
            shown.append(True)
            answer = client.send(raw.request(target="/short")).response()
            assert (answer.status, answer.body) == (502, b"sorry")
    before = edge.metrics()["weir_upstream_reuses_total"]
    assert curl.get(edge.url("/short")).body == b"sorry"
    assert edge.metrics()["weir_upstream_reuses_total"] == before + 1
    head = curl.get(edge.url("/short"), "-I")
    assert (head.status, head.get("Content-Length")) == (502, "5")


def test_a_header_that_does_not_fit_is_a_500_with_a_reason(weir, backends):
    many = " ".join(["{path}"] * 12)
    edge = weir.edge(TOP + f"""
sites:
  s:
    response_headers: {{ set: {{ X-Long: "{many}" }} }}
    errors: {{ 500: ./sorry.txt }}
    rules:
      - {{ match: {{ path: "/api/*" }}, forward: api, compress: true }}
      - {{ match: {{ path: "/file/*" }}, files: ., fallback: /sorry.txt }}
      - respond: hi
target_groups: {{ api: {{ targets: "@api@" }} }}
""", api=json_backend(backends), files=PAGES)
    with raw.connect(edge.port) as client:
        for path in ("/", "/api/", "/file/"):
            short = client.send(raw.request(target=path + "a")).response()
            assert short.status in (200, 404)
            long = client.send(raw.request(
                target=path + "a" * 7000, headers=[("Accept-Encoding", "gzip")])).response()
            assert long.status == 500
            assert long.get("X-Long") is None
            told = weir.run("explain", long.get("X-Request-Id"), folder=edge.folder).stdout
            assert "the response's header does not fit into 64 KiB" in told
    lines = edge.access_log(6)
    assert [line["status"] for line in lines].count(500) == 3


def test_filters_let_a_websocket_through(weir, backends):
    def handler(_request, connection):
        connection.send(b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\n"
                        b"Upgrade: websocket\r\n\r\n")
        connection.send(b"got " + connection.receive())
    edge = weir.edge(TOP + """
sites:
  s:
    forward: api
    compress: true
    cors: "*"
    response_headers: { set: { X-Site: s } }
    concurrency: 2
    errors: { 4xx: ./e.html, intercept: true }
target_groups: { api: { targets: "@api@" } }
""", api=backends.serve(handler), files={"e.html": b"e"})
    for _ in range(2):
        with raw.connect(edge.port) as client:
            client.send(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\n"
                        b"Upgrade: websocket\r\nAccept-Encoding: gzip\r\n\r\n")
            head = client.head()
            assert " 101 " in head.start_line
            assert head.get("X-Site") == "s"
            assert head.get("Connection") == "Upgrade"
            client.send(b"hello")
            assert client.exactly(9) == b"got hello"

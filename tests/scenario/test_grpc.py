"""gRPC with a real client and a real server, and Weir between them."""
import socket
import ssl
import threading

import grpc
import pytest

from harness import certificates, grpcs, h2_target, http2, raw, wait
from harness.grpcs import Client, Messages, Server, failing

Code = grpc.StatusCode
TIME_S = 20


@pytest.fixture
def keep():
    """Closes clients and stops servers at the end, the last one first."""
    kept = []

    def add(thing):
        kept.append(thing)
        return thing
    yield add
    for thing in reversed(kept):
        (thing.close if isinstance(thing, Client) else thing.stop)()


def between(weir, keep, rule="", group="", server=None, **options):
    """A server, an edge before it, and a client of that."""
    server = server or keep(Server())
    edge = weir.proxy(server, rule=rule, group="protocol: h2\n" + group, **options)
    return server, edge, keep(Client(f"127.0.0.1:{edge.port}"))


# Calls of each kind.

def test_a_unary_call(weir, keep):
    server, edge, client = between(weir, keep)
    answer, call = client.unary().with_call(b"abc", timeout=TIME_S, metadata=(
        ("x-tenant", "a"), ("x-bytes-bin", b"\xff\x00")))
    assert answer == b"cba" and call.code() == Code.OK
    trailers = dict(call.trailing_metadata())
    assert (trailers["x-trailer"], trailers["x-bytes-bin"]) == ("t", b"\0\1")
    seen = server.metadata[0]
    assert (seen["x-tenant"], seen["x-bytes-bin"]) == ("a", b"\xff\x00")
    assert seen["x-forwarded-for"] == "127.0.0.1"
    assert edge.access_log(1)[0]["grpc_status"] == 0
    assert edge.metrics()['weir_grpc_calls_total{grpc_status="OK"}'] == 1


def test_messages_of_all_sizes(weir, keep):
    _, _, client = between(weir, keep, rule="body_max: 20MB\n")
    for size in (0, 1, 16379, 65536, 3000000):
        message = bytes(i * 11 % 256 for i in range(size))
        assert client.unary()(message, timeout=TIME_S) == message[::-1]


def test_a_client_that_streams(weir, keep):
    _, _, client = between(weir, keep)
    parts = [b"%d;" % i for i in range(1000)]
    assert client.collect()(iter(parts), timeout=TIME_S) == b"".join(parts)


def test_a_server_that_streams(weir, keep):
    _, edge, client = between(weir, keep)
    assert list(client.spread()(b"1000", timeout=TIME_S)) == [b"%d" % i for i in range(1000)]
    assert edge.access_log(1)[0]["grpc_status"] == 0


def test_both_ways_at_once(weir, keep):
    """Each message is answered before the next one is sent."""
    _, _, client = between(weir, keep)
    messages = Messages()
    call = client.chat()(messages, timeout=TIME_S)
    for i in range(20):
        messages.put(b"%d" % i)
        assert next(call) == b"re: %d" % i
    messages.end()
    assert list(call) == []
    assert call.code() == Code.OK


def test_the_head_comes_before_any_message(weir, keep):
    _, _, client = between(weir, keep)
    messages = Messages()
    call = client.chat("GreetFirst")(messages, timeout=TIME_S)
    assert dict(call.initial_metadata())["x-first"] == "1"
    messages.put(b"now")
    assert next(call) == b"now"
    messages.end()
    assert list(call) == []


def test_many_calls_share_a_connection(weir, keep):
    server, _, client = between(weir, keep)
    calls = [client.unary().future(b"%d" % i, timeout=TIME_S) for i in range(200)]
    assert [call.result() for call in calls] == [(b"%d" % i)[::-1] for i in range(200)]
    assert len(server.peers) <= 2


def test_many_streams_at_once(weir, keep):
    _, _, client = between(weir, keep)
    queues = [Messages() for _ in range(20)]
    calls = [client.chat()(messages, timeout=TIME_S) for messages in queues]
    for turn in range(5):
        for messages in queues:
            messages.put(b"%d" % turn)
        assert [next(call) for call in calls] == [b"re: %d" % turn] * 20
    for messages in queues:
        messages.end()
    assert [list(call) for call in calls] == [[]] * 20


# Errors.

def test_an_error_of_the_server(weir, keep):
    _, edge, client = between(weir, keep)
    with failing() as error:
        client.unary("Fail")(b"abc", timeout=TIME_S)
    assert (error.value.code(), error.value.details()) == (Code.FAILED_PRECONDITION, "not 3 % – no")
    assert edge.access_log(1)[0]["grpc_status"] == 9
    assert edge.metrics()['weir_grpc_calls_total{grpc_status="FAILED_PRECONDITION"}'] == 1


def test_a_method_that_is_not_there(weir, keep):
    _, _, client = between(weir, keep)
    with failing() as error:
        client.unary("Nothing")(b"", timeout=TIME_S)
    assert error.value.code() == Code.UNIMPLEMENTED


def test_no_server(weir, keep, backends):
    edge = weir.proxy(backends.refusing(), group="protocol: h2\n")
    client = keep(Client(f"127.0.0.1:{edge.port}"))
    with failing() as error:
        client.unary()(b"", timeout=TIME_S)
    assert error.value.code() == Code.UNAVAILABLE
    assert error.value.details() == "the target refused the connection"
    line = edge.access_log(1)[0]
    assert (line["status"], line["grpc_status"]) == (200, 14)


@pytest.mark.parametrize("status, code", [
    (400, Code.INTERNAL), (401, Code.UNAUTHENTICATED), (403, Code.PERMISSION_DENIED),
    (404, Code.UNIMPLEMENTED), (429, Code.UNAVAILABLE), (502, Code.UNAVAILABLE),
    (503, Code.UNAVAILABLE), (500, Code.UNKNOWN)])
def test_a_target_that_answers_without_grpc(weir, keep, status, code):
    """The client maps it, as it would without a proxy."""
    target = keep(h2_target.answering(lambda request, connection: connection.answer(
        request.stream, b"no", status, (("content-type", "text/plain"),))))
    edge = weir.proxy(target, group="protocol: h2\n")
    client = keep(Client(f"127.0.0.1:{edge.port}"))
    with failing() as error:
        client.unary()(b"", timeout=TIME_S)
    assert error.value.code() == code


@pytest.mark.parametrize("rule, code", [
    ("concurrency: { max: 1, by: address }", None),
    ("rate_limit: { rate: 1/h, burst: 1 }", Code.UNAVAILABLE),
    ("basic_auth: ./users", Code.UNAUTHENTICATED),
    ("body_max: 1B", Code.RESOURCE_EXHAUSTED)])
def test_refusals_of_weir(weir, keep, rule, code):
    server = keep(Server())
    edge = weir.edge(f"""
listeners: {{ http: {{ address: "127.0.0.1:@PORT@" }} }}
workers: 1
access_log: {{ format: json, path: "@FOLDER@/access.log" }}
sites: {{ all: {{ domains: ["*"], rules: [ {{ forward: targets, {rule} }} ] }} }}
target_groups: {{ targets: {{ targets: ["@server@"], protocol: h2 }} }}
""", files={"users": b"eva:$2y$05$abcdefghijklmnopqrstuuZ5r1lU0S0G0G0G0G0G0G0G0G0G0G0G0\n"},
                     server=server)
    client = keep(Client(f"127.0.0.1:{edge.port}"))
    codes = set()
    for _ in range(3):
        try:
            client.unary()(b"abc", timeout=TIME_S)
            codes.add(None)
        except grpc.RpcError as error:
            codes.add(error.code())
    assert code in codes and codes <= {None, code}


def test_no_rule_for_it(weir, keep):
    edge = weir.edge("""
listeners: { http: { address: "127.0.0.1:@PORT@" } }
sites: { a: { domains: [a.localhost], respond: hi } }
""")
    client = keep(Client(f"127.0.0.1:{edge.port}"))
    with failing() as error:
        client.unary()(b"", timeout=TIME_S)
    assert (error.value.code(), error.value.details()) == (Code.UNIMPLEMENTED,
                                                          "no site has this host")


def test_what_is_not_grpc_is_answered_as_ever(weir, backends):
    edge = weir.proxy(backends.refusing(), group="protocol: h2\n")
    for kind in ("application/grpc-web", "application/json"):
        answer = raw.exchange(edge.port, raw.request(
            "POST", headers=[("Content-Type", kind)], body=b"x"), "POST")
        assert answer.status == 502 and answer.get("Grpc-Status") is None
    answer = raw.exchange(edge.port, raw.request(
        "POST", headers=[("Content-Type", "application/grpc+proto")], body=b"x"), "POST")
    assert (answer.status, answer.get("Grpc-Status"), answer.body) == (200, "14", b"")


def test_a_server_that_dies_in_a_stream(weir, keep):
    def answer(request, connection):
        connection.answer(request.stream, b"\0\0\0\0\1x", ends=False,
                          fields=(("content-type", "application/grpc"),))
        connection.shut()
    edge = weir.proxy(keep(h2_target.answering(answer)), group="protocol: h2\n")
    client = keep(Client(f"127.0.0.1:{edge.port}"))
    call = client.spread()(b"5", timeout=TIME_S)
    assert next(call) == b"x"
    with failing() as error:
        next(call)
    assert error.value.code() in (Code.INTERNAL, Code.UNAVAILABLE, Code.UNKNOWN)


# Deadlines and cancellation.

def test_a_deadline_of_the_client(weir, keep):
    server, edge, client = between(weir, keep)
    with failing() as error:
        client.unary("Hang")(b"", timeout=0.5)
    assert error.value.code() == Code.DEADLINE_EXCEEDED
    assert server.cancelled.wait(10 * wait.patience())
    assert server.remaining[0] < 1


def test_a_deadline_that_weir_keeps(weir, keep):
    """The client never gives up by itself: it says so and only waits."""
    server, edge, _ = between(weir, keep)
    with http2.Connection(edge.port) as client:
        answer = client.send(client.headers(1, http2.POST[:2] + (
            (":path", "/test.Echo/Hang"), (":authority", "x"), ("te", "trailers"),
            ("content-type", "application/grpc"), ("grpc-timeout", "300m")), ends=False),
            http2.frame(http2.DATA, http2.END_STREAM, 1, b"\0\0\0\0\0")).response(1)
    assert answer.status == 200
    assert answer.get("grpc-status") == "4"
    assert server.cancelled.wait(10 * wait.patience())
    assert edge.access_log(1)[0]["grpc_status"] == 4


def test_a_deadline_in_the_middle_of_a_stream(weir, keep):
    server, edge, _ = between(weir, keep)
    with http2.Connection(edge.port) as client:
        answer = client.send(client.headers(1, http2.POST[:2] + (
            (":path", "/test.Echo/HangInStream"), (":authority", "x"), ("te", "trailers"),
            ("content-type", "application/grpc"), ("grpc-timeout", "500m")), ends=False),
            http2.frame(http2.DATA, http2.END_STREAM, 1, b"\0\0\0\0\0")).response(1)
    assert answer.body == b"\0\0\0\0\3one"
    assert dict(answer.trailers)["grpc-status"] == "4"
    assert server.cancelled.wait(10 * wait.patience())


def test_the_longest_time_of_a_call(weir, keep):
    server, edge, client = between(weir, keep, rule="timeouts: { grpc: 300ms }\n")
    with failing() as error:
        client.unary("Hang")(b"", timeout=TIME_S)
    assert error.value.code() == Code.DEADLINE_EXCEEDED
    assert server.cancelled.wait(10 * wait.patience())
    server.cancelled.clear()
    with failing() as error:
        list(client.spread("HangInStream")(b""))
    assert error.value.code() == Code.DEADLINE_EXCEEDED


def test_a_client_that_cancels(weir, keep):
    server, edge, client = between(weir, keep)
    call = client.unary("Hang").future(b"", timeout=TIME_S)
    assert server.started.wait(10 * wait.patience())
    call.cancel()
    assert server.cancelled.wait(10 * wait.patience())


def test_a_client_that_cancels_a_stream(weir, keep):
    server, _, client = between(weir, keep)
    call = client.spread("HangInStream")(b"", timeout=TIME_S)
    assert next(call) == b"one"
    call.cancel()
    assert server.cancelled.wait(10 * wait.patience())


# Restarts and health.

def test_a_server_that_shuts_down_in_peace_costs_no_call(weir, keep):
    """Its GOAWAY is taken; refused calls are sent to the other one."""
    first, second = keep(Server()), keep(Server())
    edge = weir.proxy(first, second, group="protocol: h2\n")
    client = keep(Client(f"127.0.0.1:{edge.port}"))
    for number in range(100):
        if number == 30:
            first._server.stop(5)
        assert client.unary()(b"ab", timeout=TIME_S) == b"ba"


def test_health_by_grpc(weir, keep):
    server = keep(Server())
    _, edge, client = between(weir, keep, server=server,
                              group='health: { grpc: "", interval: 100ms, unhealthy_threshold: 1 }\n')
    assert client.unary()(b"ab", timeout=TIME_S) == b"ba"
    assert server.checks > 0
    server.health[""] = grpcs.NOT_SERVING
    edge.wait_for_log("is unhealthy: it says NOT_SERVING")
    server.health[""] = grpcs.SERVING
    wait.until(lambda: edge.log().count("is healthy") >= 2, "its recovery")


def test_health_of_one_service(weir, keep):
    server = keep(Server())
    server.health["test.Echo"] = grpcs.SERVING
    _, edge, client = between(weir, keep, server=server, group="""
health: { grpc: test.Echo, interval: 100ms, unhealthy_threshold: 1 }
""")
    assert client.unary()(b"ab", timeout=TIME_S) == b"ba"
    del server.health["test.Echo"]
    edge.wait_for_log("it does not know the service of `grpc`")


def test_health_of_a_server_without_the_protocol(weir, keep):
    server = keep(Server(health=False))
    edge = weir.proxy(server, group='protocol: h2\nhealth: { grpc: "" }\n')
    edge.wait_for_log("it does not know gRPC's health protocol")


def test_health_by_grpc_is_for_http2(weir):
    result = weir.run("check", text="""
listeners: { http: { address: ":8080" } }
sites: { a: { domains: ["*"], forward: t } }
target_groups: { t: { targets: ["127.0.0.1:1"], health: { grpc: "" } } }
""")
    assert result.code == 1 and "protocol: h2" in result.stderr


# TLS.

@pytest.fixture(scope="module")
def authority():
    made = certificates.Authority()
    yield made
    made.close()


def credentials(authority, pair, asks_clients=False):
    return grpc.ssl_server_credentials(
        [(pair[1].read_bytes(), pair[0].read_bytes())],
        authority.certificate.read_bytes() if asks_clients else None, asks_clients)


OVER_TLS = """
listeners:
  https: {{ address: "127.0.0.1:@PORT@", tls: {{ certificate: {cert}, key: {key} }} }}
workers: 1
access_log: {{ format: json, path: "@FOLDER@/access.log" }}
sites: {{ all: {{ domains: [api.localhost], forward: targets }} }}
target_groups:
  targets:
    targets: ["@server@"]
    protocol: h2
    tls: {{ ca: {ca}, server_name: inner.localhost {more} }}
    health: {{ grpc: "", interval: 100ms }}
"""


def over_tls(weir, keep, authority, server, more=""):
    cert, key = authority.make("api.localhost")
    edge = weir.edge(OVER_TLS.format(cert=cert, key=key, ca=authority.certificate, more=more),
                     server=server)
    client = Client(f"127.0.0.1:{edge.port}", grpc.ssl_channel_credentials(
        authority.certificate.read_bytes()), (("grpc.ssl_target_name_override", "api.localhost"),
                                              ("grpc.default_authority", "api.localhost")))
    return edge, keep(client)


def test_tls_on_both_sides(weir, keep, authority):
    server = keep(Server(credentials(authority, authority.make("inner.localhost"))))
    edge, client = over_tls(weir, keep, authority, server)
    assert client.unary()(b"abc", timeout=TIME_S) == b"cba"
    assert server.metadata[0]["x-forwarded-proto"] == "https"
    messages = Messages()
    call = client.chat()(messages, timeout=TIME_S)
    for i in range(5):
        messages.put(b"%d" % i)
        assert next(call) == b"re: %d" % i
    messages.end()
    assert list(call) == []
    assert server.checks > 0
    message = bytes(i * 11 % 256 for i in range(1000000))
    assert client.unary()(message, timeout=TIME_S) == message[::-1]


def test_a_certificate_of_weir_for_the_server(weir, keep, authority):
    cert, key = authority.make(subject="/CN=weir")
    server = keep(Server(credentials(authority, authority.make("inner.localhost"), True)))
    _, client = over_tls(weir, keep, authority, server, f", certificate: {cert}, key: {key}")
    assert client.unary()(b"abc", timeout=TIME_S) == b"cba"


def test_a_server_with_another_name(weir, keep, authority):
    server = keep(Server(credentials(authority, authority.make("other.localhost"))))
    edge, client = over_tls(weir, keep, authority, server)
    with failing() as error:
        client.unary()(b"abc", timeout=TIME_S)
    assert error.value.code() == Code.UNAVAILABLE
    edge.wait_for_log("is unhealthy")


def test_a_server_by_tls_that_has_no_http2(weir, keep, authority):
    """ALPN tells, before anything is asked."""
    pair = authority.make("inner.localhost")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*pair)
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen()

    def accept():
        while True:
            try:
                sock, _ = listener.accept()
                with context.wrap_socket(sock, server_side=True) as secure:
                    secure.recv(1)
            except ssl.SSLError:
                pass
            except OSError:
                return
    threading.Thread(target=accept, daemon=True).start()
    server = type("Address", (), {"address": "127.0.0.1:%d" % listener.getsockname()[1]})
    edge, client = over_tls(weir, keep, authority, server)
    with failing() as error:
        client.unary()(b"abc", timeout=TIME_S)
    assert error.value.code() == Code.UNAVAILABLE
    edge.wait_for_log("is unhealthy: the target does not speak HTTP/2")
    listener.shutdown(socket.SHUT_RDWR)
    listener.close()

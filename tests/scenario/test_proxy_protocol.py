"""The PROXY protocol from balancers in front, and to targets behind."""
import socket

import pytest

from harness import proxy_protocol, raw, wait

REFUSED = "weir_proxy_headers_refused_total"


def _listener(weir, targets, options="true", group="", timeouts=""):
    return weir.edge(f"""\
listeners:
  http: {{ address: "127.0.0.1:@PORT@", proxy_protocol: {options} }}
workers: 1
access_log: {{ format: json, path: "@FOLDER@/access.log" }}
sites:
  all: {{ domains: ["*"], forward: t }}
target_groups:
  t:
    targets: ["{targets.address}"]
    {group}
""")


def _seen(target):
    return target.requests[-1].get("X-Forwarded-For")


@pytest.mark.parametrize("header, client", [
    (proxy_protocol.v1(), "192.0.2.7"),
    (proxy_protocol.v1("2001:db8::7", "2001:db8::1"), "2001:db8::7"),
    (proxy_protocol.v2(), "192.0.2.7"),
    (proxy_protocol.v2("2001:db8::7", "2001:db8::1"), "2001:db8::7"),
    (proxy_protocol.v2(tlvs=b"\x02\0\x07a.b.org\x04\0\0"), "192.0.2.7"),
    (b"PROXY UNKNOWN\r\n", "127.0.0.1"),
    (proxy_protocol.v2(command=proxy_protocol.LOCAL), "127.0.0.1"),
])
def test_the_client_is_who_the_header_says(weir, backends, header, client):
    target = backends.text("ok")
    edge = _listener(weir, target)
    with raw.connect(edge.port) as connection:
        # With the first request behind it; the second one has it no more.
        assert connection.send(header + raw.request()).response().body == b"ok"
        assert connection.send(raw.request()).response().body == b"ok"
    assert [request.get("X-Forwarded-For") for request in target.requests] == [client, client]
    assert [line["client"] for line in edge.access_log(count=2)] == [client, client]


@pytest.mark.parametrize("header", [proxy_protocol.v1(), proxy_protocol.v2()])
def test_it_may_come_in_pieces(weir, backends, header):
    target = backends.text("ok")
    edge = _listener(weir, target)
    with raw.connect(edge.port) as connection:
        assert connection.send_in_pieces(header + raw.request()).response().body == b"ok"
    assert _seen(target) == "192.0.2.7"


def test_nothing_is_said_before_a_request_came(weir, backends):
    edge = _listener(weir, backends.text("ok"))
    with raw.connect(edge.port) as connection:
        assert connection.send(proxy_protocol.v2()).is_silent()
        assert connection.send(raw.request()).response().body == b"ok"


@pytest.mark.parametrize("start", [
    raw.request(),
    b"PROXY TCP4 192.0.2.7 198.51.100.1 1 65536\r\n",
    b"PROXY TCP4 192.0.2.7 198.51.100.1 1 2\n",
    b"PROXY UNKNOWN " + b"x" * 100,
    proxy_protocol.SIGNATURE + b"\x11",
    proxy_protocol.v2(tlvs=b"\x04\0\x09x"),
    proxy_protocol.SIGNATURE + b"\x21\x11\xff\xff",
])
def test_a_connection_without_it_is_closed_and_counted(weir, backends, start):
    target = backends.text("ok")
    edge = _listener(weir, target)
    with raw.connect(edge.port) as connection:
        assert connection.send(start).is_closed()
    wait.until(lambda: edge.metrics()[REFUSED] == 1, "the refusal in the metrics")
    assert not target.requests


def test_who_only_looks_is_not_counted(weir, backends):
    edge = _listener(weir, backends.text("ok"))
    raw.connect(edge.port).close()
    with raw.connect(edge.port) as connection:
        connection.send(proxy_protocol.v1() + raw.request()).response()
    assert edge.metrics()[REFUSED] == 0


def test_only_those_named_may_send_it(weir, backends):
    target = backends.text("ok")
    edge = _listener(weir, target, '{ from: ["10.0.0.0/8", "192.0.2.1"] }')
    with raw.connect(edge.port) as connection:
        assert connection.send(proxy_protocol.v1() + raw.request()).is_closed()
    assert edge.metrics()[REFUSED] == 1
    edge = _listener(weir, target, '{ from: [private, "127.0.0.0/8"] }')
    with raw.connect(edge.port) as connection:
        assert connection.send(proxy_protocol.v1() + raw.request()).response().body == b"ok"


def test_an_open_connection_without_a_header_does_not_hold_up_the_end(weir, backends):
    edge = _listener(weir, backends.text("ok"))
    with raw.connect(edge.port) as silent, raw.connect(edge.port) as begun:
        begun.send(b"PROXY ")
        wait.until(lambda: edge.metrics()["weir_connections_open"] >= 3, "both")
        assert edge.stop() == 0
        assert silent.is_closed() and begun.is_closed()


@pytest.mark.parametrize("version", [1, 2])
def test_a_target_is_told_who_the_client_is(weir, backends, version):
    target = backends.echo(wants_proxy=True)
    edge = weir.proxy(target, group=f"proxy_protocol: v{version}")
    with socket.create_connection(("127.0.0.1", edge.port)) as sock:
        connection = raw.Connection(sock)
        assert connection.send(raw.request()).response().status == 200
        expected = proxy_protocol.Header(version, "127.0.0.1", sock.getsockname()[1],
                                         "127.0.0.1", edge.port)
        assert target.proxy_headers == [expected]
        # The next request is told anew: connections are nobody else's.
        assert connection.send(raw.request("POST", body=b"x" * 100000)).response().status == 200
    assert target.proxy_headers == [expected, expected]
    assert target.connections == 2
    assert all(request.get("Connection") == "close" for request in target.requests)


def test_what_came_in_goes_out(weir, backends):
    target = backends.text("ok", wants_proxy=True)
    edge = _listener(weir, target, group="proxy_protocol: v2")
    for source, destination in (("192.0.2.7", "198.51.100.1"), ("2001:db8::7", "2001:db8::1")):
        header = proxy_protocol.v1(source, destination, (1000, 443))
        with raw.connect(edge.port) as connection:
            assert connection.send(header + raw.request()).response().body == b"ok"
        assert target.proxy_headers[-1] == proxy_protocol.Header(2, source, 1000, destination, 443)


def test_a_client_of_a_unix_socket_has_no_address(weir, backends):
    target = backends.text("ok", wants_proxy=True)
    edge = weir.edge("""\
listeners:
  local: { address: "unix:@FOLDER@/in.sock" }
access_log: off
sites:
  all: { domains: ["*"], forward: t }
target_groups:
  t: { targets: ["@target@"], proxy_protocol: v1 }
""", target=target)
    with raw.connect(edge.folder / "in.sock") as connection:
        assert connection.send(raw.request()).response().body == b"ok"
    assert target.proxy_headers == [proxy_protocol.Header(1)]


@pytest.mark.parametrize("version", [1, 2])
def test_health_requests_speak_for_weir_itself(weir, backends, version):
    target = backends.text("ok", wants_proxy=True)
    edge = weir.proxy(target, group=f"proxy_protocol: v{version}\n"
                                    "health: { path: /healthz, interval: 100ms }")
    wait.until(lambda: target.health_requests, "a health request")
    assert target.health_proxy_headers[0] == proxy_protocol.Header(version, is_local=version == 2)
    assert raw.get(edge.port).body == b"ok"


def test_what_cannot_be_meant_is_refused(weir):
    result = weir.run("check", text="""\
listeners:
  http: { address: ":80", proxy_protocol: { required: false, from: private } }
  b: { address: ":81", proxy_protocol: yes }
  c: { address: ":82", proxy_protocol: { from: "10.0.0.1/8" } }
sites:
  all: { respond: 200 }
""")
    assert result.code == 1
    for text in ('"from" says who may send the header', '"yes" is no value of "required"',
                 "10.0.0.0/8 is all that begins with 10"):
        assert text in result.stderr


def test_a_reload_makes_new_connections_begin_with_it(weir, backends):
    target = backends.text("ok")
    text = """\
listeners:
  http: {{ address: "127.0.0.1:@PORT@", {listener} }}
workers: 1
access_log: off
sites:
  all: {{ domains: ["*"], forward: t }}
target_groups:
  t: {{ targets: ["@target@"], {group} }}
"""
    edge = weir.edge(text.format(listener="", group=""), target=target)
    assert raw.get(edge.port).body == b"ok"
    edge.write(text.format(listener="proxy_protocol: true", group="proxy_protocol: v1"))
    target.wants_proxy = True
    assert weir.run("reload", "-f", edge.file).code == 0
    with raw.connect(edge.port) as connection:
        header = proxy_protocol.v1(ports=(1000, 443))
        assert connection.send(header + raw.request()).response().body == b"ok"
    # Not on the connection that was kept.
    assert target.proxy_headers[1] == proxy_protocol.Header(1, "192.0.2.7", 1000, "198.51.100.1",
                                                            443)
    assert target.connections == 2


def test_a_listener_of_both_families_tells_each_client_in_its_own(weir, backends):
    target = backends.text("ok", wants_proxy=True)
    edge = weir.edge("""\
listeners:
  http: { address: ":@PORT@", trusted_proxies: loopback }
access_log: off
sites:
  all: { domains: ["*"], forward: t }
target_groups:
  t: { targets: ["@target@"], proxy_protocol: v1 }
""", target=target)
    for host in ("127.0.0.1", "::1"):
        with raw.connect(edge.port, host=host) as connection:
            connection.send(raw.request()).response()
            connection.send(raw.request(headers=["X-Forwarded-For: 192.0.2.1"])).response()
        told = target.proxy_headers[-2:]
        assert (told[0].source, told[0].destination) == (host, host)
        assert told[1].source.removeprefix("::ffff:") == "192.0.2.1"
        assert target.requests[-1].get("X-Forwarded-For") == f"192.0.2.1, {host}"


def test_an_upgraded_connection_begins_with_it_too(weir, backends):
    def echo(_request, connection):
        connection.send(b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\n"
                        b"Upgrade: echo\r\n\r\n")
        while data := connection.receive():
            connection.send(data)
    target = backends.serve(echo, wants_proxy=True)
    edge = weir.proxy(target, group="proxy_protocol: v2")
    with raw.connect(edge.port) as connection:
        connection.send(raw.request(headers=["Connection: Upgrade", "Upgrade: echo"]))
        assert connection.response().status == 101
        assert connection.send(b"hello").exactly(5) == b"hello"
    assert target.proxy_headers[0].source == "127.0.0.1"

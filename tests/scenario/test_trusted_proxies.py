"""Whose word about a request's client is taken, and what is passed on."""
import pytest

from harness import proxy_protocol, raw

LOOPBACK, NOBODY = "trusted_proxies: loopback", ""
CHAIN = 'trusted_proxies: [loopback, "10.0.0.0/8", "2001:db8::/32"]'


def _edge(weir, target, listener=LOOPBACK, group=""):
    return weir.edge(f"""\
listeners:
  http: {{ address: "127.0.0.1:@PORT@", {listener} }}
workers: 1
access_log: {{ format: json, path: "@FOLDER@/access.log" }}
sites:
  all: {{ domains: ["*"], forward: t }}
target_groups:
  t:
    targets: ["@target@"]
    {group}
""", target=target)


def _ask(edge, *headers):
    assert raw.get(edge.port, headers=headers, host="us.example").status == 200


@pytest.mark.parametrize("listener, headers, client, passed_on", [
    # What others say about themselves is replaced.
    (NOBODY, ["X-Forwarded-For: 192.0.2.1"], "127.0.0.1", "127.0.0.1"),
    ('trusted_proxies: "192.0.2.0/24"', ["X-Forwarded-For: 192.0.2.1"], "127.0.0.1", "127.0.0.1"),
    # A proxy's word is taken, and the proxy added behind.
    (LOOPBACK, ["X-Forwarded-For: 192.0.2.1"], "192.0.2.1", "192.0.2.1, 127.0.0.1"),
    (LOOPBACK, ["X-Forwarded-For: 2001:DB8:0::1"], "2001:db8::1", "2001:db8::1, 127.0.0.1"),
    (LOOPBACK, ["X-Forwarded-For: 192.0.2.1:4711"], "192.0.2.1", "192.0.2.1, 127.0.0.1"),
    (LOOPBACK, ["X-Forwarded-For: [2001:db8::1]:80"], "2001:db8::1", "2001:db8::1, 127.0.0.1"),
    # The first from the right that is not trusted: what it claims itself is nobody's word.
    (LOOPBACK, ["X-Forwarded-For: 6.6.6.6, 192.0.2.1"], "192.0.2.1", "192.0.2.1, 127.0.0.1"),
    (CHAIN, ["X-Forwarded-For: 6.6.6.6, 192.0.2.1, 10.0.0.1"], "192.0.2.1",
     "192.0.2.1, 10.0.0.1, 127.0.0.1"),
    (CHAIN, ["X-Forwarded-For: 192.0.2.1", "X-Forwarded-For: 10.0.0.1,,2001:db8::5"], "192.0.2.1",
     "192.0.2.1, 10.0.0.1, 2001:db8::5, 127.0.0.1"),
    # All are trusted: the leftmost.
    (CHAIN, ["X-Forwarded-For: 10.0.0.2, 10.0.0.1"], "10.0.0.2", "10.0.0.2, 10.0.0.1, 127.0.0.1"),
    # What is no address ends the walk.
    (CHAIN, ["X-Forwarded-For: 192.0.2.1, unknown, 10.0.0.1"], "10.0.0.1", "10.0.0.1, 127.0.0.1"),
    (LOOPBACK, ["X-Forwarded-For: evil"], "127.0.0.1", "127.0.0.1"),
    (LOOPBACK, [], "127.0.0.1", "127.0.0.1"),
    # Of a list without an end the last 32 count.
    (CHAIN, ["X-Forwarded-For: " + ", ".join(["192.0.2.1"] + ["10.0.0.1"] * 40)], "10.0.0.1",
     ", ".join(["10.0.0.1"] * 32 + ["127.0.0.1"])),
    # Forwarded, where nothing of the other kind came.
    (LOOPBACK, ["Forwarded: for=192.0.2.1"], "192.0.2.1", "192.0.2.1, 127.0.0.1"),
    (CHAIN, ['Forwarded: for=6.6.6.6, for="192.0.2.1:80"', 'Forwarded: for="[2001:db8::5]"'],
     "192.0.2.1", "192.0.2.1, 2001:db8::5, 127.0.0.1"),
    (LOOPBACK, ["Forwarded: for=192.0.2.1;for=192.0.2.2"], "127.0.0.1", "127.0.0.1"),
    (CHAIN, ["Forwarded: for=192.0.2.1", "Forwarded: for=10.0.0.1 x"], "127.0.0.1", "127.0.0.1"),
    (LOOPBACK, ["Forwarded: for=_hidden"], "127.0.0.1", "127.0.0.1"),
    (LOOPBACK, ["Forwarded: for=192.0.2.1", "X-Forwarded-For: 192.0.2.2"], "192.0.2.2",
     "192.0.2.2, 127.0.0.1"),
])
def test_the_client_is_the_first_from_the_right_that_is_not_trusted(weir, backends, listener,
                                                                    headers, client, passed_on):
    target = backends.text("ok")
    edge = _edge(weir, target, listener)
    _ask(edge, *headers)
    request = target.requests[0]
    assert request.get("X-Forwarded-For") == passed_on
    assert request.get("Forwarded") is None
    assert edge.access_log(count=1)[0]["client"] == client


@pytest.mark.parametrize("listener, headers, proto, host, port", [
    (NOBODY, ["X-Forwarded-Proto: https", "X-Forwarded-Host: a.example", "X-Forwarded-Port: 443"],
     "http", "us.example", None),
    (LOOPBACK, ["X-Forwarded-Proto: https", "X-Forwarded-Host: a.example", "X-Forwarded-Port: 443"],
     "https", "a.example", "443"),
    (LOOPBACK, ["X-Forwarded-Proto: http, HTTPS"], "https", "us.example", None),
    (LOOPBACK, ["X-Forwarded-Proto: gopher", "X-Forwarded-Host: a b", "X-Forwarded-Port: 0"], "http",
     "us.example", None),
    (LOOPBACK, ['Forwarded: for=192.0.2.1;proto=https;host="a.example:8443"'], "https",
     "a.example:8443", None),
    # That of the client's own hop.
    (CHAIN, ["Forwarded: for=192.0.2.1;proto=https;host=a.example, for=10.0.0.1;proto=http;host=b"],
     "https", "a.example", None),
    (LOOPBACK, ["Forwarded: for=_hidden;proto=https"], "http", "us.example", None),
])
def test_how_the_client_came_is_believed_too(weir, backends, listener, headers, proto, host, port):
    target = backends.text("ok")
    edge = _edge(weir, target, listener)
    _ask(edge, *headers)
    request = target.requests[0]
    assert request.get("X-Forwarded-Proto") == proto
    assert request.get("X-Forwarded-Host") == host
    assert request.get("X-Forwarded-Port") == (port or str(edge.port))
    assert request.get("Host") == "us.example"


@pytest.mark.parametrize("listener, headers, forwarded", [
    (NOBODY, ["Forwarded: for=6.6.6.6"], "for=127.0.0.1;host=us.example;proto=http"),
    (CHAIN, ["X-Forwarded-For: 2001:db9::1, 10.0.0.1", "X-Forwarded-Proto: https"],
     'for="[2001:db9::1]";host=us.example;proto=https, for=10.0.0.1, for=127.0.0.1'),
    (CHAIN, ['Forwarded: for=192.0.2.1;host="a:1", for="[2001:db8::5]"'],
     'for=192.0.2.1;host="a:1";proto=http, for="[2001:db8::5]", for=127.0.0.1'),
])
def test_forwarded_is_sent_when_it_is_asked_for(weir, backends, listener, headers, forwarded):
    target = backends.text("ok")
    edge = _edge(weir, target, listener, "forwarded: true")
    _ask(edge, *headers)
    assert target.requests[0].get("Forwarded") == forwarded
    assert target.requests[0].get("X-Forwarded-For")


def test_a_unix_socket_is_loopback(weir, backends):
    target = backends.text("ok")
    edge = weir.edge("""\
listeners:
  local: { address: "unix:@FOLDER@/in.sock", trusted_proxies: loopback }
access_log: off
sites:
  all: { domains: ["*"], forward: t }
target_groups:
  t: { targets: ["@target@"] }
""", target=target)
    with raw.connect(edge.folder / "in.sock") as connection:
        connection.send(raw.request(headers=["X-Forwarded-For: 192.0.2.1"])).response()
    assert target.requests[0].get("X-Forwarded-For") == "192.0.2.1, unix"


def test_the_proxy_header_tells_who_is_asked_for_trust(weir, backends):
    target = backends.text("ok", wants_proxy=True)
    edge = _edge(weir, target, 'proxy_protocol: true, trusted_proxies: "10.0.0.0/8"',
                 "proxy_protocol: v1")
    for source, client, port in (("10.0.0.9", "192.0.2.1", 0), ("192.0.2.9", "192.0.2.9", 1000)):
        with raw.connect(edge.port) as connection:
            connection.send(proxy_protocol.v1(source, ports=(1000, 443)))
            connection.send(raw.request(headers=["X-Forwarded-For: 192.0.2.1"])).response()
        assert target.proxy_headers[-1] == proxy_protocol.Header(1, client, port, "198.51.100.1", 443)
    assert [request.get("X-Forwarded-For") for request in target.requests] == [
        "192.0.2.1, 10.0.0.9", "192.0.2.9"]


def test_rules_go_by_the_client_that_is_believed(weir, backends):
    edge = weir.edge("""\
listeners:
  http: { address: "127.0.0.1:@PORT@", trusted_proxies: loopback }
access_log: off
sites:
  all:
    domains: ["*"]
    rules:
      - match: { source_ip: "192.0.2.0/24" }
        respond: near
      - respond: far
""")
    assert raw.get(edge.port, headers=["X-Forwarded-For: 192.0.2.1"]).body == b"near"
    assert raw.get(edge.port, headers=["X-Forwarded-For: 198.51.100.1"]).body == b"far"
    assert raw.get(edge.port).body == b"far"

"""The way out: CONNECT, absolute form and SOCKS 5 by rules; what may never be dialled."""
import base64
import crypt
import ipaddress
import os
import random
import resource
import socket
import threading

import pytest

from harness import certificates, curl, http2, proc, raw, socks, wait
from harness.backends import Response

pytestmark = pytest.mark.threads

HASH = crypt.crypt("secret", "$2b$04$abcdefghijklmnopqrstu.")
USERS = f"alice:{HASH}\nci:{HASH}\n".encode()

TEXT = """\
workers: 1
access_log: {{ format: json, path: "@FOLDER@/access.log" }}
forward_proxies:
  egress:
    address: "127.0.0.1:@PORT@"
{keys}
    rules:
{rules}
"""


def _lines(text, spaces):
    return "\n".join(" " * spaces + line for line in text.strip("\n").split("\n"))


def _proxy(weir, *rules, keys="deny_private: { except: loopback }", users=False, **options):
    """A forward proxy with these rules, each as it stands behind "- "."""
    if users:
        keys += "\nusers: office.htpasswd"
        options.setdefault("files", {"office.htpasswd": USERS})
    text = TEXT.format(keys=_lines(keys, 4), rules="\n".join(f"      - {rule}" for rule in rules))
    return weir.edge(text, **options)


ALLOW_ALL = "allow: true"


def _through(edge, url, *arguments, user=None, scheme="http"):
    credentials = f"{user}@" if user else ""
    return curl.get(url, "--noproxy", "", "-x", f"{scheme}://{credentials}127.0.0.1:{edge.port}",
                    *arguments)


def _connect(edge, authority, headers=b""):
    """A connection on which CONNECT was sent, and its answer's head."""
    connection = raw.connect(edge.port)
    connection.send(b"CONNECT %s HTTP/1.1\r\nHost: %s\r\n%s\r\n"
                    % (authority.encode(), authority.encode(), headers))
    return connection, connection.response(method="CONNECT")


def _url(backend, path="/"):
    return f"http://{backend.address}{path}"


def test_a_plain_request_goes_to_the_destination_in_its_url(weir, backends):
    target = backends.echo()
    edge = _proxy(weir, ALLOW_ALL)
    answer = _through(edge, _url(target, "/a//b?c=%20d"), "-H", "X-Own: 1", "-H", "Proxy-Connection: x")
    assert answer.status == 200
    request = target.requests[0]
    assert request.target == "/a//b?c=%20d"
    assert request.get("host") == target.address and request.get("x-own") == "1"
    assert request.get("via") == "1.1 weir" and len(request.get("x-request-id")) == 16
    for name in ("proxy-connection", "proxy-authorization", "x-forwarded-for"):
        assert request.get(name) is None
    line = edge.access_log(count=1)[0]
    assert (line["proxy"], line["rule"], line["target"]) == ("egress", 1, target.address)
    assert line["host"] == target.address and line["bytes"] == len(answer.body)
    assert line["id"] == request.get("x-request-id")


def test_bodies_go_up_and_connections_are_kept(weir, backends):
    target = backends.echo()
    edge = _proxy(weir, ALLOW_ALL)
    body = os.urandom(300_000)
    with raw.connect(edge.port) as connection:
        for number in range(3):
            connection.send(b"POST http://%s/%d HTTP/1.1\r\nHost: %s\r\nContent-Length: %d\r\n\r\n"
                            % (target.address.encode(), number, target.address.encode(), len(body)))
            connection.send(body)
            assert connection.response().status == 200
    assert [len(request.body) for request in target.requests] == [len(body)] * 3
    assert target.connections == 1


def test_a_tunnel_carries_bytes_and_its_line_comes_at_its_end(weir, backends):
    target = backends.text("hello")
    edge = _proxy(weir, '{ match: { to: "127.0.0.1" }, allow: true }')
    answer = _through(edge, _url(target), "-p")
    assert (answer.status, answer.body) == (200, b"hello")
    line = edge.access_log(count=1)[0]
    assert (line["method"], line["host"], line["proxy"]) == ("CONNECT", target.address, "egress")
    assert (line["status"], line["rule"], line["target"]) == (200, 1, target.address)
    assert line["bytes"] > 5 and line["request_bytes"] > 20 and "reason" not in line
    metrics = edge.metrics()
    assert metrics["weir_proxy_tunnels_total"] == 1 and metrics["weir_proxy_tunnels_open"] == 0


def test_socks_takes_the_same_way(weir, backends):
    target = backends.text("hello")
    edge = _proxy(weir, '{ match: { to: "127.0.0.1" }, allow: true }')
    assert _through(edge, _url(target), scheme="socks5h").body == b"hello"
    line = edge.access_log(count=1)[0]
    assert (line["protocol"], line["status"], line["rule"]) == ("SOCKS5", 200, 1)
    with socks.Client(edge.port) as client:
        assert client.ask("127.0.0.2", 443) == 2
    with socks.Client(edge.port) as client:
        assert client.ask("127.0.0.1", target.port, command=2) == 7
    with socks.Client(edge.port) as client:
        assert client.ask("127.0.0.1", backends.refusing().port) == 5
    with socks.Client(edge.port) as client:
        client.connection.send(b"\x05\x01\x00\x09")
        assert client.connection.exactly(10)[1] == 8


def test_passwords_are_asked_for_by_both_protocols(weir, backends):
    target = backends.text("hello")
    edge = _proxy(weir, '{ match: { user: ci }, deny: true }', ALLOW_ALL, users=True)
    denied = _through(edge, _url(target))
    assert denied.status == 407
    assert denied.get("proxy-authenticate") == 'Basic realm="egress", charset="UTF-8"'
    assert _through(edge, _url(target), user="alice:wrong").status == 407
    assert _through(edge, _url(target), user="alice:secret").body == b"hello"
    assert _through(edge, _url(target), "-p", user="alice:secret").body == b"hello"
    assert _through(edge, _url(target), user="ci:secret").status == 403
    assert not any(request.get("proxy-authorization") for request in target.requests)
    with socks.Client(edge.port) as client:
        assert client.method == 255
    with socks.Client(edge.port, "alice", "wrong") as client:
        assert not client.is_known
    with socks.Client(edge.port, "ci", "secret") as client:
        assert client.is_known and client.ask("127.0.0.1", target.port) == 2
    with socks.Client(edge.port, "alice", "secret") as client:
        assert client.is_known and client.ask("127.0.0.1", target.port) == 0
    lines = edge.access_log(count=7)
    assert {line.get("user") for line in lines} == {None, "alice", "ci"}
    assert "secret" not in (edge.folder / "access.log").read_text()


def test_a_denial_says_which_rule_and_line_and_nothing_else(weir):
    edge = _proxy(weir, '{ match: { to: "*.example.org:443" }, allow: true }',
                  '{ match: { to: "evil.example" }, deny: true }', users=True)
    line = next(number for number, text in enumerate(edge.file.read_text().split("\n"), 1)
                if "evil.example" in text)
    for arguments in ((), ("-H", "Accept: text/html")):
        answer = _through(edge, "http://evil.example/?token=abc", *arguments, user="alice:secret")
        assert answer.status == 403
        assert f"rule 2 (line {line}) denies it" in answer.text
        for word in ("alice", "secret", "token", str(edge.folder), "htpasswd"):
            assert word not in answer.text
        assert answer.get("proxy-status") == ("weir; error=http_request_denied; "
                                              f'details="rule 2 (line {line}) denies it"')
    assert "<h1>" in answer.text
    answer = _through(edge, "http://other.example/", user="alice:secret")
    assert "no rule allows it" in answer.text
    connection, response = _connect(edge, "x.example.org:80", b"Proxy-Authorization: Basic %s\r\n"
                                    % base64.b64encode(b"alice:secret"))
    with connection:
        assert response.status == 403 and b"no rule allows it" in response.body
        assert b"X-Evil" not in response.body


def test_bytes_behind_a_refused_connect_are_no_request(weir, backends):
    target = backends.echo()
    edge = _proxy(weir, '{ match: { method: GET }, allow: true }')
    with raw.connect(edge.port) as connection:
        connection.send(b"CONNECT %s HTTP/1.1\r\nHost: a\r\n\r\nGET http://%s/ HTTP/1.1\r\nHost: a\r\n\r\n"
                        % (target.address.encode(), target.address.encode()))
        assert connection.response(method="CONNECT").status == 403
        assert connection.rest() == b""
    assert target.requests == []


def test_methods_and_paths_of_plain_requests(weir, backends):
    target = backends.echo()
    edge = _proxy(weir, '{ match: { method: GET, path: "/public/*" }, allow: true }')
    assert _through(edge, _url(target, "/public/x")).status == 200
    assert _through(edge, _url(target, "/public/x"), "-I").status == 200
    assert _through(edge, _url(target, "/public/x"), "-d", "x").status == 403
    assert _through(edge, _url(target, "/private")).status == 403
    assert _through(edge, _url(target, "/public/../private"), "--path-as-is").status == 403
    assert _through(edge, _url(target, "/public/%2e%2e/private"), "--path-as-is").status == 403
    assert _through(edge, _url(target, "/public/x"), "-p").code != 0
    assert {request.target for request in target.requests} == {"/public/x"}


# What may never be dialled.

PRIVATE = """0.0.0.0 0.1.2.3 10.0.0.1 10.255.255.255 100.64.0.1 100.127.255.254 127.0.0.1 127.255.0.1
169.254.0.1 169.254.169.254 172.16.0.1 172.31.255.255 192.0.0.1 192.0.2.1 192.168.1.1 198.18.0.1
198.51.100.7 203.0.113.9 224.0.0.1 239.255.255.250 240.0.0.1 255.255.255.255 :: ::1 ::127.0.0.1
::ffff:127.0.0.1 ::ffff:10.0.0.1 64:ff9b::a00:1 64:ff9b::7f00:1 64:ff9b:1::1 2001::1 2001:db8::1
2002:7f00:1::1 2002:a00:1:: fc00::1 fd00::1 fd00:ec2::254 fe80::1 fec0::1 ff02::1 100::1""".split()

NETWORKS = ["10.0.0.0/8", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.168.0.0/16",
            "100.64.0.0/10"]


def _spellings(address, chance):
    """An IPv4 address as inet_aton takes it, in one of many ways."""
    a, b, c, d = address.packed
    parts = chance.choice([[a, b, c, d], [a, b, c << 8 | d], [a, b << 16 | c << 8 | d],
                           [int(address)]])
    return ".".join(chance.choice([str, lambda n: f"0{n:o}", hex, lambda n: f"0X{n:X}",
                                   lambda n: f"000{n:o}", lambda n: f"0x00{n:x}"])(part)
                    for part in parts)


def _generated():
    chance = random.Random(5)
    for _ in range(200):
        network = ipaddress.ip_network(chance.choice(NETWORKS))
        address = network[chance.randrange(1, network.num_addresses - 1)]
        yield _spellings(address, chance)


def _is_refused_by_all(edge, host, port=80):
    authority = f"[{host}]" if ":" in host else host
    with raw.connect(edge.port) as connection:
        connection.send(f"GET http://{authority}:{port}/ HTTP/1.1\r\nHost: a\r\n\r\n".encode())
        by_absolute = connection.response().status
    connection, response = _connect(edge, f"{authority}:{port}")
    connection.close()
    with socks.Client(edge.port) as client:
        by_socks = client.ask(socks.as_name(host), port)
    return by_absolute, response.status, by_socks


def test_private_addresses_are_refused_by_all_three_ways_in(weir):
    edge = _proxy(weir, ALLOW_ALL, keys="timeouts: { connect: 1s }")
    for host in PRIVATE:
        assert _is_refused_by_all(edge, host) == (403, 403, 2), host
        with socks.Client(edge.port) as client:
            assert client.ask(host, 80) == 2, host
    answer = _through(edge, "http://169.254.169.254/latest/meta-data/")
    assert "the cloud's metadata" in answer.text


def test_generated_spellings_are_refused_by_all_three_ways_in(weir):
    edge = _proxy(weir, ALLOW_ALL, keys="timeouts: { connect: 1s }")
    for host in _generated():
        assert _is_refused_by_all(edge, host) == (403, 403, 2), host


def test_what_is_neither_a_name_nor_an_address_is_refused(weir):
    edge = _proxy(weir, ALLOW_ALL)
    for host in ("1.2.3.4.5", "256.1.1.1", "0x1.2.3.99999", "example.08", "a..b", "4294967296"):
        assert _is_refused_by_all(edge, host)[0] == 400, host
        assert _is_refused_by_all(edge, host)[1] == 400, host


class Names:
    """/etc/hosts for the proxy, which may change."""

    def __init__(self, folder):
        self.path = folder / "hosts"
        self.environment = {"CARES_HOSTS": str(self.path)}
        self.write()

    def write(self, **names):
        own = self.path.with_suffix(".new")
        own.write_text("".join(f"{address} {name.replace('_', '.')}\n" for name, addresses in
                               names.items() for address in addresses.split()))
        own.replace(self.path)


def test_a_name_that_turns_private_is_refused_when_it_does(weir, backends, tmp_path):
    names = Names(tmp_path)
    # The one address of this machine that counts as public here.
    names.write(turning_example="127.0.0.1")
    target = backends.text("hello")
    url = f"http://turning.example:{target.port}/"
    edge = _proxy(weir, ALLOW_ALL, keys="deny_private: { except: 127.0.0.1 }",
                  environment=names.environment)
    assert _through(edge, url).body == b"hello"
    names.write(turning_example="127.0.0.2")
    wait.until(lambda: _through(edge, url).status == 403, "the private answer to be refused")
    assert "loopback" in _through(edge, url).text
    with socks.Client(edge.port) as client:
        assert client.ask("turning.example", target.port) == 2


def test_of_a_name_with_both_only_the_allowed_address_is_dialled(weir, backends, tmp_path):
    target = backends.text("hello")
    names = Names(tmp_path)
    names.write(both_example="10.9.9.9 127.0.0.1 192.168.9.9")
    edge = _proxy(weir, ALLOW_ALL, keys="deny_private: { except: 127.0.0.1 }",
                  environment=names.environment)
    answer = _through(edge, f"http://both.example:{target.port}/")
    assert answer.body == b"hello"
    assert edge.access_log(count=1)[0]["target"] == target.address


def test_networks_in_rules_are_about_what_a_name_leads_to(weir, backends, tmp_path):
    target = backends.text("hello")
    names = Names(tmp_path)
    names.write(in_example="127.0.0.1", out_example="127.9.0.1")
    edge = _proxy(weir, '{ match: { to: 127.9.0.0/16 }, deny: true }',
                  '{ match: { to: 127.0.0.0/8 }, allow: true }', environment=names.environment)
    assert _through(edge, f"http://in.example:{target.port}/").body == b"hello"
    denied = _through(edge, f"http://out.example:{target.port}/")
    assert denied.status == 403 and "rule 1" in denied.text


def test_dead_and_unknown_destinations_are_told_apart(weir, backends, tmp_path):
    names = Names(tmp_path)
    edge = _proxy(weir, ALLOW_ALL, environment={**names.environment, "LOCALDOMAIN": ""})
    answer = _through(edge, _url(backends.refusing()))
    assert (answer.status, answer.get("proxy-status")) == (
        502, 'weir; error=connection_refused; details="the destination refuses connections"')
    silent = backends.serve(lambda request, connection: connection.close())
    assert _through(edge, _url(silent)).status == 502
    assert "reason" in edge.access_log(count=2)[1]


def test_a_connection_that_shows_who_its_user_is_is_not_shared(weir, backends):
    def ask(request, connection):
        more = (("WWW-Authenticate", "Basic realm=x"), ("WWW-Authenticate", "NTLM"))
        return Response(b"who?", 401, more if request.target == "/who" else ())
    target = backends.serve(ask)
    edge = _proxy(weir, ALLOW_ALL)
    for path in ("/", "/", "/who", "/"):
        assert _through(edge, _url(target, path)).status == 401
    assert target.connections == 2
    assert _through(edge, _url(target), "-H", "Authorization: Negotiate YQ==").status == 401
    assert _through(edge, _url(target)).status == 401
    assert target.connections == 3


def test_a_slow_destination_has_its_time(weir, backends):
    slow = backends.slow()
    edge = _proxy(weir, ALLOW_ALL,
                  keys="deny_private: { except: loopback }\ntimeouts: { response: 200ms }")
    answer = _through(edge, _url(slow))
    assert answer.status == 504 and "did not answer in time" in answer.text
    slow.release()


def test_the_proxy_does_not_talk_to_itself(weir):
    edge = _proxy(weir, ALLOW_ALL)
    answer = _through(edge, f"http://127.0.0.1:{edge.port}/")
    assert answer.status == 508


def test_connections_of_a_user_are_limited_over_both_protocols(weir, backends):
    target = backends.text("hello")
    edge = _proxy(weir, ALLOW_ALL, users=True,
                  keys="deny_private: { except: loopback }\nlimits: { connections: 2 }")
    credentials = b"Proxy-Authorization: Basic %s\r\n" % base64.b64encode(b"alice:secret")
    first, response = _connect(edge, target.address, credentials)
    assert response.status == 200
    with socks.Client(edge.port, "alice", "secret") as second:
        assert second.ask("127.0.0.1", target.port) == 0
        third, response = _connect(edge, target.address, credentials)
        third.close()
        assert response.status == 429
        assert _through(edge, _url(target), user="ci:secret").status == 200
    first.close()
    wait.until(lambda: _through(edge, _url(target), user="alice:secret").status == 200,
               "the tunnels' places to be free again")


def test_bandwidth_is_a_users(weir, backends):
    size = 1 << 20
    target = backends.serve(lambda request, connection: Response(b"x" * size))
    edge = _proxy(weir, ALLOW_ALL, keys="deny_private: { except: loopback }\n"
                                        "limits: { bandwidth: 1MiB }")
    for arguments in ((), ("-p",)):
        answer = _through(edge, _url(target), *arguments)
        assert len(answer.body) == size
    with raw.connect(edge.port) as connection:
        connection.send(b"POST http://%s/ HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n"
                        % (target.address.encode(), size))
        sender = threading.Thread(target=connection.send, args=(b"x" * size,))
        sender.start()
        assert connection.response().status == 200
        sender.join()
    lines = edge.access_log(count=3)
    # A quarter of a second's worth passes at once.
    assert all(line["duration_ms"] > 500 for line in lines)


def test_a_reload_leaves_tunnels_alone_and_counts_for_the_next_request(weir, backends):
    target = backends.echo()
    edge = _proxy(weir, ALLOW_ALL)
    connection, response = _connect(edge, target.address)
    assert response.status == 200
    edge.write(edge.file.read_text().replace("allow: true", "deny: true"))
    for _ in range(5):
        assert weir.run("reload", "-f", edge.file).code == 0
    assert _through(edge, _url(target)).status == 403
    with connection:
        connection.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        assert connection.response().status == 200
    assert edge.access_log(count=2)[-1]["method"] == "CONNECT"


IDLE_TUNNELS = 5000


@pytest.mark.limit(180)
def test_idle_tunnels_leave_others_alone(weir, backends):
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard < 3 * IDLE_TUNNELS:
        pytest.skip("too few descriptors on this machine")
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    target = backends.text("hello")
    # Nobody accepts: the kernel makes the connections.
    silent = [socket.create_server(("127.0.0.1", 0), backlog=IDLE_TUNNELS) for _ in range(2)]
    edge = _proxy(weir, ALLOW_ALL)
    held = []
    for number in range(IDLE_TUNNELS):
        connection, response = _connect(edge, "127.0.0.1:%d" % silent[number % 2].getsockname()[1])
        assert response.status == 200
        held.append(connection)
    for _ in range(20):
        assert _through(edge, _url(target)).body == b"hello"
    assert edge.metrics()["weir_proxy_tunnels_open"] == IDLE_TUNNELS
    for connection in [*held, *silent]:
        connection.close()
    wait.until(lambda: edge.metrics()["weir_proxy_tunnels_open"] == 0, "all tunnels to end",
               deadline_s=60)


def test_a_request_passes_a_forward_proxy_and_then_a_reverse_proxy(weir, backends):
    target = backends.echo()
    edge = weir.edge("""\
workers: 1
access_log: { format: json, path: "@FOLDER@/access.log", headers: [X-Request-Id] }
listeners: { web: "127.0.0.1:@PORT2@" }
sites: { shop: { domains: ["*"], forward: shop } }
target_groups: { shop: { targets: "@target@" } }
forward_proxies:
  egress:
    address: "127.0.0.1:@PORT@"
    deny_private: { except: loopback }
    rules: [ { allow: true } ]
""", target=target)
    assert _through(edge, edge.url(port="PORT2")).status == 200
    inner, outer = edge.access_log(count=2)
    assert (inner["site"], outer["proxy"]) == ("shop", "egress")
    assert inner["headers"]["X-Request-Id"] == outer["id"]
    assert inner["id"] == target.requests[0].get("x-request-id")


def test_a_parent_gets_what_the_rules_allow(weir, backends):
    target = backends.text("hello")
    parent = _proxy(weir, '{ match: { user: ci }, allow: true }', users=True)
    edge = _proxy(weir, '{ match: { to: "127.0.0.1" }, allow: true }',
                  keys="deny_private: { except: loopback }\n"
                       f'parent: {{ address: "127.0.0.1:{parent.port}", user: ci, '
                       'password_file: parent.password }',
                  files={"parent.password": b"secret\n"})
    assert _through(edge, _url(target)).body == b"hello"
    assert _through(edge, _url(target), "-p").body == b"hello"
    assert _through(edge, _url(target), scheme="socks5h").body == b"hello"
    assert _through(edge, "http://127.0.0.2/").status == 403
    lines = parent.access_log(count=3)
    assert [line["method"] for line in lines] == ["GET", "CONNECT", "CONNECT"]
    assert {line["user"] for line in lines} == {"ci"}
    assert edge.access_log(count=1)[0]["target"] == f"127.0.0.1:{parent.port}"
    refusing = _proxy(weir, ALLOW_ALL, keys="deny_private: { except: loopback }\n"
                      f'parent: "127.0.0.1:{parent.port}"')
    for arguments in ((), ("-p",)):
        answer = _through(refusing, _url(target), *arguments)
        assert answer.status in (502, 0) and b"secret" not in answer.body
    parent.stop()
    assert _through(edge, _url(target)).status == 502


def test_the_pac_file_names_the_proxy_as_it_was_asked(weir):
    edge = _proxy(weir, '{ match: { to: "*.example.org" }, allow: true }', users=True,
                  keys="pac: { path: /proxy.pac, others: direct }")
    answer = curl.get(edge.url("/proxy.pac"))
    assert answer.get("content-type") == "application/x-ns-proxy-autoconfig"
    assert f'"PROXY 127.0.0.1:{edge.port}"' in answer.text and '"example.org":1' in answer.text
    assert curl.get(edge.url("/")).status == 400


def test_the_client_may_be_told_by_a_proxy_header(weir, backends):
    target = backends.text("hello")
    edge = _proxy(weir, '{ match: { source: 192.0.2.7 }, allow: true }',
                  keys="deny_private: { except: loopback }\nproxy_protocol: true")
    header = b"PROXY TCP4 %s 198.51.100.1 56324 443\r\n"
    request = b"GET http://%s/ HTTP/1.1\r\nHost: a\r\n\r\n" % target.address.encode()
    for source, status in ((b"192.0.2.7", 200), (b"192.0.2.8", 403)):
        with raw.connect(edge.port) as connection:
            connection.send(header % source + request)
            assert connection.response().status == status
    with raw.connect(edge.port) as connection:
        connection.send(header % b"192.0.2.7" + b"\x05\x01\x00")
        assert connection.exactly(2) == b"\x05\x00"
        connection.send(b"\x05\x01\x00" + socks.address("127.0.0.1") +
                        target.port.to_bytes(2, "big"))
        assert connection.exactly(10)[1] == 0
    assert edge.access_log(count=3)[-1]["client"] == "192.0.2.7"


def test_an_upgrade_in_absolute_form_becomes_a_tunnel(weir, backends):
    def switch(request, connection):
        connection.send(b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\n"
                        b"Upgrade: echo\r\n\r\n")
        while data := connection.receive():
            connection.send(data)
    target = backends.serve(switch)
    edge = _proxy(weir, ALLOW_ALL)
    with raw.connect(edge.port) as connection:
        connection.send(b"GET http://%s/ HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\n"
                        b"Upgrade: echo\r\n\r\n" % target.address.encode())
        assert connection.response().status == 101
        connection.send(b"ping")
        assert connection.exactly(4) == b"ping"


def test_explain_tells_what_a_forward_proxy_would_do_and_what_it_did(weir, backends, tmp_path):
    names = Names(tmp_path)
    names.write(both_example="10.9.9.9 127.0.0.1")
    target = backends.text("hello")
    edge = _proxy(weir, '{ match: { to: "127.0.0.1", user: ci }, deny: true }',
                  '{ match: { to: ["127.0.0.0/8", "both.example"] }, allow: true }', users=True,
                  environment=names.environment)

    def explain(*arguments):
        result = weir.run("explain", "-f", edge.file, *arguments)
        return result.stdout + result.stderr
    url = f"http://both.example:{target.port}/x"
    told = explain("--proxy", "egress", "--user", "alice", url)
    assert f"127.0.0.1:{target.port}: may be dialled; rule 2" in told
    assert "10.9.9.9" in told and "no, private (10.0.0.0/8)" in told
    told = explain("--proxy", "egress", "--user", "ci", f"http://127.0.0.1:{target.port}/")
    assert "rule      1, line" in told and "denies it" in told and "403 Forbidden" in told
    assert "407" in explain("--proxy", "egress", url)
    assert "CONNECT https://" in explain("--proxy", "egress", "--user", "ci", "https://x.example/")
    assert "no forward proxy of that name" in explain("--proxy", "other", url)
    assert "--proxy goes with a URL" in explain("--proxy", "egress")
    assert target.requests == []
    denied = _through(edge, _url(target), user="ci:secret")
    told = explain(denied.get("x-request-id"))
    assert "proxy     egress" in told and "rule      1, line" in told and "site" not in told
    with socks.Client(edge.port, "ci", "secret") as client:
        assert client.ask("127.0.0.1", target.port) == 2
    told = explain(edge.access_log(count=2)[1]["id"])
    assert "proxy     egress" in told and f"host      127.0.0.1:{target.port}" in told


# By TLS and HTTP/2.

def _ask_for_tunnel(connection, authority, stream=1):
    fields = ((":method", "CONNECT"), (":authority", authority))
    connection.send(connection.headers(stream, fields, ends=False))


def test_http2_opens_many_tunnels_on_one_connection(weir, backends):
    target = backends.text("hello")
    edge = _proxy(weir, '{ match: { to: "127.0.0.1" }, allow: true }')
    with http2.Connection(edge.port) as connection:
        for stream in (1, 3):
            _ask_for_tunnel(connection, target.address, stream)
            head = connection.await_type(http2.HEADERS, stream)
            assert not head.ends_stream
            connection.send_data(stream, b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", ends=False)
            assert b"hello" in connection.await_type(http2.DATA, stream).payload
        _ask_for_tunnel(connection, "127.0.0.2:80", 5)
        assert connection.response(5).status == 403
        _ask_for_tunnel(connection, "127.0.0.1", 7)
        assert connection.response(7).status == 400
        connection.send(*(http2.frame(http2.DATA, http2.END_STREAM, stream) for stream in (1, 3)))
        wait.until(lambda: edge.metrics()["weir_proxy_tunnels_open"] == 0, "both tunnels to end")
        fields = ((":method", "GET"), (":scheme", "http"), (":authority", target.address),
                  (":path", "/x"))
        assert connection.ask(9, fields).body == b"hello"
    assert target.requests[-1].target == "/x" and target.requests[-1].get("host") == target.address
    lines = [line for line in edge.access_log(count=5) if line["method"] == "CONNECT"]
    assert {line["protocol"] for line in lines} == {"HTTP/2.0"}
    assert [line["status"] for line in lines].count(200) == 2


TLS_TEXT = """\
workers: 1
access_log: {{ format: json, path: "@FOLDER@/access.log" }}
forward_proxies:
  egress:
    address: "127.0.0.1:@PORT@"
    tls: {{ certificate: {pair[0]}, key: {pair[1]}{tls} }}
    deny_private: {{ except: loopback }}
    rules: [ {{ match: {{ to: 127.0.0.1{match} }}, allow: true }} ]
"""


@pytest.fixture
def authority():
    made = certificates.Authority()
    yield made
    made.close()


def test_clients_may_speak_tls_to_the_proxy(weir, backends, authority):
    target = backends.text("hello")
    pair = authority.make("proxy.localhost")
    edge = weir.edge(TLS_TEXT.format(pair=pair, tls="", match=""))
    proxy = ("--noproxy", "", "-x", f"https://proxy.localhost:{edge.port}", "--proxy-cacert",
             str(authority.certificate))
    assert curl.get(_url(target), *proxy).body == b"hello"
    assert curl.get(_url(target), *proxy, "-p").body == b"hello"
    with certificates.connect(edge.port, "proxy.localhost",
                              certificates.context(authority)) as connection:
        connection.sendall(b"\x05\x01\x00")
        assert connection.recv(2) == b"\x05\x00"


class _Secure(http2.Connection):
    """HTTP/2 on a connection that there is already."""

    def __init__(self, sock):
        self._take(sock)
        self.send(http2.PREFACE + http2.settings())
        self.read_until(lambda got: got.type == http2.SETTINGS and not got.flags & http2.ACK)
        self.send(http2.frame(http2.SETTINGS, http2.ACK, 0))


def test_http2_is_spoken_to_the_proxy_by_tls(weir, backends, authority):
    target = backends.text("hello")
    edge = weir.edge(TLS_TEXT.format(pair=authority.make("proxy.localhost"), tls="", match=""))
    using = certificates.context(authority)
    using.set_alpn_protocols(["h2", "http/1.1"])
    sock = certificates.connect(edge.port, "proxy.localhost", using)
    assert sock.selected_alpn_protocol() == "h2"
    with _Secure(sock) as connection:
        _ask_for_tunnel(connection, target.address)
        connection.await_type(http2.HEADERS, 1)
        connection.send_data(1, b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", ends=False)
        assert b"hello" in connection.await_type(http2.DATA, 1).payload


def test_users_are_told_by_their_certificates(weir, backends, authority):
    target = backends.text("hello")
    edge = weir.edge(TLS_TEXT.format(pair=authority.make("proxy.localhost"),
                                     tls=f", client_auth: {authority.certificate}",
                                     match=", user: ci"))
    for subject, status in (("/O=Example/CN=ci", 200), ("/CN=mallory", 403)):
        certificate, key = authority.make(subject=subject)
        answer = curl.get(_url(target), "--noproxy", "", "-x",
                          f"https://proxy.localhost:{edge.port}", "--proxy-cacert",
                          str(authority.certificate), "--proxy-cert", str(certificate),
                          "--proxy-key", str(key))
        assert answer.status == status, answer
    assert [line["user"] for line in edge.access_log(count=2)] == ["ci", "mallory"]


def _one_of_many(edge, target, dice):
    """One client of a mixed crowd: by each way in, well-behaved, broken off, refused, malformed."""
    authority = target.address.encode()
    starts = [b"\x05\x01\x00" + b"\x05\x01\x00" + socks.address("127.0.0.1") +
              target.port.to_bytes(2, "big"),
              b"CONNECT %s HTTP/1.1\r\nHost: a\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n" % authority,
              b"GET http://%s/ HTTP/1.1\r\nHost: a\r\n\r\n" % authority,
              b"POST http://%s/ HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nhalf" % authority,
              b"GET http://10.1.2.3/ HTTP/1.1\r\nHost: a\r\n\r\n",
              http2.PREFACE + http2.settings()]
    data = bytearray(dice.choice(starts))
    for _ in range(dice.choice([0, 0, 0, 2])):
        data[dice.randrange(len(data))] = dice.randrange(256)
    connection = raw.connect(edge.port)
    connection.send(bytes(data[:dice.randrange(len(data)) if dice.random() < 0.3 else None]))
    end = dice.randrange(3)
    if end == 0:
        connection.reset()
    elif end == 1:
        connection.half_close().rest()
        connection.close()
    else:
        connection.close()


@pytest.mark.soak
@pytest.mark.limit(600)
def test_memory_stays_where_it_was_after_a_mixed_crowd_and_reloads(weir, backends):
    target = backends.text("hello")
    edge = _proxy(weir, ALLOW_ALL)
    dice = random.Random(3)

    def crowd(clients):
        for number in range(clients):
            _one_of_many(edge, target, dice)
            if number % 50 == 0:
                assert weir.run("reload", "-f", edge.file).code == 0
        wait.until(lambda: edge.metrics()["weir_proxy_tunnels_open"] == 0, "all tunnels to end",
                   deadline_s=60)
    crowd(1000)
    before, descriptors = proc.resident_bytes(proc.serving_pid(edge)), edge.metrics()["process_open_fds"]
    crowd(3000)
    if not os.environ.get("WEIR_TREE", "").endswith("san"):
        assert proc.resident_bytes(proc.serving_pid(edge)) <= before * 1.2 + (1 << 20)
    assert edge.metrics()["process_open_fds"] <= descriptors + 20
    assert _through(edge, _url(target)).body == b"hello"

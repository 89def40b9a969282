"""Connections passed on as they are: listeners with protocol tcp."""
import json
import os
import signal
import socket
import threading

import pytest

from harness import http1, ports, proxy_protocol, raw, wait

pytestmark = pytest.mark.threads


class Server:
    """Speaks something that is not HTTP: talk(connection, reader) on a thread for each client."""

    def __init__(self, talk, wants_proxy=False):
        self._talk, self._wants_proxy = talk, wants_proxy
        self.headers = []
        self.accepted = 0
        self._open = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self.address = f"127.0.0.1:{self.port}"
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self.accepted += 1
            self._open.append(connection)
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection):
        reader = http1.Reader(connection)
        try:
            if self._wants_proxy:
                self.headers.append(proxy_protocol.read(reader))
            self._talk(connection, reader)
        except (OSError, http1.Closed, http1.Malformed):
            pass
        finally:
            connection.close()

    def stop(self):
        try:
            self._listener.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self._listener.close()
        for connection in self._open:
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass


def _echo(connection, reader):
    while data := reader.some():
        connection.sendall(data)


@pytest.fixture
def servers():
    started = []

    def start(talk=_echo, **options):
        started.append(Server(talk, **options))
        return started[-1]
    yield start
    for server in started:
        server.stop()


def _edge(weir, *targets, listener="", group="", top=""):
    addresses = ", ".join(f'"{target.address}"' for target in targets)
    return weir.edge(f"""\
listeners:
  db: {{ address: "127.0.0.1:@PORT@", protocol: tcp, forward: db, {listener} }}
workers: 1
access_log: {{ format: json, path: "@FOLDER@/access.log" }}
{top}
target_groups:
  db:
    targets: [{addresses}]
    protocol: tcp
    {group}
""")


def test_bytes_go_both_ways_and_the_log_tells_how_many(weir, servers):
    server = servers()
    edge = _edge(weir, server)
    edge.wait_for_log(f"listening on tcp://127.0.0.1:{edge.port}")
    blob = os.urandom(3_000_000)
    with raw.connect(edge.port) as connection:
        sender = threading.Thread(target=connection.send, args=(blob,))
        sender.start()
        assert connection.exactly(len(blob)) == blob
        sender.join()
        assert connection.half_close().is_closed()
    line = edge.access_log(count=1)[0]
    assert (line["protocol"], line["listener"], line["group"]) == ("tcp", "db", "db")
    assert (line["client"], line["target"]) == ("127.0.0.1", server.address)
    assert line["bytes"] == line["request_bytes"] == len(blob)
    assert line["tries"] == 1 and line["duration_ms"] > 0 and "reason" not in line
    assert "status" not in line
    metrics = edge.metrics()
    assert metrics["weir_tcp_connections_total"] == 1
    assert metrics["weir_tcp_received_bytes_total"] == len(blob)
    assert metrics["weir_tcp_sent_bytes_total"] == len(blob)
    assert metrics['weir_target_requests_in_flight{group="db",target="%s"}' % server.address] == 0


def test_a_server_may_speak_first(weir, servers):
    edge = _edge(weir, servers(lambda connection, _: connection.sendall(b"220 hello\r\n")))
    with raw.connect(edge.port) as connection:
        assert connection.rest() == b"220 hello\r\n"


def test_a_half_close_is_passed_on(weir, servers):
    def answer_at_the_end(connection, reader):
        got = b""
        while data := reader.some():
            got += data
        connection.sendall(b"%d" % len(got))
    edge = _edge(weir, servers(answer_at_the_end))
    with raw.connect(edge.port) as connection:
        connection.send(b"x" * 100_000).half_close()
        assert connection.rest() == b"100000"


def test_another_target_is_tried_when_one_refuses(weir, servers, backends):
    server = servers()
    edge = _edge(weir, backends.refusing(), server)
    for _ in range(10):
        with raw.connect(edge.port) as connection:
            assert connection.send(b"hello").exactly(5) == b"hello"
    assert {line["target"] for line in edge.access_log(count=10)} == {server.address}
    assert max(line["tries"] for line in edge.access_log(count=10)) <= 2


def _is_turned_away(edge):
    """The reset may come before connect() has seen that it got through."""
    try:
        with raw.connect(edge.port) as connection:
            return connection.is_closed()
    except ConnectionResetError:
        return True


def test_without_a_target_the_connection_is_closed(weir, backends):
    edge = _edge(weir, backends.refusing())
    assert _is_turned_away(edge)
    line = edge.access_log(count=1)[0]
    assert line["reason"] == "the target refused the connection"
    assert edge.metrics()["weir_tcp_failures_total"] == 1


def test_explain_tells_of_a_connection_by_its_id_in_the_log(weir, servers, backends):
    server = servers()
    edge = _edge(weir, server)
    with raw.connect(edge.port) as connection:
        assert connection.send(b"hello").exactly(5) == b"hello"
    line = edge.access_log(count=1)[0]
    told = weir.run("explain", line["id"], folder=edge.folder).stdout
    assert "a connection at db, passed on as it was" in told
    assert f"target    {server.address}, connected after " in told
    assert "5 bytes from the client, 5 bytes to it" in told
    assert "reason" not in told
    assert "targets of db now" in told
    story = json.loads(edge.admin("/v1/requests/" + line["id"]).body)
    assert (story["protocol"], story["listener"], story["ending"]) == ("tcp", "db", "complete")


def test_explain_tells_why_a_connection_failed(weir, backends):
    edge = _edge(weir, backends.refusing(), backends.refusing())
    assert _is_turned_away(edge)
    line = edge.access_log(count=1)[0]
    told = weir.run("explain", line["id"], folder=edge.folder).stdout
    assert "reason    the target refused the connection" in told
    assert "target    none; 2 tried, the last was " in told
    listed = weir.run("explain", folder=edge.folder).stdout
    assert line["id"] in listed and "tcp db to db" in listed


def test_connections_are_balanced(weir, servers):
    one, two = servers(), servers()
    edge = _edge(weir, one, two, group="balance: round_robin")
    for _ in range(10):
        with raw.connect(edge.port) as connection:
            assert connection.send(b"x").exactly(1) == b"x"
    assert (one.accepted, two.accepted) == (5, 5)


def test_health_is_whether_somebody_listens(weir, servers):
    one, two = servers(), servers()
    edge = _edge(weir, one, two, group="health: { interval: 100ms, unhealthy_threshold: 1 }")
    name = 'weir_target_healthy{group="db",target="%s"}' % one.address
    assert edge.metrics()[name] == 1
    one.stop()
    wait.until(lambda: edge.metrics()[name] == 0, "the target to be unhealthy")
    before = two.accepted
    for _ in range(6):
        with raw.connect(edge.port) as connection:
            assert connection.send(b"x").exactly(1) == b"x"
    assert two.accepted >= before + 6
    assert {line["tries"] for line in edge.access_log(count=6)} == {1}


def test_a_reset_is_an_end_for_both(weir, servers):
    server = servers()
    edge = _edge(weir, server)
    connection = raw.connect(edge.port)
    assert connection.send(b"x").exactly(1) == b"x"
    connection.reset()
    assert edge.access_log(count=1)[0]["reason"] == "the connection broke"
    assert edge.metrics()["weir_connections_open"] == 1  # that of the question


def test_an_idle_connection_ends(weir, servers):
    edge = _edge(weir, servers(), listener="timeouts: { idle: 200ms }")
    with raw.connect(edge.port) as connection:
        assert connection.send(b"x").exactly(1) == b"x"
        assert connection.is_closed()
    assert edge.access_log(count=1)[0]["reason"] == "nothing came for the idle time-out"


@pytest.mark.parametrize("version", [1, 2])
def test_the_target_is_told_who_the_client_is(weir, servers, version):
    server = servers(wants_proxy=True)
    edge = _edge(weir, server, group=f"proxy_protocol: v{version}")
    with socket.create_connection(("127.0.0.1", edge.port)) as sock:
        connection = raw.Connection(sock)
        assert connection.send(b"x").exactly(1) == b"x"
        assert server.headers == [proxy_protocol.Header(
            version, "127.0.0.1", sock.getsockname()[1], "127.0.0.1", edge.port)]


def test_a_proxy_header_is_taken_and_given(weir, servers):
    server = servers(wants_proxy=True)
    edge = _edge(weir, server, listener="proxy_protocol: { from: loopback }",
                 group="proxy_protocol: v2")
    with raw.connect(edge.port) as connection:
        connection.send_in_pieces(proxy_protocol.v1() + b"hello")
        assert connection.exactly(5) == b"hello"
    assert server.headers == [proxy_protocol.Header(2, "192.0.2.7", 56324, "198.51.100.1", 443)]
    assert edge.access_log(count=1)[0]["client"] == "192.0.2.7"
    with raw.connect(edge.port) as connection:
        assert connection.send(b"hello there").is_closed()
    assert edge.metrics()["weir_proxy_headers_refused_total"] == 1
    assert server.accepted == 1


def test_a_stop_waits_for_connections(weir, servers):
    edge = _edge(weir, servers())
    with raw.connect(edge.port) as connection:
        assert connection.send(b"x").exactly(1) == b"x"
        edge.process.terminate()
        edge.wait_for_log("draining")
        assert connection.send(b"still").exactly(5) == b"still"
        connection.half_close()
        assert edge.wait() == 0


def test_a_second_signal_cuts_connections_off(weir, servers):
    edge = _edge(weir, servers())
    pid = edge.status()["pid"]
    with raw.connect(edge.port) as connection:
        assert connection.send(b"x").exactly(1) == b"x"
        edge.process.terminate()
        edge.wait_for_log("draining")
        os.kill(pid, signal.SIGTERM)
        assert edge.wait() == 0
        assert connection.is_closed()
    line = edge.access_log(count=1)[0]
    assert line["reason"] == "cut off at the end of the drain"


def test_sites_answer_elsewhere(weir, servers):
    server = servers()
    port = ports.free()
    edge = weir.edge(f"""\
listeners:
  web: "127.0.0.1:@PORT@"
  db: {{ address: "127.0.0.1:{port}", protocol: tcp, forward: db }}
access_log: {{ format: combined, path: "@FOLDER@/access.log" }}
sites:
  all: {{ domains: ["*"], respond: "hello" }}
target_groups:
  db: {{ targets: ["{server.address}"], protocol: tcp }}
""")
    assert raw.get(edge.port).body == b"hello"
    with raw.connect(port) as connection:
        assert connection.send(raw.request()).exactly(4) == b"GET "
    told = weir.run("status", "-f", edge.file).stdout
    assert f"http://127.0.0.1:{edge.port}" in told and f"tcp://127.0.0.1:{port}" in told
    log = edge.folder / "access.log"
    wait.until(lambda: log.exists() and '"-" 000 ' in log.read_text(), "the line of the connection")


def test_a_service_that_speaks_tcp_is_a_target(weir):
    edge = weir.up("""\
listeners:
  echo: { address: "127.0.0.1:@PORT@", protocol: tcp, forward: echo }
access_log: off
services:
  echo:
    protocol: tcp
    command: |
      exec python3 -c 'import os, socketserver
      class Echo(socketserver.StreamRequestHandler):
          def handle(self):
              self.wfile.write(self.rfile.readline())
      socketserver.ThreadingTCPServer(("127.0.0.1", int(os.environ["PORT"])), Echo).serve_forever()'
""")

    def echoes():
        try:
            with raw.connect(edge.port) as connection:
                return connection.send(b"hello\n").rest() == b"hello\n"
        except OSError:
            return False
    wait.until(echoes, "an echo", deadline_s=20)


RELOADED = """\
listeners:
  one: {{ address: "127.0.0.1:@PORT@", {one} }}
  web: "127.0.0.1:@PORT2@"
workers: 2
access_log: {{ format: json, path: "@FOLDER@/access.log" }}
sites:
  all: {{ domains: ["*"], respond: "hello" }}
target_groups:
  {group}: {{ targets: ["{target}"], protocol: tcp }}
"""


def test_a_connection_goes_on_over_a_reload(weir, servers):
    server, other = servers(), servers()
    tcp = "protocol: tcp, forward: {}".format
    edge = weir.edge(RELOADED.format(one=tcp("a"), group="a", target=server.address))
    with raw.connect(edge.port) as connection:
        assert connection.send(b"before").exactly(6) == b"before"
        edge.write(RELOADED.format(one=tcp("b"), group="b", target=other.address))
        assert weir.run("reload", "-f", edge.file).code == 0
        with raw.connect(edge.port) as late:
            assert late.send(b"x").exactly(1) == b"x"
        assert connection.send(b"after").exactly(5) == b"after"
    assert (server.accepted, other.accepted) == (1, 1)
    lines = {line["group"]: line for line in edge.access_log(count=2)}
    assert lines["a"]["target"] == server.address and lines["a"]["bytes"] == 11
    assert lines["b"]["target"] == other.address


def test_a_listener_may_change_its_protocol(weir, servers):
    server = servers(lambda connection, _: connection.sendall(b"220 hello\r\n"))

    def text(one):
        return RELOADED.format(one=one, group="a", target=server.address)
    edge = weir.edge(text("protocol: http"))
    with raw.connect(edge.port) as kept:
        assert kept.send(raw.request()).response().body == b"hello"
        edge.write(text("protocol: tcp, forward: a"))
        assert weir.run("reload", "-f", edge.file).code == 0
        with raw.connect(edge.port) as connection:
            assert connection.rest() == b"220 hello\r\n"
        # Connections of before still speak HTTP: they are not passed on in their middle.
        assert kept.send(raw.request()).response().status in (200, 404)
    edge.write(text("protocol: http"))
    assert weir.run("reload", "-f", edge.file).code == 0
    assert raw.get(edge.port).body == b"hello"

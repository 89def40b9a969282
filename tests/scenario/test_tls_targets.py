"""HTTPS to targets: who is believed, by which name, and what is shown to them."""
import http.server
import os
import socket
import ssl
import threading

import pytest

from harness import certificates, curl, wait

TOP = """\
workers: 1
access_log: { format: json, path: "@FOLDER@/access.log" }
listeners: { http: { address: "127.0.0.1:@PORT@" } }
sites: { all: { forward: target } }
"""


@pytest.fixture(scope="module")
def authority():
    made = certificates.Authority()
    yield made
    made.close()


class Target:
    """An HTTPS server: .requests are the paths, .names what was asked for by SNI, .clients subjects."""

    def __init__(self, pair, clients=None):
        self.requests, self.names, self.clients, self.connections = [], [], [], 0
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*pair)
        context.set_servername_callback(lambda _socket, name, _context: self.names.append(name))
        if clients:
            context.verify_mode = ssl.CERT_REQUIRED
            context.load_verify_locations(clients)
        target = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def setup(self):
                # The handshake on the connection's own thread: one that waits holds up no other.
                self.request = context.wrap_socket(self.request, server_side=True)
                super().setup()
                target.connections += 1
                shown = self.request.getpeercert() if clients else None
                if shown:
                    target.clients.append(dict(part[0] for part in shown["subject"]))

            def do_GET(self):
                target.requests.append(self.path)
                body = b"secure"
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        class Server(http.server.ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, *_):
                pass

        self._server = Server(("127.0.0.1", 0), Handler)
        self.port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def stop(self):
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def targets():
    made = []

    def make(*arguments, **options):
        made.append(Target(*arguments, **options))
        return made[-1]
    yield make
    for target in made:
        target.stop()


def _edge(weir, target, tls, host="127.0.0.1", more="", files=None):
    return weir.edge(TOP + f"target_groups: {{ target: {{ targets: \"{host}:{target.port}\","
                     f" tls: {tls}{more} }} }}\n", files=files)


def test_a_target_is_verified_by_its_name(weir, targets, authority):
    target = targets(authority.make("in.test"))
    edge = _edge(weir, target, f"{{ ca: {authority.certificate}, server_name: in.test }}")
    for _ in range(5):
        answer = curl.get(edge.url("/a"))
        assert (answer.status, answer.text) == (200, "secure")
    assert target.names == ["in.test"]
    assert target.connections == 1  # kept open, as any


def test_a_targets_own_host_name_is_asked_for(weir, targets, authority):
    target = targets(authority.make("localhost"))
    edge = _edge(weir, target, f"{{ ca: {authority.certificate} }}", host="localhost")
    wait.until(lambda: curl.get(edge.url("/")).status == 200, "the name to be found")
    assert set(target.names) == {"localhost"}


@pytest.mark.parametrize("what", ["stranger", "name", "system", "address"])
def test_a_target_that_is_not_who_it_should_be_gets_nothing(weir, targets, authority, what):
    target = targets(authority.make("in.test"))
    other = certificates.Authority("Other authority")
    tls = {"stranger": f"{{ ca: {other.certificate}, server_name: in.test }}",
           "name": f"{{ ca: {authority.certificate}, server_name: other.test }}",
           "address": f"{{ ca: {authority.certificate} }}",
           "system": "{ server_name: in.test }"}[what]
    edge = _edge(weir, target, tls)
    assert curl.get(edge.url("/secret")).status == 502
    other.close()
    assert target.requests == []
    wait.until(edge.access_log, "a line")
    reason = edge.access_log()[0]["reason"]
    assert "certificate" in reason or "mismatch" in reason


def test_without_verification_anybody_will_do(weir, targets, authority):
    target = targets(authority.make("whoever.test"))
    edge = _edge(weir, target, "{ verify: false }")
    assert curl.get(edge.url("/")).text == "secure"


def test_a_certificate_is_shown_to_targets_that_ask(weir, targets, authority):
    target = targets(authority.make("in.test"), clients=authority.certificate)
    pair = authority.make(subject="/O=Example/CN=weir")
    terms = f"ca: {authority.certificate}, server_name: in.test"
    edge = _edge(weir, target, f"{{ {terms}, certificate: {pair[0]}, key: {pair[1]} }}")
    assert curl.get(edge.url("/")).text == "secure"
    assert target.clients == [{"organizationName": "Example", "commonName": "weir"}]
    bare = _edge(weir, target, f"{{ {terms} }}")
    assert curl.get(bare.url("/")).status == 502


def test_health_is_asked_by_tls(weir, targets, authority):
    target = targets(authority.make("in.test"))
    edge = _edge(weir, target, f"{{ ca: {authority.certificate}, server_name: in.test }}",
                 more=", health: { path: /health, interval: 100ms }")
    wait.until(lambda: "/health" in target.requests, "a health request")
    wait.until(lambda: curl.get(edge.url("/")).status == 200, "a healthy target")


def test_changes_of_the_group_do_not_end_tls(weir, targets, authority):
    """Each time its targets are another list, or their health changes, pools are made anew."""
    target = targets(authority.make("in.test"))
    edge = _edge(weir, target, f"{{ ca: {authority.certificate}, server_name: in.test }}")
    for epoch in range(1, 5):
        # By hand, as control tells of tasks.
        body = f'{{"epoch": {epoch}, "targets": [{{"id": "t{epoch}", "address": "127.0.0.1:{target.port}"}}]}}'
        assert edge.admin("/v1/groups/target/targets", method="PUT", body=body.encode()).status < 300
        assert curl.get(edge.url("/")).text == "secure"
    for _ in range(3):
        assert weir.run("reload", "-f", edge.file).code == 0
        assert curl.get(edge.url("/")).text == "secure"


def test_another_authority_is_taken_up_by_itself(weir, targets, authority):
    other = certificates.Authority("Other authority")
    target = targets(other.make("in.test"))
    edge = _edge(weir, target, "{ ca: ca.pem, server_name: in.test }",
                 files={"ca.pem": authority.certificate.read_bytes()})
    assert curl.get(edge.url("/")).status == 502
    new = edge.folder / "new.pem"
    new.write_bytes(other.certificate.read_bytes())
    os.replace(new, edge.folder / "ca.pem")
    wait.until(lambda: curl.get(edge.url("/")).status == 200, "the other authority")
    other.close()


def test_a_target_that_speaks_no_tls_is_told_of(weir):
    listener = socket.create_server(("127.0.0.1", 0))

    def serve():
        while True:
            try:
                plain, _ = listener.accept()
            except OSError:
                return
            plain.recv(65536)
            plain.sendall(b"HTTP/1.0 400 Bad Request\r\n\r\n")
            plain.close()
    threading.Thread(target=serve, daemon=True).start()
    edge = weir.edge(TOP + f"target_groups: {{ target: {{ targets: "
                     f"\"127.0.0.1:{listener.getsockname()[1]}\", tls: {{ verify: false }} }} }}\n")
    assert curl.get(edge.url("/")).status == 502
    listener.shutdown(socket.SHUT_RDWR)
    listener.close()

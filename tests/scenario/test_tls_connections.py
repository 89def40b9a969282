"""TLS in front of anything: connections decrypted for tcp targets, and passed on by name undecrypted."""
import socket
import ssl
import threading

import pytest

from harness import certificates, raw, wait

TOP = "workers: 2\naccess_log: { format: json, path: \"@FOLDER@/access.log\" }\n"


@pytest.fixture(scope="module")
def authority():
    made = certificates.Authority()
    yield made
    made.close()


class Secure:
    """A TLS server that says its word to whoever connects, then sends back what comes."""

    def __init__(self, word, pair):
        self._word = word
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(*pair)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                plain, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(plain,), daemon=True).start()

    def _serve(self, plain):
        try:
            with self._context.wrap_socket(plain, server_side=True) as connection:
                connection.sendall(self._word)
                while data := connection.recv(65536):
                    connection.sendall(data)
        except OSError:
            plain.close()

    def stop(self):
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()


@pytest.fixture
def servers(authority):
    made = {}

    def make(*names):
        for name in names:
            made[name] = Secure(name.encode(), authority.make(f"{name}.test", f"*.{name}.test"))
        return [made[name] for name in names]
    yield make
    for server in made.values():
        server.stop()


PASS = TOP + """
listeners:
  in:
    address: "127.0.0.1:@PORT@"
    protocol: tcp
    timeouts: { head: 1s }
    sni: { one.test: one, "*.two.test": two }
    FORWARD
target_groups:
  one: { targets: "@one@", protocol: tcp }
  two: { targets: "@two@", protocol: tcp }
  rest: { targets: "@rest@", protocol: tcp }
"""


def _word(port, name, authority=None):
    with certificates.connect(port, name, certificates.context(authority)) as connection:
        word = connection.recv(100)
        connection.sendall(b"x" * 100000)
        got = b""
        while len(got) < 100000:
            got += connection.recv(65536)
        return word.decode()


def test_undecrypted_connections_go_by_name(weir, servers, authority):
    one, two, rest = servers("one", "two", "rest")
    edge = weir.edge(PASS.replace("FORWARD", "forward: rest"), one=one, two=two, rest=rest)
    # Verified end to end: the certificate is the target's.
    assert _word(edge.port, "one.test", authority) == "one"
    assert _word(edge.port, "ONE.test") == "one"
    assert _word(edge.port, "x.two.test", authority) == "two"
    assert _word(edge.port, "two.test") == "rest"
    assert _word(edge.port, "unknown.test") == "rest"
    assert _word(edge.port, None) == "rest"
    wait.until(lambda: len(edge.access_log()) == 6, "a line for each")
    lines = {(entry["group"], entry.get("tls_server_name")) for entry in edge.access_log()}
    assert lines == {("one", "one.test"), ("two", "x.two.test"), ("rest", "two.test"),
                     ("rest", "unknown.test"), ("rest", None)}


def test_without_a_forward_others_are_closed(weir, servers):
    one, two = servers("one", "two")
    text = PASS.replace("FORWARD", "").replace(
        "  rest: { targets: \"@rest@\", protocol: tcp }\n", "")
    edge = weir.edge(text, one=one, two=two)
    assert _word(edge.port, "one.test") == "one"
    for name in ("unknown.test", None):
        with pytest.raises((ssl.SSLError, ConnectionError)):
            certificates.connect(edge.port, name)
    assert raw.connect(edge.port).send(b"GET / HTTP/1.1\r\n\r\n").is_closed()
    # Who says nothing is not waited for forever.
    assert raw.connect(edge.port).is_closed()
    assert raw.connect(edge.port).send(b"\x16\x03\x01").is_closed()
    wait.until(lambda: len(edge.access_log()) == 6, "a line for each")
    reasons = [entry.get("reason") for entry in edge.access_log()]
    assert reasons.count("no group is for the name that the client asks for") == 2
    assert reasons.count("it is no TLS") == 1
    assert reasons.count("the client did not say in time whom it wants") == 2


def test_a_message_in_small_pieces_is_understood(weir, servers):
    one, two, rest = servers("one", "two", "rest")
    edge = weir.edge(PASS.replace("FORWARD", "forward: rest"), one=one, two=two, rest=rest)
    context = certificates.context()
    inside, outside = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = context.wrap_bio(inside, outside, server_hostname="one.test")
    with pytest.raises(ssl.SSLWantReadError):
        client.do_handshake()
    hello = outside.read()
    plain = socket.create_connection(("127.0.0.1", edge.port), timeout=10)
    plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    for at in range(0, len(hello), 50):
        plain.sendall(hello[at:at + 50])
    while True:
        try:
            client.do_handshake()
            break
        except ssl.SSLWantReadError:
            plain.sendall(outside.read())
            inside.write(plain.recv(65536))
    assert client.version() == "TLSv1.3"
    plain.close()


def test_targets_are_told_of_the_client_first(weir, authority):
    """The PROXY header comes before the client's own first bytes."""
    heard = []
    listener = socket.create_server(("127.0.0.1", 0))

    def serve():
        plain, _ = listener.accept()
        heard.append(plain.recv(65536))
        plain.close()
    threading.Thread(target=serve, daemon=True).start()
    edge = weir.edge(TOP + f"""
listeners:
  in: {{ address: "127.0.0.1:@PORT@", protocol: tcp, sni: {{ one.test: one }} }}
target_groups:
  one: {{ targets: "127.0.0.1:{listener.getsockname()[1]}", protocol: tcp, proxy_protocol: v1 }}
""")
    with pytest.raises((ssl.SSLError, ConnectionError)):
        certificates.connect(edge.port, "one.test")
    listener.close()
    line, _, rest = heard[0].partition(b"\r\n")
    assert line.startswith(b"PROXY TCP4 127.0.0.1 127.0.0.1 ")
    assert rest == b"" or rest.startswith(b"\x16\x03")


def test_connections_are_decrypted_for_tcp_targets(weir, authority):
    pair = authority.make("db.test")
    listener = socket.create_server(("127.0.0.1", 0))

    def serve():
        while True:
            try:
                plain, _ = listener.accept()
            except OSError:
                return
            try:
                while data := plain.recv(65536):
                    plain.sendall(data.upper())
            except OSError:
                pass
            plain.close()
    threading.Thread(target=serve, daemon=True).start()
    edge = weir.edge(TOP + f"""
listeners:
  in:
    address: "127.0.0.1:@PORT@"
    protocol: tcp
    forward: db
    tls: {{ certificate: {pair[0]}, key: {pair[1]}, client_auth: {authority.certificate} }}
target_groups:
  db: {{ targets: "127.0.0.1:{listener.getsockname()[1]}", protocol: tcp }}
""")
    client = authority.make(subject="/CN=client")
    known = certificates.context(authority, client)
    with certificates.connect(edge.port, "db.test", known) as connection:
        connection.sendall(b"select " * 10000)
        got = b""
        while len(got) < 70000:
            got += connection.recv(65536)
        assert got == b"SELECT " * 10000
    with pytest.raises((ssl.SSLError, ConnectionError)):
        with certificates.connect(edge.port, "db.test") as connection:
            connection.sendall(b"x")
            assert connection.recv(10) == b""
            raise ConnectionError
    wait.until(lambda: edge.access_log(), "a line")
    assert edge.access_log()[0]["tls_server_name"] == "db.test"
    listener.shutdown(socket.SHUT_RDWR)
    listener.close()

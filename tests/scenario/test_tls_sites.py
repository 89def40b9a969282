"""HTTPS of sites: which certificate is shown to whom, and what becomes of them while all serve."""
import json
import os
import pathlib
import pwd
import signal
import ssl
import subprocess
import threading

import pytest

from harness import certificates, curl, raw, wait
from harness.backends import Response

TOP = "workers: 2\naccess_log: { format: json, path: \"@FOLDER@/access.log\" }\n"
# Whoever wants a certificate by ACME waits for it.
NOBODY = "acme: { directory: \"https://127.0.0.1:1/\" }\n"


@pytest.fixture(scope="module")
def authority():
    made = certificates.Authority()
    yield made
    made.close()


def _tls(pair):
    return f"{{ certificate: {pair[0]}, key: {pair[1]} }}"


def _url(edge, host, path="/", port="PORT"):
    return f"https://{host}:{edge.ports[port]}{path}"


def _curl(edge, authority, host, *arguments, path="/", port="PORT"):
    number = edge.ports[port]
    return curl.get(_url(edge, host, path, port), "--resolve", f"{host}:{number}:127.0.0.1",
                    "--cacert", str(authority.certificate), *arguments)


# Which one.

def test_the_name_chooses_the_certificate(weir, authority):
    first, exact, wild = (authority.make(*names) for names in
                          (["first.test"], ["a.test"], ["*.a.test"]))
    edge = weir.edge(TOP + f"""
listeners: {{ https: {{ address: "127.0.0.1:@PORT@", tls: {_tls(first)} }} }}
sites:
  first: {{ domains: first.test, respond: first }}
  exact: {{ domains: a.test, respond: exact, tls: {_tls(exact)} }}
  wild: {{ domains: "*.a.test", respond: wild, tls: {_tls(wild)} }}
""")
    port = edge.port
    assert certificates.serial(port, "a.test") == certificates.serial_of(exact[0])
    assert certificates.serial(port, "A.Test") == certificates.serial_of(exact[0])
    assert certificates.serial(port, "x.a.test") == certificates.serial_of(wild[0])
    assert certificates.serial(port, "first.test") == certificates.serial_of(first[0])
    # Who asks for nobody, or for somebody unknown, meets the first site.
    assert certificates.serial(port) == certificates.serial_of(first[0])
    assert certificates.serial(port, "unknown.test") == certificates.serial_of(first[0])
    assert _curl(edge, authority, "a.test").text == "exact"
    assert _curl(edge, authority, "x.a.test").text == "wild"


def test_a_catch_all_site_is_shown_to_strangers(weir, authority):
    first, rest = authority.make("first.test"), authority.make("rest.test")
    edge = weir.edge(TOP + f"""
listeners: {{ https: {{ address: "127.0.0.1:@PORT@", tls: {_tls(first)} }} }}
sites:
  first: {{ domains: first.test, respond: first }}
  rest: {{ domains: "*", respond: rest, tls: {_tls(rest)} }}
""")
    assert certificates.serial(edge.port, "unknown.test") == certificates.serial_of(rest[0])
    assert certificates.serial(edge.port) == certificates.serial_of(rest[0])


def test_ecdsa_and_rsa_stand_side_by_side(weir, authority):
    ecdsa, rsa = authority.make("a.test"), authority.make("a.test", kind="rsa")
    edge = weir.edge(TOP + f"""
listeners:
  https:
    address: "127.0.0.1:@PORT@"
    tls: {{ certificates: [{_tls(rsa)}, {_tls(ecdsa)}] }}
sites: {{ a: {{ domains: a.test, respond: hello }} }}
""")

    def shown(algorithms):
        result = subprocess.run(
            ["openssl", "s_client", "-connect", f"127.0.0.1:{edge.port}", "-servername", "a.test",
             "-sigalgs", algorithms], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, text=True)
        return result.stdout
    assert "Peer signature type: ECDSA" in shown("ECDSA+SHA256:RSA-PSS+SHA256")
    assert "Peer signature type: RSA-PSS" in shown("RSA-PSS+SHA256")


def test_a_listeners_list_serves_several_sites(weir, authority):
    one, two = authority.make("one.test"), authority.make("two.test")
    edge = weir.edge(TOP + f"""
listeners:
  https:
    address: "127.0.0.1:@PORT@"
    tls: {{ certificates: [{_tls(one)}, {_tls(two)}] }}
sites:
  one: {{ domains: one.test, respond: one }}
  two: {{ domains: two.test, respond: two }}
""")
    assert _curl(edge, authority, "one.test").text == "one"
    assert _curl(edge, authority, "two.test").text == "two"


def test_versions_are_those_that_are_asked_for(weir, authority):
    pair = authority.make("old.test", "new.test")
    edge = weir.edge(TOP + f"""
listeners: {{ https: {{ address: "127.0.0.1:@PORT@", tls: {_tls(pair)} }} }}
sites:
  old: {{ domains: old.test, respond: old }}
  new: {{ domains: new.test, respond: new, tls: {{ versions: modern }} }}
""")
    tls_1_2 = certificates.context(version=ssl.TLSVersion.TLSv1_2)
    with certificates.connect(edge.port, "old.test", tls_1_2) as connection:
        assert connection.version() == "TLSv1.2"
    with pytest.raises(ssl.SSLError):
        certificates.connect(edge.port, "new.test", tls_1_2)
    with certificates.connect(edge.port, "new.test") as connection:
        assert connection.version() == "TLSv1.3"


# Other certificates, while all serve.

def _site(answer="x"):
    return TOP + f"""
listeners: {{ https: {{ address: "127.0.0.1:@PORT@", tls: {{ certificate: a.pem, key: a.key }} }} }}
sites: {{ a: {{ domains: [a.test], respond: "{answer}" }} }}
"""


def _files(pair):
    return {"a.pem": pair[0].read_bytes(), "a.key": pair[1].read_bytes()}


def _put(edge, pair):
    """As certbot does: in place of what is there."""
    for name, content in _files(pair).items():
        new = edge.folder / (name + ".new")
        new.write_bytes(content)
        os.replace(new, edge.folder / name)


def test_a_new_certificate_is_taken_up_by_itself(weir, authority):
    old, new = authority.make("a.test"), authority.make("a.test")
    edge = weir.edge(_site(), files=_files(old))
    pid = edge.status()["pid"]
    before = certificates.connect(edge.port, "a.test")
    assert certificates.serial(edge.port, "a.test") == certificates.serial_of(old[0])
    _put(edge, new)
    wait.until(lambda: certificates.serial(edge.port, "a.test") ==
               certificates.serial_of(new[0]), "the new certificate")
    edge.wait_for_log("new certificates or keys serve since now")
    # Neither a reload nor a new process: a connection that was open goes on.
    assert edge.status()["pid"] == pid
    assert certificates.ask(before, "a.test")[0] == 200
    before.close()


@pytest.mark.limit(120)
def test_reloads_with_other_certificates_drop_nobody(weir, authority):
    pairs = [authority.make("a.test") for _ in range(2)]
    edge = weir.edge(_site(), files=_files(pairs[0]))
    using, failures, done, stop = certificates.context(authority), [], [0], threading.Event()

    def work(keeps):
        connection = None
        while not stop.is_set():
            try:
                connection = connection or certificates.connect(edge.port, "a.test", using)
                status, _, _ = certificates.ask(connection, "a.test")
                assert status == 200
                done[0] += 1
                if not keeps:
                    connection.close()
                    connection = None
            except Exception as error:  # whatever it is, a client saw it
                failures.append(repr(error))
                connection = None

    threads = [threading.Thread(target=work, args=(keeps,)) for keeps in (True, True, False, False)]
    for thread in threads:
        thread.start()
    for i in range(6):
        _put(edge, pairs[(i + 1) % 2])
        edge.write(_site(str(i)))
        assert weir.run("reload", "-f", edge.file).code == 0
        assert certificates.serial(edge.port, "a.test") == \
            certificates.serial_of(pairs[(i + 1) % 2][0])
    stop.set()
    for thread in threads:
        thread.join()
    assert failures == []
    assert done[0] > 100


def test_a_connection_is_what_it_was_when_its_listener_becomes_another(weir, backends, authority):
    """It was opened before the listener had TLS: its requests have not come by it."""
    target = backends.echo()
    plain = TOP + """
listeners: { https: { address: "127.0.0.1:@PORT@" } }
sites: { a: { domains: [a.test], rules: [ { forward: targets } ] } }
target_groups: { targets: "@target@" }
"""
    edge = weir.edge(plain, target=target, files=_files(authority.make("a.test")))
    with raw.connect(edge.port) as connection:
        for _ in range(2):
            assert connection.send(raw.request(host="a.test")).response().status == 200
            assert target.requests[-1].head.get("X-Forwarded-Proto") == "http"
            edge.write(plain.replace('@PORT@"', '@PORT@", tls: { certificate: a.pem, key: a.key }'))
            assert weir.run("reload", "-f", edge.file).code == 0
    assert _curl(edge, authority, "a.test").code == 0
    assert target.requests[-1].head.get("X-Forwarded-Proto") == "https"


def test_a_key_that_does_not_fit_changes_nothing(weir, authority):
    old, new = authority.make("a.test"), authority.make("a.test")
    edge = weir.edge(_site(), files=_files(old))
    (edge.folder / "a.key").write_bytes(new[1].read_bytes())
    result = weir.run("reload", "-f", edge.file)
    assert result.code == 1
    assert "weir.yaml:4:" in result.stderr and "a.pem with the key" in result.stderr
    assert "belongs to another certificate" in result.stderr or "cannot be used" in result.stderr
    assert certificates.serial(edge.port, "a.test") == certificates.serial_of(old[0])
    assert _curl(edge, authority, "a.test").text == "x"


def test_files_that_become_wrong_are_told_once_and_change_nothing(weir, authority):
    old = authority.make("a.test")
    edge = weir.edge(_site(), files=_files(old))
    (edge.folder / "a.pem").write_text("not a certificate\n")
    edge.wait_for_log("certificates and keys stay as they were")
    assert certificates.serial(edge.port, "a.test") == certificates.serial_of(old[0])


WRONG = {
    "no certificate": lambda path: path.write_text("not a certificate\n"),
    "half of one": lambda path: path.write_bytes(path.read_bytes()[:len(path.read_bytes()) // 2]),
    "an empty file": lambda path: path.write_bytes(b""),
    "a large file": lambda path: path.write_bytes(bytes(2 << 20)),
    "nothing": lambda path: path.unlink(),
    "a folder": lambda path: (path.unlink(), path.mkdir()),
    "a pipe": lambda path: (path.unlink(), os.mkfifo(path)),
    "a device": lambda path: (path.unlink(), path.symlink_to("/dev/zero")),
    "a link to itself": lambda path: (path.unlink(), path.symlink_to(path)),
}


@pytest.mark.parametrize("what", WRONG)
def test_whatever_a_file_becomes_nothing_waits_for_it(weir, authority, what):
    old = authority.make("a.test")
    edge = weir.edge(_site(), files=_files(old))
    for name in ("a.key", "a.pem"):
        WRONG[what](edge.folder / name)
        assert weir.run("reload", "-f", edge.file).code == 1
        assert certificates.serial(edge.port, "a.test") == certificates.serial_of(old[0])
    # The supervisor still hears: of an edge that crashes, too.
    pid = edge.status()["pid"]
    os.kill(pid, signal.SIGKILL)
    wait.until(lambda: edge.status().get("pid") not in (None, pid), "another edge")
    assert certificates.serial(edge.port, "a.test") == certificates.serial_of(old[0])


def test_an_edge_that_crashes_comes_back_with_the_accepted_certificate(weir, authority):
    pair = authority.make("a.test")
    edge = weir.edge(_site(), files=_files(pair))
    pid = edge.status()["pid"]
    (edge.folder / "a.key").unlink()
    os.kill(pid, signal.SIGKILL)
    wait.until(lambda: edge.status().get("pid") not in (None, pid), "another edge")
    assert certificates.serial(edge.port, "a.test") == certificates.serial_of(pair[0])


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_keys_need_not_be_readable_by_who_serves(weir, authority):
    """Neither at the start, nor at a reload, nor when only files have changed."""
    pairs = [authority.make("a.test") for _ in range(3)]
    edge = weir.edge("user: nobody\n" + _site().replace("access_log", "#"), files=_files(pairs[0]))
    for name in ("a.pem", "a.key"):
        (edge.folder / name).chmod(0o600)
    pid = edge.status()["pid"]
    assert f"\nUid:\t{pwd.getpwnam('nobody').pw_uid}\t" in pathlib.Path(f"/proc/{pid}/status").read_text()
    for i in (1, 2):
        _put(edge, pairs[i])
        for name in ("a.pem", "a.key"):
            (edge.folder / name).chmod(0o600)
        if i == 1:
            assert weir.run("reload", "-f", edge.file).code == 0
        wait.until(lambda: certificates.serial(edge.port, "a.test") ==
                   certificates.serial_of(pairs[i][0]), "the other certificate")
    assert edge.status()["pid"] == pid
    opened = [os.readlink(f"/proc/{pid}/fd/{fd}") for fd in os.listdir(f"/proc/{pid}/fd")]
    assert not any("a.key" in name or "credentials" in name for name in opened), opened


def test_what_is_wrong_is_told_with_its_line(weir, authority, tmp_path):
    pair, other = authority.make("a.test"), authority.make("b.test")
    expired = authority.make("a.test", begins="20200101000000Z", ends="20200201000000Z")
    file = tmp_path / "weir.yaml"

    def check(tls):
        file.write_text(f"listeners: {{ s: {{ address: \":8443\", tls: auto }} }}\n"
                        f"sites: {{ a: {{ domains: a.test, respond: 200,\n  tls: {tls} }} }}\n")
        return weir.run("check", "-f", file)
    assert check(_tls(pair)).code == 0
    for tls, words in (
            (f"{{ certificate: {pair[0]}, key: {other[1]} }}", "with the key"),
            (f"{{ certificate: {tmp_path}/none.pem }}", "there is no such file"),
            (f"{{ certificate: {pair[0]} }}", "there is no private key"),
            (_tls(other), "is for b.test, and for no domain of the site \"a\"")):
        result = check(tls)
        assert result.code == 1
        assert words in result.stderr and "weir.yaml:3:" in result.stderr
    result = check(_tls(expired))
    assert result.code == 0
    assert "warning" in result.stderr and "has expired on 01 Feb 2020" in result.stderr


def test_an_expired_certificate_is_a_loud_warning_and_no_refusal(weir, authority):
    expired = authority.make("a.test", begins="20200101000000Z", ends="20200201000000Z")
    edge = weir.edge(_site(), files=_files(expired))
    edge.wait_for_log("has expired on 01 Feb 2020")
    assert _curl(edge, authority, "a.test").code == 60
    assert _curl(edge, authority, "a.test", "--insecure").text == "x"
    result = weir.run("reload", "-f", edge.file)
    assert result.code == 0
    assert "serves since now" in result.stdout
    assert "weir.yaml:4:" in result.stdout and "warning: the certificate" in result.stdout


# Whom it lets in.

def _closed(authority, more=""):
    pair = authority.make("open.test", "closed.test", "maybe.test")
    return TOP + f"""
listeners:
  https: {{ address: "127.0.0.1:@PORT@", tls: {_tls(pair)} }}
  http: {{ address: "127.0.0.1:@PORT2@" }}
target_groups: {{ target: {{ targets: "@target@" }} }}
sites:
  open: {{ domains: open.test, forward: target }}
  closed:
    domains: closed.test
    tls: {{ client_auth: {authority.certificate} }}
    request_headers:
      set: {{ X-Subject: "{{client_subject}}", Client-Cert: "{{client_cert}}",
              X-SSL-Cert: "{{client_cert_pem}}" }}
    rules:
      - match: {{ client_certificate: ["CN=ci,*", "CN=admin,O=Example"] }}
        forward: target
      - respond: {{ status: 403, body: "not you" }}
  maybe:
    domains: maybe.test
    tls: {{ client_auth: {{ ca: {authority.certificate}, mode: optional }} }}
    rules:
      - match: {{ client_certificate: "*" }}
        respond: known
      - respond: unknown
{more}"""


def _shown(pair):
    return ("--cert", str(pair[0]), "--key", str(pair[1]))


def test_client_certificates_are_required_matched_and_passed_on(weir, backends, authority):
    target = backends.echo()
    edge = weir.edge(_closed(authority), target=target)
    ci = authority.make(subject="/O=Example/CN=ci")
    stranger = authority.make(subject="/O=Example/CN=stranger")
    other = certificates.Authority("Other authority")
    foreign = other.make(subject="/O=Example/CN=ci")
    assert _curl(edge, authority, "closed.test").status == 0
    assert _curl(edge, authority, "closed.test", *_shown(foreign)).status == 0
    other.close()
    assert _curl(edge, authority, "closed.test", *_shown(stranger)).status == 403
    answer = _curl(edge, authority, "closed.test", *_shown(ci), "-H", "X-Subject: CN=admin",
                   "-H", "Client-Cert: :lie:", "-H", "X_Client_Cert: lie")
    assert answer.status == 200
    headers = {name.lower(): value for name, value in json.loads(answer.body)["headers"]}
    assert headers["x-subject"] == "CN=ci,O=Example"
    pem = ci[0].read_text()
    body = "".join(line for line in pem.splitlines() if not line.startswith("-----"))
    assert headers["client-cert"] == f":{body}:"
    assert headers["x-ssl-cert"].startswith("-----BEGIN%20CERTIFICATE-----%0A")
    assert "x_client_cert" not in headers
    wait.until(lambda: len(edge.access_log()) >= 2, "the lines of the log")
    entry = edge.access_log()[-1]
    assert entry["tls_version"] == "TLSv1.3" and entry["tls_server_name"] == "closed.test"
    assert entry["client_subject"] == "CN=ci,O=Example"


def test_an_auth_service_is_told_no_lies(weir, backends, authority):
    guard = backends.serve(lambda request, _connection: Response(status=204))
    pair = authority.make("a.test")
    edge = weir.edge(TOP + f"""
listeners: {{ https: {{ address: "127.0.0.1:@PORT@", tls: {_tls(pair)} }} }}
sites: {{ a: {{ domains: a.test, auth: {{ forward: guard, path: /check }}, respond: in }} }}
target_groups: {{ guard: "@guard@" }}
""", guard=guard)
    answer = _curl(edge, authority, "a.test", "-H", "Client-Cert: :lie:", "-H", "X_Client_Cert: lie",
                   "-H", "X-Kept: x")
    assert answer.text == "in"
    names = {name.lower() for name, _ in guard.requests[0].head.headers}
    assert "x-kept" in names and not any("client" in name for name in names)


def test_a_listener_takes_up_tls_while_clients_are_connected(weir, backends, authority):
    """Who connected in plain stays so, and is not said to have come by TLS."""
    pair = authority.make("a.test")
    text = TOP + """
listeners: { main: { address: "127.0.0.1:@PORT@" TLS } }
sites: { a: { domains: a.test, hsts: true, forward: target } }
target_groups: { target: "@target@" }
"""
    edge = weir.edge(text.replace("TLS", ""), target=backends.echo())
    request = raw.request("GET", "/", host="a.test")
    plain = raw.connect(edge.port)
    assert plain.send(request).response().status == 200
    edge.write(text.replace("TLS", f", tls: {_tls(pair)}"))
    assert weir.run("reload", "-f", edge.file).code == 0
    answer = plain.send(request).response()
    headers = dict(json.loads(answer.body)["headers"])
    assert headers["X-Forwarded-Proto"] == "http"
    assert answer.get("Strict-Transport-Security") is None
    secure = _curl(edge, authority, "a.test")
    assert dict(json.loads(secure.body)["headers"])["X-Forwarded-Proto"] == "https"
    assert secure.get("strict-transport-security") is not None
    plain.close()


def test_who_may_show_none_is_told_apart(weir, backends, authority):
    edge = weir.edge(_closed(authority), target=backends.echo())
    ci = authority.make(subject="/O=Example/CN=ci")
    assert _curl(edge, authority, "maybe.test").text == "unknown"
    assert _curl(edge, authority, "maybe.test", *_shown(ci)).text == "known"


def test_what_a_client_says_of_its_certificate_is_not_passed_on(weir, backends, authority):
    edge = weir.edge(_closed(authority), target=backends.echo())
    lies = [("Client-Cert", ":x:"), ("client_cert", ":x:"), ("Client-Cert-Chain", ":x:"),
            ("X-Client-Cert", "x"), ("X-Forwarded-Client-Cert", "x"), ("X-Kept", "x")]
    arguments = [part for name, value in lies for part in ("-H", f"{name}: {value}")]
    answer = _curl(edge, authority, "open.test", *arguments)
    names = {name.lower() for name, _ in json.loads(answer.body)["headers"]}
    assert "x-kept" in names
    assert not any("client" in name for name in names)


def test_a_handshake_for_one_site_opens_no_other(weir, backends, authority):
    """CVE-2025-23419, and its plainest form: another Host on the same connection."""
    edge = weir.edge(_closed(authority), target=backends.echo())
    ci = authority.make(subject="/O=Example/CN=ci")
    using = certificates.context(authority)
    with certificates.connect(edge.port, "open.test", using) as connection:
        assert certificates.ask(connection, "open.test")[0] == 200
        assert certificates.ask(connection, "closed.test")[0] == 421
        assert certificates.ask(connection, "maybe.test")[0] == 421
        assert certificates.ask(connection, "open.test")[0] == 200
    known = certificates.context(authority, ci)
    with certificates.connect(edge.port, "maybe.test", known) as connection:
        assert certificates.ask(connection, "maybe.test")[2] == "known"
        assert certificates.ask(connection, "closed.test")[0] == 421
        assert certificates.ask(connection, "open.test")[0] == 421


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_a_session_of_one_site_is_not_resumed_at_another(weir, backends, authority, version):
    edge = weir.edge(_closed(authority), target=backends.echo())
    using = certificates.context(authority, version=version)
    using.check_hostname = False
    with certificates.connect(edge.port, "open.test", using) as connection:
        assert certificates.ask(connection, "open.test")[0] == 200
        session = connection.session
    with certificates.connect(edge.port, "open.test", using, session) as connection:
        assert certificates.ask(connection, "open.test")[0] == 200
        assert connection.session_reused
        session = connection.session
    with pytest.raises((ssl.SSLError, AssertionError, ConnectionError)):
        with certificates.connect(edge.port, "closed.test", using, session) as connection:
            certificates.ask(connection, "closed.test")


def test_plain_http_opens_no_site_that_wants_a_certificate(weir, backends, authority):
    edge = weir.edge(_closed(authority), target=backends.echo())
    plain = f"http://127.0.0.1:{edge.ports['PORT2']}/"
    assert curl.get(plain, "-H", "Host: closed.test").status == 403
    assert curl.get(plain, "-H", "Host: open.test").status == 200


# To HTTPS.

def _redirected(tls, hsts="true", domains="[a.test, \"*.a.test\"]"):
    return TOP + NOBODY + f"""
listeners:
  https: {{ address: "127.0.0.1:@PORT@", tls: {tls} }}
  http: {{ address: "127.0.0.1:@PORT2@" }}
sites:
  a:
    domains: {domains}
    redirect_https: true
    hsts: {hsts}
    rules:
      - match: {{ path: "/.well-known/acme-challenge/*" }}
        respond: challenge
      - match: {{ path: /none, header: {{ X-Never: "y" }} }}
        respond: x
      - match: {{ path: /deep }}
        respond: {{ status: 404, body: no }}
      - match: {{ path: / }}
        respond: hello
"""


def test_plain_requests_go_to_https_and_browsers_are_told(weir, authority):
    pair = authority.make("a.test", "*.a.test")
    edge = weir.edge(_redirected(_tls(pair)))
    plain = f"http://127.0.0.1:{edge.ports['PORT2']}"
    answer = curl.get(f"{plain}/x%20y?b=c&d", "-H", "Host: b.a.test:80", "-X", "POST", "-d", "x")
    assert answer.status == 308
    assert answer.get("location") == f"https://b.a.test:{edge.port}/x%20y?b=c&d"
    assert answer.get("strict-transport-security") is None
    answer = curl.get(f"{plain}/.well-known/acme-challenge/token", "-H", "Host: a.test")
    assert (answer.status, answer.text) == (200, "challenge")
    assert answer.get("strict-transport-security") is None
    for path, status in (("/", 200), ("/deep", 404), ("/unknown", 404)):
        answer = _curl(edge, authority, "a.test", path=path)
        assert answer.status == status
        assert answer.get("strict-transport-security") == "max-age=31536000"
    assert raw.exchange(edge.ports["PORT2"], b"GET / HTTP/1.0\r\n\r\n").status in (400, 404)


def test_hsts_says_what_it_is_told(weir, authority):
    pair = authority.make("a.test", "*.a.test")
    edge = weir.edge(_redirected(
        _tls(pair), "{ max_age: 730d, include_subdomains: true, preload: true }"))
    assert _curl(edge, authority, "a.test").get("strict-transport-security") == \
        "max-age=63072000; includeSubDomains; preload"


def test_without_a_certificate_there_is_nothing_to_be_sent_to(weir, authority):
    edge = weir.edge(_redirected("acme", domains="a.test"))
    plain = f"http://127.0.0.1:{edge.ports['PORT2']}/"
    assert curl.get(plain, "-H", "Host: a.test").text == "hello"
    with pytest.raises(ssl.SSLError):
        certificates.connect(edge.port, "a.test")
    edge.write(_redirected(_tls(authority.make("a.test")), domains="a.test"))
    assert weir.run("reload", "-f", edge.file).code == 0
    assert curl.get(plain, "-H", "Host: a.test").status == 308


# What is told.

def test_status_metrics_and_explain_tell_of_certificates(weir, authority):
    good = authority.make("a.test", "b.test", days=90)
    old = authority.make("old.test", begins="20200101000000Z", ends="20200201000000Z")
    edge = weir.edge(TOP + NOBODY + f"""
listeners:
  https: {{ address: "127.0.0.1:@PORT@", tls: {_tls(good)} }}
  http: {{ address: "127.0.0.1:@PORT2@" }}
sites:
  a: {{ domains: [a.test, b.test], respond: hello, redirect_https: true }}
  old: {{ domains: old.test, respond: hello, tls: {_tls(old)} }}
  late: {{ domains: late.test, respond: hello, tls: acme, redirect_https: true }}
""")
    told = {one["name"]: one for one in edge.status()["certificates"]}
    assert told[str(good[0])]["names"] == ["a.test", "b.test"]
    assert told[str(good[0])]["source"] == "file"
    late = next(one for one in told.values() if one["source"] == "acme")
    assert late["present"] is False
    assert edge.status()["listeners"][0]["tls"] is True
    shown = weir.run("status", "-f", edge.file).stdout
    line = {text.split()[0]: text for text in shown.splitlines() if text.strip()}
    assert "in 89d" in line[good[0].name] or "in 90d" in line[good[0].name]
    assert "a.test, b.test" in line[good[0].name]
    assert "expired" in line[old[0].name]
    assert "missing" in line[late["name"]]
    assert f"https://127.0.0.1:{edge.port}" in shown
    page = edge.metrics()
    end = told[str(good[0])]["not_after_s"]
    labels = f'{{certificate="{good[0]}",source="file"}}'
    assert page["weir_certificate_expiry_timestamp_seconds" + labels] == end
    assert page[f'weir_certificate_present{{certificate="{late["name"]}",source="acme"}}'] == 0

    def explain(url):
        return weir.run("explain", "-f", edge.file, "GET", url).stdout
    assert "a certificate for a.test, until " in explain(f"https://a.test:{edge.port}/")
    assert "no certificate yet" in explain(f"https://late.test:{edge.port}/")
    assert "308" in explain(f"http://a.test:{edge.ports['PORT2']}/")
    assert "308" not in explain(f"http://late.test:{edge.ports['PORT2']}/")


def test_handshakes_that_fail_are_counted_by_reason(weir, authority):
    pair = authority.make("a.test")
    edge = weir.edge(TOP + f"""
listeners:
  https:
    address: "127.0.0.1:@PORT@"
    tls: {{ certificate: {pair[0]}, key: {pair[1]}, client_auth: {authority.certificate},
           versions: modern }}
sites: {{ a: {{ domains: a.test, respond: hello }} }}
""")

    def count(reason):
        return edge.metrics()[f'weir_tls_handshakes_failed_total{{reason="{reason}"}}']
    assert raw.exchange(edge.port, b"GET / HTTP/1.1\r\nHost: a.test\r\n\r\n").status == 400
    wait.until(lambda: count("plain") == 1, "plain HTTP to be counted")
    with pytest.raises(ssl.SSLError):
        certificates.connect(edge.port, "a.test",
                             certificates.context(version=ssl.TLSVersion.TLSv1_2))
    wait.until(lambda: count("nothing_in_common") == 1, "an old version to be counted")
    assert _curl(edge, authority, "a.test").status == 0
    wait.until(lambda: count("certificate") == 1, "a missing certificate to be counted")

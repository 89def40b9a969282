"""Certificates from an ACME authority: Debian's pebble, over all three challenges, and its faults."""
import json
import os
import pathlib
import re
import signal
import socket
import ssl
import subprocess
import threading

import pytest

from harness import acme, curl, ports, raw, wait

SITE = """\
listeners:
  http: {{ address: "127.0.0.1:{http}" }}
  https: {{ address: "127.0.0.1:{https}", tls: auto }}
workers: 1
access_log: off
email: ops@example.com
acme: {{ directory: "{directory}", ca: {ca}{more} }}
sites:
  shop: {{ domains: [{names}], redirect_https: false, respond: "hello" }}
"""
NAME = "shop.example.com"

pytestmark = [pytest.mark.limit(120),
              pytest.mark.skipif(not os.path.exists(acme.PEBBLE), reason="pebble is not installed")]


class Place:
    """Ports and names that authority and weir agree on."""

    def __init__(self, folder, names=(NAME,), leads_here=True):
        self.http, self.https = ports.free(), ports.free()
        self.hosts = folder / "hosts"
        self.names = names
        self.folder = folder
        if leads_here:
            self.lead("127.0.0.1")

    def lead(self, address):
        bare = sorted({name.removeprefix("*.") for name in self.names})
        self.hosts.write_text("".join(f"{address} {name}\n" for name in bare) +
                              "127.0.0.1 localhost\n")

    def text(self, authority, more="", names=None):
        quoted = ", ".join(f'"{name}"' for name in names or self.names)
        return SITE.format(http=self.http, https=self.https, directory=authority.directory,
                           ca=authority.ca, more=more, names=quoted)

    @property
    def environment(self):
        return {"CARES_HOSTS": str(self.hosts), "WEIR_ACME_HTTP_PORT": str(self.http),
                "WEIR_ACME_TLS_PORT": str(self.https)}


@pytest.fixture
def place(tmp_path):
    return Place(tmp_path)


def certificate(place, name=NAME, root=None):
    """What is shown for that name, as a dict of openssl's words; None without one."""
    context = ssl.create_default_context(cafile=root)
    if root is None:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    try:
        with socket.create_connection(("127.0.0.1", place.https), 5) as plain, \
                context.wrap_socket(plain, server_hostname=name) as secure:
            return secure.getpeercert(binary_form=True)
    except (ssl.SSLError, ConnectionError):
        return None


def await_certificate(edge, place, name=NAME, root=None, other_than=None, deadline_s=40):
    def other():
        found = certificate(place, name, root)
        return found if found is not None and found != other_than else None
    return wait.until(other, lambda: f"a certificate:\n{edge.log()}", deadline_s=deadline_s,
                      pause_s=0.05)


def state_of(edge):
    path = edge.folder / ".weir/certificates/state.json"
    wait.until(path.exists, "the keeper's first writing of its state")
    return json.loads(path.read_text())["certificates"][0]


def keeper_of(edge):
    """The process that keeps certificates."""
    for path in pathlib.Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = path.read_bytes().split(b"\0")
        except OSError:
            continue
        if b"certificates-process" in words and str(edge.file).encode() in words:
            return int(path.parent.name)
    return None


def test_by_http(weir, place):
    with acme.Authority(place.http) as authority:
        edge = weir.edge(place.text(authority), environment=place.environment)
        await_certificate(edge, place, root=authority.root())
        answer = curl.get(f"https://{NAME}:{place.https}/", "--cacert", authority.root(),
                          "--resolve", f"{NAME}:{place.https}:127.0.0.1")
        assert (answer.code, answer.body) == (0, b"hello")
        state = state_of(edge)
        assert state["phase"] == "good" and state["source"] == "acme"
        assert state["not_before"] < state["renew_from"] < state["not_after"]
        names = {path.name for path in (edge.folder / ".weir/certificates").iterdir()}
        assert not [name for name in names if name.endswith((".order", ".key"))]
        assert oct((edge.folder / ".weir/certificates").stat().st_mode)[-3:] == "700"
        assert "a new certificate, until" in edge.log()


def test_by_tls_alpn(weir, place):
    with acme.Authority(place.http + 1, place.https) as authority:
        edge = weir.edge(place.text(authority, ", challenge: tls-alpn"),
                         environment=place.environment)
        await_certificate(edge, place, root=authority.root())


def test_by_tls_alpn_a_name_that_leads_elsewhere_is_told(weir, place, backends):
    """Another TLS server has the address: its certificate is not ours."""
    other = weir.edge(SITE.format(http=ports.free(), https=ports.free(), directory="https://x/",
                                  ca="none.pem", more="", names="other.localhost"),
                      files={"none.pem": b""})
    with acme.Authority(place.http + 1, place.https) as authority:
        elsewhere = {**place.environment,
                     "WEIR_ACME_TLS_PORT": re.search(r"https://127.0.0.1:(\d+)", other.log())[1]}
        edge = weir.edge(place.text(authority, ", challenge: tls-alpn"), environment=elsewhere)
        edge.wait_for_log(f"{NAME} leads to 127.0.0.1:{elsewhere['WEIR_ACME_TLS_PORT']}, "
                          "not to this Weir (another server answers there")
        edge.wait_for_log("let port 443 reach it")
        assert authority.orders() == 0


def test_an_account_that_is_bound_to_another(weir, place, tmp_path):
    secret = "zWNDZM6eQGHWpSRTPal5eIUYFTu7EajVIoguysqZ9wG44nMEtx3MUAsUDkMTQ12W"
    (tmp_path / "eab.key").write_text(secret + "\n")
    with acme.Authority(place.http, binding={"kid-1": secret}) as authority:
        edge = weir.edge(place.text(authority), environment=place.environment)
        edge.wait_for_log("externalAccountBinding")
        more = f", eab_id: kid-1, eab_key: {tmp_path / 'eab.key'}"
        edge.write(place.text(authority, more))
        assert weir.run("reload", "-f", edge.file).code == 0
        await_certificate(edge, place, root=authority.root())


HOOK = """\
#!/bin/sh
echo "$1 $2 $3 $WEIR_ACME_ACTION $WEIR_ACME_DOMAIN $WEIR_ACME_RECORD $WEIR_ACME_VALUE" >>{folder}/calls
if [ "$1" = set ]; then
    exec curl -sSf -d "{{\\"host\\":\\"$2.\\",\\"value\\":\\"$3\\"}}" {records}/set-txt
fi
"""


def test_by_dns_with_a_wildcard(weir, tmp_path):
    place = Place(tmp_path, names=("example.com", "*.example.com"))
    with acme.Authority() as authority:
        hook = tmp_path / "hook"
        hook.write_text(HOOK.format(folder=tmp_path, records=authority.records_url()))
        hook.chmod(0o755)
        edge = weir.edge(place.text(authority, f", challenge: dns, hook: {hook}"),
                         environment=place.environment)
        await_certificate(edge, place, "www.example.com", root=authority.root())
        await_certificate(edge, place, "example.com", root=authority.root())
    calls = [line.split() for line in (tmp_path / "calls").read_text().splitlines()]
    assert sorted(call[0] for call in calls) == ["clear"] * 2 + ["set"] * 2
    for action, record, value, *more in calls:
        assert record == "_acme-challenge.example.com"
        assert re.fullmatch(r"[\w-]{43}", value)
        assert more == [action, "example.com", record, value]


def test_a_hook_that_fails_is_named(weir, tmp_path):
    place = Place(tmp_path, names=("*.example.com",))
    with acme.Authority() as authority:
        edge = weir.edge(place.text(authority, ", challenge: dns, hook: /bin/false"),
                         environment=place.environment)
        edge.wait_for_log("the hook /bin/false ended with exit status 1")
        wait.until(lambda: state_of(edge)["phase"] == "failing", "the failure in the state")


def test_an_rsa_key(weir, place):
    with acme.Authority(place.http) as authority:
        edge = weir.edge(place.text(authority, ", key: rsa"), environment=place.environment)
        found = await_certificate(edge, place, root=authority.root())
        text = subprocess.run(["openssl", "x509", "-inform", "DER", "-noout", "-text"], input=found,
                              capture_output=True, check=True).stdout
        assert b"Public-Key: (2048 bit)" in text


def test_rejections_at_random_are_survived(weir, place):
    chaos = {"PEBBLE_WFE_NONCEREJECT": "50"}
    with acme.Authority(place.http, environment=chaos) as authority:
        edge = weir.edge(place.text(authority), environment=place.environment)
        await_certificate(edge, place, root=authority.root())
        assert authority.orders() <= 2


class Clients:
    """Requests over TLS meanwhile: on one connection that stays, and on one that is new each time."""

    def __init__(self, place, root):
        self.done, self.failures = 0, []
        self._place, self._context = place, ssl.create_default_context(cafile=root)
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._work, args=(stays,), daemon=True)
                         for stays in (True, False)]

    def _connect(self):
        plain = socket.create_connection(("127.0.0.1", self._place.https), 10)
        return self._context.wrap_socket(plain, server_hostname=NAME)

    def _work(self, stays):
        connection = None
        while not self._stop.wait(0.005):
            try:
                connection = connection or self._connect()
                connection.sendall(raw.request("GET", "/", host=NAME))
                answer = connection.recv(65536)
                if not answer.startswith(b"HTTP/1.1 200") or not answer.endswith(b"hello"):
                    self.failures.append(answer)
                self.done += 1
                if not stays:
                    connection.close()
                    connection = None
            except OSError as error:
                self.failures.append(error)
                connection = None

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self._stop.set()
        for thread in self._threads:
            thread.join()


def test_renewed_again_and_again_under_load(weir, place):
    """Certificates for half a minute: nobody is refused while they are replaced."""
    with acme.Authority(place.http, lifetime_s=20) as authority:
        edge = weir.edge(place.text(authority), environment=place.environment)
        root = authority.root()
        seen = [await_certificate(edge, place, root=root)]
        with Clients(place, root) as work:
            while len(seen) < 3:
                seen.append(await_certificate(edge, place, root=root, other_than=seen[-1]))
        assert work.done > 100 and not work.failures
        assert authority.orders() <= len(seen) + 1


def test_a_name_that_leads_elsewhere_is_told_and_served_plainly(weir, place):
    place.lead("127.0.0.2")
    with socket.create_server(("127.0.0.2", place.http)) as elsewhere, \
            acme.Authority(place.http) as authority:
        elsewhere.settimeout(20)
        edge = weir.edge(place.text(authority), environment=place.environment)
        connection, _ = elsewhere.accept()
        connection.recv(65536)
        connection.sendall(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")
        connection.close()
        edge.wait_for_log(f"{NAME}: no certificate: {NAME} leads to 127.0.0.2:{place.http}, "
                          "not to this Weir (another server answers there, with 404)")
        assert authority.orders() == 0
        assert raw.get(place.http, "/", host=NAME).body == b"hello"
        assert certificate(place) is None
        state = state_of(edge)
        assert state["phase"] == "failing" and state["failures"] >= 1 and state["next_try"] > 0
        shown = weir.run("status", "-f", edge.file).stdout
        assert f"{NAME}: no certificate: {NAME} leads to 127.0.0.2" in shown and "again in" in shown
        told = json.loads(weir.run("status", "-f", edge.file, "--json").stdout)["certificates"]
        assert told[0]["names"] == [NAME] and "leads to" in told[0]["error"]
        place.lead("127.0.0.1")
        await_certificate(edge, place, root=authority.root())


def test_nothing_is_looked_at_where_that_is_said(weir, place):
    """As behind a router that does not lead back: the authority alone finds the way."""
    place.lead("127.0.0.3")
    with acme.Authority(place.http) as authority:
        edge = weir.edge(place.text(authority, ", look_first: false"),
                         environment=place.environment)
        await_certificate(edge, place, root=authority.root())
        assert "leads to" not in edge.log()


def test_a_refusal_of_the_authority_is_told_in_its_words(weir, place):
    with acme.Authority(place.http + 1) as authority:  # where nobody listens
        edge = weir.edge(place.text(authority), environment=place.environment)
        edge.wait_for_log(f"the authority does not find that {NAME} is ours: ")
        wait.until(lambda: state_of(edge)["phase"] == "failing", "the failure in the state")
        assert authority.orders() == 1
        wait.until(lambda: state_of(edge)["failures"] >= 2, "another failure", deadline_s=30)
        assert edge.stop() == 0
        waits_until, orders = state_of(edge)["next_try"], authority.orders()
        edge.start()
        assert weir.run("status", "-f", edge.file).code == 0
        assert state_of(edge)["next_try"] == waits_until and authority.orders() == orders


def test_a_name_without_an_address_is_told(weir, place):
    place.hosts.write_text("127.0.0.1 localhost\n")
    with acme.Authority(place.http) as authority:
        edge = weir.edge(place.text(authority, names=["nowhere.invalid-name.example.com"]),
                         environment=place.environment)
        edge.wait_for_log("has no address")
        assert authority.orders() == 0


def test_a_reload_tries_again_at_once(weir, place):
    place.lead("127.0.0.3")  # nobody listens there
    with acme.Authority(place.http) as authority:
        edge = weir.edge(place.text(authority), environment=place.environment)
        edge.wait_for_log("leads to 127.0.0.3")
        wait.until(lambda: state_of(edge)["failures"] >= 2, "some failures", deadline_s=60)
        place.lead("127.0.0.1")
        assert weir.run("reload", "-f", edge.file).code == 0
        await_certificate(edge, place, root=authority.root())


@pytest.mark.parametrize("moment", [".key", ".order", "done"])
def test_killed_half_way_nothing_is_lost(weir, place, moment):
    """The one that comes after takes up the same order with the same account and key."""
    slow = {"PEBBLE_VA_NOSLEEP": "0", "PEBBLE_VA_SLEEPTIME": "3"}
    with acme.Authority(place.http, environment=slow) as authority:
        edge = weir.edge(place.text(authority), environment=place.environment)
        folder = edge.folder / ".weir/certificates"
        if moment != "done":
            wait.until(lambda: list(folder.glob("*" + moment)), "the order", pause_s=0.002)
        else:
            wait.until(lambda: list(folder.glob(NAME + "*.pem")), "the certificate",
                       deadline_s=40, pause_s=0.002)
        account = next(folder.glob("account-*.pem")).read_bytes()
        os.kill(keeper_of(edge), signal.SIGKILL)
        await_certificate(edge, place, root=authority.root())
        assert next(folder.glob("account-*.pem")).read_bytes() == account
        assert authority.orders() == 1 or moment == ".key"
        wait.until(lambda: state_of(edge)["phase"] == "good", "a good state")


def test_an_authority_that_is_away_is_asked_again(weir, place):
    with acme.Authority(place.http) as authority:
        authority.stop()
        edge = weir.edge(place.text(authority), environment=place.environment)
        edge.wait_for_log("Connection refused")
        authority.start()
        await_certificate(edge, place, root=authority.root())


def test_an_authority_without_trust_is_told(weir, place, tmp_path):
    with acme.Authority(place.http) as authority:
        text = place.text(authority).replace(f", ca: {authority.ca}", "")
        edge = weir.edge(text, environment=place.environment)
        edge.wait_for_log("its certificate is not trusted")


def test_a_certificate_outlives_everything_that_is_started_anew(weir, place):
    with acme.Authority(place.http) as authority:
        edge = weir.edge(place.text(authority), environment=place.environment)
        found = await_certificate(edge, place, root=authority.root())
        assert edge.stop() == 0
        authority.stop()
        edge.start()
        assert certificate(place) == found
        os.kill(keeper_of(edge), signal.SIGKILL)
        edge.wait_for_log("the keeper of certificates ended with signal 9")
        wait.until(lambda: keeper_of(edge), "another keeper")
        assert certificate(place) == found

"""OCSP: an authority's word on a certificate is fetched, stapled, renewed, and acted on."""
import datetime
import os
import pathlib
import re
import subprocess

import pytest

from harness import acme, ports, wait
from test_acme import NAME, Place, await_certificate

SITE = """\
listeners: {{ https: {{ address: "127.0.0.1:@PORT@", tls: {{ certificate: {folder}/site.pem }} }} }}
workers: 1
access_log: off
sites:
  all: {{ domains: [{name}], respond: "hello" }}
"""

pytestmark = pytest.mark.limit(120)


def _openssl(*arguments, **more):
    return subprocess.run(["openssl", *map(str, arguments)], check=True, capture_output=True,
                          **more).stdout


class Responder:
    """`openssl ocsp` for what an authority has signed."""

    def __init__(self, folder, certificate, key, port, minutes=60):
        self.folder, self.port, self.minutes = pathlib.Path(folder), port, minutes
        self._signer, self._key = certificate, key
        self._process = None
        self._rows = []

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    def know(self, serial, revoked=False):
        end = (datetime.datetime.utcnow() + datetime.timedelta(days=2)).strftime("%y%m%d%H%M%SZ")
        now = datetime.datetime.utcnow().strftime("%y%m%d%H%M%SZ")
        self._rows = [row for row in self._rows if f"\t{serial}\t" not in row]
        self._rows.append(f"{'R' if revoked else 'V'}\t{end}\t{now if revoked else ''}\t{serial}\t"
                          "unknown\t/CN=x\n")
        (self.folder / "index.txt").write_text("".join(self._rows))
        (self.folder / "index.txt.attr").write_text("unique_subject = no\n")
        self.restart()

    def restart(self):
        self.stop()
        log = self.folder / "responder.txt"  # a connection without a request would hang it
        self._process = subprocess.Popen(
            ["openssl", "ocsp", "-index", self.folder / "index.txt", "-port", str(self.port),
             "-rsigner", self._signer, "-rkey", self._key, "-CA", self._signer,
             "-nmin", str(self.minutes)],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=open(log, "w"))
        wait.until(lambda: "waiting for" in log.read_text(), "the responder")

    def stop(self):
        if self._process:
            self._process.kill()
            self._process.wait()
        self._process = None


@pytest.fixture
def site(tmp_path):
    """A certificate that names a responder, and that responder, which is not started."""
    port = ports.free()
    (tmp_path / "ext").write_text(f"subjectAltName=DNS:{NAME}\n"
                                  f"authorityInfoAccess=OCSP;URI:http://127.0.0.1:{port}\n")
    _openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
             "-keyout", tmp_path / "ca.key", "-out", tmp_path / "ca.pem", "-subj", "/CN=authority",
             "-days", "2")
    _openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout",
             tmp_path / "site.key", "-out", tmp_path / "site.csr", "-subj", "/CN=site")
    _openssl("x509", "-req", "-in", tmp_path / "site.csr", "-CA", tmp_path / "ca.pem", "-CAkey",
             tmp_path / "ca.key", "-set_serial", "0x1234", "-days", "2", "-extfile",
             tmp_path / "ext", "-out", tmp_path / "leaf.pem")
    (tmp_path / "site.pem").write_text("".join(
        (tmp_path / name).read_text() for name in ("site.key", "leaf.pem", "ca.pem")))
    responder = Responder(tmp_path, tmp_path / "ca.pem", tmp_path / "ca.key", port)
    yield responder
    responder.stop()


def staple(port):
    """What openssl says of the staple: `good`, `revoked`, or None without one."""
    said = subprocess.run(["openssl", "s_client", "-connect", f"127.0.0.1:{port}", "-servername",
                           NAME, "-status"], input="", text=True, capture_output=True,
                          timeout=20).stdout
    found = re.search(r"Cert Status: (\w+)", said)
    return found[1] if found else None


def _edge(weir, site):
    return weir.edge(SITE.format(folder=site.folder, name=NAME))


def test_the_answer_is_stapled(weir, site):
    site.know("1234")
    edge = _edge(weir, site)
    wait.until(lambda: staple(edge.port) == "good", lambda: f"a staple:\n{edge.log()}")
    kept = list((edge.folder / ".weir/certificates").glob("ocsp-*.der"))
    assert len(kept) == 1
    site.stop()
    assert edge.stop() == 0
    edge.start()
    assert staple(edge.port) == "good"  # the one that was kept


def test_a_responder_that_is_away_is_told_and_asked_again(weir, site):
    edge = _edge(weir, site)
    edge.wait_for_log(f"no OCSP answer for {NAME}: 127.0.0.1")
    assert staple(edge.port) is None
    site.know("1234")
    wait.until(lambda: staple(edge.port) == "good", "a staple", deadline_s=40)


def test_one_that_was_revoked_is_told(weir, site):
    site.know("1234", revoked=True)
    edge = _edge(weir, site)
    edge.wait_for_log(f"the certificate for {NAME} has been revoked by its authority")
    wait.until(lambda: staple(edge.port) == "revoked", "the staple")


def test_a_word_of_somebody_else_is_not_stapled(weir, site, tmp_path):
    _openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
             "-keyout", tmp_path / "other.key", "-out", tmp_path / "other.pem", "-subj",
             "/CN=authority", "-days", "2")
    other = Responder(tmp_path, tmp_path / "other.pem", tmp_path / "other.key", site.port)
    try:
        other.know("1234")
        edge = _edge(weir, site)
        edge.wait_for_log("cannot be used: ")
        assert staple(edge.port) is None
    finally:
        other.stop()


def test_without_a_certificate_its_word_goes(weir, site):
    site.know("1234")
    edge = _edge(weir, site)
    folder = edge.folder / ".weir/certificates"
    wait.until(lambda: list(folder.glob("ocsp-*.der")), "the answer")
    edge.write(SITE.format(folder=site.folder, name=NAME).replace(
        f"{{ certificate: {site.folder}/site.pem }}", "internal"))
    assert weir.run("reload", "-f", edge.file).code == 0
    wait.until(lambda: not list(folder.glob("ocsp-*.der")) and
               (folder / "state.json").exists(), "the answer to go")


@pytest.mark.skipif(not os.path.exists(acme.PEBBLE), reason="pebble is not installed")
def test_a_managed_one_that_was_revoked_is_replaced(weir, tmp_path):
    place = Place(tmp_path)
    port = ports.free()
    with acme.Authority(place.http, ocsp_url=f"http://127.0.0.1:{port}") as authority:
        responder = Responder(tmp_path, authority.intermediate(), authority.intermediate_key(), port)
        try:
            edge = weir.edge(place.text(authority), environment=place.environment)
            first = await_certificate(edge, place, root=authority.root())
            responder.know(serial_of(first), revoked=True)
            second = await_certificate(edge, place, root=authority.root(), other_than=first)
            assert "the authority has revoked the certificate; another one is got" in edge.log()
            responder.know(serial_of(second))
            wait.until(lambda: staple(place.https) == "good", "a good staple", deadline_s=40)
        finally:
            responder.stop()


def serial_of(der):
    said = _openssl("x509", "-inform", "DER", "-noout", "-serial", input=der).decode()
    return said.strip().partition("=")[2]

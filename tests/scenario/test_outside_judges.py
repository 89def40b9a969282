"""
What others say of HTTPS as it comes: testssl.sh, and a browser. Long, and their packages are large:
for ./dev soak.
"""
import contextlib
import json
import os
import signal
import subprocess

import pytest

from harness import certificates, wait
from test_websocket import Echo

pytestmark = [pytest.mark.soak, pytest.mark.limit(400)]

WORSE = ("MEDIUM", "HIGH", "CRITICAL", "FATAL")
# What is the certificate's, made here by an authority that nobody knows, or the application's.
NOT_OURS = ("cert_chain_of_trust", "cert_revocation", "DNS_CAArecord", "security_headers")

# Tells what it has seen by asking for a path of that name.
PAGE = """<!doctype html><title>t</title>
<script>
const tell = text => fetch('/told/' + text);
tell(performance.getEntriesByType('navigation')[0].nextHopProtocol);
const socket = new WebSocket('wss://' + location.host + '/socket');
socket.onopen = () => socket.send('hello');
socket.onmessage = event => tell('heard-' + event.data);
socket.onerror = () => tell('no-socket');
</script>
"""


@pytest.fixture(scope="module")
def authority():
    made = certificates.Authority()
    yield made
    made.close()


def _edge(weir, authority, rules, more="", days=90):
    chain, key = authority.make("a.test", days=days)
    return weir.edge(f"""
listeners: {{ https: {{ address: "127.0.0.1:@PORT@", tls: {{ certificate: {chain}, key: {key} }} }} }}
access_log: {{ format: json, path: "@FOLDER@/access.log" }}
sites: {{ a: {{ domains: a.test, hsts: true, rules: {rules} }} }}
{more}
""")


def test_testssl_has_nothing_to_say(weir, authority, tmp_path):
    edge = _edge(weir, authority, "[ { respond: hello } ]")
    told = tmp_path / "told.json"
    result = subprocess.run(
        ["testssl", "--quiet", "--color", "0", "--warnings", "off", "--ip", "127.0.0.1",
         "--add-ca", str(authority.certificate), "--jsonfile", str(told),
         f"https://a.test:{edge.port}/"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        timeout=350)
    findings = json.loads(told.read_text())
    assert len(findings) > 80, result.stdout
    bad = [(one["id"], one["severity"], one["finding"]) for one in findings
           if one["severity"] in WORSE and not one["id"].startswith(NOT_OURS)]
    assert not bad


def _trust(home, authority):
    """In the store that Chromium asks."""
    store = home / ".pki/nssdb"
    store.mkdir(parents=True)
    for arguments in (["-N", "--empty-password"],
                      ["-A", "-t", "C,,", "-n", "test", "-i", str(authority.certificate)]):
        subprocess.run(["certutil", "-d", f"sql:{store}", *arguments], check=True)


@contextlib.contextmanager
def _browser(home, url):
    """Chromium at that page."""
    with subprocess.Popen(
            ["chromium", "--headless", "--no-sandbox", "--disable-gpu", "--remote-debugging-port=0",
             "--host-resolver-rules=MAP a.test 127.0.0.1", url],
            env={**os.environ, "HOME": str(home)}, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL, start_new_session=True) as process:
        try:
            yield
        finally:
            os.killpg(process.pid, signal.SIGKILL)


def _log(edge):
    path = edge.folder / "access.log"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def test_a_browser_speaks_http_2_and_websocket_within_it(weir, authority, tmp_path):
    server = Echo()
    www = tmp_path / "www"
    www.mkdir()
    (www / "index.html").write_text(PAGE)
    edge = _edge(weir, authority,
                 f"[ {{ match: {{ path: /socket }}, forward: echo }}, {{ files: {www} }} ]",
                 f'target_groups: {{ echo: {{ targets: ["{server.address}"] }} }}')
    home = tmp_path / "home"
    _trust(home, authority)

    def told():
        return {line["path"][6:] for line in _log(edge) if line["path"].startswith("/told/")}
    with _browser(home, f"https://a.test:{edge.port}/"):
        wait.until(lambda: len(told()) >= 2, "the page's word", deadline_s=60)
    # The WebSocket's line is written when it ends.
    wait.until(lambda: any(line["path"] == "/socket" for line in _log(edge)), "the socket's end")
    server.close()
    assert told() == {"h2", "heard-hello"}
    assert {line["protocol"] for line in _log(edge)} == {"HTTP/2.0"}  # by RFC 8441


def test_a_browser_does_not_go_on_without_trust(weir, authority, tmp_path):
    edge = _edge(weir, authority, "[ { respond: secret } ]")

    def broken_off():
        return sum(value for name, value in edge.metrics().items()
                   if name.startswith("weir_tls_handshakes_failed_total"))
    with _browser(tmp_path, f"https://a.test:{edge.port}/"):
        wait.until(lambda: broken_off() > 0, "a handshake that the browser breaks off",
                   deadline_s=60)
    assert not _log(edge)

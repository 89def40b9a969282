"""`weir trust`: the local authority in the stores of the system and of browsers."""
import os
import pathlib
import subprocess

import pytest

from harness import curl

SITE = """\
listeners: { https: { address: "127.0.0.1:@PORT@", tls: internal } }
workers: 1
access_log: off
sites:
  notes: { domains: [notes.localhost], respond: "hello" }
"""
OPEN = SITE.replace("[notes.localhost]", "[notes.localhost, shop.example.com]")

is_root = os.geteuid() == 0
needs_root = pytest.mark.skipif(not is_root, reason="the system's store is root's")
needs_certutil = pytest.mark.skipif(not os.path.exists("/usr/bin/certutil"),
                                    reason="libnss3-tools is not installed")


def _database(folder):
    folder.mkdir(parents=True)
    subprocess.run(["certutil", "-N", "-d", f"sql:{folder}", "--empty-password"], check=True)
    return folder


def _names(folder):
    listed = subprocess.run(["certutil", "-L", "-d", f"sql:{folder}"], check=True, text=True,
                            capture_output=True).stdout
    return [line for line in listed.split("\n") if line.startswith("Weir")]


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("SUDO_USER", raising=False)
    return tmp_path


def _trust(weir, edge, *more):
    return weir.run("trust", "-f", edge.file, *more)


@needs_root
def test_clients_of_the_system_believe_it(weir, home):
    edge = weir.edge(SITE)
    url = f"https://notes.localhost:{edge.port}/"
    lead = ("--resolve", f"notes.localhost:{edge.port}:127.0.0.1")
    assert curl.get(url, *lead).code == 60
    try:
        result = _trust(weir, edge)
        assert result.code == 0, result.stderr
        assert "the system (curl, wget, Python and others): trusted" in result.stdout
        answer = curl.get(url, *lead)
        assert (answer.code, answer.body) == (0, b"hello")
        assert _trust(weir, edge).code == 0  # again
    finally:
        result = _trust(weir, edge, "--remove")
    assert result.code == 0 and "removed" in result.stdout
    assert curl.get(url, *lead).code == 60
    assert not list(pathlib.Path("/usr/local/share/ca-certificates").glob("weir-*"))


@needs_certutil
@needs_root
def test_browsers_believe_it(weir, home):
    chromium = _database(home / ".pki/nssdb")
    firefox = _database(home / ".mozilla/firefox/abc.default")
    edge = weir.edge(SITE)
    try:
        result = _trust(weir, edge)
        assert result.code == 0, result.stderr
        assert "Chromium: trusted" in result.stdout
        assert "Firefox (abc.default): trusted" in result.stdout
        for folder in (chromium, firefox):
            assert len(_names(folder)) == 1 and "C,," in _names(folder)[0]
        leaf = home / "leaf.pem"
        pem = next((edge.folder / ".weir/certificates").glob("notes*.pem")).read_text()
        leaf.write_text(pem[pem.index("-----BEGIN CERTIFICATE"):])
        subprocess.run(["certutil", "-A", "-d", f"sql:{chromium}", "-t", ",,", "-n", "leaf", "-i",
                        leaf], check=True)
        subprocess.run(["certutil", "-V", "-d", f"sql:{chromium}", "-n", "leaf", "-u", "V"],
                       check=True)
    finally:
        result = _trust(weir, edge, "--remove")
    assert result.code == 0
    assert not _names(chromium) and not _names(firefox)


def test_an_authority_for_other_names_goes_with_it(weir, home):
    edge = weir.edge(OPEN)
    exported = _trust(weir, edge, "--export").stdout
    assert exported.count("BEGIN CERTIFICATE") == 2
    roots = edge.folder / "roots.pem"
    roots.write_text(exported)
    for name in ("notes.localhost", "shop.example.com"):
        answer = curl.get(f"https://{name}:{edge.port}/", "--cacert", roots,
                          "--resolve", f"{name}:{edge.port}:127.0.0.1")
        assert (answer.code, answer.body) == (0, b"hello")


def test_it_is_exported_before_weir_ever_ran(weir, home, tmp_path):
    folder = tmp_path / "app"
    folder.mkdir()
    (folder / "weir.yaml").write_text("sites: { a: { respond: 200 } }\n")
    first = weir.run("trust", "--export", folder=folder)
    assert first.code == 0 and first.stdout.startswith("-----BEGIN CERTIFICATE-----\n")
    assert "PRIVATE" not in first.stdout
    assert weir.run("trust", "--export", folder=folder).stdout == first.stdout
    assert (folder / ".weir/.gitignore").exists()
    text = subprocess.run(["openssl", "x509", "-noout", "-text"], input=first.stdout, text=True,
                          capture_output=True, check=True).stdout
    assert "CA:TRUE, pathlen:0" in text and "DNS:localhost" in text


def test_nothing_to_remove_is_said(weir, home, tmp_path):
    folder = tmp_path / "app"
    folder.mkdir()
    (folder / "weir.yaml").write_text("sites: { a: { respond: 200 } }\n")
    result = weir.run("trust", "--remove", folder=folder)
    assert result.code == 0 and "there is no authority in" in result.stdout


@needs_root
def test_without_root_it_says_what_to_do(weir, home, tmp_path):
    """As nobody, who has no rights to the system's store."""
    folder = pathlib.Path("/tmp") / f"weir-trust-{os.getpid()}"
    folder.mkdir()
    try:
        (folder / "weir.yaml").write_text("sites: { a: { respond: 200 } }\n")
        os.chown(folder, 65534, 65534)
        program = os.environ.get("WEIR", "build/weir")
        result = subprocess.run(
            ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", program, "trust"],
            cwd=folder, capture_output=True, text=True, timeout=30,
            env={**os.environ, "HOME": str(folder)})
        assert result.returncode == 1
        assert "only root may change it: run the same with sudo" in result.stderr
    finally:
        subprocess.run(["rm", "-r", folder], check=True)

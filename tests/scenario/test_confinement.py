"""What the edge can no longer do, seen from outside and tried from inside."""
import contextlib
import os
import pathlib
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile

import pytest

from harness import curl, ports, wait
from harness.weir import WEIR

TEXT = """\
{user}
listeners: {{ http: {{ address: "127.0.0.1:@PORT@" }} }}
access_log: {log}
sites: {{ all: {{ files: {root} }} }}
"""

root_only = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")


def _text(root, user="", log="off"):
    return TEXT.format(root=root, user=f"user: {user}" if user else "", log=log)


def _status_of(pid):
    lines = pathlib.Path(f"/proc/{pid}/status").read_text().split("\n")
    return dict(line.split(":\t", 1) for line in lines if ":\t" in line)


@pytest.fixture
def www():
    """A folder that everybody may read, which pytest's own is not."""
    top = pathlib.Path(tempfile.mkdtemp(prefix="weir-www-"))
    top.chmod(0o755)
    folder = top / "site" / "www"
    folder.mkdir(parents=True)
    (folder / "index.html").write_text("hello")
    yield folder
    shutil.rmtree(top)


def test_the_edge_can_gain_no_rights_and_is_filtered(weir, www):
    edge = weir.edge(_text(www))
    assert curl.get(edge.url("/")).body == b"hello"
    status = _status_of(edge.status()["pid"])
    assert status["NoNewPrivs"] == "1"
    assert status["Seccomp"] == "2"
    # CAP_DAC_OVERRIDE and CAP_DAC_READ_SEARCH at most, and only where root started it.
    assert int(status["CapEff"], 16) & ~0b110 == 0
    assert int(status["CapPrm"], 16) & ~0b110 == 0


def test_the_supervisor_is_not_confined(weir, www):
    edge = weir.edge(_text(www))
    assert _status_of(edge.process.pid)["Seccomp"] == "0"


@root_only
def test_root_s_edge_becomes_the_user_that_is_named(weir, www):
    edge = weir.edge(_text(www, user="nobody"))
    assert curl.get(edge.url("/")).body == b"hello"
    status = _status_of(edge.status()["pid"])
    nobody = str(pwd.getpwnam("nobody").pw_uid)
    assert status["Uid"].split() == [nobody] * 4
    assert int(status["CapEff"], 16) == 0


@root_only
def test_what_that_user_may_not_read_is_forbidden(weir, www):
    (www / "secret.txt").write_text("x")
    (www / "secret.txt").chmod(0o600)
    edge = weir.edge(_text(www, user="nobody"))
    assert curl.get(edge.url("/secret.txt")).status == 403


@root_only
def test_a_user_that_is_not_there_is_told(weir, www):
    result = weir.run("edge", text=_text(www, user="nobody-at-all").replace("@PORT@", str(ports.free())))
    assert result.code == 1
    assert 'there is no user "nobody-at-all" on this machine' in result.stderr


@root_only
def test_a_log_is_reopened_for_an_edge_that_could_not_open_it(weir, www):
    edge = weir.edge(_text(www, user="nobody", log="json"))
    path = edge.folder / ".weir/access.log"
    curl.get(edge.url("/one"))
    wait.until(lambda: "/one" in path.read_text(), "the first line")
    path.rename(path.with_suffix(".old"))
    edge.signal(signal.SIGUSR1)
    wait.until(path.exists, "the new log")
    curl.get(edge.url("/two"))
    wait.until(lambda: "/two" in path.read_text(), "the second line")


def test_a_folder_that_leads_elsewhere_is_not_served_until_a_reload(weir, www, tmp_path):
    elsewhere = tmp_path / "else" / "where"
    elsewhere.mkdir(parents=True)
    (elsewhere / "index.html").write_text("elsewhere")
    link = www.parent / "current"
    link.symlink_to(www)
    edge = weir.edge(_text(link))
    assert curl.get(edge.url("/")).body == b"hello"
    # Another release beside the first is one that the user turns the link to: it is served.
    second = www.parent / "second"
    second.mkdir()
    (second / "index.html").write_text("second")
    link.unlink()
    link.symlink_to(second)
    wait.until(lambda: curl.get(edge.url("/")).body == b"second", "the second release")
    link.unlink()
    link.symlink_to(elsewhere)
    wait.until(lambda: curl.get(edge.url("/")).status == 403, "the refusal")


def test_a_reload_that_serves_another_folder_is_another_process(weir, www, tmp_path):
    other = tmp_path / "other" / "www"
    other.mkdir(parents=True)
    (other / "index.html").write_text("other")
    edge = weir.edge(_text(www))
    pid = edge.status()["pid"]
    edge.write(_text(other))
    assert weir.run("reload", "-f", edge.file).code == 0
    assert curl.get(edge.url("/")).body == b"other"
    assert edge.status()["pid"] != pid
    assert "another folder is served" in edge.log()


ESCAPES = ["exec", "fork", "ptrace", "mount", "setuid", "open-outside", "write-inside",
           "make-executable", "signal-parent", "raw-socket", "io-uring", "unshare", "bpf"]
PROGRAM = pathlib.Path(WEIR).parent / "tests/confine/escape"
built = pytest.mark.skipif(not PROGRAM.exists(), reason="not in a sanitized tree")


def _confined(www, what):
    return subprocess.run([PROGRAM, www, what], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          timeout=20, text=True)


@built
def test_a_program_that_is_confined_as_the_edge_is_can_serve(www):
    result = _confined(www, "serve")
    assert result.returncode == 0, result.stderr


@built
@pytest.mark.parametrize("escape", ESCAPES)
def test_a_program_that_is_confined_as_the_edge_is_cannot(escape, www):
    result = _confined(www, escape)
    assert result.returncode in (0, -signal.SIGSYS), (result.returncode, result.stderr)
    assert result.returncode != 0 or "refused" in result.stdout
    assert "escaped" not in result.stdout
    assert os.listdir(www) == ["index.html"]


NAMED = """\
listeners: { http: { address: "127.0.0.1:@PORT@" } }
workers: 1
access_log: off
sites:
  all: { forward: api }
target_groups:
  api: { targets: ["app.example:80"] }
"""
# An address of its own, so that whoever else answers to names here is not in the way.
NAME_SERVER = ("127.77.0.53", 53)


def _numbers_of_questions(weir, questions):
    """Of the first two that a fresh edge asks the name server."""
    edge = weir.edge(NAMED)
    numbers = [questions.recv(512)[:2] for _ in range(2)]
    edge.stop()
    questions.setblocking(False)
    with contextlib.suppress(BlockingIOError):
        while questions.recv(512):
            pass
    questions.settimeout(20)
    return numbers


@pytest.mark.skipif(os.geteuid() != 0 or subprocess.run(["unshare", "-m", "true"]).returncode != 0,
                    reason="needs a mount namespace, for another /etc/resolv.conf")
def test_the_numbers_of_questions_for_names_cannot_be_foreseen(weir, tmp_path, monkeypatch):
    (tmp_path / "resolv.conf").write_text(f"nameserver {NAME_SERVER[0]}\n")
    program = tmp_path / "weir"
    program.write_text(f"""#!/bin/sh
exec unshare -m sh -c 'mount --bind {tmp_path}/resolv.conf /etc/resolv.conf && exec "$@"' \
weir {WEIR} "$@"
""")
    program.chmod(0o755)
    monkeypatch.setattr("harness.weir.WEIR", str(program))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as questions:
        questions.bind(NAME_SERVER)
        questions.settimeout(20)
        assert _numbers_of_questions(weir, questions) != _numbers_of_questions(weir, questions)

"""Ends and kills at the worst moment: while an edge starts, in a take-over, and strangers at the
socket of the supervisor."""
import contextlib
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess

import pytest

from harness import curl, wait
from harness.weir import WEIR

# Its name is looked up in vain before the edge says that it is ready: half a second to act in.
SLOW_START = """\
listeners: {{ http: {{ address: "127.0.0.1:@PORT@" }}{listener} }}
workers: {workers}
access_log: {log}
sites:
  all:
    rules:
      - match: {{ path: /version }}
        respond: "{version}"
      - forward: api
target_groups:
  api: {{ targets: ["nowhere.invalid:1"] }}
"""


def _file(version, workers=1, log="off", listener=""):
    return SLOW_START.format(version=version, workers=workers, log=log, listener=listener)


def _version(edge):
    return curl.get(edge.url("/version")).body.decode()


def _edges(edge):
    """The pids of the edge processes of this folder, whoever their parent is."""
    found = set()
    for folder in pathlib.Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            words = (folder / "cmdline").read_bytes().split(b"\0")
            if words[1:3] == [b"edge-process", str(edge.file).encode()]:
                found.add(int(folder.name))
    return found


def _catch_new_edge(edge, old):
    """The next edge process, stopped by a signal, most often before it says that it is ready."""
    new = wait.until(lambda: _edges(edge) - {old}, "the new edge", pause_s=0.001).pop()
    os.kill(new, signal.SIGSTOP)
    return new


def _begin_takeover(edge):
    """Asks for version two in a new edge; returns the pids of the old one and the new one, which
    waits for SIGCONT."""
    for workers in range(2, 12):
        old = edge.status()["pid"]
        edge.write(_file("two", workers=workers))
        edge.signal(signal.SIGHUP)
        new = _catch_new_edge(edge, old)
        if f"edge {new} takes over" not in edge.log():
            return old, new
        os.kill(new, signal.SIGCONT)  # we came too late
        wait.until(lambda: _edges(edge) == {new}, "the old edge to end")
    raise AssertionError("each take-over was over before it could be looked at")


def test_a_stop_in_a_takeover_ends_both_edges(weir):
    edge = weir.edge(_file("one"))
    _begin_takeover(edge)
    assert edge.stop() == 0
    assert _edges(edge) == set()


def test_a_stop_while_the_first_edge_starts_ends_it(weir):
    edge = weir.edge(_file("one"))
    edge.stop()
    process = subprocess.Popen([WEIR, "edge", "-f", edge.file], stderr=subprocess.DEVNULL)
    wait.until(lambda: _edges(edge), "the edge")
    process.terminate()
    assert process.wait(20) == 0
    assert _edges(edge) == set()


def test_an_edge_that_is_killed_in_a_takeover_leaves_one_successor(weir):
    edge = weir.edge(_file("one"))
    old, new = _begin_takeover(edge)
    os.kill(old, signal.SIGKILL)
    wait.until(lambda: re.search("ended with signal 9|takes over", edge.log()), "the kill's effect")
    os.kill(new, signal.SIGCONT)
    wait.until(lambda: _version(edge) == "two", "the new edge to serve")
    wait.until(lambda: "takes over" in edge.log(), "the end of the take-over")
    wait.until(lambda: _edges(edge) == {new}, lambda: f"{new} to be the only edge: {_edges(edge)}")
    edge.write(_file("three"))
    assert weir.run("reload", "-f", edge.file).code == 0
    assert _version(edge) == "three"


def test_a_supervisor_killed_in_a_takeover_leaves_nothing_unknown(weir):
    edge = weir.edge(_file("one"))
    _, new = _begin_takeover(edge)
    edge.kill()
    os.kill(new, signal.SIGCONT)
    edge.start()
    wait.until(lambda: _version(edge) == "two", "the file's version")
    wait.until(lambda: len(_edges(edge)) == 1, lambda: f"a single edge, not {_edges(edge)}")
    edge.write(_file("three"))
    assert weir.run("reload", "-f", edge.file).code == 0
    assert _version(edge) == "three"
    assert edge.stop() == 0
    assert _edges(edge) == set()


def test_a_supervisor_killed_while_an_edge_comes_back_can_be_started_again(weir):
    edge = weir.edge(_file("one"))
    old = edge.status()["pid"]
    os.kill(old, signal.SIGKILL)
    new = _catch_new_edge(edge, old)
    edge.kill()
    is_noted = f"edge {new} " in (edge.folder / ".weir/edge.note").read_text()
    os.kill(new, signal.SIGCONT)
    wait.until(lambda: is_noted or not _edges(edge), "the edge that nobody knows to end")
    edge.start()
    assert _version(edge) == "one"
    assert edge.stop() == 0
    assert _edges(edge) == set()


def test_an_edge_is_adopted_after_a_takeover_that_failed(weir):
    edge = weir.edge(_file("one"))
    pid = edge.status()["pid"]
    edge.write(_file("two", workers=2, log='{ path: "@FOLDER@/nowhere/access.log" }'))
    result = weir.run("reload", "-f", edge.file)
    assert result.code == 1
    assert "nowhere/access.log: No such file or directory; make its folder first" in result.stderr
    edge.write(_file("three"))
    edge.kill()
    edge.start()
    assert edge.status()["pid"] == pid
    wait.until(lambda: _version(edge) == "three", "the file's version")


def test_a_stranger_at_the_supervisor_s_socket_does_no_lasting_harm(weir):
    edge = weir.edge(_file("one"))
    path = str(edge.folder / ".weir/supervisor.sock")
    for words in (b"", b"junk\n", b"apply\n", b"apply\nx\ny\n", b"log\n", b"told\nok\nx",
                  b"\n" * 4000, b"j" * 100_000, b"adopt\n", b"told\n"):
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as stranger:
            stranger.connect(path)
            if words:
                with contextlib.suppress(OSError):
                    stranger.send(words)
    edge.write(_file("two"))
    result = weir.run("reload", "-f", edge.file)
    assert result.code == 0, result.stderr
    assert _version(edge) == "two"


def test_an_edge_is_back_although_the_state_folder_was_cleared_away(weir):
    edge = weir.edge(_file("one"))
    old = edge.status()["pid"]
    shutil.rmtree(edge.folder / ".weir")
    os.kill(old, signal.SIGKILL)
    wait.until(lambda: _edges(edge) - {old}, "the next edge")
    wait.until(lambda: _version(edge) == "one", "an answer")
    assert (edge.folder / ".weir").stat().st_mode & 0o777 == 0o700


def _fill(folder):
    with contextlib.suppress(OSError):
        for number in range(100):
            (folder / f"full-{number}").touch()


def _can_mount():
    return os.geteuid() == 0 and subprocess.run(["unshare", "-m", "true"]).returncode == 0


@pytest.mark.skipif(not _can_mount(), reason="mounts a file system that is soon full")
def test_an_edge_is_back_although_the_state_folder_is_full(weir):
    edge = weir.edge(_file("one"))
    edge.stop()
    state = edge.folder / ".weir"
    subprocess.run(["mount", "-t", "tmpfs", "-o", "nr_inodes=30", "full", state], check=True)
    try:
        edge.start()
        old = edge.status()["pid"]
        _fill(state)
        os.kill(old, signal.SIGKILL)
        wait.until(lambda: _edges(edge) - {old}, "the next edge")
        wait.until(lambda: _version(edge) == "one", "an answer")
        edge.stop()
    finally:
        subprocess.run(["umount", "-l", state], check=True)


UP = """\
listeners: {{ http: {{ address: "127.0.0.1:@PORT@" }} }}
workers: 1
access_log: off
sites:
  all: {{ respond: "{version}" }}
services:
  idle: {{ command: "exec sleep 1000", tasks: 1 }}
"""


def _control(edge):
    children = pathlib.Path(f"/proc/{edge.process.pid}/task/{edge.process.pid}/children")
    for pid in children.read_text().split():
        with contextlib.suppress(OSError):
            if b"control-process" in pathlib.Path(f"/proc/{pid}/cmdline").read_bytes():
                return int(pid)
    return None


def test_a_takeover_does_not_wait_for_a_control_that_crashed(weir):
    edge = weir.up(UP.format(version="one"))
    for _ in range(5):  # the next one is waited for longer each time
        os.kill(wait.until(lambda: _control(edge), "control"), signal.SIGKILL)
        wait.until(lambda: _control(edge) is None, "its end")
    pid = edge.status()["pid"]
    edge.signal(signal.SIGUSR2)
    wait.until(lambda: edge.status()["pid"] != pid, "the new edge")
    wait.until(lambda: _control(edge), "the next control")


def test_a_takeover_wakes_a_control_that_was_stopped(weir):
    edge = weir.up(UP.format(version="one"))
    os.kill(wait.until(lambda: _control(edge), "control"), signal.SIGSTOP)
    pid = edge.status()["pid"]
    edge.signal(signal.SIGUSR2)
    wait.until(lambda: edge.status()["pid"] != pid, "the new edge")


@pytest.mark.soak
@pytest.mark.limit(150)
def test_an_edge_that_does_not_answer_is_replaced_by_a_reload(weir):
    edge = weir.edge(_file("one"))
    old = edge.status()["pid"]
    os.kill(old, signal.SIGSTOP)
    edge.write(_file("two"))
    edge.signal(signal.SIGHUP)
    wait.until(lambda: _edges(edge) - {old}, "the new edge", deadline_s=60)
    wait.until(lambda: _edges(edge) - {old} == _edges(edge), "the old one to end", deadline_s=60)
    assert _version(edge) == "two"

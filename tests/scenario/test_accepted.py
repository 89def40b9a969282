"""What was accepted last outlives a refused reload, a crash of the edge and a kill of all."""
import os
import signal
import socket
import subprocess

import pytest

from harness import curl, ports, wait
from harness.weir import WEIR

SITE = """\
listeners: {{ http: {{ address: "127.0.0.1:@PORT@" }}{more} }}
workers: 1
access_log: off
sites:
  all: {{ respond: "{version}" }}
"""


def _site(version, more=""):
    return SITE.format(version=version, more=more)


def _version(edge):
    answer = curl.get(edge.url())
    return answer.body.decode() if answer.code == 0 else None


def _kept(edge):
    return edge.folder / ".weir/accepted.yaml"


def _kill_edge(edge):
    pid = edge.status()["pid"]
    os.kill(pid, signal.SIGKILL)
    wait.until(lambda: not os.path.exists(f"/proc/{pid}"), "its end")


def _kill_all(edge):
    pid = edge.status()["pid"]
    edge.kill()
    os.kill(pid, signal.SIGKILL)
    wait.until(lambda: not os.path.exists(f"/proc/{pid}"), "the edge's end")


@pytest.fixture
def taken_port():
    with socket.create_server(("127.0.0.1", 0)) as other:
        yield other.getsockname()[1]


def test_an_adopted_edge_that_crashes_comes_back_with_what_was_accepted(weir, taken_port):
    edge = weir.edge(_site("one"))
    edge.kill()
    # The text is right, but what it asks for cannot be had.
    edge.write(_site("two", f', more: {{ address: "127.0.0.1:{taken_port}" }}'))
    edge.start()
    edge.wait_for_log("not reloaded, what runs goes on")
    _kill_edge(edge)
    wait.until(lambda: _version(edge) == "one", "the accepted text")
    edge.write(_site("three"))
    assert weir.run("reload", "-f", edge.file).code == 0
    assert _version(edge) == "three"


def test_a_wrong_file_does_not_keep_what_served_from_coming_back(weir):
    edge = weir.edge(_site("one"))
    _kill_all(edge)
    edge.write("nonsense: 1\n")
    edge.start()
    assert _version(edge) == "one"
    said = edge.log()
    assert 'weir.yaml:1:1: error: there is no "nonsense" here' in said or \
        "weir.yaml:1:1: error" in said, said
    assert "what runs is the text that was accepted last, on " in said
    assert weir.run("reload", "-f", edge.file).code == 1
    assert _version(edge) == "one"
    edge.write(_site("two"))
    assert weir.run("reload", "-f", edge.file).code == 0
    assert _version(edge) == "two"


def test_an_edge_is_adopted_although_the_file_is_wrong_or_gone(weir):
    edge = weir.edge(_site("one"))
    pid = edge.status()["pid"]
    for spoil in (lambda: edge.write("nonsense: 1\n"), edge.file.unlink):
        edge.kill()
        spoil()
        edge.start()
        assert edge.status()["pid"] == pid
        assert "what runs is the text that was accepted last" in edge.log()
    _kill_edge(edge)
    wait.until(lambda: _version(edge) == "one", "the accepted text")


def test_a_right_file_is_preferred_where_nothing_serves(weir):
    edge = weir.edge(_site("one"))
    _kill_all(edge)
    edge.write(_site("two"))
    edge.start()
    assert _version(edge) == "two"
    assert '"two"' in _kept(edge).read_text()


def test_the_first_start_with_a_wrong_file_fails_and_one_after_an_orderly_end(weir):
    assert weir.run("edge", text="nonsense: 1\n").code == 1
    edge = weir.edge(_site("one"))
    assert edge.stop() == 0
    assert not _kept(edge).exists()
    edge.write("nonsense: 1\n")
    result = weir.run("edge", "-f", edge.file)
    assert result.code == 1
    assert "weir.yaml:1:1: error" in result.stderr


def test_the_accepted_text_is_its_owner_s_alone_and_changes_with_a_reload_only(weir):
    edge = weir.edge(_site("one"))
    first = _kept(edge).stat()
    assert first.st_mode & 0o777 == 0o600
    assert _kept(edge).read_text() == edge.file.read_text()
    assert weir.run("reload", "-f", edge.file).code == 0
    assert _kept(edge).stat().st_mtime_ns == first.st_mtime_ns
    edge.write("nonsense: 1\n")
    assert weir.run("reload", "-f", edge.file).code == 1
    assert '"one"' in _kept(edge).read_text()
    edge.write(_site("two"))
    assert weir.run("reload", "-f", edge.file).code == 0
    assert '"two"' in _kept(edge).read_text()


def test_down_forgets_what_a_killed_one_had_accepted(weir):
    edge = weir.edge(_site("one"))
    _kill_all(edge)
    assert weir.run("down", "-f", edge.file).code == 0
    assert not _kept(edge).exists()


def test_what_a_kill_left_of_a_write_is_cleared_away(weir):
    edge = weir.edge(_site("one"))
    edge.stop()
    state = edge.folder / ".weir"
    for name in ("edge.note.a1B2c3", "accepted.yaml.abcdef"):
        (state / name).write_text("x")
    (state / "edge.note.mine").write_text("x")
    edge.start()
    assert {path.name for path in state.glob("*.*.*")} - {"supervisor.sock.new"} == \
        {"edge.note.mine"}


def test_an_edge_that_does_not_answer_stays_known_to_down(weir):
    edge = weir.edge(_site("one"))
    pid = edge.status()["pid"]
    edge.kill()
    (edge.folder / ".weir/supervisor.sock").unlink()
    result = weir.run("edge", "-f", edge.file)
    assert result.code == 1
    assert "does not answer" in result.stderr
    assert weir.run("down", "-f", edge.file).code == 0
    wait.until(lambda: not os.path.exists(f"/proc/{pid}"), "its end")


@pytest.mark.parametrize("root,state,is_shown", [
    (".", "state", True), ("www", "www/a/state", True), ("www", "www", True),
    (".", ".state", False), ("www", "www/.well-known", True), ("www", "www2/state", False)])
def test_a_state_folder_is_not_served(weir, tmp_path, root, state, is_shown):
    (tmp_path / "www/a").mkdir(parents=True)
    (tmp_path / "www2").mkdir()
    (tmp_path / "weir.yaml").write_text(
        f'listeners: {{ http: "127.0.0.1:{ports.free()}" }}\nsites: {{ s: {{ files: {root} }} }}\n')
    process = subprocess.Popen([WEIR, "edge", "--state", state], cwd=tmp_path, text=True,
                               stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    said = ""
    while "ready" not in said and (line := process.stdout.readline()):
        said += line
    process.terminate()
    assert process.wait(20) == (1 if is_shown else 0)
    assert ("lies in the folder that is served here" in said) == is_shown


def test_a_reload_does_not_serve_the_state_folder(weir):
    edge = weir.edge(_site("one"))
    edge.write(_site("two").replace('respond: "two"', "files: .weir"))
    result = weir.run("reload", "-f", edge.file)
    assert result.code == 1
    assert "lies in the folder that is served here" in result.stderr


def test_a_pipe_in_the_place_of_the_file_holds_up_nobody(weir):
    edge = weir.edge(_site("one"))
    edge.file.unlink()
    os.mkfifo(edge.file)
    edge.signal(signal.SIGHUP)
    edge.wait_for_log("it is no regular file")
    edge.file.unlink()
    edge.write(_site("two"))
    edge.signal(signal.SIGHUP)
    wait.until(lambda: _version(edge) == "two", "the next reload")

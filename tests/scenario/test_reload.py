"""Reloads and take-overs: what changes, what goes on, and that nobody is dropped."""
import http.client
import json
import os
import pathlib
import shutil
import signal
import socket
import threading

import pytest

from harness import curl, load, raw, wait
from harness.backends import Response
from harness.weir import WEIR

SITE = """\
listeners: {{ http: {{ address: "127.0.0.1:@PORT@" }} }}
workers: {workers}
access_log: off
sites:
  all:
    rules:
      - match: {{ path: /version }}
        respond: "{version}"
      - forward: api
target_groups:
  api: {{ targets: ["@api@"] }}
"""


def _site(version, workers=2):
    return SITE.format(version=version, workers=workers)


def _version(edge):
    return curl.get(edge.url("/version")).body.decode()


def _reload(weir, edge):
    return weir.run("reload", "-f", edge.file)


def test_a_reload_changes_the_answer_and_nothing_else(weir, backends):
    edge = weir.edge(_site("one"), api=backends.text("x"))
    pid = edge.status()["pid"]
    assert _version(edge) == "one"
    edge.write(_site("two"))
    assert _version(edge) == "one"
    result = _reload(weir, edge)
    assert result.code == 0, result.stderr
    assert "serves since now" in result.stdout
    assert _version(edge) == "two"
    assert edge.status()["pid"] == pid


def test_sighup_reloads(weir, backends):
    edge = weir.edge(_site("one"), api=backends.text("x"))
    edge.write(_site("two"))
    edge.signal(signal.SIGHUP)
    wait.until(lambda: _version(edge) == "two", "the new answer")


def test_a_wrong_file_changes_nothing_and_says_why(weir, backends):
    edge = weir.edge(_site("one"), api=backends.text("x"))
    edge.write(_site("two") + "\nsomething: else\n")
    result = _reload(weir, edge)
    assert result.code == 1
    assert 'weir.yaml:13:1: error: there is no "something" here' in result.stderr or \
        "weir.yaml:13:1: error" in result.stderr, result.stderr
    assert "nothing was changed" in result.stderr
    answer = edge.admin("/v1/reload", "POST")
    assert answer.status == 409
    assert "13:1" in json.loads(answer.body)["error"]
    edge.signal(signal.SIGHUP)
    edge.wait_for_log("not reloaded, what runs goes on")
    assert _version(edge) == "one"


def test_all_that_is_wrong_is_told_to_who_asked(weir, backends):
    edge = weir.edge(_site("one"), api=backends.text("x"))
    wrong = "".join(f"wrong{number}: x\n" for number in range(40))
    edge.write(_site("two") + wrong)
    result = _reload(weir, edge)
    assert result.code == 1
    assert result.stderr == weir.run("check", edge.file).stderr + \
        "weir reload: nothing was changed; what runs goes on\n"


def _await_taken(pid, number):
    """Until the process has taken the signal from its queue."""
    def is_taken():
        text = pathlib.Path(f"/proc/{pid}/status").read_text()
        waiting = [int(line.split()[1], 16) for line in text.split("\n")
                   if line.startswith(("SigPnd", "ShdPnd"))]
        return not any(mask >> (number - 1) & 1 for mask in waiting)
    wait.until(is_taken, "the signal to be heard", deadline_s=4, pause_s=0.001)


def test_an_edge_that_was_stopped_keeps_its_supervisor_from_no_signal(weir, backends):
    text = _site("one").replace("access_log: off", 'access_log: { path: "@FOLDER@/a.log" }')
    edge = weir.edge(text, api=backends.text("x"))
    pid = edge.status()["pid"]
    os.kill(pid, signal.SIGSTOP)
    for _ in range(400):  # more than the socket of messages takes
        edge.signal(signal.SIGUSR1)
        _await_taken(edge.process.pid, signal.SIGUSR1)
    os.kill(pid, signal.SIGCONT)
    edge.write(_site("two"))
    assert _reload(weir, edge).code == 0
    assert _version(edge) == "two"


def test_a_reload_without_weir_says_so(weir, tmp_path):
    result = weir.run("reload", text="sites: { a: { respond: 200 } }\n")
    assert result.code == 1
    assert "no weir runs here" in result.stderr


def test_health_counters_and_connections_go_over(weir, backends):
    group = 'target_groups: {{ api: {{ targets: ["@good@", "@bad@"], health: {{ path: /healthz, '\
        'interval: 100ms }} }} }}'
    text = SITE.replace('target_groups:\n  api: {{ targets: ["@api@"] }}\n', group)
    good, bad = backends.text("good"), backends.text("bad")
    bad.is_healthy = False
    edge = weir.edge(text.format(version="one", workers=1), good=good, bad=bad)

    def target(backend):
        targets = edge.status()["groups"][0]["targets"]
        return next(one for one in targets if one["id"] == backend.address)
    wait.until(lambda: target(bad)["health"] == "unhealthy", "the bad target's health")
    for _ in range(5):
        assert curl.get(edge.url("/")).body == b"good"
    requests, reuses = target(good)["requests"], edge.metrics()["weir_upstream_reuses_total"]
    edge.write(text.format(version="two", workers=1))
    assert _reload(weir, edge).code == 0
    assert target(bad)["health"] == "unhealthy"
    assert target(good)["requests"] == requests
    assert curl.get(edge.url("/")).body == b"good"
    assert edge.metrics()["weir_upstream_reuses_total"] == reuses + 1
    bad.is_healthy = True
    wait.until(lambda: target(bad)["health"] == "healthy", "checks after the reload")


def test_targets_by_the_admin_api_stay_unless_the_file_s_list_changes(weir, backends):
    one, two, three = backends.text("one"), backends.text("two"), backends.text("three")
    edge = weir.edge(_site("a", workers=1), api=one, three=three)
    body = json.dumps({"epoch": 7, "targets": [{"id": "two", "address": two.address}]}).encode()
    assert edge.admin("/v1/groups/api/targets", "PUT", body).status == 200
    edge.write(_site("b", workers=1))
    assert _reload(weir, edge).code == 0
    assert curl.get(edge.url("/")).body == b"two"
    edge.write(_site("c", workers=1).replace("@api@", "@three@"))
    assert _reload(weir, edge).code == 0
    assert curl.get(edge.url("/")).body == b"three"


def test_listeners_come_and_go(weir, backends):
    edge = weir.edge(_site("one"), api=backends.text("x"))
    old = raw.connect(edge.port)
    assert old.send(raw.request("GET", "/version")).response().body == b"one"
    both = _site("two").replace("} }", '}, more: { address: "127.0.0.1:@PORT2@" } }', 1)
    edge.write(both)
    assert _reload(weir, edge).code == 0
    assert curl.get(edge.url("/version", "PORT2")).body == b"two"
    edge.write(both.replace('http: { address: "127.0.0.1:@PORT@" }, ', ""))
    assert _reload(weir, edge).code == 0
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", edge.port), 5)
    last = old.send(raw.request("GET", "/version")).response()
    assert last.status == 200 and last.get("Connection") == "close"
    assert old.is_closed()
    assert curl.get(edge.url("/version", "PORT2")).body == b"two"


def test_a_port_that_is_taken_ends_the_reload(weir, backends):
    other = socket.create_server(("127.0.0.1", 0))
    edge = weir.edge(_site("one"), api=backends.text("x"))
    edge.write(_site("two").replace(
        "} }", '}, more: { address: "127.0.0.1:%d" } }' % other.getsockname()[1], 1))
    result = _reload(weir, edge)
    assert result.code == 1
    assert "the address is in use by another program" in result.stderr
    assert _version(edge) == "one"
    other.close()
    assert _reload(weir, edge).code == 0
    assert _version(edge) == "two"


@pytest.mark.parametrize("wider", [":@PORT@", "0.0.0.0:@PORT@"])
def test_a_listener_moves_to_all_addresses_of_its_port_and_back(weir, backends, wider):
    edge = weir.edge(_site("one"), api=backends.text("x"))
    waiting = raw.connect(edge.port)
    narrow = _site("one").replace('"one"', '"narrow"')
    wide = narrow.replace('"narrow"', '"wide"').replace('"127.0.0.1:@PORT@"', f'"{wider}"')
    with load.steady(edge.port, "/version", connections=2) as work:
        for text, version in ((wide, "wide"), (narrow, "narrow"), (wide, "wide")):
            edge.write(text)
            result = _reload(weir, edge)
            assert result.code == 0, result.stderr
            assert _version(edge) == version
            done = work.done
            wait.until(lambda: work.done > done + 10, "requests")
    assert work.failures == []
    assert waiting.send(raw.request("GET", "/version")).response().status == 200


def test_a_unix_socket_s_file_goes_with_its_listener(weir, backends):
    text = _site("one").replace(" } }", ' }, local: { address: "unix:@FOLDER@/local.sock" } }', 1)
    edge = weir.edge(text, api=backends.text("x"))
    path = edge.folder / "local.sock"
    with raw.connect(path) as connection:
        assert connection.send(raw.request("GET", "/version")).response().body == b"one"
    edge.write(_site("two"))
    assert _reload(weir, edge).code == 0
    assert not path.exists()
    edge.write(text)
    assert _reload(weir, edge).code == 0
    assert path.is_socket()
    edge.stop()
    assert not path.exists()
    edge.start()
    edge.kill()
    assert path.is_socket()
    assert weir.run("down", "-f", edge.file).code == 0
    assert not path.exists()


def test_a_unix_socket_s_file_stays_when_another_program_took_the_path(weir, backends):
    text = _site("one").replace(" } }", ' }, local: { address: "unix:@FOLDER@/local.sock" } }', 1)
    edge = weir.edge(text, api=backends.text("x"))
    path = edge.folder / "local.sock"
    path.unlink()
    with socket.socket(socket.AF_UNIX) as other:
        other.bind(str(path))
        other.listen()
        edge.write(_site("two"))
        assert _reload(weir, edge).code == 0
        assert path.is_socket()


def test_a_crashed_edge_comes_back_with_what_was_reloaded(weir, backends):
    edge = weir.edge(_site("one"), api=backends.text("x"))
    edge.write(_site("two"))
    assert _reload(weir, edge).code == 0
    edge.write("junk: [")
    pid = edge.status()["pid"]
    os.kill(pid, signal.SIGKILL)
    wait.until(lambda: curl.get(edge.url("/version")).code == 0 and _version(edge) == "two",
               "the edge to be back")


def test_a_supervisor_that_comes_back_follows_the_file(weir, backends):
    edge = weir.edge(_site("one"), api=backends.text("x"))
    pid = edge.status()["pid"]
    edge.kill()
    edge.write(_site("two").replace("} }", '}, more: { address: "127.0.0.1:@PORT2@" } }', 1))
    edge.start()
    wait.until(lambda: _version(edge) == "two", "the new answer")
    assert edge.status()["pid"] == pid
    assert curl.get(edge.url("/version", "PORT2")).body == b"two"
    assert edge.stop() == 0


def test_another_number_of_workers_is_another_process(weir, backends):
    edge = weir.edge(_site("one", workers=1), api=backends.text("x"))
    pid = edge.status()["pid"]
    edge.write(_site("two", workers=3))
    assert _reload(weir, edge).code == 0
    assert "workers has changed" in edge.log()
    assert _version(edge) == "two"
    assert edge.status()["pid"] != pid
    assert len(edge.status()["workers"]) == 3
    wait.until(lambda: not os.path.exists(f"/proc/{pid}"), "the old process to end")


class Program:
    """A copy of the binary that can be replaced, as a package does."""

    def __init__(self, folder):
        self.path = folder / "weir"
        shutil.copy(WEIR, self.path)

    def replace(self, source=WEIR):
        new = self.path.with_suffix(".new")
        shutil.copy(source, new)
        new.chmod(0o755)
        new.rename(self.path)


@pytest.fixture
def program(tmp_path, monkeypatch):
    one = Program(tmp_path)
    monkeypatch.setattr("harness.weir.WEIR", str(one.path))
    return one


def test_sigusr2_is_a_new_binary_in_the_same_process(weir, backends, program):
    edge = weir.edge(_site("one"), api=backends.text("x"))
    supervisor, pid = edge.process.pid, edge.status()["pid"]
    program.replace()
    edge.signal(signal.SIGUSR2)
    wait.until(lambda: edge.status()["pid"] != pid, "the new edge")
    assert edge.process.poll() is None
    assert int((edge.folder / ".weir/lock").read_text()) == supervisor
    assert _version(edge) == "one"
    wait.until(lambda: not os.path.exists(f"/proc/{pid}"), "the old edge to end")
    assert os.readlink(f"/proc/{supervisor}/exe") == str(program.path)
    edge.write(_site("two"))
    assert _reload(weir, edge).code == 0
    assert _version(edge) == "two"


def test_a_binary_that_does_not_run_is_not_taken(weir, backends, program, tmp_path):
    edge = weir.edge(_site("one"), api=backends.text("x"))
    pid = edge.status()["pid"]
    broken = tmp_path / "broken"
    broken.write_text("#!/bin/sh\nexit 7\n")
    program.replace(broken)
    edge.signal(signal.SIGUSR2)
    edge.wait_for_log("no take-over")
    assert "exit status 7" in edge.log()
    assert edge.status()["pid"] == pid
    assert _version(edge) == "one"
    program.replace()


class LongLived:
    """A WebSocket-like connection, a slow download and a slow upload that must outlive all of it."""

    PARTS = 40

    def __init__(self, edge):
        self._edge = edge
        self._go_on = threading.Event()
        self.upgraded = raw.connect(edge.port)
        self.upgraded.send(raw.request(
            "GET", "/", [("Connection", "Upgrade"), ("Upgrade", "websocket")]))
        assert self.upgraded.response().status == 101
        self.upload = raw.connect(edge.port).send(
            b"POST /upload HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n" + b"u" * 50000)
        self.download = http.client.HTTPConnection("127.0.0.1", edge.port, timeout=60)
        self.download.request("GET", "/download")
        self.response = self.download.getresponse()
        self.received = len(self.response.read(1000))

    def speak(self, text):
        self.upgraded.send(text)
        assert self.upgraded.exactly(len(text)) == text

    def finish(self, release):
        release.set()
        body = self.response.read()
        assert self.received + len(body) == 1000 + 200_000
        answer = self.upload.send(b"u" * 50000).response()
        assert (answer.status, answer.body) == (200, b"100000")
        self.speak(b"last words")
        self.upgraded.close()


def _target(release):
    """Answers at once, but for an echo after an upgrade, an upload that is counted, and a download
    whose end waits for `release`."""

    def handle(request, connection):
        if request.get("Upgrade"):
            connection.send(b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\n"
                            b"Upgrade: websocket\r\n\r\n")
            while data := connection.receive():
                connection.send(data)
            return None
        if request.target == "/upload":
            return Response(str(len(request.body)).encode())
        if request.target == "/download":
            connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 201000\r\n\r\n" + b"d" * 1000)
            assert release.wait(200)
            connection.send(b"d" * 200_000)
            return None
        return Response(b"ok")
    return handle


def _change_often(weir, edge, program, reloads, takeovers, work):
    every = max(1, reloads // max(1, takeovers))
    for number in range(reloads):
        edge.write(_site(f"v{number}"))
        result = _reload(weir, edge)
        assert result.code == 0, result.stderr
        assert _version(edge) == f"v{number}"
        done = work.done
        wait.until(lambda: work.done > done, "a request between two reloads")
        if takeovers and number % every == every - 1:
            pid = edge.status()["pid"]
            program.replace()
            edge.signal(signal.SIGUSR2)
            wait.until(lambda: edge.status()["pid"] != pid, "the take-over", deadline_s=30)
            takeovers -= 1
            wait.until(lambda: f"edge {edge.status()['pid']} takes over" in edge.log(),
                       "the take-over's end")


def _live_through(weir, backends, program, reloads, takeovers):
    release = threading.Event()
    edge = weir.edge(_site("first"), api=backends.serve(_target(release)))
    long_lived = LongLived(edge)
    with load.steady(edge.port, "/", connections=8) as work:
        wait.until(lambda: work.done > 100, "the load")
        _change_often(weir, edge, program, reloads, takeovers, work)
        long_lived.speak(b"still here")
    assert work.failures == []
    long_lived.finish(release)


@pytest.mark.limit(120)
def test_reloads_and_takeovers_under_load_fail_nobody(weir, backends, program):
    _live_through(weir, backends, program, reloads=12, takeovers=3)


@pytest.mark.soak
@pytest.mark.limit(600)
def test_100_reloads_and_10_takeovers_under_load_fail_nobody(weir, backends, program):
    _live_through(weir, backends, program, reloads=100, takeovers=10)


def test_a_stop_ends_edges_that_were_taken_over_from_too(weir, backends, program):
    release = threading.Event()
    edge = weir.edge(_site("one"), api=backends.serve(_target(release)))
    long_lived = LongLived(edge)
    pid = edge.status()["pid"]
    edge.signal(signal.SIGUSR2)
    wait.until(lambda: edge.status()["pid"] != pid, "the new edge")
    assert os.path.exists(f"/proc/{pid}")
    long_lived.speak(b"hello")
    edge.signal(signal.SIGTERM)
    edge.wait_for_log("draining")
    edge.signal(signal.SIGTERM)
    assert edge.wait() == 0
    assert not os.path.exists(f"/proc/{pid}")
    release.set()


def test_a_closed_terminal_ends_it(weir, backends):
    import pty
    master, terminal = pty.openpty()
    edge = weir.edge(_site("one"), api=backends.text("x"))
    folder = edge.folder
    edge.stop()
    pid = os.fork()
    if pid == 0:
        os.setsid()
        import fcntl
        import termios
        fcntl.ioctl(terminal, termios.TIOCSCTTY, 0)
        for fd in (0, 1, 2):
            os.dup2(terminal, fd)
        os.closerange(3, 100)
        os.execv(WEIR, [WEIR, "edge", "-f", str(folder / "weir.yaml")])
    os.close(terminal)
    said = b""
    while b"ready" not in said:
        said += os.read(master, 1000)
    os.close(master)
    wait.until(lambda: os.waitpid(pid, os.WNOHANG)[0] == pid, "its end with its terminal")

"""`weir status`: as tables, as JSON, and as a live screen that leaves the terminal as it was."""
import json
import os
import pty
import select
import signal
import subprocess
import termios
import time

import pytest

from harness import raw, wait, weir as program


def status(edge, *arguments):
    return subprocess.run([program.WEIR, "status", "-f", edge.file, *arguments], text=True,
                          capture_output=True, timeout=20 * wait.patience(), check=False)


def test_tables_tell_targets_and_why_they_are_as_they_are(weir, backends):
    well, ill = backends.text("x"), backends.text("y")
    ill.is_healthy = False
    edge = weir.proxy(well, ill, group="health: { path: /healthz, interval: 100ms }")
    wait.until(lambda: "unhealthy" in status(edge).stdout, "an unhealthy target")
    result = status(edge)
    assert result.returncode == 0 and result.stderr == ""
    lines = {line.split()[1]: line for line in result.stdout.split("\n") if len(line.split()) > 2}
    assert "healthy" in lines[well.address] and "unhealthy" in lines[ill.address]
    assert f"http://127.0.0.1:{edge.port}" in result.stdout
    starts = {line.index(word) for line, word in ((lines[well.address], " healthy"),
                                                  (lines[ill.address], " unhealthy"))}
    assert len(starts) == 1


def test_json_holds_what_the_edge_tells(weir, backends):
    edge = weir.proxy(backends.text("x"))
    for _ in range(3):
        raw.get(edge.port)
    told = json.loads(status(edge, "--json").stdout)
    assert told["edge"]["counters"]["requests"] == 3
    assert told["tasks"] == []


def test_without_an_edge_it_says_so_and_fails(weir):
    result = weir.run("status", text="sites: {}\n")
    assert result.code == 1
    assert "weir up" in result.stderr
    result = weir.run("status", "--live", "--json", text="sites: {}\n")
    assert result.code == 2
    result = weir.run("status", "--live", text="sites: {}\n")
    assert result.code == 1 and "terminal" in result.stderr


class Terminal:
    """`weir status --live` on a terminal of its own."""

    def __init__(self, edge):
        self.leader, self.follower = pty.openpty()
        self.before = termios.tcgetattr(self.follower)
        self.process = subprocess.Popen([program.WEIR, "status", "-l", "-f", edge.file],
                                        stdin=self.follower, stdout=self.follower,
                                        stderr=self.follower, start_new_session=True)
        self.shown = ""

    def read(self):
        while select.select([self.leader], [], [], 0.05)[0]:
            self.shown += os.read(self.leader, 65536).decode()
        return self.shown

    def wait_for(self, text):
        wait.until(lambda: text in self.read(), lambda: f"{text!r} on the screen: {self.shown!r}")

    def ended(self):
        deadline = time.monotonic() + 10 * wait.patience()
        while self.process.poll() is None and time.monotonic() < deadline:
            self.read()
        self.read()
        return self.process.poll()

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        os.close(self.leader)
        os.close(self.follower)


@pytest.mark.parametrize("end", ["q", "\x03", signal.SIGTERM])
def test_the_live_screen_is_drawn_anew_and_leaves_no_trace(weir, backends, end):
    target = backends.text("x")
    edge = weir.proxy(target)
    terminal = Terminal(edge)
    try:
        terminal.wait_for(target.address)
        raw.get(edge.port)
        terminal.wait_for("requests 1")
        terminal.wait_for("/s)")
        assert termios.tcgetattr(terminal.follower)[3] & termios.ECHO == 0
        if isinstance(end, str):
            os.write(terminal.leader, end.encode())
        else:
            terminal.process.send_signal(end)
        assert terminal.ended() == 0
        assert terminal.shown.endswith("\x1b[?7h\x1b[?25h\x1b[?1049l")
        assert termios.tcgetattr(terminal.follower) == terminal.before
    finally:
        terminal.close()


def test_the_live_screen_outlives_the_edge(weir, backends):
    edge = weir.proxy(backends.text("x"))
    terminal = Terminal(edge)
    try:
        terminal.wait_for("LISTENER")
        assert edge.stop() == 0
        terminal.wait_for("no edge runs here")
        os.write(terminal.leader, b"q")
        assert terminal.ended() == 0
    finally:
        terminal.close()

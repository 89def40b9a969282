"""`weir status`: as tables, as JSON, and as a live screen that leaves the terminal as it was."""
import fcntl
import json
import os
import pty
import select
import signal
import struct
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


def test_a_target_that_nobody_checks_is_not_called_healthy(weir, backends):
    target = backends.text("x")
    edge = weir.proxy(target)
    line = next(line for line in status(edge).stdout.split("\n") if target.address in line)
    assert "unchecked" in line and "healthy" not in line
    assert edge.status()["groups"][0]["checked"] is False


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


def test_sites_and_targets_have_rates_and_percentiles(weir, backends):
    target = backends.text("x")
    edge = weir.proxy(target)
    for _ in range(4):
        raw.get(edge.port)
    text = status(edge).stdout
    lines = {line.split()[0]: line.split() for line in text.split("\n") if line}
    assert "\x1b" not in text
    assert lines["SITE"] == ["SITE", "DOMAINS", "OPEN", "REQUESTS", "P50", "P99", "5XX", "RETRIES"]
    assert lines["all"][:4] == ["all", "*", "0", "4"] and lines["all"][6] == "0%"
    assert lines["all"][4].endswith("ms") and lines["all"][5].endswith("ms")
    told = json.loads(status(edge, "--json").stdout)["edge"]
    assert told["sites"][0]["responses"]["2xx"] == 4
    assert sum(told["sites"][0]["latency"]) == 4
    assert len(told["latency_ends_us"]) == len(told["sites"][0]["latency"]) - 1
    row = told["groups"][0]["targets"][0]
    assert row["connections_new"] + row["connections_kept"] == 4


class Terminal:
    """`weir status --live` on a terminal of its own."""

    def __init__(self, edge, rows=24, environment=None):
        self.leader, self.follower = pty.openpty()
        fcntl.ioctl(self.follower, termios.TIOCSWINSZ, struct.pack("HHHH", rows, 200, 0, 0))
        self.before = termios.tcgetattr(self.follower)
        self.process = subprocess.Popen([program.WEIR, "status", "-l", "-f", edge.file],
                                        stdin=self.follower, stdout=self.follower,
                                        stderr=self.follower, start_new_session=True,
                                        env={**os.environ, **(environment or {})})
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


def test_a_page_that_does_not_fit_is_scrolled(weir, backends):
    edge = weir.proxy(*(backends.text(str(n)) for n in range(20)))
    last = edge.status()["groups"][0]["targets"][-1]["address"]
    terminal = Terminal(edge, rows=12)
    try:
        terminal.wait_for("arrows scroll: lines 1 to 9 of")
        assert last not in terminal.shown
        os.write(terminal.leader, b"\x1b[B")
        terminal.wait_for("lines 2 to 10 of")
        os.write(terminal.leader, b"\x1b[6~")
        terminal.wait_for("lines 10 to 18 of")
        os.write(terminal.leader, b"G")
        terminal.wait_for(last)
        os.write(terminal.leader, b"\x1b[H\x1b[A")
        terminal.shown = ""
        terminal.wait_for("lines 1 to 9 of")
        assert "requests" in terminal.shown
        os.write(terminal.leader, b"q")
        assert terminal.ended() == 0
    finally:
        terminal.close()


@pytest.mark.parametrize("no_colour", [False, True])
def test_what_is_ill_is_coloured_where_that_is_wanted(weir, backends, no_colour):
    ill = backends.text("x")
    ill.is_healthy = False
    edge = weir.proxy(ill, backends.text("y"), group="health: { path: /healthz, interval: 100ms }")
    wait.until(lambda: "unhealthy" in status(edge).stdout, "an unhealthy target")
    terminal = Terminal(edge, environment={"NO_COLOR": "1" if no_colour else ""})
    try:
        terminal.wait_for("unhealthy")
        assert ("\x1b[31mtargets" in terminal.shown) != no_colour
        assert ("\x1b[1mGROUP" in terminal.shown) != no_colour
        os.write(terminal.leader, b"q")
        assert terminal.ended() == 0
    finally:
        terminal.close()

"""
More load than there is time for: server and target share a core, so that the client, alone on the
other, can offer several times what they can do, on as many times the connections. Clients give up
when an answer takes too long; meanwhile Weir's admin API is asked for the status.
"""
import contextlib
import socket
import threading
import time

import load
import report
from cpu import in_turn
from servers import SERVER_CORE, Server

ASK_EVERY_S = 0.1
ASK_PATIENCE_S = 20


def _ask_status(path):
    """Milliseconds until GET /v1/status is answered."""
    begun = time.monotonic()
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(ASK_PATIENCE_S)
        connection.connect(str(path))
        connection.sendall(b"GET /v1/status HTTP/1.1\r\nHost: weir\r\nConnection: close\r\n\r\n")
        answer = b""
        while piece := connection.recv(65536):
            answer += piece
    if not answer.startswith(b"HTTP/1.1 200 "):
        raise RuntimeError(f"the admin API answers {answer[:40]!r}")
    return (time.monotonic() - begun) * 1000


class _AdminWatch(threading.Thread):
    """Asks again and again, until it is ended."""

    def __init__(self, path):
        super().__init__()
        self._path, self._is_over = path, threading.Event()
        self.times_ms, self.failures = [], 0

    def run(self):
        while not self._is_over.wait(ASK_EVERY_S):
            try:
                self.times_ms.append(_ask_status(self._path))
            except (OSError, RuntimeError):
                self.failures += 1

    def end(self):
        """What came of it."""
        self._is_over.set()
        self.join()
        return {"admin_asked": len(self.times_ms), "admin_failed": self.failures,
                "admin_ms": max(self.times_ms, default=ASK_PATIENCE_S * 1000)}


def _measure_one(server, row, seconds):
    """The rate at saturation, then so many times that rate."""
    full = load.saturate(server, "/", row.connections, seconds).requests_per_s
    watch = _AdminWatch(server.admin_socket()) if server.program == "weir" else None
    if watch:
        watch.start()
    try:
        sample = load.open_loop(server, "/", row.connections * row.times, seconds,
                                full * row.times, "-p", "-t", str(row.timeout_ms))
    finally:
        admin = watch.end() if watch else {}
    good = sample["answered"] / sample["seconds"]
    return {**sample, "saturated_per_s": full, "good_per_s": good, "goodput": good / full, **admin}


def measure(row, options, folder):
    """The samples of all servers, each with its own saturation."""
    with contextlib.ExitStack() as stack:
        backend = stack.enter_context(Server("backend", folder, core=SERVER_CORE))
        servers = [stack.enter_context(Server(name, folder, backend.port,
                                              pool=row.connections * row.times))
                   for name in options.chosen("weir", *row.peers)]
        for server in servers:
            load.saturate(server, "/", row.connections, 1)
        return in_turn(servers, options.rounds,
                       lambda server: _measure_one(server, row, options.seconds))


def lines(row, samples):
    """One line a server."""
    yield (f"{row.name:<12} {'server':<8} {'saturated/s':>12} {'offered/s':>10} {'good/s':>9} "
           f"{'goodput':>8} {'p99 ms':>8} {'late':>7} {'failed':>7} {'admin ms':>9}")
    for name, group in report.by_server(samples).items():
        offered = report.median(group, "offered") / group[0]["seconds"]
        admin = f"{max(one['admin_ms'] for one in group):.0f}" if "admin_ms" in group[0] else "-"
        yield (f"{'':<12} {name:<8} {report.median(group, 'saturated_per_s'):>12.0f} {offered:>10.0f} "
               f"{report.median(group, 'good_per_s'):>9.0f} {report.median(group, 'goodput'):>8.2f} "
               f"{report.median(group, 'p99_ms'):>8.1f} {report.median(group, 'late'):>7.0f} "
               f"{report.median(group, 'failed'):>7.0f} {admin:>9}")


def verdicts(row, samples):
    """Goodput, and the longest that the admin API took in any round."""
    groups = report.by_server(samples)
    if "weir" not in groups:
        return []
    ours = groups.pop("weir")
    goodput, spread = report.median(ours, "goodput"), sorted(one["goodput"] for one in ours)
    peers = "".join(f"; {name} {report.median(group, 'goodput'):.2f}"
                    for name, group in groups.items())
    admin_ms = max(one["admin_ms"] for one in ours)
    asked = sum(one["admin_asked"] for one in ours)
    failed = sum(one["admin_failed"] for one in ours)
    return [
        (f"{row.name}: goodput {goodput:.2f} of saturation (rounds {spread[0]:.2f}–{spread[-1]:.2f}),"
         f" at least {row.goodput_min:.2f}{peers}", goodput >= row.goodput_min),
        (f"{row.name} admin API: at most {admin_ms:.0f} ms in {asked} requests, {failed} failed; "
         f"less than {row.admin_ms_max:.0f}", admin_ms < row.admin_ms_max and failed == 0),
    ]

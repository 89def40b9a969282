"""
More load than there is time for: Weir and its target share the servers' core, so that the client,
alone on its own, can offer several times what they can do. Clients give up when an answer takes too
long; meanwhile the admin API is asked for the status.
"""
import contextlib
import socket
import threading
import time

import load
import report
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
        """(asked, longest ms, failures)"""
        self._is_over.set()
        self.join()
        return len(self.times_ms), max(self.times_ms, default=ASK_PATIENCE_S * 1000), self.failures


def measure(row, options, folder):
    """Each round: the rate at saturation, then so many times that rate."""
    samples = []
    with contextlib.ExitStack() as stack:
        backend = stack.enter_context(Server("backend", folder, core=SERVER_CORE))
        weir = stack.enter_context(Server("weir", folder, backend.port))
        load.saturate(weir, "/", row.connections, 1)
        for _ in range(options.rounds):
            full = load.saturate(weir, "/", row.connections, options.seconds).requests_per_s
            watch = _AdminWatch(weir.admin_socket())
            watch.start()
            sample = load.open_loop(weir, "/", row.connections_max, options.seconds,
                                    full * row.times, "-p", "-t", str(row.timeout_ms))
            asked, admin_ms, failures = watch.end()
            good = sample["answered"] / sample["seconds"]
            samples.append({**sample, "saturated_per_s": full, "good_per_s": good,
                            "goodput": good / full, "admin_asked": asked, "admin_ms": admin_ms,
                            "admin_failed": failures})
    return samples


def lines(row, samples):
    """The table of one row."""
    yield (f"{row.name:<12} {'saturated/s':>12} {'offered/s':>10} {'good/s':>9} {'p99 ms':>8} "
           f"{'late':>8} {'failed':>7} {'admin ms':>9}")
    middle = {field: report.median(samples, field) for field in samples[0] if field != "server"}
    yield (f"{'':<12} {middle['saturated_per_s']:>12.0f} "
           f"{middle['offered'] / middle['seconds']:>10.0f} {middle['good_per_s']:>9.0f} "
           f"{middle['p99_ms']:>8.1f} {middle['late']:>8.0f} {middle['failed']:>7.0f} "
           f"{middle['admin_ms']:>9.1f}")


def verdicts(row, samples):
    """Goodput, and the longest that the admin API took in any round."""
    goodput = report.median(samples, "goodput")
    spread = sorted(sample["goodput"] for sample in samples)
    admin_ms = max(sample["admin_ms"] for sample in samples)
    failures = sum(sample["admin_failed"] for sample in samples)
    return [
        (f"{row.name}: goodput {goodput:.2f} of saturation (rounds {spread[0]:.2f}–"
         f"{spread[-1]:.2f}), at least {row.goodput_min:.2f}", goodput >= row.goodput_min),
        (f"{row.name} admin API: {admin_ms:.0f} ms at most in {sum(s['admin_asked'] for s in samples)}"
         f" requests, {failures} failed; at most {row.admin_ms_max:.0f} ms",
         admin_ms < row.admin_ms_max and failures == 0),
    ]

"""
Handshakes that never end beside requests by TLS: half of them send nothing, half a byte of their
ClientHello now and then. The rate is the same with and without them.
"""
import contextlib
import itertools
import selectors
import socket
import ssl
import threading

import load
import report
from cpu import in_turn
from servers import TLS_NAME, Server

# Each of them says a byte in so many blinks; all at once they would hold up the client they share a
# core with.
BLINK_S = 0.01
BLINKS = 50
CONNECTIONS_A_BLINK = 50


def _client_hello():
    """The first bytes that a client says."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    context = ssl.create_default_context()
    client = context.wrap_bio(incoming, outgoing, server_hostname=TLS_NAME)
    with contextlib.suppress(ssl.SSLWantReadError):
        client.do_handshake()
    return outgoing.read()


class _HalfOpen(threading.Thread):
    """Opens them and keeps them open, anew where the server has closed one, until it is ended."""

    def __init__(self, port, count):
        super().__init__()
        self._port, self._count = port, count
        self._hello = _client_hello()
        self._is_over = threading.Event()
        self.all_open = threading.Event()
        self.opened = 0

    def _open(self, selector):
        connection = socket.create_connection(("127.0.0.1", self._port), timeout=20)
        connection.setblocking(False)
        self.opened += 1
        # How much of the hello was sent; None: this one says nothing.
        selector.register(connection, selectors.EVENT_READ, [0] if self.opened % 2 else None)

    def _replace_closed(self, selector):
        for key, _ in selector.select(timeout=0):
            selector.unregister(key.fileobj)
            key.fileobj.close()
            self._open(selector)

    def _dribble(self, selector, blink):
        for key in list(selector.get_map().values())[blink % BLINKS::BLINKS]:
            if key.data and key.data[0] < len(self._hello) - 1:
                with contextlib.suppress(OSError):
                    key.fileobj.send(self._hello[key.data[0]:key.data[0] + 1])
                    key.data[0] += 1

    def run(self):
        with selectors.DefaultSelector() as selector:
            for number in range(self._count):
                self._open(selector)
                if number % CONNECTIONS_A_BLINK == 0 and self._is_over.wait(0.01):
                    break
            self.all_open.set()
            for blink in itertools.count():
                if self._is_over.wait(BLINK_S):
                    break
                self._replace_closed(selector)
                self._dribble(selector, blink)
            for key in list(selector.get_map().values()):
                key.fileobj.close()

    def end(self):
        self._is_over.set()
        self.join()


def _measure_one(server, row, seconds, rate):
    calm = load.offer(server, "/", row.connections, seconds, rate, by_tls=True)
    others = _HalfOpen(server.tls_port, row.half_open)
    others.start()
    try:
        others.all_open.wait()
        held = load.offer(server, "/", row.connections, seconds, rate, by_tls=True)
    finally:
        others.end()
    return {"server": server.name, "calm_p99_ms": calm.p99_ms, "p99_ms": held.p99_ms,
            "failed": calm.failed + held.failed, "opened": others.opened,
            "cpu_us": held.cpu_us, "calm_cpu_us": calm.cpu_us}


def measure(row, options, folder):
    """The samples of all servers at one rate, that of the slowest."""
    with contextlib.ExitStack() as stack:
        backend = stack.enter_context(Server("backend", folder))
        servers = [stack.enter_context(Server(name, folder, backend.port))
                   for name in options.chosen("weir", *row.peers)]
        rate = row.busy * min(
            load.saturate(server, "/", row.connections, 1, by_tls=True).requests_per_s
            for server in servers)
        return in_turn(servers, options.rounds,
                       lambda server: _measure_one(server, row, options.seconds, rate))


def lines(row, samples):
    """One line a server."""
    yield (f"{row.name:<12} {'server':<8} {'p99 ms':>8} {'without':>8} {'CPU µs':>8} {'without':>8} "
           f"{'failed':>7}")
    for name, group in report.by_server(samples).items():
        yield (f"{'':<12} {name:<8} {report.median(group, 'p99_ms'):>8.2f} "
               f"{report.median(group, 'calm_p99_ms'):>8.2f} {report.median(group, 'cpu_us'):>8.2f} "
               f"{report.median(group, 'calm_cpu_us'):>8.2f} "
               f"{sum(one['failed'] for one in group):>7}")


def verdicts(row, samples):
    """How much longer the slowest percent takes with them."""
    groups = report.by_server(samples)
    if "weir" not in groups:
        return []
    ratios = {name: report.median(group, "p99_ms") / max(report.median(group, "calm_p99_ms"), 1e-9)
              for name, group in groups.items()}
    failed = sum(one["failed"] for one in groups["weir"])
    others = "".join(f"; {name} {ratio:.2f}" for name, ratio in ratios.items() if name != "weir")
    return [(f"{row.name}: p99 {ratios['weir']:.2f} of that without them, at most "
             f"{row.ratio_max:.2f}, {failed} failed{others}",
             ratios["weir"] <= row.ratio_max and failed == 0)]

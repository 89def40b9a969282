"""CPU time per request: servers in turn, at saturation and at an equal offered load."""
import contextlib

import load
import report
from servers import Server

# The offered load is this part of what the slowest server did at saturation.
OFFERED_PART = 0.6
OFFERED_KINDS = ("http", "https")


def in_turn(servers, rounds, sample):
    """The results of `sample(server)`, all servers in each round."""
    samples = []
    for number in range(rounds):
        # Whoever comes first in a round changes, so that no one always follows the same.
        turn = number % len(servers)
        samples += [sample(server) for server in servers[turn:] + servers[:turn]]
    return samples


def _saturate(server, row, seconds):
    if row.kind == "h2":
        return load.saturate_streams(server, row.path, row.connections, row.streams, seconds)
    if row.kind == "handshake":
        return load.shake_hands(server, seconds, row.path.split())
    return load.saturate(server, row.path, row.connections, seconds, by_tls=row.kind == "https")


def measure(row, options, folder):
    """{load: samples} of one row."""
    pool = max(1024, row.connections)
    names = options.chosen("weir", *row.peers, *row.floor)
    with contextlib.ExitStack() as stack:
        backend = stack.enter_context(Server("backend", folder))
        servers = [stack.enter_context(Server(name, folder, backend.port, pool=pool))
                   for name in names]

        def saturate(server, seconds=options.seconds):
            return _saturate(server, row, seconds).as_dict()

        for server in servers:
            saturate(server, 1)
        samples = {"saturated": in_turn(servers, options.rounds, saturate)}
        if not options.quick and row.kind in OFFERED_KINDS:
            slowest = min(report.median(group, "requests_per_s")
                          for group in report.by_server(samples["saturated"]).values())
            samples["offered"] = in_turn(servers, options.rounds, lambda server: load.offer(
                server, row.path, row.connections, options.seconds,
                slowest * OFFERED_PART, row.kind == "https").as_dict())
    return samples


def lines(row, samples):
    """The table of one row."""
    yield report.CPU_HEADER
    for kind, group in samples.items():
        yield from report.cpu_lines(row, kind, group)


def verdicts(row, samples):
    """[(text, holds)]"""
    found = [report.cpu_verdict(row, kind, group) for kind, group in samples.items()]
    return [verdict for verdict in found if verdict]

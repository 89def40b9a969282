"""
One slow target in a group: requests come by chance at the same moments for every balancer, and an
answer's time counts from the moment its request was due.
"""
import contextlib
import subprocess

import load
import report
from cpu import in_turn
from servers import CLIENT_CORE, TOOLS, Server, free_port

BALANCERS = {"weir": "least_requests", "weir-ewma": "peak_ewma"}


@contextlib.contextmanager
def _targets(row):
    """Their ports; the first is the slow one."""
    ports = [free_port() for _ in range(row.targets)]
    delays = [row.delay_us * row.slower] + [row.delay_us] * (row.targets - 1)
    process = subprocess.Popen(
        ["taskset", "-c", str(CLIENT_CORE), TOOLS / "slow_targets", str(row.at_once),
         *(f"{port}:{delay}" for port, delay in zip(ports, delays))])
    try:
        yield ports
    finally:
        process.terminate()
        process.wait()


def _values(ports):
    return {
        "TARGETS": ", ".join(f'"127.0.0.1:{port}"' for port in ports),
        "SERVERS": "\n".join(f"    server t{number} 127.0.0.1:{port} pool-purge-delay 600s"
                             for number, port in enumerate(ports)),
    }


def measure(row, options, folder):
    """The samples of all balancers."""
    rate = row.busy * (row.targets - 1) * row.at_once * 1e6 / row.delay_us
    with contextlib.ExitStack() as stack:
        ports = stack.enter_context(_targets(row))
        servers = []
        for name in options.chosen(*BALANCERS, "haproxy"):
            program = "haproxy" if name == "haproxy" else "weir"
            template = "haproxy-group.cfg" if name == "haproxy" else "weir-group.yaml"
            values = {**_values(ports), "BALANCE": BALANCERS.get(name)}
            servers.append(stack.enter_context(Server(
                program, folder, label=name, template=template, values=values)))

        def ask(server, seconds=options.seconds):
            return load.open_loop(server, "/", row.connections, seconds, rate, "-p", "-t", "5000")

        for server in servers:
            ask(server, 1)
        return in_turn(servers, options.rounds, ask)


def lines(row, samples):
    """One line a balancer."""
    yield f"{row.name:<12} {'server':<10} {'req/s':>8} {'p50 ms':>8} {'p99 ms':>8} {'failed':>7}"
    for name, group in report.by_server(samples).items():
        failed = sum(one["failed"] + one["late"] + one["refused"] for one in group)
        rate = report.median(group, "offered") / group[0]["seconds"]
        yield (f"{'':<12} {name:<10} {rate:>8.0f} {report.median(group, 'p50_ms'):>8.2f} "
               f"{report.median(group, 'p99_ms'):>8.2f} {failed:>7}")


def verdicts(row, samples):
    """One for each of Weir's balancers."""
    found, names = [], report.by_server(samples)
    for name in BALANCERS:
        if name in names and "haproxy" in names:
            ratio, pairs = report.ratio_of_pairs(samples, "p99_ms", name, "haproxy")
            p99 = {each: report.median(names[each], "p99_ms") for each in (name, "haproxy")}
            found.append((f"{row.name} {BALANCERS[name]}: p99 {ratio:.2f} of haproxy leastconn, "
                          f"{p99[name]:.1f} of {p99['haproxy']:.1f} ms "
                          f"(pairs {pairs[0]:.2f}–{pairs[-1]:.2f}), below {row.ratio_max:.2f}",
                          ratio < row.ratio_max))
    return found

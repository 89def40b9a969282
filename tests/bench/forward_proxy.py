"""
Forward proxies: requests in absolute form, tunnels set up and torn down, one long tunnel, idle
tunnels, and the same requests among many rules and users. The client is proxy_load.c.
"""
import base64
import contextlib
import crypt
import subprocess

import cost
import report
from cpu import in_turn
from servers import CLIENT_CORE, TOOLS, Server

WARM_UP = {"request": 2000, "connect": 500, "tunnel": 0}
FEW_RULES, FEW_USERS = 10, 10
MANY_RULES, MANY_USERS = 20000, 5000


def _rules(count):
    """Denials of other names, and last the rule that allows the target: the whole index is passed."""
    text = "".join(f'      - {{ match: {{ to: "host-{i}.example.org:443" }}, deny: true }}\n'
                   for i in range(count - 1))
    return text + '      - { match: { to: "127.0.0.1" }, allow: true }\n'


def _write_users(folder, count):
    """The password file and what clients send; returns the lines of the configuration."""
    hash_of_all = crypt.crypt("secret", "$2b$04$" + "abcdefghijklmnopqrstu.")
    names = [f"user-{i}" for i in range(count)]
    (folder / "users.htpasswd").write_text("".join(f"{name}:{hash_of_all}\n" for name in names))
    (folder / "credentials").write_text("".join(
        base64.b64encode(f"{name}:secret".encode()).decode() + "\n" for name in names))
    return f"    users: {folder}/users.htpasswd"


@contextlib.contextmanager
def _proxy(name, folder, label=None, rules=1, users=0):
    values = {"RULES": _rules(rules), "USERS": ""}
    template = {"weir": "weir-proxy.yaml", "squid": "squid.conf", "tinyproxy": "tinyproxy.conf"}[name]
    server = Server(name, folder, label=label, template=template, values=values)
    log = server.config().parent / "log"
    log.mkdir()
    log.chmod(0o777)
    if users:
        server.set_value("USERS", _write_users(server.config().parent, users))
    with server:
        yield server


def _run(server, mode, backend, *arguments):
    """What proxy_load says, as a map."""
    command = ["taskset", "-c", str(CLIENT_CORE), TOOLS / "proxy_load", mode, str(server.port),
               str(backend.port), *map(str, arguments)]
    result = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, timeout=300)
    return {key: int(value) for key, value in map(str.split, result.stdout.splitlines())}


def _credentials(server):
    path = server.config().parent / "credentials"
    return [path] if path.exists() else []


def _measure_one(server, row, backend, seconds):
    count = row.count * seconds
    arguments = ([row.path] if row.mode == "tunnel"
                 else [count, row.connections, *_credentials(server)])
    if WARM_UP[row.mode]:
        warm = max(WARM_UP[row.mode], MANY_USERS if _credentials(server) else 0)
        _run(server, row.mode, backend, warm, *arguments[1:])
    pids = server.pids()
    before, spent_ns, busy = cost.cpu_time(pids), cost.process_ns(pids), cost.system_busy_s()
    said = _run(server, row.mode, backend, *arguments)
    spent, spent_ns = cost.cpu_time(pids) - before, cost.process_ns(pids) - spent_ns
    system_s = cost.system_busy_s() - busy
    units = said["done"] / (1 << 20) if row.mode == "tunnel" else said["done"]
    return {"server": server.name, "cpu_us": spent_ns / 1000 / units,
            "user_us": spent_ns / 1000 / units * spent.user_share(),
            "system_us": system_s * 1e6 / units, "failed": said["failed"], "units": units}


def measure(row, options, folder):
    """The samples of all servers, taken in turn."""
    seconds = 1 if options.quick else options.seconds
    with contextlib.ExitStack() as stack:
        backend = stack.enter_context(Server("backend", folder))
        if row.mode == "tunnel":
            backend.make_file("large.bin", row.count << 20)
            # The file's pages are made by whoever reads it first.
            subprocess.run(["curl", "-s", "-o", "/dev/null", backend.url(row.path)], check=True)
        if row.mode == "idle":
            return _measure_idle(row, options, folder, backend)
        if row.is_among_many:
            servers = [stack.enter_context(_proxy("weir", folder, "weir", MANY_RULES, MANY_USERS)),
                       stack.enter_context(_proxy("weir", folder, "few", FEW_RULES, FEW_USERS))]
        else:
            servers = [stack.enter_context(_proxy(name, folder))
                       for name in options.chosen("weir", *row.peers)]
        return in_turn(servers, options.rounds,
                       lambda server: _measure_one(server, row, backend, seconds))


def _measure_idle(row, options, folder, backend):
    samples = []
    for _ in range(1 if options.quick else min(options.rounds, 3)):
        for name in options.chosen("weir", *row.peers):
            with _proxy(name, folder) as server:
                _run(server, "connect", backend, 200, 50)
                before = cost.private_bytes(server.pids())
                command = [TOOLS / "proxy_load", "idle", str(server.port), str(backend.port),
                           str(row.count)]
                with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                      text=True) as client:
                    client.stdout.readline()
                    failed = int(client.stdout.readline().split()[1])
                    grown = cost.private_bytes(server.pids()) - before
                    client.communicate("\n")
                samples.append({"server": name, "count": row.count, "failed": failed,
                                "bytes_each": grown / row.count})
    return samples


def lines(row, samples):
    """One line a server."""
    if row.mode == "idle":
        yield from report.memory_lines(row, samples)
        return
    unit = {"tunnel": "MiB", "request": "request", "connect": "tunnel"}[row.mode]
    yield (f"{row.name:<14} {'server':<10} {'CPU µs/' + unit:>15} {'user µs':>8} {'system µs':>10} "
           f"{'failed':>7}")
    for name, group in report.by_server(samples).items():
        yield (f"{'':<14} {name:<10} {report.median(group, 'cpu_us'):>15.2f} "
               f"{report.median(group, 'user_us'):>8.2f} {report.median(group, 'system_us'):>10.2f} "
               f"{sum(one['failed'] for one in group):>7}")


def verdicts(row, samples):
    """Against each peer."""
    groups = report.by_server(samples)
    if row.mode == "idle":
        return [report.memory_verdict(row, samples)]
    found = []
    failed = sum(one["failed"] for one in groups.get("weir", []))
    for name, limit in row.ratios.items():
        if "weir" not in groups or name not in groups:
            continue
        ratio, pairs = report.ratio_of_pairs(samples, "cpu_us", "weir", name)
        found.append((f"{row.name}: {ratio:.3f} of {name} (pairs {pairs[0]:.3f}–{pairs[-1]:.3f}), at "
                      f"most {limit:.3f}, {failed} failed", ratio <= limit and failed == 0))
    peers = [name for name in row.peers if name in groups]
    if row.system_max and "weir" in groups and peers:
        best = min(report.median(groups[name], "system_us") for name in peers)
        ratio = report.median(groups["weir"], "system_us") / best
        found.append((f"{row.name}: whole system {ratio:.3f} of the better peer, at most "
                      f"{row.system_max:.2f}", ratio <= row.system_max))
    return found

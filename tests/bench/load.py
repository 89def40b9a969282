"""
The load: wrk at saturation, h2load at a fixed rate that is the same for every server. Both run on the
client's core, beside the target.
"""
import dataclasses
import json
import re
import statistics
import subprocess
import tempfile

import cost
from servers import CLIENT_CORE, TOOLS


@dataclasses.dataclass
class Sample:
    """One run against one server."""
    server: str
    requests: int
    failed: int
    seconds: float
    cpu_us: float              # CPU time of the server's processes per request
    user_us: float             # of it in user space, by the kernel's tick samples
    system_us: float           # CPU time of the whole machine per request
    requests_per_s: float
    p99_ms: float              # 0 where the load cannot tell

    def as_dict(self):
        return dataclasses.asdict(self)


def _measure(server, command):
    """Runs the load; returns its output and what it cost."""
    pids = server.pids()
    busy, before = cost.system_busy_s(), cost.cpu_time(pids)
    result = subprocess.run(["taskset", "-c", str(CLIENT_CORE), *command], text=True,
                            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=True)
    spent = cost.cpu_time(pids) - before
    return result.stdout, spent, cost.system_busy_s() - busy


def _sample(server, requests, failed, seconds, spent, busy_s, p99_ms):
    if not requests:
        raise RuntimeError(f"{server.name} answered no request")
    cpu_us = spent.total_ns / 1000 / requests
    return Sample(server.name, requests, failed, seconds, cpu_us, cpu_us * spent.user_share(),
                  busy_s * 1e6 / requests, requests / seconds, p99_ms)


_UNITS_S = {"us": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0}


def saturate(server, path, connections, seconds, arguments=(), script_arguments=(), by_tls=False):
    """As many requests as the client can make, one open on each connection; `arguments` are wrk's."""
    output, spent, busy_s = _measure(server, [
        "wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--timeout", "20s", *arguments,
        server.url(path, by_tls), *script_arguments])
    requests, took, unit = re.search(r"(\d+) requests in ([\d.]+)(\w+),", output).groups()
    bad = re.search(r"Non-2xx or 3xx responses: (\d+)", output)
    errors = re.search(r"Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)",
                       output)
    failed = int(bad[1]) if bad else 0
    failed += sum(int(number) for number in errors.groups()) if errors else 0
    return _sample(server, int(requests), failed, float(took) * _UNITS_S[unit], spent, busy_s, 0.0)


def saturate_streams(server, path, connections, streams, seconds):
    """HTTP/2 over TLS, so many streams open on each connection."""
    output, spent, busy_s = _measure(server, [
        "h2load", "-t1", f"-c{connections}", f"-m{streams}", f"-D{seconds}",
        server.url(path, by_tls=True)])
    # "requests: 10 total, 10 started, 10 done, 10 succeeded, 0 failed, 0 errored, 0 timeout"
    good, failed = re.search(r"(\d+) succeeded, (\d+) failed", output).groups()
    if "Application protocol: h2" not in output:
        raise RuntimeError(f"{server.name} does not speak HTTP/2:\n{output}")
    return _sample(server, int(good), int(failed), seconds, spent, busy_s, 0.0)


def shake_hands(server, seconds, arguments):
    """One handshake after the other; `arguments` are those of `openssl s_time`."""
    output, spent, busy_s = _measure(server, [
        "openssl", "s_time", "-connect", f"127.0.0.1:{server.tls_port}", "-time", str(seconds),
        *arguments])
    count = sum(int(number) for number in re.findall(r"(\d+) connections in \d+ real", output))
    return _sample(server, count, 0, seconds, spent, busy_s, 0.0)


def open_loop(server, path, connections, seconds, requests_per_s, *arguments):
    """
    What open_loop.c tells of requests that come at a rate, whatever the answers do: counts, and
    times from the moment each was due. `arguments` are its own.
    """
    output = subprocess.run(
        ["taskset", "-c", str(CLIENT_CORE), TOOLS / "open_loop", "-c", str(connections),
         "-r", f"{requests_per_s:.0f}", "-d", str(seconds), *arguments, str(server.port), path],
        text=True, stdout=subprocess.PIPE, check=True).stdout
    return {"server": server.name, **json.loads(output)}


def offer(server, path, connections, seconds, requests_per_s, by_tls=False):
    """A fixed number of requests a second, spread over the connections."""
    per_client = max(1, round(requests_per_s / connections))
    total = per_client * connections * seconds
    with tempfile.NamedTemporaryFile("r", prefix="weir-bench-") as log:
        output, spent, busy_s = _measure(server, [
            "h2load", "--h1", f"--rps={per_client}", "-t1", f"-c{connections}", f"-n{total}",
            f"--log-file={log.name}", server.url(path, by_tls)])
        rows = [line.split("\t") for line in log]
    seconds_taken = float(re.search(r"finished in ([\d.]+)(\w+),", output)[1])
    if re.search(r"finished in [\d.]+ms", output):
        seconds_taken /= 1000
    failed = sum(1 for row in rows if not row[1].startswith("2"))
    latencies = [int(row[2]) for row in rows]
    p99_us = statistics.quantiles(latencies, n=100)[98] if len(latencies) > 1 else 0
    return _sample(server, len(rows), failed + total - len(rows), seconds_taken, spent, busy_s,
                   p99_us / 1000)

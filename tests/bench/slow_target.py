#!/usr/bin/python3
"""
One slow target of eight: the 99th percentile of Weir's algorithms beside HAProxy's leastconn.

Eight targets answer after 5 ms, one of them after ten times that. The load is open: a fixed number
of requests a second, whatever the answers do (h2load --rps). Proxies are measured in turn, A B C A B
C, on core 0; client and targets share core 1. The figures are medians over the rounds.
"""
import argparse
import asyncio
import contextlib
import os
import pathlib
import re
import statistics
import subprocess
import sys
import tempfile
import threading
import time

from servers import CLIENT_CORE, COMMANDS, SERVER_CORE, free_port

TARGETS = 8
FAST_S, SLOW_S = 0.005, 0.050

WEIR = """\
workers: 1
access_log: off
listeners: {{ http: {{ address: "127.0.0.1:{port}" }} }}
sites: {{ all: {{ forward: targets }} }}
target_groups: {{ targets: {{ targets: [{targets}], balance: {algorithm} }} }}
"""
HAPROXY = """\
global
    nbthread 1
defaults
    mode http
    option http-keep-alive
    http-reuse always
    timeout connect 5s
    timeout client 60s
    timeout server 60s
frontend front
    bind 127.0.0.1:{port}
    default_backend targets
backend targets
    balance {algorithm}
{targets}
"""


class Targets:
    """The eight, on a loop of their own in a thread."""

    def __init__(self):
        self.ports = [free_port() for _ in range(TARGETS)]
        self.served = [0] * TARGETS
        self._loop = asyncio.new_event_loop()
        self._begun = threading.Event()
        threading.Thread(target=self._run, daemon=True).start()
        self._begun.wait()

    def _run(self):
        asyncio.set_event_loop(self._loop)
        for number, port in enumerate(self.ports):
            self._loop.run_until_complete(
                asyncio.start_server(self._server(number), "127.0.0.1", port, backlog=1024))
        self._begun.set()
        self._loop.run_forever()

    def _server(self, number):
        pause = SLOW_S if number == 0 else FAST_S

        async def serve(reader, writer):
            with contextlib.suppress(OSError, asyncio.IncompleteReadError):
                while True:
                    await reader.readuntil(b"\r\n\r\n")
                    self.served[number] += 1
                    await asyncio.sleep(pause)
                    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
            writer.close()
        return serve


def write_file(kind, algorithm, port, ports, folder):
    if kind == "weir":
        text = WEIR.format(port=port, algorithm=algorithm,
                           targets=", ".join(f'"127.0.0.1:{each}"' for each in ports))
    else:
        lines = [f"    server t{i} 127.0.0.1:{each}" for i, each in enumerate(ports)]
        text = HAPROXY.format(port=port, algorithm=algorithm, targets="\n".join(lines))
    file = pathlib.Path(folder) / f"{kind}-{port}" / ("weir.yaml" if kind == "weir" else "conf")
    file.parent.mkdir()
    file.write_text(text)
    return file


@contextlib.contextmanager
def proxy(kind, algorithm, ports, folder):
    port = free_port()
    file = write_file(kind, algorithm, port, ports, folder)
    command = [part.replace("@CONFIG@", str(file)) for part in COMMANDS[kind]]
    process = subprocess.Popen(["taskset", "-c", str(SERVER_CORE), *command], cwd=file.parent,
                               stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        time.sleep(1)
        yield port
    finally:
        process.terminate()
        process.wait()


def measure(port, rate, seconds):
    """Latencies in ms, sorted."""
    clients = 40
    with tempfile.NamedTemporaryFile("r", prefix="weir-bench-") as log:
        per_client = max(1, rate // clients)
        # Each begins a little later than the one before: else all would ask at the same moments.
        apart_ms = max(1, round(1000 / per_client / clients))
        subprocess.run(["taskset", "-c", str(CLIENT_CORE), "h2load", "--h1", f"--rps={per_client}",
                        "-t1", f"-c{clients}", "-r1", f"--rate-period={apart_ms}ms",
                        f"-n{per_client * clients * seconds}",
                        f"--log-file={log.name}", f"http://127.0.0.1:{port}/"],
                       stdout=subprocess.DEVNULL, check=True)
        rows = [line.split("\t") for line in log]
    assert all(row[1].startswith("2") for row in rows)
    return sorted(int(row[2]) / 1000 for row in rows)


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=8)
    parser.add_argument("--rate", type=int, nargs="+", default=[400, 1000], help="requests a second")
    options = parser.parse_args()
    if not re.search(r"\brps\b", subprocess.run(["h2load", "--help"], text=True, check=False,
                                                stdout=subprocess.PIPE).stdout):
        sys.exit("slow_target: this h2load has no --rps")
    os.sched_setaffinity(0, {CLIENT_CORE})
    targets = Targets()
    contenders = [("weir", "least_requests"), ("weir", "peak_ewma"), ("haproxy", "leastconn"),
                  ("haproxy", "random(2)")]
    print("| requests/s | proxy | median ms | 99th percentile ms | to the slow target |\n"
          "|---|---|---|---|---|")
    with tempfile.TemporaryDirectory(prefix="weir-bench-") as folder, \
            contextlib.ExitStack() as stack:
        ports = {each: stack.enter_context(proxy(*each, targets.ports, folder))
                 for each in contenders}
        for rate in options.rate:
            found = {each: [] for each in contenders}
            for _ in range(options.rounds):
                for each in contenders:
                    before = list(targets.served)
                    times = measure(ports[each], rate, options.seconds)
                    slow = (targets.served[0] - before[0]) / len(times)
                    found[each].append((statistics.median(times),
                                        times[int(len(times) * 0.99)], slow))
            for each, runs in found.items():
                median, p99, slow = (statistics.median(column) for column in zip(*runs))
                print(f"| {rate} | {each[0]} {each[1]} | {median:.1f} | {p99:.1f} | "
                      f"{100 * slow:.1f} % |", flush=True)


if __name__ == "__main__":
    main()

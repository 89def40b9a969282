#!/usr/bin/python3
"""
`./dev bench`: Weir beside Debian's nginx and HAProxy on this machine, by docs/performance.md.

Each server has core 0 for itself; client and target share core 1. The servers are measured in turn,
A B C A B C, and the table shows medians. `bare` moves the bytes and does nothing else: what no proxy
can be cheaper than. Raw results go to tests/bench/results/.
"""
import argparse
import contextlib
import json
import os
import pathlib
import platform
import subprocess
import sys
import tempfile
import time

import load
import memory
import report
from rows import ROWS, CpuRow
from servers import CLIENT_CORE, HERE, ROOT, Server, free_port, requests_at_once, version

# The offered load is this part of what the slowest server did at saturation.
OFFERED_PART = 0.6


def measure_cpu(row, names, options, folder):
    """{load: samples} of one row."""
    pool = max(1024, row.connections)
    samples = {}
    with contextlib.ExitStack() as stack:
        backend = stack.enter_context(Server("backend", folder))
        servers = [stack.enter_context(Server(name, folder, backend.port, pool=pool))
                   for name in names]

        def run(kind, function, *arguments):
            rows = samples.setdefault(kind, [])
            for number in range(options.rounds):
                # Whoever comes first in a round changes, so that no one always follows the same.
                turn = number % len(servers)
                for server in servers[turn:] + servers[:turn]:
                    sample = function(server, row.path, row.connections, options.seconds, *arguments)
                    rows.append(sample.as_dict())

        for server in servers:
            load.saturate(server, row.path, row.connections, 1)
        run("saturated", load.saturate)
        if not options.quick:
            slowest = min(report.median(group, "requests_per_s")
                          for group in report.by_server(samples["saturated"]).values())
            run("offered", load.offer, slowest * OFFERED_PART)
    return samples


def measure_memory(row, names, options, folder):
    """The samples of one row, each on a fresh server."""
    samples = []
    count = min(row.count, requests_at_once())
    if count < row.count:
        print(f"{row.name}: only {count}, the descriptor limit of this machine allows no more")
    for _ in range(1 if options.quick else min(options.rounds, 3)):
        for name in names:
            with contextlib.ExitStack() as stack:
                backend = stack.enter_context(Server("backend", folder))
                slow_port = free_port()
                server = stack.enter_context(Server(name, folder, backend.port, slow_port))
                if row.kind == "idle":
                    each, failed = memory.idle(server, count)
                else:
                    each, failed = memory.waiting(server, slow_port, count)
            samples.append({"server": name, "count": count, "bytes_each": each, "failed": failed})
    return samples


def machine():
    """What the figures belong to."""
    model = next((line.split(":")[1].strip() for line in
                  pathlib.Path("/proc/cpuinfo").read_text().splitlines()
                  if line.startswith("model name")), "unknown")
    commit = subprocess.run(["git", "-C", ROOT, "rev-parse", "--short", "HEAD"], text=True,
                            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL).stdout.strip()
    return {"cpu": model, "cores": os.cpu_count(), "kernel": platform.release(), "commit": commit,
            "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())}


def run_rows(rows, options):
    """Measures, printing each row as it is done; returns (raw results, verdicts)."""
    results, verdicts = {}, []
    chosen = options.servers.split(",") if options.servers else None
    with tempfile.TemporaryDirectory(prefix="weir-bench-") as folder:
        pathlib.Path(folder).chmod(0o755)
        for row in rows:
            floor = row.floor if isinstance(row, CpuRow) else ()
            names = [name for name in ("weir", *row.peers, *floor) if not chosen or name in chosen]
            if isinstance(row, CpuRow):
                results[row.name] = measure_cpu(row, names, options, folder)
                print(report.CPU_HEADER)
                for kind, samples in results[row.name].items():
                    print("\n".join(report.cpu_lines(row, kind, samples)))
                    verdicts.append(report.cpu_verdict(row, kind, samples))
            else:
                results[row.name] = measure_memory(row, names, options, folder)
                print(report.MEMORY_HEADER)
                print("\n".join(report.memory_lines(row, results[row.name])))
                verdicts.append(report.memory_verdict(row, results[row.name]))
            print(flush=True)
    return results, [verdict for verdict in verdicts if verdict]


def parse_arguments():
    names = " ".join(row.name for row in ROWS)
    parser = argparse.ArgumentParser(prog="./dev bench", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("row", nargs="*", help=f"all without a name: {names}")
    parser.add_argument("--quick", action="store_true",
                        help="two rounds of two seconds at saturation: a first look, no result")
    parser.add_argument("--rounds", type=int, default=5, help="rounds for each server (5)")
    parser.add_argument("--seconds", type=int, default=4, help="length of one run (4)")
    parser.add_argument("--servers", help="only these, as in weir,nginx")
    parser.add_argument("--output", help="file for the raw results, JSON")
    options = parser.parse_args()
    for name in options.row:
        if name not in names.split():
            parser.error(f"there is no row '{name}'; there are: {names}")
    if options.quick:
        options.rounds, options.seconds = 2, 2
    return options


def main():
    options = parse_arguments()
    if os.cpu_count() < 2:
        sys.exit("bench: needs two cores, one for the server and one for client and target")
    os.sched_setaffinity(0, {CLIENT_CORE})
    about = machine()
    used = {"weir", "nginx", "haproxy"}
    if options.servers:
        used &= set(options.servers.split(","))
    about["versions"] = {name: version(name) for name in sorted(used)}
    print(f"{about['cpu']}, {about['cores']} cores, Linux {about['kernel']}; "
          + ", ".join(about["versions"].values()) + "\n")

    rows = [row for row in ROWS if not options.row or row.name in options.row]
    results, verdicts = run_rows(rows, options)
    for text, holds in verdicts:
        print(f"{'ok    ' if holds else 'MISSED'}  {text}")

    output = pathlib.Path(options.output) if options.output else (
        HERE / "results" / f"{about['time'].replace(':', '')}-{about['commit']}.json")
    output.parent.mkdir(parents=True, exist_ok=True)
    output.write_text(json.dumps({"machine": about, "options": vars(options), "results": results},
                                 indent=1) + "\n")
    print(f"\nraw results: {output}")
    return 0


if __name__ == "__main__":
    sys.exit(main())

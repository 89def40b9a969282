#!/usr/bin/python3
"""
`./dev bench`: Weir beside Debian's nginx and HAProxy on this machine, by docs/performance.md.

Each server has core 0 for itself; client and target share core 1. The servers are measured in turn,
A B C A B C, and the table shows medians. `bare` moves the bytes and does nothing else: what no proxy
can be cheaper than. Raw results go to tests/bench/results/.
"""
import argparse
import json
import os
import pathlib
import platform
import subprocess
import sys
import tempfile
import time

import bucket
import compress
import cost
import cpu
import forward_proxy
import half_open
import memory
import overload
import sites
import slow_target
from rows import (ROWS, BucketDeleteRow, BucketGetRow, BucketLargeRow, BucketManyRow, BucketPutRow,
                  CompressRow, CpuRow, ForwardProxyRow, HalfOpenRow, MemoryRow, OverloadRow, ReloadRow,
                  SitesRow, SlowTargetRow)
from servers import CLIENT_CORE, HERE, ROOT, version


# Above this, other work moves the figures.
BUSY_MAX = 0.05
LOOK_S = 1.0


class Kind:
    """How the rows of one type are measured, shown and judged: a module's functions."""

    def __init__(self, measure, lines, verdicts):
        self.measure, self.lines, self.verdicts = measure, lines, verdicts


KINDS = {
    CpuRow: Kind(cpu.measure, cpu.lines, cpu.verdicts),
    MemoryRow: Kind(memory.measure, memory.lines, memory.verdicts),
    SitesRow: Kind(sites.measure_cost, sites.cost_lines, sites.cost_verdicts),
    ReloadRow: Kind(sites.measure_reload, sites.reload_lines, sites.reload_verdicts),
    SlowTargetRow: Kind(slow_target.measure, slow_target.lines, slow_target.verdicts),
    CompressRow: Kind(compress.measure, compress.lines, compress.verdicts),
    HalfOpenRow: Kind(half_open.measure, half_open.lines, half_open.verdicts),
    ForwardProxyRow: Kind(forward_proxy.measure, forward_proxy.lines, forward_proxy.verdicts),
    OverloadRow: Kind(overload.measure, overload.lines, overload.verdicts),
    BucketGetRow: Kind(bucket.measure_get, bucket.get_lines, bucket.get_verdicts),
    BucketPutRow: Kind(bucket.measure_put, bucket.put_lines, bucket.put_verdicts),
    BucketLargeRow: Kind(bucket.measure_large, bucket.large_lines, bucket.large_verdicts),
    BucketManyRow: Kind(bucket.measure_many, bucket.many_lines, bucket.many_verdicts),
    BucketDeleteRow: Kind(bucket.measure_delete, bucket.delete_lines, bucket.delete_verdicts),
}


def show(row, samples):
    """Prints the table of a row; returns its verdicts."""
    kind = KINDS[type(row)]
    print("\n".join(kind.lines(row, samples)) + "\n", flush=True)
    return list(kind.verdicts(row, samples))


def tell(verdicts):
    """Prints them."""
    for text, holds in verdicts:
        print(f"{'ok    ' if holds else 'MISSED'}  {text}")


def read_kept(rows, file):
    """Shows the tables of a file of raw results."""
    results = json.loads(file.read_text())["results"]
    tell([verdict for row in rows if row.name in results
          for verdict in show(row, results[row.name])])


def busy_share():
    """How busy the machine is with other things, 0 to 1."""
    before = cost.system_busy_s()
    time.sleep(LOOK_S)
    return min(1.0, (cost.system_busy_s() - before) / LOOK_S / os.cpu_count())


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
    with tempfile.TemporaryDirectory(prefix="weir-bench-") as folder:
        pathlib.Path(folder).chmod(0o755)
        for row in rows:
            try:
                samples = KINDS[type(row)].measure(row, options, folder)
            except (RuntimeError, OSError, subprocess.SubprocessError) as problem:
                # The others are still worth their time.
                print(f"{row.name}: {problem}\n", flush=True)
                verdicts.append((f"{row.name}: not measured", False))
                continue
            results[row.name] = samples
            verdicts += show(row, samples)
    return results, verdicts


class Options(argparse.Namespace):
    """The command line."""

    def chosen(self, *names):
        """Those of the names that --servers names; all without it."""
        wanted = self.servers.split(",") if self.servers else names
        return [name for name in names if name in wanted]


def parse_arguments():
    names = " ".join(row.name for row in ROWS)
    rows = "\n".join(f"  {row.name:<14} {row.about}" for row in ROWS)
    parser = argparse.ArgumentParser(prog="./dev bench", description=__doc__,
                                     epilog=f"rows:\n{rows}",
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("row", nargs="*", help="all rows without a name")
    parser.add_argument("--quick", action="store_true",
                        help="two rounds of two seconds at saturation: a first look, no result")
    parser.add_argument("--rounds", type=int, default=5, help="rounds for each server (5)")
    parser.add_argument("--seconds", type=int, default=4, help="length of one run (4)")
    parser.add_argument("--servers", help="only these, as in weir,nginx")
    parser.add_argument("--output", help="file for the raw results, JSON")
    parser.add_argument("--read", metavar="FILE", type=pathlib.Path,
                        help="measure nothing, show the tables of raw results that were kept")
    options = parser.parse_args(namespace=Options())
    for name in options.row:
        if name not in names.split():
            parser.error(f"there is no row '{name}'; there are: {names}")
    if options.quick:
        options.rounds, options.seconds = 2, 2
    return options


def main():
    options = parse_arguments()
    rows = [row for row in ROWS if not options.row or row.name in options.row]
    if options.read:
        read_kept(rows, options.read)
        return 0
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

    busy = busy_share()
    if busy > BUSY_MAX:
        print(f"other work keeps this machine {busy:.0%} busy: take the figures as rough\n")
    about["busy_before"] = busy

    results, verdicts = run_rows(rows, options)
    tell(verdicts)

    output = pathlib.Path(options.output) if options.output else (
        HERE / "results" / f"{about['time'].replace(':', '')}-{about['commit']}.json")
    output.parent.mkdir(parents=True, exist_ok=True)
    output.write_text(json.dumps({"machine": about, "options": vars(options), "results": results},
                                 indent=1) + "\n")
    print(f"\nraw results: {output}")
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""
Buckets: objects beside files of the same edge, durable writes beside a file for each object, large
bodies beside md5sum and cat, what a store of many objects costs, and reads while others are deleted.
"""
import base64
import contextlib
import hashlib
import http.client
import json
import os
import pathlib
import re
import signal
import statistics
import subprocess
import threading
import time
import urllib.parse

import load
import report
from cpu import in_turn
from servers import COMMANDS, HERE, SERVER_CORE, TOOLS, Server
from sign import Signer

KEYS_A_REQUEST = 1000          # of DeleteObjects
COUNTED_S = 2
MIB = 1 << 20
COLLECT_S = 5                  # what compaction has after the last delete


class Edge(Server):
    """Weir with a bucket, `bench`, and a key for it."""

    def __init__(self, folder, core=None):
        super().__init__("weir", folder, template="weir-bucket.yaml", core=core)

    def __enter__(self):
        super().__enter__()
        try:
            said = subprocess.run(
                [COMMANDS["weir"][0], "s3", "key", "add", "bench", "--json", "-f", self.config()],
                text=True, stdout=subprocess.PIPE, check=True).stdout
            key = json.loads(said)
            self.signer = Signer(key["access_key"], key["secret_key"], f"127.0.0.1:{self.port}")
        except BaseException:
            self.__exit__()
            raise
        return self

    def folder(self):
        return self.config().parent

    def put(self, key, body):
        connection = http.client.HTTPConnection("127.0.0.1", self.port)
        connection.request("PUT", self.signer.presigned("PUT", f"/bench/{key}"), body)
        answer = connection.getresponse()
        text = answer.read()
        connection.close()
        if answer.status != 200:
            raise RuntimeError(f"PUT is answered {answer.status}: {text[:200]!r}")

    def presigned_file(self, count):
        """A file of so many presigned paths, each of a key of its own, for put.lua."""
        path = self.folder() / "paths"
        path.write_text("".join(self.signer.presigned("PUT", f"/bench/many/{number}") + "\n"
                                for number in range(count)))
        return path


# GET.

def measure_get(row, options, folder):
    with Edge(folder) as edge:
        edge.put("1k.bin", b"x" * 1024)
        ways = {"files": ("/1k.bin", "files.localhost"),
                "s3": ("/bench/1k.bin", None),
                "signed": (edge.signer.presigned("GET", "/bench/1k.bin"), None),
                "bucket": ("/1k.bin", "site.localhost")}

        def sample(way, seconds=options.seconds):
            path, host = ways[way]
            arguments = ("-H", f"Host: {host}") if host else ()
            found = load.saturate(edge, path, row.connections, seconds, arguments).as_dict()
            return {**found, "server": way}

        for way in ways:
            sample(way, 1)
        return in_turn(list(ways), options.rounds, sample)


def get_lines(row, samples):
    yield report.CPU_HEADER
    yield from report.cpu_lines(row, "saturated", samples)


def get_verdicts(row, samples):
    failed = sum(sample["failed"] for sample in samples)
    for way, most in row.ratios.items():
        ratio, pairs = report.ratio_of_pairs(samples, "cpu_us", way, "files")
        yield (f"{row.name}: {way} {ratio:.2f} of files (pairs {pairs[0]:.2f}–{pairs[-1]:.2f}), "
               f"at most {most:.2f}; {failed} failed", ratio <= most and failed == 0)


# PUT.

def _put(edge, paths, connections, seconds):
    return load.saturate(edge, "/", connections, seconds, ("-s", HERE / "put.lua"), (paths,))


def _count_syncs(edge, row, paths):
    """fdatasync and fsync for each object, counted by the kernel: strace would slow both down."""
    commands, command = os.pipe()
    answer, answers = os.pipe()
    events = "syscalls:sys_enter_fdatasync,syscalls:sys_enter_fsync"
    with subprocess.Popen(["perf", "stat", "-x,", "-D", "-1", "-e", events,
                           "--control", f"fd:{commands},{answers}",
                           "-p", ",".join(str(pid) for pid in edge.pids())],
                          pass_fds=(commands, answers), stdout=subprocess.DEVNULL,
                          stderr=subprocess.PIPE, text=True) as counter:
        os.close(commands)
        os.close(answers)
        os.write(command, b"enable\n")
        is_counting = os.read(answer, 16) != b""
        done = _put(edge, paths, row.connections, COUNTED_S).requests if is_counting else 0
        counter.send_signal(signal.SIGINT)
        text = counter.stderr.read()
    os.close(command)
    os.close(answer)
    calls = [int(line.split(",")[0]) for line in text.splitlines() if "sys_enter" in line]
    if not is_counting or len(calls) != 2:
        raise RuntimeError(f"perf has not counted:\n{text}")
    return sum(calls) / done


def _write_files(folder, seconds):
    said = subprocess.run(["taskset", "-c", str(SERVER_CORE), TOOLS / "store_bench", "files",
                           folder / "peer", str(seconds)],
                          text=True, stdout=subprocess.PIPE, check=True).stdout
    return float(re.search(r"files (\d+)/s", said)[1])


def measure_put(row, options, folder):
    samples = []
    with Edge(folder) as edge:
        paths = edge.presigned_file(row.count)
        _put(edge, paths, row.connections, 1)
        for _ in range(options.rounds):
            done = _put(edge, paths, row.connections, options.seconds)
            samples.append({"server": "weir", "per_s": done.requests_per_s,
                            "failed": done.failed, "cpu_us": done.cpu_us})
            samples.append({"server": "files", "failed": 0, "cpu_us": 0,
                            "per_s": _write_files(edge.folder(), options.seconds)})
        syncs = _count_syncs(edge, row, paths)
    return [{**sample, "syncs_each": syncs if sample["server"] == "weir" else 2.0}
            for sample in samples]


def put_lines(row, samples):
    yield f"{row.name:<14} {'writer':<8} {'objects/s':>10} {'CPU µs':>8} {'syncs each':>11} {'failed':>7}"
    for name, group in report.by_server(samples).items():
        yield (f"{'':<14} {name:<8} {report.median(group, 'per_s'):>10.0f} "
               f"{report.median(group, 'cpu_us'):>8.1f} {group[0]['syncs_each']:>11.3f} "
               f"{sum(one['failed'] for one in group):>7}")


def put_verdicts(row, samples):
    ratio, pairs = report.ratio_of_pairs(samples, "per_s", "weir", "files")
    syncs = report.by_server(samples)["weir"][0]["syncs_each"]
    failed = sum(sample["failed"] for sample in samples)
    yield (f"{row.name}: {ratio:.2f} times the files (pairs {pairs[0]:.2f}–{pairs[-1]:.2f}), at "
           f"least {row.ratio_min:.2f}; {failed} failed", ratio >= row.ratio_min and failed == 0)
    yield (f"{row.name}: {syncs:.3f} syncs an object, at most {row.syncs_max:.2f}",
           syncs <= row.syncs_max)


# Large bodies.

def _timed(*command):
    begun = time.monotonic()
    subprocess.run(["taskset", "-c", "0-1", *command], check=True, stdout=subprocess.DEVNULL)
    return time.monotonic() - begun


def _resident_kib(pids, field):
    return sum(int(re.search(rf"{field}:\s+(\d+)", pathlib.Path(f"/proc/{pid}/status").read_text())[1])
               for pid in pids)


def _grown_kib(edge, work):
    """(what the work returns, by how much the edge's memory grew at the most)"""
    pids = edge.pids()
    for pid in pids:
        pathlib.Path(f"/proc/{pid}/clear_refs").write_text("5")
    before = _resident_kib(pids, "VmRSS")
    result = work()
    return result, _resident_kib(pids, "VmHWM") - before


def measure_large(row, options, folder):
    samples = []
    # Both cores for all: a client and a server are compared with one program, which needs one.
    with Edge(folder, core="0-1") as edge:
        file = edge.folder() / "large"
        file.write_bytes(b"".join(hashlib.sha256(number.to_bytes(4, "big")).digest() * 32768
                                  for number in range(row.mib)))
        put, get = (edge.signer.presigned(method, "/bench/large") for method in ("PUT", "GET"))
        transfer = ("bash", HERE / "transfer.sh", str(edge.port))
        ways = {"put": (*transfer, "put", put, file), "md5sum": ("md5sum", file),
                "get": (*transfer, "get", get), "cat": ("cat", file),
                "curl-put": ("curl", "-sf", "-H", "Expect:", "-T", file, edge.url(put)),
                "curl-get": ("curl", "-sf", edge.url(get))}
        for command in ways.values():
            _timed(*command)
        # What is read goes to /dev/null.
        for _ in range(options.rounds):
            for way, command in ways.items():
                took, grown = _grown_kib(edge, lambda command=command: _timed(*command))
                samples.append({"server": way, "mib_per_s": row.mib / took, "grown_kib": grown})
    return samples


def large_lines(row, samples):
    yield f"{row.name:<14} {'way':<8} {'MiB/s':>8} {'memory grows by, KiB':>22}"
    for name, group in report.by_server(samples).items():
        grown = f"{max(one['grown_kib'] for one in group)}" if name.endswith(("put", "get")) else "-"
        yield f"{'':<14} {name:<8} {report.median(group, 'mib_per_s'):>8.0f} {grown:>22}"


def large_verdicts(row, samples):
    for way, peer in (("put", "md5sum"), ("get", "cat")):
        ratio, pairs = report.ratio_of_pairs(samples, "mib_per_s", way, peer)
        yield (f"{row.name}: {way} {ratio:.2f} of {peer}'s rate (pairs {pairs[0]:.2f}–{pairs[-1]:.2f}),"
               f" at least {row.ratio_min:.2f}", ratio >= row.ratio_min)


# Many objects.

def _list_all(edge):
    """(keys, milliseconds of each page)"""
    connection = http.client.HTTPConnection("127.0.0.1", edge.port)
    keys, pages, parameters = 0, [], {"list-type": "2"}
    while parameters:
        query = urllib.parse.urlencode(sorted(parameters.items()), quote_via=urllib.parse.quote)
        fields = edge.signer.fields("GET", "/bench", query, b"")
        begun = time.monotonic()
        connection.request("GET", f"/bench?{query}", headers=fields)
        answer = connection.getresponse()
        text = answer.read().decode()
        pages.append((time.monotonic() - begun) * 1000)
        if answer.status != 200:
            raise RuntimeError(f"a listing is answered {answer.status}: {text[:200]}")
        keys += text.count("<Key>")
        token = re.search(r"<NextContinuationToken>(.*?)<", text)
        parameters = token and {"continuation-token": token[1], "list-type": "2"}
    connection.close()
    return keys, pages


def measure_many(row, options, folder):
    with Edge(folder) as empty:
        before = _resident_kib(empty.pids(), "VmRSS")
    edge = Edge(folder)
    said = subprocess.run([TOOLS / "store_bench", "fill", edge.folder() / "store", str(row.count)],
                          text=True, stdout=subprocess.PIPE, check=True).stdout
    with edge:
        keys, pages = _list_all(edge)
        if keys != row.count:
            raise RuntimeError(f"{keys} of {row.count} objects are listed")
        grown = _resident_kib(edge.pids(), "VmRSS") - before
    return [{"server": "weir", "start_s": edge.start_s, "page_ms": statistics.median(pages),
             "fill_s": float(re.search(r"objects in ([\d.]+) s", said)[1]),
             "bytes_each": grown * 1024 / row.count}]


def many_lines(row, samples):
    yield f"{row.name:<14} {'filled s':>9} {'start s':>8} {'page ms':>8} {'bytes each':>11}"
    for one in samples:
        yield (f"{row.count:<14} {one['fill_s']:>9.1f} {one['start_s']:>8.3f} "
               f"{one['page_ms']:>8.2f} {one['bytes_each']:>11.1f}")


def many_verdicts(row, samples):
    for field, most in (("start_s", row.start_s_max), ("page_ms", row.page_ms_max),
                        ("bytes_each", row.bytes_max)):
        found = report.median(samples, field)
        yield f"{row.name}: {field} {found:.2f}, at most {most:.2f}", found <= most


# Reads while others are deleted.

def _deletions(edge, count):
    """The requests, made ahead: a client that makes them meanwhile takes the processor from the one
    whose waits are measured."""
    for first in range(0, count, KEYS_A_REQUEST):
        names = "".join(f"<Object><Key>many/{number}</Key></Object>"
                        for number in range(first, min(count, first + KEYS_A_REQUEST)))
        body = f"<Delete><Quiet>true</Quiet>{names}</Delete>".encode()
        fields = edge.signer.fields("POST", "/bench", "delete=", body)
        fields["Content-MD5"] = base64.b64encode(hashlib.md5(body).digest()).decode()
        yield body, fields


def _delete_all(edge, requests):
    connection = http.client.HTTPConnection("127.0.0.1", edge.port)
    for body, fields in requests:
        connection.request("POST", "/bench?delete", body, fields)
        answer = connection.getresponse()
        text = answer.read()
        if answer.status != 200 or b"<Error>" in text:
            raise RuntimeError(f"DeleteObjects is answered {answer.status}: {text[:200]!r}")
    connection.close()


def _read(edge, row, seconds):
    return load.open_loop(edge, "/bench/1k.bin", row.connections, seconds, row.rate)


def _read_meanwhile(edge, row):
    """Reads until all is deleted and packs were compacted."""
    requests = list(_deletions(edge, row.count))
    deleting = threading.Thread(target=_delete_all, args=(edge, requests))
    deleting.start()
    samples = [_read(edge, row, COLLECT_S)]
    while deleting.is_alive():
        samples.append(_read(edge, row, COLLECT_S))
    samples.append(_read(edge, row, COLLECT_S))
    return max(samples, key=lambda sample: sample["p99_ms"])


def measure_delete(row, options, folder):
    samples = []
    for _ in range(1 if options.quick else min(3, options.rounds)):
        with contextlib.ExitStack() as stack:
            edge = stack.enter_context(Edge(folder))
            edge.put("1k.bin", b"x" * 1024)
            paths = edge.presigned_file(row.count)
            left = row.count
            while left > 0:
                left -= _put(edge, paths, row.connections, options.seconds).requests
            samples.append({**_read(edge, row, COLLECT_S), "server": "without"})
            samples.append({**_read_meanwhile(edge, row), "server": "deletes"})
    return samples


def delete_lines(row, samples):
    yield f"{row.name:<14} {'while':<8} {'answered':>9} {'failed':>7} {'p50 ms':>8} {'p99 ms':>8} {'max ms':>8}"
    for name, group in report.by_server(samples).items():
        yield (f"{'':<14} {name:<8} {report.median(group, 'answered'):>9.0f} "
               f"{report.median(group, 'failed'):>7.0f} {report.median(group, 'p50_ms'):>8.2f} "
               f"{report.median(group, 'p99_ms'):>8.2f} {report.median(group, 'max_ms'):>8.1f}")


def delete_verdicts(row, samples):
    ratio, pairs = report.ratio_of_pairs(samples, "p99_ms", "deletes", "without")
    yield (f"{row.name}: p99 {ratio:.2f} of that without deletes (pairs {pairs[0]:.2f}–"
           f"{pairs[-1]:.2f}), at most {row.ratio_max:.2f}", ratio <= row.ratio_max)

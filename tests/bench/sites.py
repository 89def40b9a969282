"""
Many sites: what a request costs among them, how long a start and a reload take, and how long an
answer can take while the reload is under way.
"""
import contextlib
import subprocess
import threading
import time

import load
import many_sites
import report
from cpu import in_turn
from servers import COMMANDS, HERE, SERVER_CORE, Server

LUA = "spread.lua"
PROBES_PER_S, PROBE_CONNECTIONS, PROBE_S = 1000, 16, 3
RELOAD_AFTER_S = 0.3


def _server(row, sites, folder, backend_port, label):
    text = "workers: 1\n" + many_sites.render(sites, row.rules, "127.0.0.1:@PORT@",
                                              f"127.0.0.1:{backend_port}")
    return Server("weir", folder, label=label, text=text)


def measure_cost(row, options, folder):
    """The samples of both numbers of sites."""
    with contextlib.ExitStack() as stack:
        backend = stack.enter_context(Server("backend", folder))
        counts = {"weir": row.sites, "few": row.sites_few}
        servers = [stack.enter_context(_server(row, count, folder, backend.port, label))
                   for label, count in counts.items()]

        def saturate(server, seconds=options.seconds):
            return load.saturate(server, "/", row.connections, seconds, ("-s", str(HERE / LUA)),
                                 ("--", str(counts[server.name]))).as_dict()

        for server in servers:
            saturate(server, 1)
        return in_turn(servers, options.rounds, saturate)


def cost_lines(row, samples):
    """The table of the cost."""
    yield report.CPU_HEADER
    yield from report.cpu_lines(row, "saturated", samples)


def cost_verdicts(row, samples):
    """Many over few."""
    ratio, pairs = report.ratio_of_pairs(samples, "cpu_us", "weir", "few")
    return [(f"{row.name}: {ratio:.2f} of the cost with {row.sites_few} sites "
             f"(pairs {pairs[0]:.2f}–{pairs[-1]:.2f}), at most {row.ratio_max:.2f}",
             ratio <= row.ratio_max)]


def _reload(server, ret_seconds):
    """The command as people give it, on Weir's own core."""
    time.sleep(RELOAD_AFTER_S)
    begun = time.monotonic()
    subprocess.run(["taskset", "-c", str(SERVER_CORE), COMMANDS["weir"][0], "reload", "-f",
                    server.config()], check=True, stdout=subprocess.DEVNULL)
    ret_seconds.append(time.monotonic() - begun)


def _probe(server):
    return load.open_loop(server, "/p1", PROBE_CONNECTIONS, PROBE_S, PROBES_PER_S, "-h",
                          "site5.example.org")


def measure_reload(row, options, folder):
    """Each round on a fresh server: its start, a time without and one with a reload."""
    samples = []
    for _ in range(options.rounds):
        with _server(row, row.sites, folder, 9, "weir") as server:
            quiet = _probe(server)
            reload_s = []
            thread = threading.Thread(target=_reload, args=(server, reload_s))
            thread.start()
            reloaded = _probe(server)
            thread.join()
            if not reload_s:
                raise RuntimeError("the reload failed")
            samples.append({"server": "weir", "start_s": server.start_s, "reload_s": reload_s[0],
                            "quiet": quiet, "reload": reloaded})
    return samples


def reload_lines(row, samples):
    """The table of starts and reloads."""
    yield (f"{row.name:<13} {'start s':>8} {'reload s':>9}   "
           f"{'meanwhile':<10} {'p99.9 ms':>9} {'longest ms':>11} {'failed':>7}")
    begin = f"{'':<13} {report.median(samples, 'start_s'):>8.2f} {report.median(samples, 'reload_s'):>9.2f}"
    for kind in ("quiet", "reload"):
        probes = [sample[kind] for sample in samples]
        failed = sum(probe["failed"] + probe["late"] + probe["refused"] for probe in probes)
        yield (f"{begin}   {kind:<10} {report.median(probes, 'p999_ms'):>9.2f} "
               f"{report.median(probes, 'max_ms'):>11.2f} {failed:>7}")
        begin = " " * len(begin)


def reload_verdicts(row, samples):
    """Start, reload and stall."""
    start_s, reload_s = report.median(samples, "start_s"), report.median(samples, "reload_s")
    longest = {kind: report.median([sample[kind] for sample in samples], "max_ms")
               for kind in ("quiet", "reload")}
    return [
        (f"{row.name} start: {start_s:.2f} s, at most {row.start_s_max:.1f}",
         start_s <= row.start_s_max),
        (f"{row.name} reload: {reload_s:.2f} s, at most {row.reload_s_max:.1f}",
         reload_s <= row.reload_s_max),
        (f"{row.name} longest answer meanwhile: {longest['reload']:.1f} ms, at most "
         f"{row.stall_ms_max:.1f}; without a reload {longest['quiet']:.1f}",
         longest["reload"] <= row.stall_ms_max),
    ]

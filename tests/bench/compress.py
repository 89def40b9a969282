"""
Compression on the way: Weir's codings beside nginx's gzip. nginx gets the level whose answer is
nearest to Weir's in size and not smaller; where even its worst is smaller, the worst.
"""
import contextlib
import http.client

import load
import report
from cpu import in_turn
from servers import Server

LEVELS = range(1, 10)


def _size(server, path, coding):
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
    connection.request("GET", path, headers={"Accept-Encoding": coding})
    response = connection.getresponse()
    body = response.read()
    connection.close()
    if response.status != 200 or response.headers.get("Content-Encoding") != coding:
        raise RuntimeError(f"{server.name} does not compress {path} by {coding}: {response.status}")
    return len(body)


def _nearest(sizes, wanted):
    """The level, and its size."""
    enough = {level: size for level, size in sizes.items() if size >= wanted}
    level = min(enough, key=enough.get) if enough else max(sizes, key=sizes.get)
    return level, sizes[level]


def measure(row, options, folder):
    """The samples of both, with the size of an answer and nginx's level."""
    with contextlib.ExitStack() as stack:
        backend = stack.enter_context(Server("backend", folder))
        weir = stack.enter_context(Server("weir", folder, backend.port,
                                          template="weir-compress.yaml",
                                          values={"CODING": row.coding}))
        nginx = stack.enter_context(Server("nginx", folder, backend.port))
        file = row.path.rpartition("/")[2]
        own = _size(weir, row.path, row.coding)
        sizes = {level: _size(nginx, f"/json/{level}/{file}", "gzip") for level in LEVELS}
        level, other = _nearest(sizes, own)
        asked = {"weir": (row.path, row.coding, own, 0),
                 "nginx": (f"/json/{level}/{file}", "gzip", other, level)}

        def saturate(server, seconds=options.seconds):
            path, coding, size, level = asked[server.name]
            sample = load.saturate(server, path, row.connections, seconds,
                                   ("-H", f"Accept-Encoding: {coding}"))
            return {**sample.as_dict(), "coding": coding, "size": size, "level": level}

        servers = [weir, nginx]
        for server in servers:
            saturate(server, 1)
        return in_turn(servers, options.rounds, saturate)


def lines(row, samples):
    """The CPU table, then the sizes."""
    yield report.CPU_HEADER
    yield from report.cpu_lines(row, "saturated", samples)
    for name, group in report.by_server(samples).items():
        level = f" at level {group[0]['level']}" if group[0]["level"] else ""
        yield f"{'':<12} {name}: {group[0]['coding']}{level}, {group[0]['size']} bytes"


def verdicts(row, samples):
    """CPU at a size that is equal or nginx's is larger."""
    ratio, pairs = report.ratio_of_pairs(samples, "cpu_us", "weir", "nginx")
    size = {name: group[0]["size"] for name, group in report.by_server(samples).items()}
    level = report.by_server(samples)["nginx"][0]["level"]
    text = (f"{row.name}: {ratio:.2f} of nginx gzip {level} "
            f"(pairs {pairs[0]:.2f}–{pairs[-1]:.2f}), at most {row.ratio_max:.2f}; "
            f"size {size['weir'] / size['nginx']:.2f} of its")
    return [(text, ratio <= row.ratio_max)]

"""Medians, ratios and the table, made from raw samples alone, so that kept results can be read again."""
import statistics

CPU_HEADER = (f"{'row':<12} {'load':<10} {'server':<8} {'CPU µs':>8} {'user µs':>8} {'system µs':>10} "
              f"{'req/s':>8} {'p99 ms':>8} {'failed':>7}")
MEMORY_HEADER = f"{'row':<14} {'server':<8} {'at once':>8} {'bytes each':>11} {'failed':>7}"


def median(samples, field):
    return statistics.median(sample[field] for sample in samples)


def by_server(samples):
    found = {}
    for sample in samples:
        found.setdefault(sample["server"], []).append(sample)
    return found


def ratio_of_pairs(samples, field, ours, theirs):
    """(ratio of the medians, ratios of the pairs taken in turn, sorted): how far the noise moves it."""
    groups = by_server(samples)
    pairs = sorted(one[field] / max(other[field], 1e-9)
                   for one, other in zip(groups[ours], groups[theirs]))
    return median(groups[ours], field) / max(median(groups[theirs], field), 1e-9), pairs


def cpu_lines(row, load, samples):
    """One line a server, then Weir's ratio to the better peer."""
    groups = by_server(samples)
    cpu = {name: median(group, "cpu_us") for name, group in groups.items()}
    for name, group in groups.items():
        p99 = median(group, "p99_ms")
        yield (f"{row.name:<12} {load:<10} {name:<8} {cpu[name]:>8.2f} {median(group, 'user_us'):>8.2f}"
               f" {median(group, 'system_us'):>10.2f} {median(group, 'requests_per_s'):>8.0f}"
               f" {f'{p99:.2f}' if p99 else '-':>8} {sum(s['failed'] for s in group):>7}")


def cpu_verdict(row, load, samples):
    """(text, holds) of Weir against its better peer; None without Weir or without a peer."""
    groups = by_server(samples)
    cpu = {name: median(group, "cpu_us") for name, group in groups.items()}
    peers = {name: cpu[name] for name in row.peers if name in cpu}
    if "weir" not in cpu or not peers:
        return None
    best = min(peers, key=peers.get)
    ratio, pairs = ratio_of_pairs(samples, "cpu_us", "weir", best)
    holds = ratio <= row.ratio_max
    text = (f"{row.name} {load}: {ratio:.2f} of {best} (pairs {pairs[0]:.2f}–{pairs[-1]:.2f}), "
            f"at most {row.ratio_max:.2f}")
    for name in row.floor:
        if name in cpu:
            text += f"; {name} {cpu[name] / cpu[best]:.2f}"
    if row.user_us_max:
        user = median(groups["weir"], "user_us")
        holds = holds and user <= row.user_us_max
        text += f"; user space {user:.2f} µs, at most {row.user_us_max:.2f}"
    for field, limit, is_least in (("requests_per_s", row.rate_min, True),
                                   ("system_us", row.system_max, False)):
        if limit:
            of_peer = median(groups["weir"], field) / median(groups[best], field)
            holds = holds and (of_peer >= limit if is_least else of_peer <= limit)
            text += f"; {field} {of_peer:.2f}, at {'least' if is_least else 'most'} {limit:.2f}"
    return text, holds


def memory_lines(row, samples):
    for name, group in by_server(samples).items():
        yield (f"{row.name:<14} {name:<8} {group[0]['count']:>8}"
               f" {median(group, 'bytes_each'):>11.0f}"
               f" {sum(sample['failed'] for sample in group):>7}")


def memory_verdict(row, samples):
    groups = by_server(samples)
    if "weir" not in groups:
        return None
    each = median(groups["weir"], "bytes_each")
    if row.bytes_max:
        return f"{row.name}: {each:.0f} bytes each, at most {row.bytes_max}", each <= row.bytes_max
    peer = row.peers[0]
    if peer not in groups:
        return None
    theirs = median(groups[peer], "bytes_each")
    return (f"{row.name}: {each:.0f} bytes each, at most the {theirs:.0f} of {peer}: "
            f"{each / theirs:.2f}"), each <= theirs

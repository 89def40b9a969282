"""What a server costs: CPU time and private memory of its processes, read from /proc."""
import dataclasses
import os
import pathlib
import time

TICKS_PER_S = os.sysconf("SC_CLK_TCK")


def process_tree(pid):
    """The process and all its descendants that live now."""
    parents = {}
    for entry in pathlib.Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            parents.setdefault(int(fields[1]), []).append(int(entry.name))
    found, open_ends = [], [pid]
    while open_ends:
        one = open_ends.pop()
        found.append(one)
        open_ends += parents.get(one, [])
    return found


@dataclasses.dataclass
class CpuTime:
    """
    CPU time of a set of processes. `total_ns` is the scheduler's exact figure; user and system
    ticks are samples at the kernel's timer, good only for the share of user space in a long run.
    """
    total_ns: int = 0
    user_ticks: int = 0
    system_ticks: int = 0

    def __sub__(self, other):
        return CpuTime(self.total_ns - other.total_ns, self.user_ticks - other.user_ticks,
                       self.system_ticks - other.system_ticks)

    def user_share(self):
        ticks = self.user_ticks + self.system_ticks
        return self.user_ticks / ticks if ticks else 0.0


def cpu_time(pids):
    total = CpuTime()
    for pid in pids:
        for task in pathlib.Path(f"/proc/{pid}/task").iterdir():
            total.total_ns += int((task / "schedstat").read_text().split()[0])
        fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        total.user_ticks += int(fields[11])
        total.system_ticks += int(fields[12])
    return total


def process_ns(pids):
    """
    CPU time of processes with that of their threads that have ended, by the processes' clocks
    (clock_getcpuclockid).
    """
    return sum(time.clock_gettime_ns((~pid << 3) | 2) for pid in pids)


def system_busy_s():
    """CPU seconds that the whole machine was not idle since it booted."""
    fields = [int(field) for field in pathlib.Path("/proc/stat").read_text().split("\n")[0].split()[1:]]
    return (sum(fields[:8]) - fields[3] - fields[4]) / TICKS_PER_S


def private_bytes(pids):
    """Private anonymous memory that is resident: what user space holds, without kernel buffers."""
    total_kib = 0
    for pid in pids:
        for line in pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Anonymous:"):
                total_kib += int(line.split()[1])
    return total_kib * 1024

"""The process of a running weir that serves, and its memory, from /proc."""
import pathlib


def _field(pid, name):
    for line in pathlib.Path(f"/proc/{pid}/status").read_text().split("\n"):
        if line.startswith(name + ":"):
            return line.split()[1]
    return None


def serving_pid(edge):
    """The edge below the supervisor; its largest child."""
    children = []
    for status in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            if _field(status.name, "PPid") == str(edge.process.pid):
                children.append((int(_field(status.name, "VmRSS") or 0), int(status.name)))
        except OSError:
            pass  # it ended meanwhile
    return max(children)[1] if children else edge.process.pid


def resident_bytes(pid):
    return int(_field(pid, "VmRSS")) * 1024

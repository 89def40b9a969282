"""A worker whose loop no longer turns."""
import ctypes
import os
import pathlib
import signal
import time

import pytest

from harness import curl, load, wait

PTRACE_SEIZE, PTRACE_INTERRUPT = 0x4206, 0x4207
WALL = 0x40000000

TEXT = """\
listeners: { http: { address: "127.0.0.1:@PORT@" } }
workers: 2
access_log: off
sites: { all: { respond: hello } }
"""


def _thread(pid, name):
    for task in pathlib.Path(f"/proc/{pid}/task").iterdir():
        if (task / "comm").read_text().strip() == name:
            return int(task.name)
    raise AssertionError(f"no thread is called {name}")


def _stop_thread(tid):
    """Holds one thread alone, as a debugger does. False where the system forbids it."""
    libc = ctypes.CDLL(None, use_errno=True)
    libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
    if libc.ptrace(PTRACE_SEIZE, tid, None, None) != 0:
        return False
    assert libc.ptrace(PTRACE_INTERRUPT, tid, None, None) == 0
    os.waitpid(tid, WALL)
    return True


@pytest.mark.limit(90)
def test_a_stuck_worker_is_replaced_with_its_process(weir):
    edge = weir.edge(TEXT)
    pid = edge.status()["pid"]
    tid = _thread(pid, "edge 1")
    if not _stop_thread(tid):
        pytest.skip("may not trace")
    wait.until(lambda: "worker 1 has been stuck for 10 s" in edge.log(), "the watchdog's word",
               deadline_s=30)
    os.waitpid(tid, WALL)
    wait.until(lambda: curl.get(edge.url("/")).body == b"hello" and edge.status()["pid"] != pid,
               "another edge")
    assert "signal 6" in edge.log()


@pytest.mark.limit(90)
def test_a_process_that_was_stopped_is_not_stuck(weir):
    """SIGSTOP for longer than the watchdog's patience: it goes on where it was."""
    edge = weir.edge(TEXT)
    pid = edge.status()["pid"]
    os.kill(pid, signal.SIGSTOP)
    with load.steady(edge.port, "/", connections=1) as work:
        over = time.monotonic() + 12
        wait.until(lambda: time.monotonic() > over, "the patience to pass", deadline_s=30)
        os.kill(pid, signal.SIGCONT)
        wait.until(lambda: work.done > 10, "requests after SIGCONT")
    assert edge.status()["pid"] == pid
    assert "stuck" not in edge.log()

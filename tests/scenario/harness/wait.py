"""Waiting for a condition with a deadline, in place of sleeping."""
import os
import time

DEADLINE_S = 10.0
_PATIENCE = {"asan": 3.0, "tsan": 6.0}


def patience():
    """By how much deadlines grow for the build under test."""
    return _PATIENCE.get(os.environ.get("WEIR_TREE", ""), 1.0)


def until(condition, what, deadline_s=DEADLINE_S, pause_s=0.01):
    """
    The first true value of condition(). After the deadline, an AssertionError that says what was
    waited for (text, or a function that makes it); the deadline grows by patience().
    """
    end = time.monotonic() + deadline_s * patience()
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            words = what() if callable(what) else what
            raise AssertionError(f"waited {deadline_s * patience():.0f} s in vain for {words}")
        time.sleep(pause_s)

"""
`./dev ci`: everything that must pass before a change lands, in three steps: configure and build all
trees, then run every part on as many cores as there are, then one closing line. A part finds its
tests itself, so that a new fuzz target, simulation or scenario runs without being listed here; a
part that found nothing says so.
"""
import concurrent.futures
import os
import re
import sys
import time

import fuzz
import lint
import test
from project import CORES, ROOT, Count, count_from_output, last_lines, run_captured

TREES = ("release", "clang", "asan", "tsan", "fuzz")
FUZZ_SECONDS = 5
SIM_SEEDS = 200
DEMO_TIMEOUT_S = 300
PROGRESS = re.compile(r"\[\d+/\d+\] |gcc |clang ")
# Timings of scenarios are generous, but not for a build or another part that takes both cores.
PARTS_AT_ONCE = CORES


def _say(*lines):
    """In one write, since parts end at the same time."""
    sys.stdout.write("".join(line + "\n" for line in lines))
    sys.stdout.flush()


def build(tree):
    """A tree built without a warning (they are errors) is one check."""
    result = run_captured([ROOT / "tools/tree.sh", tree])
    words = "\n".join(line for line in result.stdout.splitlines() if not PROGRESS.match(line))
    return Count.of([last_lines(words, 80)] if result.returncode else [])


def demo():
    result = run_captured([ROOT / "dev", "demo", "--check"], timeout=DEMO_TIMEOUT_S)
    count = count_from_output(result.stdout, result.returncode)
    if count.failed:
        count.notes.append(last_lines(result.stdout))
    return count


def parts(built):
    """What to run after the builds, the longest first: (name, function)."""
    def on(tree, *rows):
        return rows if tree in built else ()

    return [
        *on("asan", ("scenario asan", lambda: test.run_scenario("asan", ["-m", "not soak"]))),
        *on("release", ("scenario release",
                        lambda: test.run_scenario("release", ["-m", "not soak"]))),
        *on("tsan", ("scenario tsan",
                     lambda: test.run_scenario("tsan", ["-m", "threads and not soak"]))),
        *[(f"lint {name}", lambda check=check: Count.of(check()))
          for name, check in reversed(lint.CHECKS.items())],
        *on("fuzz", *[(f"fuzz {name}",
                       lambda name=name, program=program:
                       fuzz.run_target(name, program, FUZZ_SECONDS))
                      for name, program in fuzz.targets().items()]),
        *on("tsan", ("unit tsan", lambda: test.run_unit("tsan"))),
        *on("release", ("sim release", lambda: test.run_sim("release", SIM_SEEDS)),
            ("unit release", lambda: test.run_unit("release"))),
        *on("asan", ("sim asan", lambda: test.run_sim("asan", SIM_SEEDS // 10)),
            ("unit asan", lambda: test.run_unit("asan"))),
        *on("clang", ("unit clang", lambda: test.run_unit("clang"))),
        *([("demo", demo)] if "release" in built and (ROOT / "examples/notes").is_dir() else []),
    ]


def run_part(name, function):
    began = time.monotonic()
    try:
        count = function()
    except (Exception, SystemExit) as error:  # a part that breaks is a failure, not the end of CI
        count = Count(0, 1, [f"{type(error).__name__}: {error}"])
    words = count.closing_line() if count.passed or count.failed else "nothing to run"
    _say(f"{name}: {words} ({time.monotonic() - began:.0f} s)",
         *("  " + note.replace("\n", "\n  ") for note in count.notes))
    return count


def main():
    os.environ.setdefault("PYTHONDONTWRITEBYTECODE", "1")
    total = Count()
    built = set()
    for tree in TREES:
        count = run_part(f"build {tree}", lambda tree=tree: build(tree))
        total += count
        if not count.failed:
            built.add(tree)
    with concurrent.futures.ThreadPoolExecutor(PARTS_AT_ONCE) as pool:
        for count in pool.map(lambda part: run_part(*part), parts(built)):
            total += count
    print(total.closing_line())
    return bool(total.failed)


if __name__ == "__main__":
    sys.exit(main())

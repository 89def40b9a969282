"""
`./dev test [PART...] [--tree NAME] [--seeds N] [-- PYTEST ARGUMENTS]`: builds a tree and runs what is
asked of it. Closes with one line, `N passed, N failed`.

  unit      tests/unit and tests/layers, by meson; each cmocka case counts
  scenario  tests/scenario, by pytest, with the tree's weir
  sim       tests/sim: each program build*/tests/sim/sim_* with --seeds N
"""
import argparse
import json
import os
import sys
import tempfile
import re
import xml.etree.ElementTree

from project import (CORES, PYTHON, ROOT, Count, build_tree, count_from_output, executables,
                     last_lines, run_captured, tree_directory)

# A finding of a sanitizer ends the program with this code, which no test expects.
SANITIZER_OPTIONS = {
    "ASAN_OPTIONS": "exitcode=99:detect_leaks=1:strict_string_checks=1:allocator_may_return_null=1",
    "UBSAN_OPTIONS": "halt_on_error=1:print_stacktrace=1:exitcode=99",
    "TSAN_OPTIONS": "exitcode=99:halt_on_error=1:second_deadlock_stack=1",
}
CMOCKA_PASSED = re.compile(r"^\[  PASSED  \] (\d+) test", re.MULTILINE)
CMOCKA_FAILED = re.compile(r"^\[  FAILED  \] \w[^\n]*: (\d+) test|^\[  FAILED  \] (\d+) test",
                           re.MULTILINE)


# How much longer a unit test may take under a sanitizer.
TIMEOUT_FACTOR = {"asan": 3, "tsan": 6}
SIM_TIMEOUT_S = 1800


def test_environment():
    return {**os.environ, **{name: os.environ.get(name, value)
                             for name, value in SANITIZER_OPTIONS.items()}}


def _count_meson_test(result):
    """One line of testlog.json: the cases that cmocka counted, or the program as one check."""
    output = (result.get("stdout") or "") + (result.get("stderr") or "")
    passed = sum(int(number) for number in CMOCKA_PASSED.findall(output))
    if result["result"] == "OK":
        return Count(max(passed, 1), 0)
    failed = sum(int(one or other) for one, other in CMOCKA_FAILED.findall(output))
    return Count(passed, max(failed, 1),
                 [f"{result['name']}: {result['result']}\n{last_lines(output)}"])


def run_unit(tree, extra=()):
    """The unit tests and layer programs of a built tree."""
    directory = tree_directory(tree)
    log = directory / "meson-logs/testlog.json"
    log.unlink(missing_ok=True)
    result = run_captured(["meson", "test", "-C", directory, "--no-rebuild", "--suite", "unit",
                           "--suite", "layers", "--num-processes", str(CORES),
                           "--timeout-multiplier", str(TIMEOUT_FACTOR.get(tree, 1)), *extra],
                          env=test_environment())
    if not log.exists():
        return Count(0, 1, [last_lines(result.stdout)])
    counts = [_count_meson_test(json.loads(line)) for line in log.read_text().splitlines()]
    return sum(counts, Count())


def run_scenario(tree, pytest_arguments=()):
    """The scenario tests with the weir of a built tree."""
    weir = tree_directory(tree) / "weir"
    if not list((ROOT / "tests/scenario").glob("**/test_*.py")):
        return Count()
    if not weir.exists():
        return Count(0, 1, [f"{weir} is missing, the scenario tests have nothing to run"])
    with tempfile.TemporaryDirectory(prefix="weir-scenario-") as folder:
        junit = f"{folder}/junit.xml"
        environment = {**test_environment(), "WEIR": str(weir), "WEIR_TREE": tree}
        named = any((ROOT / word.partition("::")[0]).exists() for word in pytest_arguments)
        result = run_captured([PYTHON, "-m", "pytest", "-q", "-p", "no:cacheprovider",
                               f"--junit-xml={junit}", *([] if named else ["tests/scenario"]),
                               *pytest_arguments], env=environment)
        try:
            suite = xml.etree.ElementTree.parse(junit).getroot().find("testsuite")
        except (OSError, xml.etree.ElementTree.ParseError):
            return Count(0, 1, [last_lines(result.stdout)])
    number = {name: int(suite.get(name)) for name in ("tests", "failures", "errors", "skipped")}
    failed = number["failures"] + number["errors"]
    passed = number["tests"] - failed - number["skipped"]
    notes = [last_lines(result.stdout, 200)] if failed else []
    if number["skipped"]:
        notes.append(f"scenario ({tree}): {number['skipped']} skipped")
    if result.returncode not in (0, 5) and not failed:
        failed, notes = 1, [last_lines(result.stdout)]
    return Count(max(passed, 0), failed, notes)


def run_sim(tree, seeds):
    """Each simulation over the seeds 1 … `seeds`; a failing one prints its seed."""
    total = Count()
    for program in executables(tree_directory(tree) / "tests/sim", "sim_"):
        result = run_captured([program, "--seeds", str(seeds)], env=test_environment(),
                              timeout=SIM_TIMEOUT_S)
        count = count_from_output(result.stdout, result.returncode)
        if count.failed:
            count.notes.append(f"{program.name}:\n{last_lines(result.stdout)}")
        total += count
    return total


def main():
    parser = argparse.ArgumentParser(prog="./dev test", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("part", nargs="*", help="unit, scenario, sim; all without a name")
    parser.add_argument("--tree", default="release", help="build tree: release debug asan tsan clang")
    parser.add_argument("--seeds", type=int, default=50, help="seeds of each simulation (50)")
    words = sys.argv[1:]
    cut = words.index("--") if "--" in words else len(words)
    arguments, pytest_arguments = parser.parse_args(words[:cut]), words[cut + 1:]
    runs = {
        "unit": lambda: run_unit(arguments.tree),
        "scenario": lambda: run_scenario(arguments.tree, pytest_arguments),
        "sim": lambda: run_sim(arguments.tree, arguments.seeds),
    }
    for part in arguments.part:
        if part not in runs:
            parser.error(f"there is no part '{part}'; there are: {' '.join(runs)}")
    build_tree(arguments.tree)
    total = Count()
    for part in arguments.part or runs:
        count = runs[part]()
        print("\n".join([*count.notes, f"{part} ({arguments.tree}): {count.closing_line()}"]),
              flush=True)
        total += count
    print(total.closing_line())
    return bool(total.failed)


if __name__ == "__main__":
    sys.exit(main())

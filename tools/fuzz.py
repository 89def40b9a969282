"""
`./dev fuzz [--seconds N] [--target NAME]...`: each fuzz target of tests/fuzz over its corpus,
tests/fuzz/corpus/NAME, for some seconds. What it finds is kept in build-fuzz/found/NAME-…; an input
that crashed belongs into the corpus together with the mend.
"""
import argparse
import pathlib
import sys

from project import (ROOT, Count, build_tree, executables, last_lines, run_captured,
                     tree_directory)
from test import test_environment


def targets():
    """The fuzz programs of the built tree by their names without `fuzz_`."""
    return {path.name.removeprefix("fuzz_"): path
            for path in executables(tree_directory("fuzz") / "tests/fuzz", "fuzz_")}


def run_target(name, program, seconds):
    """One target: first its whole corpus, then new inputs for the time given."""
    tree = tree_directory("fuzz")
    learned = tree / "learned" / name
    found = tree / "found"
    for folder in (learned, found):
        folder.mkdir(parents=True, exist_ok=True)
    corpus = ROOT / "tests/fuzz/corpus" / name
    command = [program, f"-max_total_time={seconds}", "-timeout=10", "-rss_limit_mb=2048",
               "-print_final_stats=1", f"-artifact_prefix={found}/{name}-", learned]
    dictionary = ROOT / "tests/fuzz" / f"{name}.dict"
    if dictionary.exists():
        command.append(f"-dict={dictionary}")
    if corpus.is_dir():
        command.append(corpus)
    try:
        result = run_captured(command, env=test_environment(), timeout=seconds * 3 + 120)
    except OSError as error:
        return Count(0, 1, [f"fuzz {name}: {error}"])
    if result.returncode:
        return Count(0, 1, [f"fuzz {name}: a failing input is in {found}\n"
                            f"{last_lines(result.stdout)}"])
    runs = [line.split()[-1] for line in result.stdout.splitlines()
            if line.startswith("stat::number_of_executed_units")]
    return Count(1, 0, [f"fuzz {name}: {runs[-1] if runs else '?'} inputs"])


def run_all(seconds, only=()):
    total = Count()
    for name, program in targets().items():
        if not only or name in only:
            total += run_target(name, pathlib.Path(program), seconds)
    return total


def main():
    parser = argparse.ArgumentParser(prog="./dev fuzz", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=int, default=10, help="for each target (10)")
    parser.add_argument("--target", action="append", default=[], help="only this one")
    arguments = parser.parse_args()
    build_tree("fuzz")
    for name in arguments.target:
        if name not in targets():
            parser.error(f"there is no target '{name}'; there are: {' '.join(targets())}")
    count = run_all(arguments.seconds, arguments.target)
    print("\n".join([*count.notes, count.closing_line()]))
    return bool(count.failed)


if __name__ == "__main__":
    sys.exit(main())

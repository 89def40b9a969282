#!/usr/bin/python3
"""
`./dev soak [PART...]`: the long runs before an issue is called done. Closes with `N passed, N failed`.

  scenario  the scenario tests marked soak (chaos, leaks over requests and reloads), with the release
            and the ASan program
  fuzz      each fuzz target for --fuzz-seconds (300)
  sim       each simulation over --seeds (1,000) seeds
  repeat    the unit tests under ASan again and again (--repeat 20), for what shows only sometimes
"""
import argparse
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "tools"))

import fuzz  # noqa: E402
import test  # noqa: E402
from ci import run_part  # noqa: E402
from project import Count, build_tree  # noqa: E402


def parts(options):
    """(name, trees it needs, function) of each part."""
    return {
        "scenario": (("release", "asan"), lambda: test.run_scenario("release", ["-m", "soak"])
                     + test.run_scenario("asan", ["-m", "soak"])),
        "fuzz": (("fuzz",), lambda: fuzz.run_all(options.fuzz_seconds)),
        "sim": (("release",), lambda: test.run_sim("release", options.seeds)),
        "repeat": (("asan",), lambda: test.run_unit("asan", ["--repeat", str(options.repeat)])),
    }


def main():
    parser = argparse.ArgumentParser(prog="./dev soak", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("part", nargs="*", help="all without a name")
    parser.add_argument("--fuzz-seconds", type=int, default=300)
    parser.add_argument("--seeds", type=int, default=1000)
    parser.add_argument("--repeat", type=int, default=20)
    options = parser.parse_args()
    known = parts(options)
    for name in options.part:
        if name not in known:
            parser.error(f"there is no part '{name}'; there are: {' '.join(known)}")
    total = Count()
    for name in options.part or known:
        trees, function = known[name]
        for tree in trees:
            build_tree(tree)
        total += run_part(f"soak {name}", function)
    print(total.closing_line())
    return bool(total.failed)


if __name__ == "__main__":
    sys.exit(main())

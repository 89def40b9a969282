"""What the tools share: where things are, running commands, counting results, one closing line."""
import dataclasses
import os
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
CORES = os.cpu_count() or 1
PYTHON = "/usr/bin/python3"


def tree_directory(tree):
    """The directory of a build tree of tools/tree.sh."""
    return ROOT / ("build" if tree == "release" else f"build-{tree}")


def build_tree(tree, *targets):
    """Builds a tree, or ends the program with the compiler's words on the terminal."""
    if subprocess.run([ROOT / "tools/tree.sh", tree, *targets], cwd=ROOT).returncode:
        sys.exit(f"the build tree '{tree}' does not build")


def c_sources(*folders, suffixes=(".c", ".h")):
    """All C files below the folders, as sorted paths relative to the root."""
    return sorted(path.relative_to(ROOT) for folder in folders
                  for path in (ROOT / folder).rglob("*") if path.suffix in suffixes)


@dataclasses.dataclass
class Count:
    """How many checks passed and failed, and the words to print about those that failed."""
    passed: int = 0
    failed: int = 0
    notes: list = dataclasses.field(default_factory=list)

    def __add__(self, other):
        return Count(self.passed + other.passed, self.failed + other.failed,
                     self.notes + other.notes)

    @classmethod
    def of(cls, problems):
        """One check: passed without problems, failed with them."""
        return cls(0, 1, list(problems)) if problems else cls(1, 0)

    def closing_line(self):
        return f"{self.passed} passed, {self.failed} failed"


CLOSING_LINE = re.compile(r"^(\d+) passed, (\d+) failed$", re.MULTILINE)


def count_from_output(output, returncode):
    """
    The count a program closed its output with. A program that exits with an error and does not say
    what failed counts as one failure; one that says nothing at all counts as one check.
    """
    found = CLOSING_LINE.findall(output)
    passed, failed = (int(number) for number in found[-1]) if found else (0, 0)
    if returncode and not failed:
        failed = 1
    if not passed and not failed:
        passed = 1
    return Count(passed, failed)


def executables(directory, prefix):
    """The programs `directory/prefix…` of a build tree, sorted; none when there is no directory."""
    return sorted(path for path in directory.glob(f"{prefix}*")
                  if path.is_file() and os.access(path, os.X_OK) and not path.suffix)


def run_captured(command, **options):
    """Runs a command, output and errors together as text."""
    return subprocess.run(command, cwd=ROOT, text=True, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, errors="replace", **options)


def last_lines(output, count=60):
    """The end of a long output, for notes about a failure."""
    return "\n".join(output.rstrip().splitlines()[-count:])

"""
`./dev lint [CHECK...] [--fix]`: what can be held against the sources without running them. Each
check is one function below; it returns its problems, one line each.
"""
import argparse
import ast
import concurrent.futures
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys

import layers
from project import CORES, ROOT, Count, build_tree, c_sources, tree_directory

LINES_PER_FILE_MAX = 800


def _run(*command):
    return subprocess.run(command, cwd=ROOT, text=True, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT)


def _in_parallel(function, items):
    with concurrent.futures.ThreadPoolExecutor(CORES) as pool:
        return [problem for found in pool.map(function, items) for problem in found]


def check_format(fix=False):
    """clang-format, by .clang-format."""
    files = [str(path) for path in c_sources("src", "tests")]
    mode = ["-i"] if fix else ["--dry-run", "--Werror"]
    result = _run("clang-format", *mode, *files)
    return [line for line in result.stdout.splitlines() if "error:" in line]


def check_layers():
    """The layer law of tools/layers.py."""
    return layers.problems()


def check_headers():
    """Every header of src/ compiles alone, so that no include depends on its neighbours."""
    def compile_alone(header):
        name = header.relative_to("src")
        result = subprocess.run(
            ["gcc", "-std=gnu17", "-D_GNU_SOURCE", "-Wall", "-Wextra", "-Werror", "-Isrc",
             "-fsyntax-only", "-x", "c", "-"],
            input=f'#include "{name}"\n#include "{name}"\n', cwd=ROOT, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        return [f"{header}: does not compile alone:\n{result.stdout}"] if result.returncode else []
    return _in_parallel(compile_alone, c_sources("src", suffixes=(".h",)))


def check_tidy():
    """clang-tidy, by .clang-tidy; a file is looked at again only when it or a header changed."""
    tree = tree_directory("clang")
    build_tree("clang", "--configure")
    known = {os.path.normpath(os.path.join(entry["directory"], entry["file"]))
             for entry in json.loads((tree / "compile_commands.json").read_text())}
    common = hashlib.sha256((ROOT / ".clang-tidy").read_bytes())
    for header in c_sources("src", suffixes=(".h",)):
        common.update((ROOT / header).read_bytes())
    clean = tree / "tidy-clean"
    clean.mkdir(exist_ok=True)

    def tidy(path):
        digest = common.copy()
        digest.update(str(path).encode() + (ROOT / path).read_bytes())
        mark = clean / digest.hexdigest()
        if mark.exists():
            return []
        result = _run("clang-tidy", "--quiet", "-p", str(tree), str(path))
        found = [line for line in result.stdout.splitlines() if re.search(r"(error|warning): ", line)]
        if not found and result.returncode:
            found = [f"{path}: clang-tidy failed:\n{result.stdout}"]
        if not found:
            mark.touch()
        return found
    sources = [path for path in c_sources("src", suffixes=(".c",)) if str(ROOT / path) in known]
    return _in_parallel(tidy, sources)


def check_sizes():
    """A source past 800 lines is two modules."""
    found = []
    for path in c_sources("src", "tests"):
        lines = (ROOT / path).read_text().count("\n")
        if lines > LINES_PER_FILE_MAX:
            found.append(f"{path}: {lines} lines, more than {LINES_PER_FILE_MAX}: two modules?")
    return found


def check_built():
    """Every C source below src/ is in the build, so that nothing rots beside it."""
    build_tree("clang", "--configure")
    commands = json.loads((tree_directory("clang") / "compile_commands.json").read_text())
    known = {os.path.normpath(os.path.join(entry["directory"], entry["file"]))
             for entry in commands}
    return [f"{path}: in no meson.build" for path in c_sources("src", suffixes=(".c",))
            if str(ROOT / path) not in known]


def check_marks():
    """No unfinished work by its own words: it goes into an issue or a stated limit."""
    mark = re.compile(r"\b(TODO|FIXME|XXX|HACK)\b")
    return [f"{path}:{number}: {match[0]}"
            for path in c_sources("src", "tests")
            for number, line in enumerate((ROOT / path).read_text().splitlines(), 1)
            if (match := mark.search(line))]


def _calls_sleep(node):
    return (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)
            and node.func.attr == "sleep" and isinstance(node.func.value, ast.Name)
            and node.func.value.id == "time")


def check_python():
    """The Python parses, and scenario tests wait for conditions (harness/wait.py), never sleep."""
    found = []
    for path in sorted([*ROOT.glob("tools/*.py"), *ROOT.glob("tests/**/*.py"),
                        *ROOT.glob("examples/**/*.py")]):
        name = path.relative_to(ROOT)
        try:
            tree = ast.parse(path.read_text(), str(name))
        except SyntaxError as error:
            found.append(f"{name}:{error.lineno}: {error.msg}")
            continue
        if name.parts[:2] == ("tests", "scenario") and name.name.startswith("test_"):
            found += [f"{name}:{node.lineno}: time.sleep: wait for a condition instead"
                      for node in ast.walk(tree) if _calls_sleep(node)]
    return found


def check_shell():
    """The shell scripts parse."""
    found = []
    for path in [ROOT / "dev", ROOT / ".ci/run", *sorted(ROOT.glob("tools/*.sh"))]:
        result = _run("bash", "-n", str(path))
        found += result.stdout.splitlines() if result.returncode else []
    return found


def check_manual():
    """docs/weir.1 is well formed and names each command and each option there is."""
    page = (ROOT / "docs/weir.1").read_text()
    lint = _run("mandoc", "-Tlint", "docs/weir.1")
    found = lint.stdout.splitlines()
    commands = re.findall(r'^    \{"(\w+)", \w+, "', (ROOT / "src/main/main.c").read_text(), re.M)
    found += [f"docs/weir.1: the command {name} is missing" for name in commands
              if f".It Cm {name}\n" not in page]
    row = re.compile(r"\{'(\\?.)', \"(\w+)\", OPTION_")
    for path in c_sources("src/cli", "src/main", suffixes=(".c",)):
        for letter, name in row.findall((ROOT / path).read_text()):
            item = f"Fl Fl {name}" if letter == "\\0" else f"Fl {letter} , Fl Fl {name}"
            if not re.search(rf"^\.It {re.escape(item)}\b", page, re.M):
                found.append(f"docs/weir.1: {path}'s option --{name} is missing")
    return found if commands else ["docs/weir.1: no commands were found in src/main/main.c"]


CHECKS = {
    "format": check_format, "layers": check_layers, "headers": check_headers, "sizes": check_sizes,
    "built": check_built, "marks": check_marks, "python": check_python, "shell": check_shell,
    "manual": check_manual, "tidy": check_tidy,
}


def main():
    parser = argparse.ArgumentParser(prog="./dev lint", description=__doc__)
    parser.add_argument("check", nargs="*", help=f"one of {' '.join(CHECKS)}; all without a name")
    parser.add_argument("--fix", action="store_true", help="let clang-format write the files")
    arguments = parser.parse_args()
    for name in arguments.check:
        if name not in CHECKS:
            parser.error(f"there is no check '{name}'; there are: {' '.join(CHECKS)}")
    if not shutil.which("clang-format"):
        sys.exit("clang-format is missing: ./dev setup lint")
    if arguments.fix:
        check_format(fix=True)
    total = Count()
    for name in arguments.check or CHECKS:
        found = CHECKS[name]()
        print(f"lint {name}: {'ok' if not found else f'{len(found)} problems'}", flush=True)
        for line in found:
            print(f"  {line}", flush=True)
        total += Count.of(found)
    print(total.closing_line())
    return bool(total.failed)


if __name__ == "__main__":
    sys.exit(main())

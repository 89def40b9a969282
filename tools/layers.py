"""
The layer law: which folder of src/ may include what, where system calls and clocks may stand, and
which calls nobody may use. docs/architecture.md explains the law; the tables here are the law.
"""
import re

from project import ROOT, c_sources

# folder: (folders it may include besides itself, library headers it may include).
# `edge/client.h` in place of a folder allows that one header.
LAYERS = {
    "base": ((), ()),
    "os": (("base",), ("ares.h", "crypt.h")),
    "wire": (("base",), ("openssl/", "nghttp2/", "expat.h", "jansson.h", "zlib.h", "brotli/",
                         "zstd.h")),
    "store": (("base", "os"), ("sqlite3.h", "openssl/")),
    "conf": (("base", "os", "wire"), ("yaml.h",)),
    "http": (("base", "os", "wire"), ()),
    "edge": (("base", "os", "wire", "http", "store", "conf"), ()),
    "control": (("base", "os", "wire", "http", "store", "conf", "edge/client.h"), ()),
    "cli": (("base", "os", "wire", "store", "http", "conf"), ()),
    "main": (("base", "os", "wire", "store", "conf", "http", "edge", "control", "cli"), ()),
}

# Who may call the system and read the clock.
SYSTEM_LAYERS = ("os", "main")

# Headers that any layer may include: C's own, without those that do I/O behind the caller's back,
# and the few of POSIX that only name types, numbers and string functions.
PLAIN_HEADERS = {
    "assert.h", "ctype.h", "errno.h", "float.h", "inttypes.h", "limits.h", "math.h", "stdalign.h",
    "stdarg.h", "stdatomic.h", "stdbool.h", "stddef.h", "stdint.h", "stdio.h", "stdlib.h",
    "stdnoreturn.h", "string.h", "strings.h", "sys/types.h", "endian.h",
    "arpa/inet.h",
}
# Compiler intrinsics for vectorised scans.
INTRINSICS = re.compile(r"^[a-z]+mmintrin\.h$|^immintrin\.h$|^arm_neon\.h$|^cpuid\.h$")

# Calls that nobody uses, and what to use instead.
BANNED_CALLS = {
    "strcpy": "a slice or snprintf", "strcat": "base/writer.h", "sprintf": "snprintf",
    "vsprintf": "vsnprintf", "strtok": "base/slice.h", "strtok_r": "base/slice.h",
    "atoi": "slice_to_… of base/slice.h", "atol": "slice_to_… of base/slice.h",
    "atoll": "slice_to_… of base/slice.h", "gets": "base/slice.h", "alloca": "an arena",
    "rand": "os/random.h", "srand": "os/random.h", "random": "os/random.h",
}
# Calls that are system calls or clocks under the names of plain headers.
SYSTEM_CALLS = {
    "fopen", "fdopen", "freopen", "popen", "tmpfile", "remove", "rename", "system", "getenv",
    "secure_getenv", "setenv", "putenv", "exit", "_exit", "atexit", "mkstemp", "realpath", "printf",
    "puts", "putchar", "perror", "fprintf", "fputs", "fwrite", "fflush",
}
# Layers that print: commands write to the terminal, main prints usage.
PRINTING_LAYERS = ("cli",)
PRINTING_CALLS = {"printf", "puts", "putchar", "perror", "fprintf", "fputs", "fwrite", "fflush"}
# The heap: only base/memory.h allocates, so that tests can let each allocation fail.
HEAP_CALLS = {"malloc", "calloc", "realloc", "reallocarray", "free", "strdup", "strndup", "asprintf",
              "vasprintf", "posix_memalign", "aligned_alloc"}
# Files that may do what their layer may not, each with its reason.
EXCEPTIONS = {
    "src/base/memory.c": HEAP_CALLS,      # is the heap
    "src/base/memory.h": HEAP_CALLS,      # declares the heap in its attributes
}

INCLUDE = re.compile(r'^\s*#\s*include\s+([<"])([^">]+)[">]', re.MULTILINE)
CALL = re.compile(r"(?<![\w.>])([a-z_]\w*)\s*\(")
THREAD_LOCAL = re.compile(r"\b(_Thread_local|__thread|thread_local)\b")
NOT_CODE = re.compile(r'//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', re.DOTALL)


def _blank(match):
    """Comments and strings become spaces, so that line numbers stay."""
    return re.sub(r"[^\n]", " ", match.group())


def _include_problem(layer, kind, name):
    folders, libraries = LAYERS[layer]
    if kind == '"':
        target = name.split("/")[0]
        if target not in LAYERS:
            return f'"{name}": write the path below src/, as in "base/slice.h"'
        if target != layer and target not in folders and name not in folders:
            return f'"{name}": {layer}/ may not include {target}/'
        return None
    if name in PLAIN_HEADERS or INTRINSICS.match(name):
        return None
    all_libraries = {library for row in LAYERS.values() for library in row[1]}
    if any(name.startswith(library) for library in all_libraries):
        allowed = layer == "main" or any(name.startswith(library) for library in libraries)
        return None if allowed else f"<{name}>: {layer}/ may not use this library"
    if layer in SYSTEM_LAYERS:
        return None
    return f"<{name}>: system headers belong to os/"


def _call_problem(layer, path, name):
    if name in BANNED_CALLS:
        return f"{name}() is banned; use {BANNED_CALLS[name]}"
    if name in EXCEPTIONS.get(str(path), ()):
        return None
    if name in HEAP_CALLS:
        return f"{name}(): the heap is base/memory.h"
    if name in SYSTEM_CALLS and layer not in SYSTEM_LAYERS:
        if layer in PRINTING_LAYERS and name in PRINTING_CALLS:
            return None
        return f"{name}(): system calls, clocks and output belong to os/"
    return None


def check_file(path):
    """The problems of one file below src/, each as `path:line: text`."""
    layer = path.parts[1]
    if layer not in LAYERS:
        return [f"{path}:1: src/{layer}/ has no row in tools/layers.py"]
    text = (ROOT / path).read_text()
    code = NOT_CODE.sub(_blank, text)
    found = []

    def add(at, problem):
        if problem:
            found.append(f"{path}:{text.count(chr(10), 0, at) + 1}: {problem}")

    for match in INCLUDE.finditer(text):
        if code[match.start():match.end()].lstrip().startswith("#"):
            add(match.start(1), _include_problem(layer, match[1], match[2]))
    for match in CALL.finditer(code):
        add(match.start(1), _call_problem(layer, path, match[1]))
    if layer != "os":
        for match in THREAD_LOCAL.finditer(code):
            add(match.start(), f"{match[0]}: per-thread state belongs to os/")
    return found


def problems():
    """All problems of src/."""
    return [problem for path in c_sources("src") for problem in check_file(path)]


if __name__ == "__main__":
    import sys
    found = problems()
    print("\n".join(found) or "the layer law holds")
    sys.exit(bool(found))

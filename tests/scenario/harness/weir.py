"""The program under test: starting it, asking it, ending it, and seeing that it ended well."""
import dataclasses
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import tempfile

from . import ports, raw, wait

ROOT = pathlib.Path(__file__).resolve().parents[3]
WEIR = os.environ.get("WEIR", str(ROOT / "build/weir"))
STOP_DEADLINE_S = 15.0
SANITIZER_WORDS = re.compile(
    r"ERROR: \w+Sanitizer|WARNING: ThreadSanitizer|runtime error:|SUMMARY: \w+Sanitizer"
    r"|Assertion .* failed|\*\*\* stack smashing|\*\*\* buffer overflow")
# The exit codes of a stop by SIGTERM that is not a fault.
CLEAN_CODES = (0,)

PROXY = """\
{top}
listeners:
  http: {{ address: "127.0.0.1:@PORT@" }}
workers: {workers}
access_log: {{ format: json, path: "@FOLDER@/access.log" }}
sites:
  all:
    domains: ["*"]
    rules:
      - forward: targets
{rule}
target_groups:
  targets:
    targets: [{targets}]
{group}
"""


def _indented(text, spaces):
    """YAML lines, brought to an indentation whatever they have now."""
    lines = [line for line in text.strip("\n").split("\n") if line.strip()]
    if not lines:
        return ""
    common = min(len(line) - len(line.lstrip()) for line in lines)
    return "\n".join(" " * spaces + line[common:] for line in lines)


@dataclasses.dataclass
class Result:
    code: int
    stdout: str
    stderr: str


class Edge:
    """A running `weir edge` (or `weir up`) in a folder of its own."""

    def __init__(self, text, addresses, command=("edge",), environment=None, files=None):
        # Not pytest's folder: a Unix socket's path has at most 107 bytes.
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="weir-test-"))
        self.ports = {}
        self._addresses = addresses
        self._command = command
        self._environment = environment
        self.file = self.folder / "weir.yaml"
        for name, content in (files or {}).items():
            (self.folder / name).parent.mkdir(parents=True, exist_ok=True)
            (self.folder / name).write_bytes(content)
        self.write(text)
        self.start()

    def _fill(self, text):
        def value(match):
            name = match[1]
            if re.fullmatch(r"PORT\d*", name):
                return str(self.ports.setdefault(name, ports.free()))
            if name == "FOLDER":
                return str(self.folder)
            return self._addresses[name].address
        return re.sub(r"@(\w+)@", value, text)

    def write(self, text):
        """Writes weir.yaml anew, with the same ports and addresses filled in."""
        self.file.write_text(self._fill(text))

    def start(self):
        """Starts the program; returns when it says that it is ready."""
        self._may_die = False
        self._output = open(self.folder / "output.txt", "a+")
        starts = self.log().count("\n")
        self.process = subprocess.Popen(
            [WEIR, *self._command, "-f", self.file], stdin=subprocess.DEVNULL,
            stdout=self._output, stderr=self._output, start_new_session=True,
            env={**os.environ, **(self._environment or {})})
        try:
            wait.until(lambda: self._is_ready(starts), "weir to say `ready`", deadline_s=20)
        except AssertionError as problem:
            self.kill()
            raise AssertionError(f"{problem}\n{self.log()}") from None

    def _is_ready(self, skip_lines):
        if self.process.poll() is not None:
            raise AssertionError(f"weir exited with {self.process.returncode} before it was ready")
        lines = self.log().split("\n")[skip_lines:]
        return any(re.search(r"\bready\b", line) for line in lines)

    @property
    def port(self):
        return self.ports["PORT"]

    def url(self, path="/", port="PORT"):
        return f"http://127.0.0.1:{self.ports[port]}{path}"

    def log(self):
        """All it wrote to its output so far."""
        return (self.folder / "output.txt").read_text(errors="replace")

    def wait_for_log(self, text):
        wait.until(lambda: text in self.log(), lambda: f"{text!r} in the log:\n{self.log()}")

    def access_log(self, count=0):
        """The lines of access.log as JSON, once there are `count`."""
        path = self.folder / "access.log"

        def lines():
            text = path.read_text() if path.exists() else ""
            found = [json.loads(line) for line in text.split("\n")[:-1]]
            return found if len(found) >= count else None
        if not count:
            return lines() or []
        return wait.until(lines, f"{count} lines in access.log")

    def admin(self, path, method="GET", body=b""):
        """A request to the admin socket."""
        with raw.connect(self.folder / ".weir/edge.sock") as connection:
            return connection.send(raw.request(method, path, body=body)).response(method)

    def status(self):
        return json.loads(self.admin("/v1/status").body)

    def metrics(self):
        """Prometheus metrics: {'name{label="x"}': value}."""
        found = {}
        for line in self.admin("/metrics").body.decode().split("\n"):
            if line and not line.startswith("#"):
                name, _, value = line.rpartition(" ")
                found[name] = float(value)
        return found

    def signal(self, number):
        self.process.send_signal(number)

    def stop(self):
        """SIGTERM, and its exit code within the deadline."""
        if self.process.poll() is None:
            self.process.terminate()
        return self.wait()

    def wait(self):
        return self.process.wait(STOP_DEADLINE_S * wait.patience())

    def kill(self):
        """SIGKILL to the process; its end is then no fault."""
        self._may_die = True
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()

    def _kill_group(self):
        """What is left of the process group, which start_new_session made ours."""
        try:
            os.killpg(self.process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass

    def finish(self):
        """Stops it; returns what was wrong with its life, or None. Removes the folder."""
        problem = None
        try:
            died = self.process.poll() is not None and not self._may_die
            was = "ended by itself or in the test" if died else "stopped"
            code = self.stop()
            if code not in CLEAN_CODES and not self._may_die:
                problem = f"weir {was} with exit code {code}"
        except subprocess.TimeoutExpired:
            problem = f"weir did not end within {STOP_DEADLINE_S * wait.patience():.0f} s of SIGTERM"
        self._kill_group()
        self.process.wait()
        log = self.log()
        if SANITIZER_WORDS.search(log):
            problem = f"{problem or 'weir ended'}; a sanitizer or an assertion speaks"
        self._output.close()
        shutil.rmtree(self.folder, ignore_errors=True)
        return f"{problem}:\n{log[-20000:]}" if problem else None


class Programs:
    """What a test has started."""

    def __init__(self):
        self._edges = []

    def edge(self, text, environment=None, files=None, **addresses):
        """`files`: name → bytes, written into the edge's folder before it starts."""
        edge = Edge(text, addresses, environment=environment, files=files)
        self._edges.append(edge)
        return edge

    def up(self, text, environment=None, **addresses):
        """As edge, but `weir up`."""
        edge = Edge(text, addresses, command=("up",), environment=environment)
        self._edges.append(edge)
        return edge

    def proxy(self, *backends, rule="", group="", top="", workers=1):
        targets = ", ".join(f'"{backend.address}"' for backend in backends)
        return self.edge(PROXY.format(top=_indented(top, 0), rule=_indented(rule, 8),
                                      group=_indented(group, 4), targets=targets, workers=workers))

    def run(self, *arguments, text=None, folder=None):
        """
        Runs weir to its end. With `text`, that is written to a weir.yaml in a folder of its own,
        where the program then runs.
        """
        with tempfile.TemporaryDirectory(prefix="weir-test-") as own:
            place = pathlib.Path(folder or own)
            if text is not None:
                (place / "weir.yaml").write_text(text.replace("@FOLDER@", str(place)))
            result = subprocess.run([WEIR, *map(str, arguments)], cwd=place, text=True,
                                    stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                    stderr=subprocess.PIPE, timeout=20 * wait.patience())
        assert not SANITIZER_WORDS.search(result.stderr), result.stderr
        return Result(result.returncode, result.stdout, result.stderr)

    def finish(self):
        return [problem for edge in self._edges if (problem := edge.finish())]

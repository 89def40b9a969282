"""The servers under measurement and the target behind them, each started from its template in peers/."""
import http.client
import os
import pathlib
import resource
import shutil
import signal
import socket
import subprocess
import time

import cost

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
SERVER_CORE, CLIENT_CORE = 0, 1
START_DEADLINE_S = 10
STOP_DEADLINE_S = 10
DESCRIPTORS_WANTED = 65000
# What a server opens besides its connections: listeners, logs, pools, a reserve.
DESCRIPTORS_APART = 400
BODY_BYTES = 1024

COMMANDS = {
    "weir": [os.environ.get("WEIR", str(ROOT / "build/weir")), "edge", "-f", "@CONFIG@"],
    "nginx": ["/usr/sbin/nginx", "-c", "@CONFIG@", "-p", "@FOLDER@"],
    "haproxy": ["/usr/sbin/haproxy", "-f", "@CONFIG@"],
    "backend": ["/usr/sbin/nginx", "-c", "@CONFIG@", "-p", "@FOLDER@"],
    "bare": [str(ROOT / "build/tests/bench/bare_proxy"), "@PORT@", "@BACKEND@"],
}
TEMPLATES = {"weir": "weir.yaml", "nginx": "nginx.conf", "haproxy": "haproxy.cfg",
             "backend": "backend.conf"}  # bare has none


def descriptors():
    """The descriptors each process may open here; raised as far as we may."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard < DESCRIPTORS_WANTED:
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (DESCRIPTORS_WANTED, DESCRIPTORS_WANTED))
            hard = DESCRIPTORS_WANTED
        except (ValueError, PermissionError):
            pass
    limit = min(hard, DESCRIPTORS_WANTED)
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, hard))
    return limit


def requests_at_once():
    """How many proxied requests can be open at a time: each takes two descriptors of the proxy."""
    return (descriptors() - DESCRIPTORS_APART) // 2


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def version(name):
    """The version a program tells, one line."""
    flags = {"weir": "version", "nginx": "-v", "haproxy": "-v"}
    result = subprocess.run([COMMANDS[name][0], flags[name]], text=True, stdout=subprocess.PIPE,
                            stderr=subprocess.STDOUT)
    return result.stdout.strip().split("\n")[0]


class Server:
    """One running server, pinned to its core; use as a context."""

    def __init__(self, name, folder, backend_port=1, slow_port=1, pool=1024):
        self.name = name
        self.port = free_port()
        self.core = CLIENT_CORE if name == "backend" else SERVER_CORE
        self._folder = pathlib.Path(folder) / f"{name}-{self.port}"
        self._folder.mkdir(parents=True)
        self._values = {
            "PORT": self.port, "BACKEND": backend_port, "SLOW": slow_port, "POOL": pool,
            "FOLDER": self._folder, "CONNECTIONS": requests_at_once(), "DESCRIPTORS": descriptors(),
            "BODY": "x" * BODY_BYTES, "CONFIG": self._folder / TEMPLATES.get(name, "none"),
        }

    def _fill(self, text):
        for key, value in self._values.items():
            text = text.replace(f"@{key}@", str(value))
        return text

    def __enter__(self):
        static = self._folder / "static"
        static.mkdir()
        for size_kib in (1, 16, 1024):
            (static / f"{size_kib}k.bin").write_bytes(b"x" * size_kib * 1024)
        for path in (self._folder, static):
            path.chmod(0o755)
        if self.name in TEMPLATES:
            template = (HERE / "peers" / TEMPLATES[self.name]).read_text()
            self._values["CONFIG"].write_text(self._fill(template))
        command = ["taskset", "-c", str(self.core), *map(self._fill, COMMANDS[self.name])]
        self._output = open(self._folder / "output.txt", "w+")
        self._process = subprocess.Popen(command, stdout=self._output, stderr=self._output,
                                         start_new_session=True)
        try:
            self._wait_until_it_answers()
        except BaseException:
            self.__exit__()
            raise
        return self

    def _wait_until_it_answers(self):
        deadline = time.monotonic() + START_DEADLINE_S
        while True:
            try:
                connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=2)
                connection.request("GET", "/static/1k.bin")
                connection.getresponse().read()
                connection.close()
                return
            except OSError:
                if self._process.poll() is not None or time.monotonic() > deadline:
                    output = (self._folder / "output.txt").read_text()
                    raise RuntimeError(f"{self.name} does not answer:\n{output}") from None
                time.sleep(0.02)

    def pids(self):
        return cost.process_tree(self._process.pid)

    def url(self, path):
        return f"http://127.0.0.1:{self.port}{path}"

    def __exit__(self, *_):
        pids = self.pids() if self._process.poll() is None else []
        self._process.send_signal(signal.SIGTERM) if pids else None
        try:
            self._process.wait(STOP_DEADLINE_S)
        except subprocess.TimeoutExpired:
            for pid in pids:
                try:
                    os.kill(pid, signal.SIGKILL)
                except ProcessLookupError:
                    pass
            self._process.wait()
        self._output.close()
        shutil.rmtree(self._folder, ignore_errors=True)

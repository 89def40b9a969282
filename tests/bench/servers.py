"""The servers under measurement and the target behind them, each started from its template in peers/."""
import http.client
import json
import os
import pathlib
import random
import resource
import shutil
import signal
import socket
import subprocess
import time

import cost

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
TOOLS = ROOT / "build/tests/bench"
SERVER_CORE, CLIENT_CORE = 0, 1
START_DEADLINE_S = 10
STOP_DEADLINE_S = 10
DESCRIPTORS_WANTED = 65000
# What a server opens besides its connections: listeners, logs, pools, a reserve.
DESCRIPTORS_APART = 400
BODY_BYTES = 1024
TLS_NAME = "bench.localhost"

COMMANDS = {
    "weir": [os.environ.get("WEIR", str(ROOT / "build/weir")), "edge", "-f", "@CONFIG@"],
    "nginx": ["/usr/sbin/nginx", "-c", "@CONFIG@", "-p", "@FOLDER@"],
    "haproxy": ["/usr/sbin/haproxy", "-f", "@CONFIG@"],
    "backend": ["/usr/sbin/nginx", "-c", "@CONFIG@", "-p", "@FOLDER@"],
    "squid": ["/usr/sbin/squid", "-N", "-f", "@CONFIG@"],
    "tinyproxy": ["/usr/bin/tinyproxy", "-d", "-c", "@CONFIG@"],
    "bare": [str(TOOLS / "bare_proxy"), "@PORT@", "@BACKEND@"],
}
TEMPLATES = {"weir": "weir.yaml", "nginx": "nginx.conf", "haproxy": "haproxy.cfg",
             "backend": "backend.conf", "squid": "squid.conf",
             "tinyproxy": "tinyproxy.conf"}  # bare has none


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


def make_certificate(folder):
    """ECDSA P-256, signed by itself: cert.pem, key.pem, and both.pem for HAProxy."""
    certificate, key = folder / "cert.pem", folder / "key.pem"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                    "ec_paramgen_curve:P-256", "-nodes", "-days", "30", "-subj", f"/CN={TLS_NAME}",
                    "-addext", f"subjectAltName=DNS:{TLS_NAME},IP:127.0.0.1",
                    "-keyout", key, "-out", certificate],
                   check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    (folder / "both.pem").write_text(certificate.read_text() + key.read_text())


def version(name):
    """The version a program tells, one line."""
    flags = {"weir": "version", "nginx": "-v", "haproxy": "-v"}
    result = subprocess.run([COMMANDS[name][0], flags[name]], text=True, stdout=subprocess.PIPE,
                            stderr=subprocess.STDOUT)
    return result.stdout.strip().split("\n")[0]


def made_json(size):
    """What an API answers: records of the usual kinds of fields, the same at every call."""
    chance = random.Random(1)
    words = "amber birch cedar delta ember fjord grove heron inlet juniper kestrel lagoon".split()
    records, length = [], 2
    while length < size:
        first, last = chance.choices(words, k=2)
        records.append(json.dumps({
            "id": chance.randrange(10**9), "key": f"{chance.getrandbits(64):016x}",
            "name": f"{first.title()} {last.title()}", "email": f"{first}.{last}@example.org",
            "active": chance.random() < 0.7, "balance": round(chance.uniform(0, 5000), 2),
            "created": f"2026-{chance.randint(1, 12):02}-{chance.randint(1, 28):02}T08:30:00Z",
            "tags": chance.sample(words, 3), "note": None}))
        length += len(records[-1]) + 2
    return "[" + ",\n".join(records) + "]"


# Each level of gzip under a path of its own: /json/1/ to /json/9/.
GZIP_LOCATIONS = "\n".join(
    f"        location /json/{level}/ {{ proxy_pass http://backend/json/; gzip on; "
    f"gzip_comp_level {level}; }}" for level in range(1, 10))


class Server:
    """
    One running server, pinned to its core; use as a context. `name` is its program, `label` what
    its samples are called, `template` its file in peers/ or its text, with `values` filled in.
    """

    def __init__(self, name, folder, backend_port=1, slow_port=1, pool=1024, *, label=None,
                 template=None, text=None, values=None, core=None):
        self.program = name
        self.name = label or name
        self.port = free_port()
        self.tls_port = free_port()
        self.core = core if core is not None else (
            CLIENT_CORE if name == "backend" else SERVER_CORE)
        self._folder = pathlib.Path(folder) / f"{name}-{self.port}"
        self._folder.mkdir(parents=True)
        self._values = {
            "PORT": self.port, "TLS_PORT": self.tls_port, "BACKEND": backend_port, "SLOW": slow_port, "POOL": pool,
            "FOLDER": self._folder, "CONNECTIONS": requests_at_once(), "DESCRIPTORS": descriptors(),
            "BODY": "x" * BODY_BYTES, "CONFIG": self._folder / TEMPLATES.get(name, "none"),
            "GZIP_LOCATIONS": GZIP_LOCATIONS, **(values or {}),
        }
        self._template = template or TEMPLATES.get(name)
        self._text = text
        self.start_s = 0.0

    def _fill(self, text):
        for key, value in self._values.items():
            text = text.replace(f"@{key}@", str(value))
        return text

    def __enter__(self):
        static = self._folder / "static"
        static.mkdir()
        for size_kib in (1, 16, 1024):
            (static / f"{size_kib}k.bin").write_bytes(b"x" * size_kib * 1024)
        (static / "100k.json").write_text(made_json(100 * 1024))
        make_certificate(self._folder)
        for path in (self._folder, static):
            path.chmod(0o755)
        if self._template:
            text = self._text or (HERE / "peers" / self._template).read_text()
            self._values["CONFIG"].write_text(self._fill(text))
        command = ["taskset", "-c", str(self.core), *map(self._fill, COMMANDS[self.program])]
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
        begun = time.monotonic()
        deadline = begun + START_DEADLINE_S
        while True:
            try:
                connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=2)
                connection.request("GET", "/static/1k.bin")
                connection.getresponse().read()
                connection.close()
                self.start_s = time.monotonic() - begun
                return
            except OSError:
                if self._process.poll() is not None or time.monotonic() > deadline:
                    output = (self._folder / "output.txt").read_text()
                    raise RuntimeError(f"{self.name} does not answer:\n{output}") from None
                time.sleep(0.02)

    def set_value(self, key, value):
        """What stands in its template for @key@; before it is started."""
        self._values[key] = value

    def make_file(self, name, size):
        """A file of zeros among those that it serves, without taking room on the disk."""
        with open(self._folder / "static" / name, "wb") as file:
            file.truncate(size)

    def config(self):
        return self._values["CONFIG"]

    def admin_socket(self):
        return self._folder / ".weir" / "edge.sock"

    def pids(self):
        return cost.process_tree(self._process.pid)

    def url(self, path, by_tls=False):
        return (f"https://127.0.0.1:{self.tls_port}{path}" if by_tls
                else f"http://127.0.0.1:{self.port}{path}")

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

"""docs/from-nginx.md: its nginx site and its weir.yaml answer alike, but where the page says so."""
import asyncio
import dataclasses
import gzip
import json
import pathlib
import re
import shutil
import subprocess

import pytest

from harness import curl, documents, ports, raw, wait
from harness.weir import ROOT

NGINX = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
PAGE = ROOT / "docs/from-nginx.md"
HOST = "shop.example.org"
TYPES = pathlib.Path("/etc/nginx/mime.types")
pytestmark = pytest.mark.skipif(not NGINX or not TYPES.exists(), reason="nginx is not installed")

MAIN = """\
daemon off;
master_process off;
pid {folder}/nginx.pid;
error_log {folder}/error.log;
events {{}}
http {{
    include {types};
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
{site}
}}
"""

FILES = {
    "index.html": b"<!doctype html><title>shop</title>" + b"<p>hello</p>" * 300,
    "docs/index.html": b"<h1>docs</h1>",
    "assets/app.js": b'console.log("hello");\n' * 300,
    "assets/app.css": b"body { color: #123 }\n" * 300,
    "assets/tiny.js": b"1;\n",
    "assets/photo.png": bytes(range(256)) * 20,
    "a b.txt": b"blank\n",
    ".env": b"SECRET=1\n",
}


class Nginx:
    """The page's nginx site on a free port, in a folder of its own."""

    def __init__(self, folder, site):
        self.port = ports.free()
        self._log = folder / "shop.log"
        site = documents.with_replaced(site, {
            "listen 80;": f"listen 127.0.0.1:{self.port};", "/var/log/nginx/shop.log": self._log})
        file = folder / "nginx.conf"
        file.write_text(MAIN.format(folder=folder, types=TYPES, site=site))
        self._process = subprocess.Popen(
            [NGINX, "-p", str(folder), "-c", str(file)], stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait.until(self._listens, "nginx to listen")

    def _listens(self):
        assert self._process.poll() is None, "nginx has ended"
        try:
            raw.connect(self.port).close()
        except ConnectionRefusedError:
            return False
        return True

    def log(self):
        return self._log.read_text().splitlines()

    def stop(self):
        self._process.terminate()
        self._process.wait(wait.DEADLINE_S * wait.patience())


@dataclasses.dataclass
class Pair:
    nginx: Nginx
    edge: object
    apis: list

    def ask(self, path, *arguments):
        """curl's answers of both."""
        return [curl.get(f"http://127.0.0.1:{port}{path}", "--path-as-is", *with_host(arguments))
                for port in (self.nginx.port, self.edge.port)]


def with_host(arguments):
    return arguments if any(text.startswith("Host:") for text in arguments) \
        else ("-H", f"Host: {HOST}", *arguments)


@pytest.fixture
def start(weir, backends, tmp_path_factory):
    """Starts both; further replacements are made in both files, the rate's for example."""
    started = []

    def begin(live=None, rate=None):
        folder = tmp_path_factory.mktemp("nginx")
        for name, content in FILES.items():
            (folder / "shop" / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / "shop" / name).write_bytes(content)
        users = folder / "staff.htpasswd"
        subprocess.run(["htpasswd", "-bcBC", "4", users, "ada", "right"], check=True,
                       stderr=subprocess.DEVNULL)
        apis = [backends.echo(), backends.echo()]
        live = live or backends.text("live")
        both = {"/srv/shop": folder / "shop", "127.0.0.1:8001": apis[0].address,
                "127.0.0.1:8002": apis[1].address, "127.0.0.1:8003": live.address}
        site, = documents.blocks(PAGE, "nginx")
        file = documents.blocks(PAGE, "yaml")[0]
        nginx = Nginx(folder, documents.with_replaced(site.text, {
            **both, "/etc/nginx/staff.htpasswd": users, **({"10r/s": f"10r/{rate}"} if rate else {})}))
        started.append(nginx)
        edge = weir.edge(documents.with_replaced(file.text, {
            **both, '":80"': '"127.0.0.1:@PORT@"', "staff.htpasswd": users,
            "/var/log/weir/shop.log": "@FOLDER@/shop.log",
            **({"10/s": f"10/{rate}"} if rate else {})}))
        return Pair(nginx, edge, apis)
    yield begin
    for nginx in started:
        nginx.stop()


def told(answer):
    """What matters of an answer, in the words of both."""
    body = answer.body
    if answer.get("Content-Encoding") == "gzip":
        body = gzip.decompress(body)
    media_type = (answer.get("Content-Type") or "").partition(";")[0]
    if answer.status == 200 and media_type == "application/json":
        echo = json.loads(body)
        names = ("host", "x-forwarded-for", "x-forwarded-proto", "user-agent", "accept", "cookie",
                 "content-type", "content-length", "range")
        body = {**echo, "headers": sorted((name.lower(), value) for name, value in echo["headers"]
                                          if name.lower() in names)}
    challenge = answer.get("WWW-Authenticate", "").partition(",")[0]
    return {"status": answer.status, "body": body if answer.status < 400 else None,
            "type": media_type.replace("application/javascript", "text/javascript")
            if answer.status < 300 else None,
            "coding": answer.get("Content-Encoding"), "range": answer.get("Content-Range"),
            "modified": answer.get("Last-Modified"), "challenge": challenge,
            "varies": answer.get("Content-Encoding") is None
            or any(name == "vary" and "accept-encoding" in value.lower()
                   for name, value in answer.headers)}


GZIP = ("-H", "Accept-Encoding: gzip")
ALIKE = [
    ("/",), ("/index.html",), ("/docs/",), ("/assets/app.js",), ("/assets/app.css",), ("/a%20b.txt",),
    ("/", *GZIP), ("/assets/app.js", *GZIP), ("/assets/app.css", *GZIP), ("/assets/tiny.js", *GZIP),
    ("/assets/photo.png", *GZIP), ("/assets/app.js", "-r", "0-9"), ("/assets/app.js", "-r", "-5"),
    ("/assets/app.js", "-r", "99999-"), ("/assets/../index.html",), ("//assets//%61pp.js",),
    ("/../etc/passwd",), ("/%zz",),
    ("/cart/42", "-H", "Accept: text/html"), ("/", "-X", "POST", "-d", "x"),
    ("/api/",), ("/api/x?a=1&b=%20",), ("/api/x", "-d", "hello"), ("/api/x", "-X", "DELETE"),
    ("/api/x", "-H", "Cookie: a=1", "-H", "Range: bytes=0-1"),
    ("/api/x", "--data-binary", "@BIG"),
    ("/api/x", "-H", "Transfer-Encoding: chunked", "--data-binary", "@BIG"),
    ("/live/",), ("/api/x", "-H", "Host: www.shop.example.org"),
    ("/admin/",), ("/admin/x?y", "-u", "ada:wrong"), ("/admin/x", "-u", "eve:right"),
    ("/admin/x?y", "-u", "ada:right"), ("/admin/", "-u", "ada:right"),
]


def test_the_same_requests_get_the_same_answers(start, tmp_path):
    pair = start()
    big = tmp_path / "big"
    big.write_bytes(bytes((1 << 20) + 1))
    wrong = []
    for path, *arguments in ALIKE:
        # Each from an address of its own, so that no limit is reached.
        answers = pair.ask(path, "--interface", f"127.0.0.{2 + ALIKE.index((path, *arguments))}",
                           *(text.replace("@BIG", f"@{big}") for text in arguments))
        nginx, weir = map(told, answers)
        if nginx != weir or not nginx["varies"]:
            wrong.append((path, *arguments, nginx, weir))
    assert not wrong, "\n".join(map(str, wrong))
    assert all(api.requests for api in pair.apis)


# What the page says under "Different on purpose": the statuses of nginx and of Weir.
APART = [
    (200, 404, "/ Host: other.example.org"),
    (200, 404, "/cart/42"),
    (200, 404, "/assets/gone.js"),
    (200, 404, "/.env"),
    (403, 404, "/assets/"),
    (301, 200, "/api"),
    (200, 400, "/api/a\\b"),
]


def test_what_differs_on_purpose(start):
    pair = start()
    for *statuses, path in APART:
        path, *arguments = path.split(" ", 1)
        header = [part for text in arguments for part in ("-H", text)]
        assert [answer.status for answer in pair.ask(path, *header)] == statuses, path


def test_what_targets_see_differs_on_purpose(start):
    pair = start()
    nginx, weir = (json.loads(answer.body) for answer in pair.ask(
        "/api/a//b/%41", "-H", "X-Forwarded-For: 6.6.6.6", "-H", "X_Forwarded_For: 6.6.6.6"))
    assert (nginx["target"], weir["target"]) == ("/api/a//b/%41", "/api/a/b/A")
    assert dict(nginx["headers"])["X-Forwarded-For"] == "6.6.6.6, 127.0.0.1"
    assert dict(weir["headers"])["X-Forwarded-For"] == "127.0.0.1"
    assert "X_Forwarded_For" not in {**dict(nginx["headers"]), **dict(weir["headers"])}
    nginx, weir = (dict(json.loads(answer.body)["headers"]) for answer in pair.ask(
        "/admin/x", "-u", "ada:right"))
    assert "Authorization" in nginx and "Authorization" not in weir
    assert weir["X-Forwarded-Prefix"] == "/admin"
    nginx, weir = (json.loads(answer.body) for answer in pair.ask(
        "/api/x", "-H", "Transfer-Encoding: chunked", "-d", "hello"))
    assert nginx["body"] == weir["body"] == "hello"
    assert dict(nginx["headers"])["Content-Length"] == "5"
    assert dict(weir["headers"])["Transfer-Encoding"] == "chunked"


def test_a_folder_is_redirected_to(start):
    nginx, weir = start().ask("/docs")
    assert (nginx.status, weir.status) == (301, 301)
    assert nginx.get("Location").endswith("/docs/") and weir.get("Location") == "/docs/"


def test_as_many_requests_at_once_are_let_through(start):
    pair = start(rate="m")
    for port in (pair.nginx.port, pair.edge.port):
        with raw.connect(port) as connection:
            statuses = [connection.send(raw.request("GET", "/api/x", host=HOST)).response().status
                        for _ in range(25)]
        assert statuses == [200] * 21 + [429] * 4, port


def test_a_websocket(start):
    websockets = pytest.importorskip("websockets")
    from test_websocket import Echo
    server = Echo()
    pair = start(live=server)

    async def talk(port):
        # The name is in the URL, the address in the connection.
        async with websockets.connect(f"ws://{HOST}:{port}/live/chat", host="127.0.0.1",
                                      port=port) as socket:
            for message in ("hello", b"\0\xff", "y" * 70000):
                await socket.send(message)
                assert await socket.recv() == message
    for port in (pair.nginx.port, pair.edge.port):
        asyncio.run(asyncio.wait_for(talk(port), 20 * wait.patience()))
    server.close()


LINE = re.compile(r'(\S+ - \S+) \[[^]]+\] ("GET [^"]+" 200) \d+ ("[^"]*" "[^"]*")')


def test_the_access_log_has_the_same_lines(start):
    pair = start()
    pair.ask("/docs/", "-A", 'a "b" ä', "-e", "http://x/")
    pair.ask("/admin/x?y", "-u", "ada:right")
    file = pair.edge.folder / "shop.log"
    wait.until(lambda: file.exists() and file.read_text().count("\n") == 2, "lines in Weir's log")
    nginx, weir = ([LINE.fullmatch(line).groups() for line in lines]
                   for lines in (pair.nginx.log(), file.read_text().splitlines()))
    assert nginx == weir

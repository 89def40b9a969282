"""Programs as people use them, through a forward proxy that asks for a password."""
import asyncio
import crypt
import http.server
import json
import os
import re
import socket
import subprocess
import threading

import pytest

from harness import raw, wait

HASH = crypt.crypt("secret", "$2b$04$abcdefghijklmnopqrstu.")

TEXT = """\
workers: 1
access_log: {{ format: json, path: "@FOLDER@/access.log" }}
listeners: {{ web: "127.0.0.1:@PORT2@" }}
sites: {{ web: {{ domains: ["*"], files: "{root}" }} }}
forward_proxies:
  egress:
    address: "127.0.0.1:@PORT@"
    users: office.htpasswd
    deny_private: {{ except: loopback }}
    pac: {{ path: /proxy.pac, others: direct }}
    rules:
      - {{ match: {{ to: ["127.0.0.1", "127.0.0.2", "*.example.org"] }}, allow: true }}
"""


@pytest.fixture
def office(weir, tmp_path):
    """A folder that is served, and the proxy in front: .root, .web, .proxy (a URL), .lines()."""
    class Office:
        root = tmp_path / "root"
    Office.root.mkdir()
    tmp_path.chmod(0o755)
    edge = weir.edge(TEXT.format(root=Office.root),
                     files={"office.htpasswd": f"alice:{HASH}\n".encode()})
    Office.edge = edge
    Office.web = f"http://127.0.0.1:{edge.ports['PORT2']}"
    Office.proxy = f"http://alice:secret@127.0.0.1:{edge.port}"
    return Office


def _passed(office):
    """Lines of what went through the proxy and was let pass."""
    return [line for line in office.edge.access_log() if line.get("proxy") and line["status"] == 200]


def _run(*command, folder, **environment):
    result = subprocess.run([str(part) for part in command], cwd=folder, text=True, stdin=subprocess.DEVNULL,
                            stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                            timeout=50 * wait.patience(),
                            env={**os.environ, "no_proxy": "", "NO_PROXY": "", "HOME": str(folder),
                                 **environment})
    assert result.returncode == 0, result.stdout
    return result.stdout


def test_git_clones_through_it(office, tmp_path):
    work, bare = tmp_path / "work", office.root / "code.git"
    identity = ("-c", "user.name=a", "-c", "user.email=a@example.org")
    _run("git", "init", "-q", work, folder=tmp_path)
    (work / "file").write_text("hello\n")
    _run("git", "add", "file", folder=work)
    _run("git", *identity, "commit", "-q", "-m", "one", folder=work)
    _run("git", "clone", "-q", "--bare", work, bare, folder=tmp_path)
    _run("git", "update-server-info", folder=bare)
    _run("git", "-c", f"http.proxy={office.proxy}", "clone", "-q", f"{office.web}/code.git",
         tmp_path / "clone", folder=tmp_path)
    assert (tmp_path / "clone" / "file").read_text() == "hello\n"
    wait.until(lambda: _passed(office), "git's requests in the log")


def test_apt_updates_through_it(office, tmp_path):
    (office.root / "Packages").write_text("")
    for folder in ("lists/partial", "cache/archives/partial", "etc"):
        (tmp_path / "apt" / folder).mkdir(parents=True)
    sources = tmp_path / "apt" / "sources.list"
    sources.write_text(f"deb [trusted=yes] {office.web}/ ./\n")
    place = tmp_path / "apt"
    output = _run("apt-get", "-o", f"Dir::Etc::sourcelist={sources}", "-o", "Dir::Etc::sourceparts=-",
                  "-o", f"Dir::State::lists={place}/lists", "-o", f"Dir::Cache={place}/cache",
                  "-o", f"Acquire::http::Proxy={office.proxy}", "-o", "Acquire::Languages=none",
                  "-o", "APT::Sandbox::User=root", "-o", "Debug::NoLocking=1", "update",
                  folder=tmp_path, http_proxy="")
    assert re.search(r"^Get:.* Packages", output, re.MULTILINE)
    wait.until(lambda: any("Packages" in line["path"] for line in _passed(office)),
               "apt's requests in the log")


def test_a_websocket_client_talks_through_it(office):
    import websockets

    async def echo(connection, *_):
        async for message in connection:
            await connection.send(message)

    async def talk():
        async with websockets.serve(echo, "127.0.0.1", 0) as server:
            port = server.sockets[0].getsockname()[1]
            tunnel = await asyncio.to_thread(_tunnel, office.edge.port, port)
            async with websockets.connect(f"ws://127.0.0.1:{port}/", sock=tunnel) as connection:
                await connection.send("hello")
                return await connection.recv()
    assert asyncio.run(talk()) == "hello"
    wait.until(lambda: [line for line in _passed(office) if line["method"] == "CONNECT"],
               "the tunnel's line")


def _tunnel(proxy_port, port):
    """A socket behind a CONNECT."""
    connection = socket.create_connection(("127.0.0.1", proxy_port))
    connection.sendall(b"CONNECT 127.0.0.1:%d HTTP/1.1\r\nHost: a\r\nProxy-Authorization: Basic "
                       b"YWxpY2U6c2VjcmV0\r\n\r\n" % port)
    head = b""
    while b"\r\n\r\n" not in head:
        head += connection.recv(1)
    assert head.startswith(b"HTTP/1.1 200 ")
    connection.setblocking(False)
    return connection


class _Registry(http.server.BaseHTTPRequestHandler):
    """A registry with one package."""

    def do_GET(self):
        body = json.dumps({"name": "hello", "dist-tags": {"latest": "1.2.3"},
                           "versions": {"1.2.3": {"name": "hello", "version": "1.2.3",
                                                  "dist": {"tarball": "http://127.0.0.1/x.tgz"}}}})
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, *_):
        pass


@pytest.mark.soak
def test_npm_asks_through_it(office, tmp_path):
    registry = http.server.ThreadingHTTPServer(("127.0.0.2", 0), _Registry)
    threading.Thread(target=registry.serve_forever, daemon=True).start()
    try:
        output = _run("npm", "view", "hello", "version", "--registry",
                      f"http://127.0.0.2:{registry.server_port}/", "--proxy", office.proxy,
                      "--noproxy", "", "--cache", tmp_path / "npm", folder=tmp_path)
    finally:
        registry.shutdown()
    assert "1.2.3" in output
    wait.until(lambda: _passed(office), "npm's requests in the log")


@pytest.mark.soak
@pytest.mark.limit(120)
def test_chromium_loads_a_page_through_it(weir, tmp_path):
    root = tmp_path / "root"
    root.mkdir()
    tmp_path.chmod(0o755)
    (root / "index.html").write_text("<!doctype html><title>t</title><p id=x>hello from behind</p>")
    text = TEXT.format(root=root).replace("    users: office.htpasswd\n", "").replace(
        "deny_private: { except: loopback }", "deny_private: false")
    edge = weir.edge(text)
    page = f"http://127.0.0.1:{edge.ports['PORT2']}/"
    output = _run("chromium", "--headless", "--no-sandbox", "--disable-gpu", "--dump-dom",
                  f"--user-data-dir={tmp_path}/profile", "--proxy-bypass-list=<-loopback>",
                  f"--proxy-server=http://127.0.0.1:{edge.port}", page, folder=tmp_path)
    assert "hello from behind" in output
    wait.until(lambda: any(line.get("host") in page and line["method"] == "GET"
                           for line in edge.access_log() if line.get("proxy")),
               "Chromium's requests in the log")


PAC_MAIN = """
const isInNet = (host, net, mask) => {
  const number = (text) => text.split(".").reduce((all, part) => all * 256 + Number(part), 0);
  return ((number(host) & number(mask)) >>> 0) === ((number(net) & number(mask)) >>> 0);
};
eval(require("fs").readFileSync(0, "utf8") + "; globalThis.find = FindProxyForURL;");
for (const host of process.argv.slice(2)) console.log(find("http://" + host + "/", host));
"""


@pytest.mark.soak
def test_a_pac_file_says_what_the_rules_say(weir, tmp_path):
    text = TEXT.format(root=tmp_path).replace('"127.0.0.2",', '"8.8.0.0/16", Shop.example.com,')
    edge = weir.edge(text, files={"office.htpasswd": f"alice:{HASH}\n".encode()})
    script = raw.get(edge.port, "/proxy.pac", host=f"proxy.example.net:{edge.port}").body
    hosts = {"a.example.org": True, "A.B.Example.ORG": True, "example.org": False,
             "shop.example.com": True, "x.shop.example.com": False, "8.8.4.4": True,
             "8.9.4.4": False, "intranet": False, "127.0.0.1": False, "10.1.2.3": False,
             "constructor": False, "[::1]": False, "printer.local": False}
    (tmp_path / "main.js").write_text(PAC_MAIN)
    result = subprocess.run(["node", tmp_path / "main.js", *hosts], input=script.decode(), text=True,
                            stdout=subprocess.PIPE, check=True)
    answers = dict(zip(hosts, result.stdout.split("\n")))
    proxy = f"PROXY proxy.example.net:{edge.port}"
    assert answers == {host: proxy if goes else "DIRECT" for host, goes in hosts.items()}

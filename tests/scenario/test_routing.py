"""Which rule answers, by all that a match can ask for; many rules; and rewritten paths."""
import json

import pytest

from harness import raw, wait

MATCHES = """\
listeners:
  http: { address: "127.0.0.1:@PORT@" }
  six: { address: "[::1]:@PORT2@" }
  local: { address: "unix:@FOLDER@/weir.sock" }
access_log: off
sites:
  all:
    domains: ["*"]
    rules:
      - { match: { path: /who, source_ip: "127.0.0.0/8" }, respond: four }
      - { match: { path: /who, source_ip: ["10.0.0.0/8", "::1"] }, respond: six }
      - { match: { path: /who }, respond: other }
      - { match: { host: [a.localhost, "*.a.localhost"] }, respond: a }
      - { match: { host: b.localhost, query: { page: "*" } }, respond: page of b }
      - { match: { host: b.localhost }, respond: b }
      - { match: { query: { kind: "x y", "filter[n]": "1*" } }, respond: both }
      - { match: { query: { kind: "x y" } }, respond: kind }
      - { match: { query: { empty: "" } }, respond: empty }
      - respond: rest
"""


@pytest.fixture
def matches(weir):
    return weir.edge(MATCHES)


@pytest.mark.parametrize("host, target, body", [
    ("a.localhost", "/", b"a"), ("x.a.localhost:81", "/", b"a"), ("A.LOCALHOST", "/", b"a"),
    ("b.localhost", "/?page=", b"page of b"), ("b.localhost", "/?page", b"page of b"),
    ("b.localhost", "/?pages=1", b"b"), ("b.a", "/", b"rest"),
    ("c", "/?kind=x+y", b"kind"), ("c", "/?kind=x%20y&a", b"kind"), ("c", "/?kind=x%2By", b"rest"),
    ("c", "/?kind=z&kind=x+y", b"kind"), ("c", "/?filter%5Bn%5D=12&kind=x%20y", b"both"),
    ("c", "/?filter[n]=1&kind=x%20y", b"both"), ("c", "/?filter%5Bn%5D=2&kind=x%20y", b"kind"),
    ("c", "/?empty", b"empty"), ("c", "/?empty=1", b"rest"), ("c", "/?kind=x%2520y", b"rest")])
def test_hosts_and_query_parameters_choose(matches, host, target, body):
    assert raw.get(matches.port, target, host=host).body == body


def test_the_clients_address_chooses(matches):
    assert raw.get(matches.port, "/who").body == b"four"
    for port, host, body in ((matches.ports["PORT2"], "::1", b"six"),
                             (matches.folder / "weir.sock", "", b"other")):
        with raw.connect(port, host=host) as connection:
            assert connection.send(raw.request("GET", "/who")).response().body == body


def test_of_thousands_of_rules_the_first_that_matches_answers(weir):
    rules = [f'      - {{ match: {{ path: "/n{i}/*" }}, respond: "{i}" }}\n' for i in range(2000)]
    rules += [f'      - {{ match: {{ path: /n{i}/x }}, respond: late }}\n' for i in range(2000)]
    edge = weir.edge('listeners: { http: "127.0.0.1:@PORT@" }\naccess_log: off\nsites:\n  all:\n'
                     '    domains: ["*"]\n    rules:\n'
                     '      - { match: { path: "/n7*/x", method: POST }, respond: first }\n'
                     + "".join(rules) + "      - respond: rest\n")
    with raw.connect(edge.port) as connection:
        for method, path, body in (("GET", "/n0", b"0"), ("GET", "/n1999/x", b"1999"),
                                   ("GET", "/n777/a/b", b"777"), ("POST", "/n777/x", b"first"),
                                   ("POST", "/n777/y", b"777"), ("GET", "/n2000/x", b"rest")):
            assert connection.send(raw.request(method, path)).response().body == body


REWRITES = """\
listeners: { http: "127.0.0.1:@PORT@" }
access_log: { format: json, path: @FOLDER@/access.log }
target_groups: { app: "@TARGET@" }
sites:
  all:
    domains: ["*"]
    rules:
      - { match: { path: "/api/*" }, strip_prefix: /api, forward: app }
      - { match: { path: "/v1/*" }, strip_prefix: /v1, rewrite: "/{host}{path}", forward: app }
      - { match: { path: "/find/*" }, rewrite: "/search?q={path}{query}", forward: app }
      - { match: { path: "/moved/*" }, strip_prefix: /moved, redirect: "https://{host}{path}{query}" }
      - { match: { path: "/static/*" }, strip_prefix: /static, files: @FOLDER@/site }
      - { match: { path: "/one/*" }, rewrite: "/only.txt", files: @FOLDER@/site }
      - { match: { path: "/dir/*" }, rewrite: "/sub", files: @FOLDER@/site }
      - forward: app
"""


@pytest.fixture
def rewrites(weir, backends, tmp_path):
    (tmp_path / "site/sub").mkdir(parents=True)
    (tmp_path / "site/only.txt").write_text("only")
    (tmp_path / "site/sub/index.html").write_text("sub")
    target = backends.echo()
    config = REWRITES.replace("@TARGET@", target.address)
    edge = weir.edge(config.replace("@FOLDER@/site", f"{tmp_path}/site"))
    edge.target = target
    return edge


@pytest.mark.parametrize("path, target, prefix", [
    ("/api/x/y?a=1", "/x/y?a=1", "/api"), ("/api", "/", "/api"), ("/api/", "/", "/api"),
    ("/api?a", "/?a", "/api"), ("/a/../api/%78", "/x", "/api"), ("/other?a", "/other?a", None),
    ("/v1/x?a=1", "/h.localhost/x?a=1", "/v1"), ("/find/a&b?c=d", "/search?q=/find/a%26b&c=d", None),
    ("/find", "/search?q=/find", None)])
def test_a_target_sees_the_rewritten_path(rewrites, path, target, prefix):
    raw.get(rewrites.port, path, [("X-Forwarded-Prefix", "/mine")], host="h.localhost")
    got = rewrites.target.requests[-1]
    assert got.target == target
    assert got.all("X-Forwarded-Prefix") == ([prefix] if prefix else [])


def test_the_log_keeps_the_path_that_came(rewrites):
    raw.get(rewrites.port, "/api/x?a=1")
    line = wait.until(lambda: (rewrites.folder / "access.log").read_text(), "a line in the log")
    assert "/api/x?a=1" in json.dumps(json.loads(line.splitlines()[0]))


def test_redirects_and_folders_use_the_rewritten_path(rewrites):
    answer = raw.get(rewrites.port, "/moved/x?a=1", host="h.localhost")
    assert answer.get("Location") == "https://h.localhost/x?a=1"
    assert raw.get(rewrites.port, "/static/only.txt").body == b"only"
    assert raw.get(rewrites.port, "/static/sub/").body == b"sub"
    assert raw.get(rewrites.port, "/static/nothing").status == 404
    assert raw.get(rewrites.port, "/one/whatever/it/is").body == b"only"


def test_a_folder_redirects_to_the_path_that_the_client_knows(rewrites):
    assert raw.get(rewrites.port, "/static/sub?a").get("Location") == "/static/sub/?a"
    # where a slash would change nothing it would be asked for again and again
    assert raw.get(rewrites.port, "/dir/").status == 404

"""Which site and rule answer: domains, listeners, matches; and the two actions without a target."""
import pytest

from harness import raw

SITES = """\
listeners:
  http: { address: "127.0.0.1:@PORT@" }
  other: { address: "127.0.0.1:@PORT2@" }
  six: { address: "[::1]:@PORT3@" }
  local: { address: "unix:@FOLDER@/weir.sock" }
access_log: off
sites:
  exact: { domains: ["a.localhost", "b.localhost"], respond: exact }
  below: { domains: ["*.a.localhost"], respond: below }
  deeper: { domains: ["*.x.a.localhost"], respond: deeper }
  apart: { domains: ["apart.localhost"], listeners: other, respond: apart }
  rest: { domains: ["*"], respond: rest }
"""


@pytest.fixture
def sites(weir):
    return weir.edge(SITES)


@pytest.mark.parametrize("host, body", [
    ("a.localhost", b"exact"), ("b.localhost", b"exact"), ("A.LocalHost", b"exact"),
    ("a.localhost:8080", b"exact"), ("c.a.localhost", b"below"), ("d.c.a.localhost", b"below"),
    ("x.a.localhost", b"below"), ("y.x.a.localhost", b"deeper"), ("c.localhost", b"rest"),
    ("xa.localhost", b"rest"), ("127.0.0.1", b"rest"), ("[::1]", b"rest")])
def test_the_closest_domain_answers(sites, host, body):
    assert raw.get(sites.port, host=host).body == body


def test_a_site_answers_on_its_listeners_only(sites):
    assert raw.get(sites.ports["PORT2"], host="apart.localhost").body == b"apart"
    assert raw.get(sites.port, host="apart.localhost").body == b"rest"


def test_a_domain_can_have_a_site_at_each_listener(weir):
    edge = weir.edge("""
listeners:
  http: { address: "127.0.0.1:@PORT@" }
  other: { address: "127.0.0.1:@PORT2@" }
sites:
  here: { domains: [a.localhost], listeners: http, respond: here }
  there: { domains: [a.localhost, "*"], listeners: other, respond: there }
""")
    assert raw.get(edge.port, host="a.localhost").body == b"here"
    assert raw.get(edge.ports["PORT2"], host="a.localhost").body == b"there"
    assert raw.get(edge.ports["PORT2"], host="b.localhost").body == b"there"
    assert raw.get(edge.port, host="b.localhost").status == 404


def test_listeners_of_ipv6_and_unix_answer(sites):
    for port, host in ((sites.ports["PORT3"], "::1"), (sites.folder / "weir.sock", "")):
        with raw.connect(port, host=host) as connection:
            assert connection.send(raw.request(host="a.localhost")).response().body == b"exact"


def test_nobody_is_there_for_a_foreign_host_without_a_default(weir):
    edge = weir.edge("""\
listeners:
  http: { address: "127.0.0.1:@PORT@" }
access_log: off
sites:
  one: { domains: ["one.localhost"], respond: one }
""")
    assert raw.get(edge.port, host="one.localhost").body == b"one"
    answer = raw.get(edge.port, host="two.localhost")
    assert answer.status in (404, 421)
    assert answer.get("X-Request-Id")


RULES = """\
listeners:
  http: { address: "127.0.0.1:@PORT@" }
access_log: off
sites:
  all:
    domains: ["*"]
    rules:
      - { match: { path: "/api/*", method: [GET, PUT] }, respond: api }
      - { match: { path: "/api/*" }, respond: { status: 405, body: other } }
      - { match: { path: ["/one", "/two"] }, respond: either }
      - { match: { path: "/*.png" }, respond: picture }
      - { match: { header: { X-Kind: "b*", X-Sort: "*" } }, respond: header }
      - { match: { path: /old }, redirect: { to: "https://{host}/new{path}{query}", status: 308 } }
      - { match: { path: /away }, redirect: "http://other.localhost/" }
      - { match: { path: /page }, respond: { status: 418, body: "<p>", content_type: text/html } }
      - { match: { path: /empty }, respond: 204 }
      - respond: { status: 404, body: nothing }
"""


@pytest.fixture
def rules(weir):
    return weir.edge(RULES)


@pytest.mark.parametrize("method, path, headers, body", [
    ("GET", "/api/x", [], b"api"), ("GET", "/api", [], b"api"), ("GET", "/api/", [], b"api"),
    ("PUT", "/api/x/y", [], b"api"), ("POST", "/api/x", [], b"other"),
    ("GET", "/apix", [], b"nothing"), ("GET", "/one", [], b"either"), ("GET", "/two?x", [], b"either"),
    ("GET", "/one/", [], b"nothing"), ("GET", "/a/b.png", [], b"picture"),
    ("GET", "/a/b.png.x", [], b"nothing"),
    ("GET", "/h", [("X-Kind", "bar"), ("X-Sort", "")], b"header"),
    ("GET", "/h", [("x-kind", "b"), ("x-sort", "y")], b"header"),
    ("GET", "/h", [("X-Kind", "bar")], b"nothing"),
    ("GET", "/h", [("X-Kind", "foo"), ("X-Sort", "y")], b"nothing")])
def test_the_first_rule_that_matches_answers(rules, method, path, headers, body):
    assert raw.exchange(rules.port, raw.request(method, path, headers)).body == body


def test_head_matches_as_get_does(rules):
    answer = raw.exchange(rules.port, raw.request("HEAD", "/api/x"), "HEAD")
    assert (answer.status, answer.get("Content-Length")) == (200, "3")


def test_a_redirect_fills_in_the_request(rules):
    answer = raw.get(rules.port, "/old?a=b&c", host="Here.Localhost:81")
    assert (answer.status, answer.get("Location")) == (308, "https://here.localhost/new/old?a=b&c")
    assert raw.get(rules.port, "/old", host="h").get("Location") == "https://h/new/old"
    answer = raw.get(rules.port, "/away")
    assert (answer.status, answer.get("Location")) == (302, "http://other.localhost/")


def test_fixed_responses(rules):
    answer = raw.get(rules.port, "/page")
    assert (answer.status, answer.body, answer.get("Content-Type")) == (418, b"<p>", "text/html")
    with raw.connect(rules.port) as connection:
        for _ in range(2):
            answer = connection.send(raw.request("GET", "/empty")).response()
            assert (answer.status, answer.body) == (204, b"")


def test_a_body_that_no_action_reads_does_not_disturb_the_next_request(rules):
    with raw.connect(rules.port) as connection:
        connection.send(raw.request("POST", "/api/x", body=b"y" * 1000) + raw.request("GET", "/one"))
        assert connection.response().body == b"other"
        assert connection.response().body == b"either"

"""
Request smuggling, as an attacker tries it: an ambiguous request with a second one behind it. Nothing
behind a refused request is ever read as a request, and paths have one form before anybody looks.
"""
import pytest

from harness import backends as backends_module
from harness import raw, weir as weir_module

HOST = "Host: test.localhost\r\n"
SMUGGLED = "GET /smuggled HTTP/1.1\r\n" + HOST + "\r\n"
POST = "POST /first HTTP/1.1\r\n" + HOST

AMBIGUOUS = {
    "CL.TE": POST + f"Content-Length: {len(SMUGGLED) + 5}\r\nTransfer-Encoding: chunked\r\n\r\n"
                    "0\r\n\r\n" + SMUGGLED,
    "TE.CL": POST + "Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n"
                    f"{len(SMUGGLED):x}\r\n{SMUGGLED}\r\n0\r\n\r\n",
    "CL.CL": POST + f"Content-Length: 0\r\nContent-Length: {len(SMUGGLED)}\r\n\r\n" + SMUGGLED,
    "CL.0 by a list": POST + f"Content-Length: 0, {len(SMUGGLED)}\r\n\r\n" + SMUGGLED,
    "TE with a tab": POST + "Transfer-Encoding:\tchunked, identity\r\n\r\n0\r\n\r\n" + SMUGGLED,
    "TE with a vertical tab": POST + "Transfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n" + SMUGGLED,
    "TE with a space before the colon": POST + "Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n" + SMUGGLED,
    "TE in a folded line": POST + "X: y\r\n Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + SMUGGLED,
    "TE behind a bare CR": POST + "X: y\rTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + SMUGGLED,
    "TE behind a bare LF": POST + "X: y\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + SMUGGLED,
    "TE of HTTP/1.0": "POST /first HTTP/1.0\r\n" + HOST +
                      "Transfer-Encoding: chunked\r\nConnection: keep-alive\r\n\r\n0\r\n\r\n" + SMUGGLED,
    "request line with a bare CR": "GET /first\rHTTP/1.1\r\n" + HOST + "\r\n" + SMUGGLED,
    "chunk of a negative size": POST + "Transfer-Encoding: chunked\r\n\r\n-1\r\n\r\n" + SMUGGLED,
    "chunk size that wraps": POST + "Transfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\n\r\n" + SMUGGLED,
    "chunk extension with a bare LF": POST + "Transfer-Encoding: chunked\r\n\r\n0;\n\r\n\r\n" + SMUGGLED,
    "trailer that is no field": POST + "Transfer-Encoding: chunked\r\n\r\n0\r\nx\r\n\r\n" + SMUGGLED,
}


@pytest.fixture(scope="module")
def shared():
    """One edge for all probes."""
    with backends_module.Backends() as targets:
        programs = weir_module.Programs()
        target = targets.echo()
        edge = programs.proxy(target)
        yield edge, target
        problems = programs.finish()
    if problems:
        pytest.fail("\n\n".join(problems), pytrace=False)


@pytest.mark.parametrize("name", AMBIGUOUS)
def test_nothing_behind_an_ambiguous_request_is_a_request(shared, name):
    edge, target = shared
    before = len(target.requests)
    with raw.connect(edge.port) as connection:
        answer = connection.send(AMBIGUOUS[name]).response()
        assert answer.status in (400, 501), answer.body
        assert (answer.get("Connection") or "").lower() == "close"
        assert answer.get("X-Request-Id")
        assert connection.is_closed()
    assert raw.get(edge.port, "/after").status == 200
    assert [request.target for request in target.requests[before:]] == ["/after"]
    assert target.problems == []


def test_a_body_that_looks_like_a_request_stays_a_body(shared):
    edge, target = shared
    before = len(target.requests)
    with raw.connect(edge.port) as connection:
        connection.send(raw.request("POST", "/one", body=SMUGGLED.encode())
                        + raw.request("GET", "/two"))
        assert connection.response().status == 200
        assert connection.response().status == 200
    assert [request.target for request in target.requests[before:]] == ["/one", "/two"]
    assert target.requests[before].body == SMUGGLED.encode()


PATHS = {
    "/a/./b": "/a/b", "/a/../b": "/b", "/a//b": "/a/b", "/%61": "/a", "/%7Ea": "/~a", "/a%2fb": "/a%2Fb",
    "/a/b/..": "/a/", "/a?b/../c": "/a?b/../c", "/a?%61": "/a?%61", "/%c3%a4": "/%C3%A4",
    "/a/%2e%2e/b": "/b", "/?": "/?",
}


@pytest.mark.parametrize("path", PATHS)
def test_a_target_sees_the_one_form_of_a_path(shared, path):
    edge, target = shared
    assert raw.get(edge.port, path).status == 200
    assert target.requests[-1].target == PATHS[path]


@pytest.mark.parametrize("path", ["/..", "/a/../../b", "/a/..%2fb", "/a/%2e%2e%2fb", "/a/..%5cb", "/a\\b",
                                  "/a/..;/b", "/%2e%2e/b", "/a/%2E%2E/%2E%2E/b"])
def test_a_path_on_which_servers_disagree_is_refused(shared, path):
    edge, target = shared
    before = len(target.requests)
    answer = raw.get(edge.port, path)
    assert answer.status == 400
    assert len(target.requests) == before


def test_rules_and_target_see_the_same_path(weir, backends):
    target = backends.echo()
    edge = weir.edge("""\
listeners:
  http: { address: "127.0.0.1:@PORT@" }
access_log: off
sites:
  all:
    domains: ["*"]
    rules:
      - { match: { path: "/admin/*" }, respond: { status: 403, body: closed } }
      - forward: t
target_groups:
  t: { targets: ["@t@"] }
""", t=target)
    for path in ("/admin/x", "/admin", "/x/../admin/x", "//admin/x", "/%61dmin/x", "/./admin/x",
                 "/x/%2e%2e/admin/x", "/admin//x", "/admin/%2e/x"):
        assert raw.get(edge.port, path).status == 403, path
    assert target.requests == []
    assert raw.get(edge.port, "/administrator").status == 200

"""What a certificate authority finds while it makes sure that a name is ours."""
import json
import subprocess

from harness import raw

TEXT = b"token-1.thumbprint"
PATH = "/.well-known/acme-challenge/token-1"
ROUTE = "/v1/challenges/http/token-1"

SITE = """\
listeners: { http: { address: "127.0.0.1:@PORT@" } }
access_log: off
sites:
  closed:
    domains: ["*"]
    rules: [ { basic_auth: users, redirect: "https://elsewhere.example" } ]
"""


def _put(edge, route, body):
    return edge.admin(route, "PUT", body)


def test_a_token_is_answered_before_redirects_and_passwords(weir):
    edge = weir.edge(SITE, files={"users": b"a:$2y$05$abcdefghijklmnopqrstuuIjqlGNTJKFYCXgVJQkiFvMWQIAmxjVC\n"})
    assert raw.get(edge.port, PATH).status == 401
    assert _put(edge, ROUTE, TEXT).status == 204
    answer = raw.get(edge.port, PATH)
    assert (answer.status, answer.body) == (200, TEXT)
    assert raw.get(edge.port, PATH + "x").status == 401
    assert raw.get(edge.port, "/").status == 401
    assert _put(edge, ROUTE, b"another").status == 204
    assert raw.get(edge.port, PATH).body == b"another"
    assert edge.admin(ROUTE, "DELETE").status == 204
    assert edge.admin(ROUTE, "DELETE").status == 204
    assert raw.get(edge.port, PATH).status == 401


def test_a_token_of_another_goes_to_the_target(weir, backends):
    edge = weir.proxy(backends.text("from the target"))
    assert _put(edge, ROUTE, TEXT).status == 204
    assert raw.get(edge.port, PATH).body == TEXT
    assert raw.get(edge.port, PATH + "-of-the-target").body == b"from the target"
    assert raw.exchange(edge.port, raw.request("POST", PATH, body=b"x")).body == b"from the target"


def test_what_is_no_challenge_is_refused(weir, backends):
    edge = weir.proxy(backends.text("x"))
    for route, body in ((ROUTE, b""), (ROUTE, b"a b"), (ROUTE, b"x" * 1025),
                        ("/v1/challenges/http/a.b", TEXT),
                        ("/v1/challenges/tls-alpn/a.example", b"no PEM")):
        answer = _put(edge, route, body)
        assert answer.status == 400, route
        assert json.loads(answer.body)["error"]
    assert _put(edge, "/v1/challenges/http/" + "a" * 257, TEXT).status == 400


def test_there_is_a_limit(weir, backends):
    edge = weir.proxy(backends.text("x"))
    for number in range(1000):
        assert _put(edge, f"/v1/challenges/http/t{number}", TEXT).status == 204
    assert _put(edge, "/v1/challenges/http/one-more", TEXT).status == 507
    assert _put(edge, "/v1/challenges/http/t7", TEXT).status == 204
    assert edge.admin("/v1/challenges/http/t8", "DELETE").status == 204
    assert _put(edge, "/v1/challenges/http/one-more", TEXT).status == 204


def test_a_certificate_is_taken(weir, backends, tmp_path):
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                    "ec_paramgen_curve:P-256", "-nodes", "-keyout", tmp_path / "key",
                    "-out", tmp_path / "pem", "-subj", "/CN=x", "-days", "1"],
                   check=True, capture_output=True)
    pem = (tmp_path / "key").read_bytes() + (tmp_path / "pem").read_bytes()
    edge = weir.proxy(backends.text("x"))
    route = "/v1/challenges/tls-alpn/a.example"
    assert _put(edge, route, pem).status == 204
    assert edge.admin(route, "DELETE").status == 204

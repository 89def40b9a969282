"""Copies of requests for another group."""
import pytest

from harness import raw, wait

pytestmark = pytest.mark.threads

MIRRORED = """\
listeners:
  http: {{ address: "127.0.0.1:@PORT@" }}
access_log: {{ format: json, path: "@FOLDER@/access.log" }}
workers: 1
sites:
  all:
    domains: ["*"]
    rules:
      - forward: main
        mirror: {mirror}
target_groups:
  main: {{ targets: ["@main@"] {group} }}
  shadow: {{ targets: ["@shadow@"] }}
"""


def start(weir, main, shadow, mirror="shadow", group=""):
    return weir.edge(MIRRORED.format(mirror=mirror, group=group), main=main, shadow=shadow)


def skipped(edge):
    return edge.metrics()["weir_mirrored_requests_skipped_total"]


def test_a_copy_goes_to_the_mirror_and_its_answer_to_nobody(weir, backends):
    main, shadow = backends.text("main"), backends.text("shadow")
    edge = start(weir, main, shadow, group=", sticky: mine")
    answer = raw.exchange(edge.port, raw.request("GET", "/a?b=1", ["X-Mine: 1", "Cookie: mine=1; a=2"]))
    assert answer.body == b"main"
    copy = shadow.wait_for_requests(1)[0]
    original = main.requests[0]
    assert (copy.method, copy.target) == ("GET", "/a?b=1")
    assert copy.head.headers == original.head.headers
    assert copy.get("Cookie") == "a=2"


@pytest.mark.parametrize("body", [b"x", b"0123456789" * 6000])
@pytest.mark.parametrize("method", ["POST", "PUT"])
def test_bodies_are_copied_too(weir, backends, method, body):
    main, shadow = backends.text("main"), backends.text("shadow")
    edge = start(weir, main, shadow)
    for number in range(1, 4):
        assert raw.exchange(edge.port, raw.request(method, body=body), method).status == 200
        copy = shadow.wait_for_requests(number)[-1]
        assert copy.method == method and copy.body == body
    assert main.requests[0].body == body


def test_a_chunked_body_is_copied(weir, backends):
    main, shadow = backends.text("main"), backends.text("shadow")
    edge = start(weir, main, shadow)
    data = (b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
            b"5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n")
    assert raw.exchange(edge.port, data, "POST").status == 200
    assert shadow.wait_for_requests(1)[0].body == b"hello world"


def test_a_large_body_is_not_copied_but_counted(weir, backends):
    shadow = backends.text("shadow")
    edge = start(weir, backends.text("main"), shadow)
    assert raw.exchange(edge.port, raw.request("POST", body=b"x" * 70_000), "POST").status == 200
    assert raw.get(edge.port, "/small").status == 200
    assert shadow.wait_for_requests(1)[0].target == "/small"
    assert skipped(edge) == 1


def test_a_sample(weir, backends):
    shadow = backends.text("shadow")
    edge = start(weir, backends.text("main"), shadow, "{ to: shadow, sample: 20% }")
    for _ in range(200):
        assert raw.get(edge.port).status == 200
    wait.until(lambda: edge.status()["groups"][1]["targets"][0]["in_flight"] == 0, "all copies")
    assert 15 <= len(shadow.requests) <= 75


@pytest.mark.parametrize("kind", ["slow", "dying", "refusing"])
def test_whatever_the_mirror_does_the_client_sees_nothing_of_it(weir, backends, kind):
    shadow = getattr(backends, kind)()
    edge = start(weir, backends.text("main"), shadow)
    for _ in range(20):
        answer = raw.get(edge.port)
        assert (answer.status, answer.body) == (200, b"main")


def test_copies_under_way_have_a_bound_and_do_not_hold_up_the_end(weir, backends):
    shadow = backends.slow()
    edge = start(weir, backends.text("main"), shadow)
    with raw.connect(edge.port) as connection:
        for _ in range(160):
            assert connection.send(raw.request()).response().status == 200
    wait.until(lambda: shadow.waiting == 128, lambda: f"128 copies, {shadow.waiting} now")
    assert skipped(edge) == 32
    assert edge.metrics()["weir_mirrored_requests_total"] == 128

"""What a client sees when a target misbehaves, by the table of FACTS §3."""
import pytest

from harness import http1, load, raw, wait
from harness.backends import Response

pytestmark = pytest.mark.threads

FAST_TIMEOUTS = """
timeouts: { connect: 500ms, response: 500ms, idle: 500ms }
"""


def test_nobody_listens_a_502_says_so_in_the_log(weir, backends):
    edge = weir.proxy(backends.refusing())
    assert raw.get(edge.port).status in (502, 503)
    assert edge.access_log(count=1)[0]["status"] in (502, 503)


def test_a_get_is_tried_again_on_the_other_target(weir, backends):
    good = backends.text("good")
    edge = weir.proxy(backends.refusing(), backends.dying(), good)
    # So few that the budget of retries is not used up.
    for _ in range(5):
        assert raw.get(edge.port).body == b"good"


def test_a_post_that_may_have_arrived_is_never_sent_twice(weir, backends):
    dying = backends.dying()
    edge = weir.proxy(dying)
    answer = raw.exchange(edge.port, raw.request("POST", body=b"x"))
    assert answer.status == 502
    assert len(dying.requests) == 1


def test_a_post_whose_connection_was_refused_goes_to_the_other_target(weir, backends):
    good = backends.text("good")
    edge = weir.proxy(backends.refusing(), good)
    for _ in range(10):
        assert raw.exchange(edge.port, raw.request("POST", body=b"x")).body == b"good"


def test_a_reset_inside_a_body_is_a_truncation_at_the_client(weir, backends):
    def breaks(_request, connection):
        connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n" + b"x" * 1000)
        connection.reset()
    edge = weir.proxy(backends.serve(breaks))
    with raw.connect(edge.port) as connection:
        connection.send(raw.request())
        with pytest.raises((http1.Malformed, ConnectionResetError)):
            connection.response()


def test_a_chunked_body_that_ends_early_has_no_last_chunk_at_the_client(weir, backends):
    edge = weir.proxy(backends.scripted(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
                                        b"5\r\nhello\r\n"))
    with raw.connect(edge.port) as connection:
        rest = connection.send(raw.request()).rest()
    assert not rest.endswith(b"0\r\n\r\n")


def test_an_idle_connection_that_the_target_closes_costs_no_request(weir, backends):
    target = backends.text("x")
    edge = weir.proxy(target)
    for _ in range(20):
        assert raw.get(edge.port).status == 200
        target.drop_connections()
        assert raw.get(edge.port).status == 200


def test_a_target_that_closes_after_each_answer_without_saying_so(weir, backends):
    def closes(_request, connection):
        connection.send(Response(b"x").to_bytes("GET"))
        connection.close()
    edge = weir.proxy(backends.serve(closes))
    with raw.connect(edge.port) as connection:
        for _ in range(50):
            assert connection.send(raw.request()).response().status == 200


def test_a_target_that_never_answers_is_a_504(weir, backends):
    slow = backends.slow()
    edge = weir.proxy(slow, rule=FAST_TIMEOUTS)
    assert raw.get(edge.port).status == 504


def test_others_are_served_while_one_target_is_slow(weir, backends):
    slow, fast = backends.slow(), backends.text("fast")
    edge = weir.edge("""\
listeners:
  http: { address: "127.0.0.1:@PORT@" }
workers: 1
access_log: off
sites:
  all:
    domains: ["*"]
    rules:
      - { match: { path: "/slow" }, forward: slow }
      - forward: fast
target_groups:
  slow: { targets: ["@slow@"] }
  fast: { targets: ["@fast@"] }
""", slow=slow, fast=fast)
    waiting = [raw.connect(edge.port).send(raw.request("GET", "/slow")) for _ in range(100)]
    wait.until(lambda: slow.waiting == 100, lambda: f"100 slow requests, {slow.waiting} now")
    for _ in range(20):
        assert raw.get(edge.port).body == b"fast"
    slow.release()
    for connection in waiting:
        assert connection.response().body == b"late"
        connection.close()


def test_a_client_that_goes_away_frees_its_request(weir, backends):
    slow = backends.slow()
    edge = weir.proxy(slow)
    connection = raw.connect(edge.port).send(raw.request())
    slow.wait_for_requests(1)
    connection.reset()
    slow.release()
    assert raw.get(edge.port).status == 200


def test_unhealthy_targets_get_no_requests_until_they_are_well(weir, backends):
    one, two = backends.text("one"), backends.text("two")
    one.is_healthy = False
    edge = weir.proxy(one, two, group="""
health: { path: /healthz, interval: 100ms, timeout: 1s, healthy_threshold: 1, unhealthy_threshold: 2 }
""")
    wait.until(lambda: len(one.health_requests) >= 3, "health requests")
    wait.until(lambda: {raw.get(edge.port).body for _ in range(10)} == {b"two"}, "only the second")
    one.is_healthy = True
    wait.until(lambda: {raw.get(edge.port).body for _ in range(10)} == {b"one", b"two"}, "both")


def test_a_target_that_dies_under_load_costs_no_get(weir, backends):
    stays, dies = backends.text("x"), backends.text("x")
    edge = weir.proxy(stays, dies)
    with load.steady(edge.port) as work:
        dies.wait_for_requests(200)
        dies.stop()
        seen = len(stays.requests)
        stays.wait_for_requests(seen + 1000)
    assert work.failures == []


LARGE = bytes(range(256)) * 4000 * 4  # 4 MiB nearly, in which a byte out of place shows


def _framed(body, chunked):
    if not chunked:
        return b"Content-Length: %d\r\n\r\n" % len(body) + body
    parts = [body[at:at + 200_000] for at in range(0, len(body), 200_000)]
    chunks = b"".join(b"%x\r\n" % len(part) + part + b"\r\n" for part in parts)
    return b"Transfer-Encoding: chunked\r\n\r\n" + chunks + b"0\r\n\r\n"


@pytest.mark.parametrize("chunked", [False, True])
def test_a_large_body_comes_whole_and_the_connection_goes_on(weir, backends, chunked):
    target = backends.serve(lambda *_: b"HTTP/1.1 200 OK\r\n" + _framed(LARGE, chunked))
    edge = weir.proxy(target)
    with raw.connect(edge.port) as connection:
        for _ in range(3):
            assert connection.send(raw.request()).response().body == LARGE
    assert target.connections == 1
    assert [line["bytes"] for line in edge.access_log(count=3)] == [len(LARGE)] * 3


def test_a_large_body_goes_up_whole(weir, backends):
    target = backends.text("ok")
    edge = weir.proxy(target)
    with raw.connect(edge.port) as connection:
        for _ in range(2):
            assert connection.send(raw.request("POST", body=LARGE)).response().body == b"ok"
    assert [request.body for request in target.requests] == [LARGE, LARGE]


def test_a_client_that_reads_late_gets_all_of_a_large_body(weir, backends):
    target = backends.serve(lambda *_: b"HTTP/1.1 200 OK\r\n" + _framed(LARGE, False))
    edge = weir.proxy(target)
    with raw.connect(edge.port, receive_buffer=4096) as connection:
        connection.send(raw.request())
        target.wait_for_requests(1)
        assert connection.response().body == LARGE


@pytest.mark.parametrize("ends", ["close", "reset"])
@pytest.mark.parametrize("sent", [70_000, 1_000_000, len(LARGE) - 1])
def test_a_large_body_that_breaks_off_is_a_truncation(weir, backends, sent, ends):
    def breaks(_request, connection):
        connection.send(b"HTTP/1.1 200 OK\r\n" + _framed(LARGE, False)[:-(len(LARGE) - sent)])
        getattr(connection, ends)()
    edge = weir.proxy(backends.serve(breaks))
    with raw.connect(edge.port) as connection:
        rest = connection.send(raw.request()).rest()
    body = rest.partition(b"\r\n\r\n")[2]
    assert LARGE.startswith(body)
    if ends == "close":
        assert len(body) == sent
        assert edge.access_log(count=1)[0]["bytes"] == sent
    line = edge.access_log(count=1)[0]
    assert line["status"] in (200, 502)
    assert line["reason"]


def test_a_large_body_that_stalls_is_cut_off_at_the_time_out(weir, backends):
    def stalls(_request, connection):
        connection.send(b"HTTP/1.1 200 OK\r\n" + _framed(LARGE, False)[:1_000_000])
        connection.receive()
    edge = weir.proxy(backends.serve(stalls), rule=FAST_TIMEOUTS)
    with raw.connect(edge.port) as connection:
        rest = connection.send(raw.request()).rest()
    assert LARGE.startswith(rest.partition(b"\r\n\r\n")[2])
    line = edge.access_log(count=1)[0]
    assert line["reason"] == "the target stalled in the response's body"
    assert line["bytes"] == len(rest.partition(b"\r\n\r\n")[2])


def test_a_client_that_leaves_a_large_body_ends_the_target_s_connection(weir, backends):
    target = backends.serve(lambda *_: b"HTTP/1.1 200 OK\r\n" + _framed(LARGE, False))
    edge = weir.proxy(target)
    connection = raw.connect(edge.port, receive_buffer=4096)
    connection.send(raw.request()).exactly(1000)
    connection.reset()
    assert edge.access_log(count=1)[0]["bytes"] < len(LARGE)
    wait.until(lambda: target.open_connections() == 0, "the target's connection to end")


def test_large_bodies_behind_one_another_are_told_apart(weir, backends):
    """Two large uploads and a small request in one go: what follows a body is not lost in it."""
    target = backends.echo()
    edge = weir.proxy(target)
    body = LARGE[:300_000]
    with raw.connect(edge.port) as connection:
        connection.send(raw.request("POST", "/1", body=body) + raw.request("POST", "/2", body=body)
                        + raw.request("GET", "/3"))
        for _ in range(3):
            assert connection.response().status == 200
    assert [(r.target, len(r.body)) for r in target.requests] == [
        ("/1", len(body)), ("/2", len(body)), ("/3", 0)]

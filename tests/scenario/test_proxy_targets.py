"""Which target gets a request, what happens when it fails, and what the client is told."""
import collections
import json
import threading

import pytest

from harness import load, raw, wait
from harness.backends import Response

FAST = "timeouts: { connect: 300ms, response: 300ms, idle: 300ms }"


def _group(edge_of, targets, more=""):
    """An edge whose one group is given in full; targets are YAML."""
    return edge_of(f"""\
listeners:
  http: {{ address: "127.0.0.1:@PORT@" }}
workers: 1
access_log: off
sites:
  all: {{ domains: ["*"], forward: t }}
target_groups:
  t:
    targets: [{targets}]
    {more}
""")


def _named(backends, count):
    return [backends.text(str(n)) for n in range(count)]


def test_round_robin_takes_turns(weir, backends):
    edge = weir.proxy(*_named(backends, 3), group="balance: round_robin")
    bodies = [raw.get(edge.port).body for _ in range(12)]
    assert len(set(bodies[:3])) == 3
    assert bodies == bodies[:3] * 4


def test_round_robin_keeps_to_the_weights(weir, backends):
    one, two, none = _named(backends, 3)
    edge = _group(weir.edge, f'{{ address: "{one.address}", weight: 3 }}, "{two.address}", '
                             f'{{ address: "{none.address}", weight: 0 }}', "balance: round_robin")
    bodies = [raw.get(edge.port).body for _ in range(40)]
    assert collections.Counter(bodies) == {b"0": 30, b"1": 10}
    assert b"000" not in b"".join(bodies).replace(b"0001", b"")  # the turns are spread


def test_least_requests_keeps_to_the_weights(weir, backends):
    one, two = _named(backends, 2)
    edge = _group(weir.edge, f'{{ address: "{one.address}", weight: 4 }}, "{two.address}"')
    counts = collections.Counter(raw.get(edge.port).body for _ in range(300))
    assert counts[b"0"] > 2 * counts[b"1"] > 0


def test_least_requests_avoids_a_slow_target(weir, backends):
    slow, fast = backends.slow(), backends.text("fast")
    edge = weir.proxy(slow, fast)
    waiting = []
    while slow.waiting == 0:  # until one is caught by it
        connection = raw.connect(edge.port).send(raw.request())
        waiting.append(connection)
        wait.until(lambda: slow.waiting or not connection.is_silent(0.01), "an answer or a wait")
    for _ in range(50):
        assert raw.get(edge.port).body == b"fast"
    slow.release()
    assert waiting[-1].response().body == b"late"
    for connection in waiting:
        connection.close()


@pytest.mark.parametrize("make, rule, status", [
    (lambda backends: backends.refusing(), "", 502),
    (lambda backends: backends.dying(), "", 502),
    (lambda backends: backends.scripted(b"HTTP/1.1 200 OK\r\n: x\r\n\r\n"), "", 502),
    (lambda backends: backends.slow(), FAST, 504),
])
def test_a_failure_is_told_with_its_reason_and_the_request_id(weir, backends, make, rule, status):
    edge = weir.proxy(make(backends), rule=rule)
    answer = raw.get(edge.port)
    assert answer.status == status
    text = answer.body.decode()
    assert str(status) in text and answer.get("X-Request-Id") in text
    line = edge.access_log(count=1)[0]
    assert line["status"] == status
    assert answer.get("X-Request-Id") in line.values()
    assert "target" in json.dumps(line)


def test_no_target_that_takes_requests_is_a_503(weir, backends):
    only = backends.text("x")
    edge = _group(weir.edge, f'{{ address: "{only.address}", weight: 0 }}')
    answer = raw.get(edge.port)
    assert answer.status == 503
    assert answer.get("X-Request-Id") in answer.body.decode()


def test_a_body_larger_than_body_max_is_a_413(weir, backends):
    target = backends.echo()
    edge = weir.proxy(target, rule="body_max: 10kB")
    assert raw.exchange(edge.port, raw.request("POST", body=b"x" * 10000)).status == 200
    assert raw.exchange(edge.port, raw.request("POST", body=b"x" * 10001)).status == 413
    with raw.connect(edge.port) as connection:
        connection.send("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
                        "2711\r\n" + "x" * 10001 + "\r\n0\r\n\r\n")
        assert connection.response().status == 413
        assert connection.is_closed()
    assert len(target.requests) == 1


def test_body_max_comes_from_the_rule_the_site_or_the_top(weir, backends):
    edge = weir.edge("""
listeners: { http: "127.0.0.1:@PORT@" }
access_log: off
body_max: 10
sites:
  top: { domains: top.example, forward: api }
  site: { domains: site.example, body_max: 20, rules: [
    { match: { path: /more }, forward: api, body_max: 30 },
    { match: { path: /any }, forward: api, body_max: off },
    { match: { path: /none }, forward: api, body_max: 0 },
    { match: { path: /said }, respond: said },
    { forward: api } ] }
target_groups: { api: "@api@" }
""", api=backends.text("x"))

    def most(host, path, tried=(0, 10, 20, 30, 1000)):
        """The largest of the bodies that is taken; the next one is not."""
        found = [raw.exchange(edge.port, raw.request(
            "POST", path, body=b"x" * size, host=host)).status for size in tried]
        return max(size for size, status in zip(tried, found) if status == 200)
    assert most("top.example", "/") == 10
    assert most("site.example", "/") == 20
    assert most("site.example", "/said") == 20
    assert most("site.example", "/more") == 30
    assert most("site.example", "/any") == 1000
    assert most("site.example", "/none") == 0


def test_a_listener_waits_for_clients_as_long_as_it_says(weir):
    edge = weir.edge("""
listeners: { http: { address: "127.0.0.1:@PORT@", timeouts: { head: 200ms, idle: 300ms } },
             slow: { address: "127.0.0.1:@PORT2@", timeouts: { idle: 1h, head: 1h } } }
access_log: off
sites: { all: { respond: hi } }
""")
    patient = raw.connect(edge.ports["PORT2"]).send(b"GET / HTTP/1.1\r\n")
    slow = raw.connect(edge.port).send(b"GET / HTTP/1.1\r\n")
    assert slow.response().status == 408
    idle = raw.connect(edge.port).send(raw.request())
    assert idle.response().status == 200
    assert idle.is_closed()
    assert patient.send(b"Host: a\r\n\r\n").response().status == 200


def test_a_target_that_stalls_in_a_body_is_a_truncation(weir, backends):
    gate = threading.Event()

    def stalls(_request, connection):
        connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc")
        gate.wait(20)
        connection.close()
    edge = weir.proxy(backends.serve(stalls), rule=FAST)
    with raw.connect(edge.port) as connection:
        rest = connection.send(raw.request()).rest()
        assert not rest or rest.endswith(b"\r\n\r\nabc")
    gate.set()


def test_a_client_that_stalls_in_a_body_is_a_408_and_frees_the_target(weir, backends):
    target = backends.echo()
    edge = weir.proxy(target, rule=FAST)
    with raw.connect(edge.port) as connection:
        connection.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nabc")
        wait.until(lambda: target.connections == 1, "the request at the target")
    wait.until(lambda: target.open_connections() == 0, "the target to be freed")
    assert raw.get(edge.port).status == 200


def test_idle_connections_that_close_under_load_cost_no_get(weir, backends):
    """Each connection takes three requests, then closes after an answer without saying so."""
    def tires(_request, connection):
        connection.send(Response(b"x").to_bytes("GET"))
        if connection.requests == 3:
            connection.close()
    edge = weir.proxy(backends.serve(tires), backends.serve(tires))
    with load.steady(edge.port, connections=8) as work:
        wait.until(lambda: work.done >= 2000, lambda: f"2000 requests, {work.done} now",
                   deadline_s=30)
    assert work.failures == []


def test_resets_before_the_head_cost_no_get_where_another_target_is_well(weir, backends):
    well, dying = backends.text("well"), backends.dying()
    edge = weir.proxy(well, dying)
    with load.steady(edge.port, connections=4) as work:
        wait.until(lambda: work.done >= 1000, lambda: f"1000 requests, {work.done} now")
    assert work.failures == []
    assert len(dying.requests) < work.done / 4  # it is asked last for a while


def test_retries_have_a_budget(weir, backends):
    dying = [backends.dying() for _ in range(3)]
    edge = weir.proxy(*dying, rule="retries: 2")
    for _ in range(100):
        assert raw.get(edge.port).status == 502
    asked = sum(len(target.requests) for target in dying)
    assert 100 <= asked <= 100 + 10 + 0.2 * 100 + 1


def test_without_retries_a_request_is_sent_once(weir, backends):
    dying = backends.dying()
    edge = weir.proxy(dying, backends.dying(), rule="retries: 0")
    for n in range(1, 11):
        assert raw.get(edge.port).status == 502
    assert len(dying.requests) <= 10


@pytest.mark.parametrize("method, times", [("GET", 2), ("HEAD", 2), ("PUT", 2), ("DELETE", 2),
                                           ("POST", 1), ("PATCH", 1)])
def test_only_what_may_be_repeated_is_repeated(weir, backends, method, times):
    one, two = backends.dying(), backends.dying()
    edge = weir.proxy(one, two, rule="retries: 1")
    answer = raw.exchange(edge.port, raw.request(method), method)
    assert answer.status == 502
    assert len(one.requests) + len(two.requests) == times


def test_when_all_are_unhealthy_all_are_tried(weir, backends):
    one, two = backends.text("one"), backends.text("two")
    one.is_healthy = two.is_healthy = False
    edge = weir.proxy(one, two, group="""
health: { path: /healthz, interval: 100ms, unhealthy_threshold: 1 }
""")
    wait.until(lambda: len(one.health_requests) >= 3 and len(two.health_requests) >= 3, "checks")
    assert raw.get(edge.port).status == 200


def test_a_target_that_stops_listening_is_ejected_and_comes_back(weir, backends):
    stays, goes = backends.text("stays"), backends.text("goes")
    edge = weir.proxy(stays, goes, group="""
health: { path: /healthz, interval: 100ms, timeout: 500ms, unhealthy_threshold: 2 }
""")
    port = goes.port
    with load.steady(edge.port, connections=2) as work:
        wait.until(lambda: goes.requests, "both in use")
        goes.stop()
        wait.until(lambda: "unhealthy" in json.dumps(edge.status()), "the ejection")
        before = work.done
        wait.until(lambda: work.done > before + 50, "others served meanwhile")
        again = backends.serve(lambda *_: Response(b"again"), port=port)
        wait.until(lambda: again.requests, "the target to be used again")
    assert work.failures == []

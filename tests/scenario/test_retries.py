"""Further tries: after what, of what, and with which body."""
import pytest

from harness import raw, wait
from harness.backends import Response

pytestmark = pytest.mark.threads

BODY = b"0123456789" * 1000


def failing(backends, status):
    return backends.serve(lambda *_: Response(b"no", status))


def asks(edge, times=6, method="GET", **options):
    return {raw.exchange(edge.port, raw.request(method, **options), method).body
            for _ in range(times)}


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
def test_a_status_that_is_listed_is_asked_for_elsewhere(weir, backends, status):
    edge = weir.proxy(failing(backends, status), backends.text("good"),
                      rule=f"retries: {{ on: [{status}] }}\n")
    assert asks(edge) == {b"good"}


def test_a_status_that_is_not_listed_is_passed_on(weir, backends):
    edge = weir.proxy(failing(backends, 503), rule="retries: { on: [connect, 502] }\n")
    answer = raw.get(edge.port)
    assert (answer.status, answer.body) == (503, b"no")


def test_when_all_answer_so_the_last_answer_is_passed_on(weir, backends):
    targets = [failing(backends, 503) for _ in range(3)]
    edge = weir.proxy(*targets, rule="retries: { max: 5, on: 503 }\n")
    answer = raw.get(edge.port)
    assert (answer.status, answer.body) == (503, b"no")
    assert sum(len(target.requests) for target in targets) == 3


def test_a_post_is_not_sent_twice_for_a_status(weir, backends):
    targets = [failing(backends, 503) for _ in range(2)]
    edge = weir.proxy(*targets, rule="retries: { on: 503 }\n")
    assert raw.exchange(edge.port, raw.request("POST", body=b"x"), "POST").status == 503
    assert sum(len(target.requests) for target in targets) == 1


def test_a_reset_that_is_not_listed_is_a_502(weir, backends):
    edge = weir.proxy(backends.dying(), backends.dying(), rule="retries: { on: 503 }\n")
    assert raw.get(edge.port).status == 502


def test_each_try_has_a_time_of_its_own(weir, backends):
    slow, fast = backends.slow(), backends.text("fast")
    edge = weir.proxy(slow, fast, rule="retries: { on: timeout, timeout: 100ms }\n",
                      group="balance: round_robin\n")
    assert asks(edge) == {b"fast"}


def test_without_the_word_a_time_that_is_over_is_a_504(weir, backends):
    edge = weir.proxy(backends.slow(), rule="retries: { timeout: 100ms }\n")
    assert raw.get(edge.port).status == 504


def test_none_at_all(weir, backends):
    edge = weir.proxy(backends.refusing(), backends.text("x"), rule="retries: 0\n",
                      group="balance: round_robin\n")
    statuses = [raw.get(edge.port).status for _ in range(2)]
    assert 502 in statuses


def drop_after_body(_request, connection):
    connection.reset()


@pytest.mark.parametrize("method", ["PUT", "DELETE"])
def test_a_small_body_is_sent_again(weir, backends, method):
    dying, good = backends.serve(drop_after_body), backends.text("good")
    edge = weir.proxy(dying, good, group="balance: round_robin\n")
    for _ in range(4):
        with raw.connect(edge.port) as connection:
            data = raw.request(method, body=BODY)
            connection.send(data[:200])
            wait.until(lambda: edge.status()["groups"][0]["targets"], "the edge")  # a turn or two
            connection.send(data[200:])
            assert connection.response(method).body == b"good"
    assert dying.requests
    assert all(request.body == BODY for request in good.requests)


def test_a_chunked_body_is_sent_again_with_its_trailers(weir, backends):
    dying, good = backends.serve(drop_after_body), backends.text("good")
    edge = weir.proxy(dying, good, group="balance: round_robin\n")
    data = (b"PUT / HTTP/1.1\r\nHost: test.localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
            b"5\r\nhello\r\n6\r\n world\r\n0\r\nX-Sum: 42\r\n\r\n")
    for _ in range(4):
        assert raw.exchange(edge.port, data, "PUT").body == b"good"
    assert dying.requests
    assert {request.body for request in good.requests} == {b"hello world"}
    assert all(("X-Sum", "42") in request.trailers for request in good.requests)


def test_a_large_body_is_not(weir, backends):
    edge = weir.proxy(backends.serve(drop_after_body), backends.serve(drop_after_body),
                      rule="retries: 5\n")
    answer = raw.exchange(edge.port, raw.request("PUT", body=b"x" * 100_000), "PUT")
    assert answer.status == 502


def test_a_put_with_a_body_is_asked_for_elsewhere_for_its_status(weir, backends):
    bad, good = failing(backends, 503), backends.echo()
    edge = weir.proxy(bad, good, rule="retries: { on: 503 }\n", group="balance: round_robin\n")
    answers = [raw.exchange(edge.port, raw.request("PUT", body=BODY), "PUT") for _ in range(4)]
    assert {answer.status for answer in answers} == {200}
    assert {request.body for request in good.requests} == {BODY}

"""The shortest way through the harness; also the first thing to look at when nothing works."""
import json
import signal

import pytest

from harness import curl, load, raw


@pytest.mark.threads
def test_a_request_reaches_the_target_and_its_answer_the_client(weir, backends):
    target = backends.echo()
    edge = weir.proxy(target)
    answer = curl.get(edge.url("/a?b=c"), "-d", "hello")
    assert answer.status == 200, answer.error
    assert answer.get("content-type") == "application/json"
    told = json.loads(answer.body)
    assert (told["method"], told["target"], told["body"]) == ("POST", "/a?b=c", "hello")
    assert target.requests[0].get("Host") == f"127.0.0.1:{edge.port}"
    assert target.problems == []


@pytest.mark.threads
def test_steady_load_over_two_targets_ends_without_a_failure(weir, backends):
    one, two = backends.text("one"), backends.text("two")
    edge = weir.proxy(one, two, workers=2)
    with load.steady(edge.port, "/") as work:
        one.wait_for_requests(20)
        two.wait_for_requests(20)
    assert work.failures == []
    assert work.done >= 40


def test_the_admin_socket_answers(weir, backends):
    edge = weir.proxy(backends.text("x"))
    assert edge.admin("/v1/status").status == 200


def test_a_program_that_was_killed_is_no_fault_and_can_be_started_again(weir, backends):
    edge = weir.proxy(backends.text("x"))
    edge.kill()
    edge.start()
    assert raw.get(edge.port).body == b"x"
    edge.signal(signal.SIGTERM)
    assert edge.wait() == 0

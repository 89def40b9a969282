"""What is bounded stays bounded: descriptors, memory, patience with slow clients, a drain's time."""
import resource
import signal
import threading
import time

import pytest

from harness import http1, load, proc, raw, wait
from harness.backends import Response

SLOW_CLIENTS = 2000


def _descriptors_for(count):
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < count:
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(count, hard), hard))


def _slowest_but_one_percent(port, count=300):
    """The time that 99 of 100 requests on one connection stayed below, in seconds."""
    times = []
    with raw.connect(port) as connection:
        for _ in range(count):
            began = time.monotonic()
            assert connection.send(raw.request()).response().status == 200
            times.append(time.monotonic() - began)
    return sorted(times)[count * 99 // 100]


def test_slow_heads_hardly_delay_others(weir, backends):
    _descriptors_for(SLOW_CLIENTS + 1000)
    edge = weir.proxy(backends.text("x"))
    before = _slowest_but_one_percent(edge.port)
    slow = [raw.connect(edge.port).send("GET / HTTP/1.1\r\nHost: a\r\nX: ")
            for _ in range(SLOW_CLIENTS)]
    for connection in slow:
        connection.send("a")
    during = _slowest_but_one_percent(edge.port)
    for connection in slow:
        connection.close()
    assert during < 10 * before + 0.05


def test_slow_bodies_and_slow_readers_hardly_delay_others(weir, backends):
    target = backends.serve(lambda request, _: Response(
        b"z" * 1_000_000 if request.target == "/large" else b"x"))
    edge = weir.proxy(target)
    before = _slowest_but_one_percent(edge.port)
    slow = [raw.connect(edge.port).send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nb")
            for _ in range(100)]
    slow += [raw.connect(edge.port, receive_buffer=4096).send(raw.request("GET", "/large"))
             for _ in range(100)]
    during = _slowest_but_one_percent(edge.port)
    for connection in slow:
        connection.reset()
    assert during < 10 * before + 0.05


def test_without_descriptors_it_waits_and_goes_on(weir, backends):
    edge = weir.proxy(backends.text("x"))
    assert raw.get(edge.port).status == 200
    serving = proc.serving_pid(edge)
    limits = resource.prlimit(serving, resource.RLIMIT_NOFILE)
    resource.prlimit(serving, resource.RLIMIT_NOFILE, (64, limits[1]))
    crowd = [raw.connect(edge.port) for _ in range(150)]
    for connection in crowd[:20]:
        connection.send(raw.request())
    assert edge.process.poll() is None
    for connection in crowd:
        connection.close()
    resource.prlimit(serving, resource.RLIMIT_NOFILE, limits)
    wait.until(lambda: _is_served(edge.port), "a request to be served again")
    with load.steady(edge.port) as work:
        wait.until(lambda: work.done > 100, "requests")
    assert work.failures == []


def _is_served(port):
    try:
        return raw.get(port).status == 200
    except (OSError, http1.Closed, http1.Malformed):
        return False


# 128 bytes a request; a sanitizer keeps what was freed for a while.
ROUND_SLACK_BYTES = 48 << 20 if wait.patience() > 1 else 128 << 10


@pytest.mark.parametrize("kind", ["connections", "requests", "refusals", "broken"])
def test_thousands_of_them_leave_no_memory_behind(weir, backends, kind):
    edge = weir.proxy(backends.text("x"))

    def crowd(count):
        for _ in range(count // 100):
            with raw.connect(edge.port) as kept:
                for _ in range(100):
                    if kind == "requests":
                        assert kept.send(raw.request()).response().status == 200
                    elif kind == "refusals":
                        assert raw.exchange(edge.port, "nonsense\r\n\r\n").status == 400
                    elif kind == "broken":
                        raw.connect(edge.port).send("POST / HTTP/1.1\r\nHost: a\r\n"
                                                    "Content-Length: 9\r\n\r\nx").reset()
                    else:
                        assert raw.get(edge.port).status == 200
    crowd(500)
    serving = proc.serving_pid(edge)
    growth = []  # a leak grows in each round, the pools of a burst once
    while not growth or (min(growth) >= ROUND_SLACK_BYTES and len(growth) < 5):
        before = proc.resident_bytes(serving)
        crowd(1000)
        assert raw.get(edge.port).status == 200
        growth.append(proc.resident_bytes(serving) - before)
    assert min(growth) < ROUND_SLACK_BYTES


def test_a_second_signal_ends_a_drain_at_once(weir, backends):
    slow = backends.slow()
    edge = weir.proxy(slow)
    with raw.connect(edge.port) as connection:
        connection.send(raw.request())
        slow.wait_for_requests(1)
        edge.signal(signal.SIGTERM)
        edge.wait_for_log("draining")
        edge.signal(signal.SIGINT)
        edge.wait()
    slow.release()


def test_an_upload_that_runs_at_the_signal_is_finished(weir, backends):
    target = backends.serve(lambda request, _: Response(str(len(request.body)).encode()))
    edge = weir.proxy(target, workers=2)
    with raw.connect(edge.port) as connection:
        connection.send(raw.request("POST", headers=[("Content-Length", "1000")]) + b"x" * 500)
        wait.until(lambda: target.connections, "the request at the target")
        edge.signal(signal.SIGTERM)
        edge.wait_for_log("draining")
        answer = connection.send(b"x" * 500).response()
        assert answer.body == b"1000"
        assert answer.get("Connection").lower() == "close"
    assert edge.wait() == 0


def test_a_stop_under_load_breaks_no_request(weir, backends):
    edge = weir.proxy(backends.text("x"), workers=2)
    broken, stop = [], threading.Event()

    def work():
        while not stop.is_set():
            try:
                connection = raw.connect(edge.port)
            except OSError:
                return  # the port has closed
            try:
                connection.send(raw.request())
                status = connection.response().status
                if status != 200:
                    broken.append(status)
            except (OSError, http1.Closed):
                pass  # accepted by the kernel alone, or closed before its request was read
            except http1.Malformed as problem:
                broken.append(problem)
            finally:
                connection.close()
    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    wait.until(lambda: edge.access_log(), "requests")
    assert edge.stop() == 0
    stop.set()
    for thread in threads:
        thread.join()
    assert broken == []

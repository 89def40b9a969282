"""Slow and hostile clients beside ordinary ones, stopping under load, and crowds."""
import resource
import signal
import subprocess

import pytest

from harness import load, raw, wait

SLOW_CLIENTS = 2000


def _descriptors_for(count):
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < count:
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(count, hard), hard))


def test_two_thousand_slow_heads_while_others_are_served(weir, backends):
    _descriptors_for(SLOW_CLIENTS + 1000)
    target = backends.text("x")
    edge = weir.proxy(target)
    slow = [raw.connect(edge.port).send("GET / HTTP/1.1\r\nHost: a\r\nX-Slow: ")
            for _ in range(SLOW_CLIENTS)]
    with load.steady(edge.port, connections=2) as work:
        for turn in range(3):
            for connection in slow:
                connection.send("a")
            wait.until(lambda: work.done > 50 * (turn + 1), "others to be served")
    assert work.failures == []
    for connection in slow:
        connection.close()
    assert raw.get(edge.port).status == 200


def test_a_slow_reader_does_not_hold_up_others(weir, backends):
    from harness.backends import Response
    target = backends.serve(lambda request, _: Response(
        b"z" * 5_000_000 if request.target == "/large" else b"small"))
    edge = weir.proxy(target)
    readers = [raw.connect(edge.port, receive_buffer=4096).send(raw.request("GET", "/large"))
               for _ in range(20)]
    for _ in range(20):
        assert raw.get(edge.port).body == b"small"
    for connection in readers:
        connection.close()


def test_a_stop_lets_requests_end_and_takes_no_new_connection(weir, backends):
    slow = backends.slow(b"in time")
    edge = weir.proxy(slow)
    connection = raw.connect(edge.port).send(raw.request())
    slow.wait_for_requests(1)
    edge.signal(signal.SIGTERM)

    def refuses():
        try:
            raw.connect(edge.port).close()
            return False
        except OSError:
            return True
    wait.until(refuses, "the port to close")
    assert edge.process.poll() is None
    slow.release()
    answer = connection.response()
    assert answer.body == b"in time"
    assert (answer.get("Connection") or "").lower() == "close"
    assert edge.wait() == 0


def test_an_idle_client_does_not_hold_up_a_stop(weir, backends):
    edge = weir.proxy(backends.text("x"))
    with raw.connect(edge.port) as connection:
        assert connection.send(raw.request()).response().status == 200
        assert edge.stop() == 0
        assert connection.is_closed()


def test_a_port_in_use_is_told_with_its_place(weir, backends):
    edge = weir.proxy(backends.text("x"))
    result = weir.run("edge", "-f", "weir.yaml", text=f"""\
listeners:
  http: {{ address: "127.0.0.1:{edge.port}" }}
sites:
  all: {{ domains: ["*"], respond: {{ status: 200, body: x }} }}
""")
    assert result.code == 1
    assert str(edge.port) in result.stderr
    assert "in use" in result.stderr or "another program" in result.stderr


@pytest.mark.threads
@pytest.mark.parametrize("workers", [1, 2, 4])
def test_h2load_finishes_without_an_error(weir, backends, workers):
    edge = weir.proxy(backends.text("x"), backends.text("y"), workers=workers)
    result = subprocess.run(["h2load", "--h1", "-n2000", "-c32", edge.url()], text=True,
                            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=True)
    assert "2000 succeeded, 0 failed, 0 errored, 0 timeout" in result.stdout
    assert "status codes: 2000 2xx" in result.stdout

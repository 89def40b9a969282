"""Upgraded connections: WebSocket by a real client, and others byte by byte."""
import asyncio
import signal
import threading

import pytest

from harness import raw, wait
from harness.backends import Response

UPGRADE = [("Connection", "Upgrade"), ("Upgrade", "websocket")]
SWITCHED = b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n"


class Echo:
    """A real WebSocket server as a backend; .address like the others'."""

    def __init__(self):
        self._loop = asyncio.new_event_loop()
        ready = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(ready,), daemon=True)
        self._thread.start()
        assert ready.wait(10)

    def _run(self, ready):
        import websockets

        async def echo(socket, *_):
            async for message in socket:
                await socket.send(message)

        async def serve():
            self._stop = self._loop.create_future()
            async with websockets.serve(echo, "127.0.0.1", 0, max_size=None) as server:
                self.address = "127.0.0.1:%d" % server.sockets[0].getsockname()[1]
                ready.set()
                await self._stop
        self._loop.run_until_complete(serve())

    def close(self):
        self._loop.call_soon_threadsafe(self._stop.set_result, None)
        self._thread.join(10)


def test_a_websocket_client_talks_through(weir, backends):
    websockets = pytest.importorskip("websockets")
    server = Echo()
    edge = weir.proxy(server)

    async def talk():
        async with websockets.connect(f"ws://127.0.0.1:{edge.port}/chat", max_size=None) as socket:
            for message in ("hello", b"\0\xff", "x" * 100, "y" * 70000, b"z" * 3_000_000):
                await socket.send(message)
                assert await socket.recv() == message
            await (await socket.ping())
        assert socket.close_code == 1000
    asyncio.run(asyncio.wait_for(talk(), 20 * wait.patience()))
    server.close()


def test_twenty_websockets_at_once(weir, backends):
    websockets = pytest.importorskip("websockets")
    server = Echo()
    edge = weir.proxy(server, workers=2)

    async def talk(number):
        async with websockets.connect(f"ws://127.0.0.1:{edge.port}/") as socket:
            for n in range(20):
                await socket.send(f"{number} {n}")
                assert await socket.recv() == f"{number} {n}"

    async def all_of_them():
        await asyncio.gather(*(talk(number) for number in range(20)))
    asyncio.run(asyncio.wait_for(all_of_them(), 20 * wait.patience()))
    server.close()


def _open(edge, headers=UPGRADE):
    connection = raw.connect(edge.port).send(raw.request("GET", "/", headers))
    assert connection.response().status == 101
    return connection


def _switches(then):
    def handler(_request, connection):
        connection.send(SWITCHED)
        then(connection)
        connection.close()
    return handler


def _upper(connection):
    while data := connection.receive():
        connection.send(data.upper())


def test_bytes_sent_with_the_request_reach_the_target_after_the_101(weir, backends):
    edge = weir.proxy(backends.serve(_switches(_upper)))
    with raw.connect(edge.port) as connection:
        connection.send(raw.request("GET", "/", UPGRADE) + b"early")
        assert connection.response().status == 101
        assert connection.exactly(5) == b"EARLY"


def test_a_half_close_of_the_client_lets_the_answer_come(weir, backends):
    def answers_at_the_end(connection):
        heard = b""
        while data := connection.receive():
            heard += data
        connection.send(heard[::-1])
    edge = weir.proxy(backends.serve(_switches(answers_at_the_end)))
    with _open(edge) as connection:
        connection.send(b"abc").half_close()
        assert connection.rest() == b"cba"


def test_the_end_of_the_target_is_the_end_for_the_client(weir, backends):
    edge = weir.proxy(backends.serve(_switches(lambda connection: connection.send(b"bye"))))
    with _open(edge) as connection:
        assert connection.rest() == b"bye"


def test_a_silent_tunnel_ends_after_its_idle_time(weir, backends):
    ended = threading.Event()

    def waits(connection):
        while connection.receive():
            pass
        ended.set()
    edge = weir.proxy(backends.serve(_switches(waits)), rule="timeouts: { idle: 300ms }")
    with _open(edge) as connection:
        assert connection.is_closed()
    assert ended.wait(10)


def test_a_tunnel_that_talks_outlives_its_idle_time(weir, backends):
    edge = weir.proxy(backends.serve(_switches(_upper)), rule="timeouts: { idle: 500ms }")
    with _open(edge) as connection:
        for _ in range(10):
            assert connection.is_silent(0.1)
            assert connection.send(b"x").exactly(1) == b"X"


def test_large_messages_both_ways_at_once(weir, backends):
    edge = weir.proxy(backends.serve(_switches(_upper)))
    data = b"abcdefgh" * 500_000
    with _open(edge) as connection:
        sender = threading.Thread(target=connection.send, args=(data,))
        sender.start()
        assert connection.exactly(len(data)) == data.upper()
        sender.join()


@pytest.mark.parametrize("status", [200, 400, 426])
def test_a_refused_upgrade_is_answered_and_closed(weir, backends, status):
    target = backends.serve(lambda *_: Response(b"no", status))
    edge = weir.proxy(target)
    with raw.connect(edge.port) as connection:
        connection.send(raw.request("GET", "/", UPGRADE) + raw.request("GET", "/smuggled"))
        answer = connection.response()
        assert (answer.status, answer.body) == (status, b"no")
        assert answer.get("Connection").lower() == "close"
        assert connection.is_closed()
    assert [request.target for request in target.requests] == ["/"]


def test_another_protocol_is_tunnelled_as_well(weir, backends):
    def handler(request, connection):
        connection.send(SWITCHED.replace(b"websocket", request.get("Upgrade").encode()))
        _upper(connection)
        connection.close()
    target = backends.serve(handler)
    edge = weir.proxy(target)
    with raw.connect(edge.port) as connection:
        connection.send(raw.request("GET", "/", [("Connection", "upgrade, x-y"), ("Upgrade", "tcp"),
                                                 ("X-Y", "z")]))
        answer = connection.response()
        assert (answer.status, answer.get("Upgrade")) == (101, "tcp")
        assert connection.send(b"abc").exactly(3) == b"ABC"
    assert target.requests[0].get("X-Y") is None


def test_an_upgrade_that_nobody_asked_for_is_a_502(weir, backends):
    assert raw.get(weir.proxy(backends.serve(lambda *_: SWITCHED)).port).status == 502


def test_a_tunnel_goes_on_while_weir_drains_and_a_second_signal_ends_it(weir, backends):
    edge = weir.proxy(backends.serve(_switches(_upper)))
    with _open(edge) as connection:
        edge.signal(signal.SIGTERM)
        edge.wait_for_log("draining")
        for _ in range(5):
            assert connection.send(b"still").exactly(5) == b"STILL"
        edge.signal(signal.SIGTERM)
        assert connection.is_closed()
        edge.wait()


def test_a_drain_ends_when_the_last_tunnel_does(weir, backends):
    edge = weir.proxy(backends.serve(_switches(_upper)))
    with _open(edge) as connection:
        edge.signal(signal.SIGTERM)
        edge.wait_for_log("draining")
        assert connection.send(b"x").exactly(1) == b"X"
    assert edge.wait() == 0


@pytest.mark.parametrize("limit", ["concurrency: 1", "concurrency: { max: 1, by: address }"])
def test_a_tunnel_counts_for_concurrency_until_it_ends(weir, backends, limit):
    def handler(request, connection):
        return _switches(_upper)(request, connection) if request.get("Upgrade") else Response(b"x")
    edge = weir.proxy(backends.serve(handler), rule=limit)
    tunnel = _open(edge)
    tunnel.send(b"hello")
    assert tunnel.exactly(5) == b"HELLO"
    assert raw.get(edge.port).status in (429, 503)
    edge.signal(signal.SIGHUP)
    edge.wait_for_log("serves since now")
    assert raw.get(edge.port).status in (429, 503)
    tunnel.close()
    wait.until(lambda: raw.get(edge.port).status == 200, "room again")

"""HTTP/2 clients that take their answers slowly, or not at all, and what must hold for all others."""
from harness import http2, raw, wait

FILES = """\
listeners:
  http: { address: "127.0.0.1:@PORT@", timeouts: { idle: 500ms } }
workers: 1
sites:
  all: { domains: ["*"], files: "@FOLDER@/www" }
"""
LARGE = (http2.GET[0], http2.GET[1], (":path", "/large"), http2.GET[3])


def test_answers_are_given_up_while_their_frames_wait_for_room(weir):
    """The client opens all windows, reads nothing until the answers' time is over, and then goes on."""
    edge = weir.edge(FILES, files={"www/large": bytes(32 << 20), "www/index.html": b"small"})
    with http2.Connection(edge.port, INITIAL_WINDOW_SIZE=0x7fffffff) as client:
        client.send(http2.window_update(0, 0x7fff0000), client.headers(1, LARGE),
                    client.headers(3, LARGE))
        wait.until(lambda: edge.metrics()['weir_responses_total{class="2xx"}'] == 2,
                   "the answers to be given up")
        assert client.is_closed()
    assert raw.get(edge.port, "/").body == b"small"


def _stubborn(edge):
    """Opens streams without end, never acknowledges our SETTINGS, and so never heard of their limit."""
    client = http2.Connection(edge.port, greets=False)
    return client.send(http2.PREFACE + http2.settings())


def test_requests_beyond_the_limit_do_not_pile_up(weir, backends):
    """None of the refusals is read: each waits in memory."""
    target = backends.slow()
    edge = weir.proxy(target)
    with _stubborn(edge) as client:
        for first in range(1, 200_000, 1000):
            client.send(*(client.headers(stream) for stream in range(first, first + 1000, 2)))
            if edge.metrics()["weir_http2_floods_total"] == 1:
                break
        assert first < 50_000
        assert client.goaway() in (http2.ENHANCE_YOUR_CALM, None)
    target.release()


def test_requests_beyond_the_limit_are_a_flood_for_who_reads_too(weir, backends):
    target = backends.slow()
    edge = weir.proxy(target)
    with _stubborn(edge) as client:
        client.send(*(client.headers(stream) for stream in range(1, 256, 2)))
        refused, error = 0, None
        while error is None:
            client.send(client.headers(257 + 2 * refused))
            got = client.read_until(lambda got: got.type in (http2.RST_STREAM, http2.GOAWAY))
            error = got.error if got.type == http2.GOAWAY else None
            refused += 1
        assert error == http2.ENHANCE_YOUR_CALM
        assert 150 < refused < 1000
    target.release()

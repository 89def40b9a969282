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

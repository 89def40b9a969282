"""
Scenario tests: the real weir, real sockets, real clients. How to write one:

    from harness import curl, raw

    def test_a_request_reaches_the_target(weir, backends):
        target = backends.echo()
        edge = weir.proxy(target)                        # `weir edge` with one group; ready on return
        answer = curl.get(edge.url("/a?b=c"))
        assert answer.status == 200
        assert target.requests[0].target == "/a?b=c"

Fixtures
  weir       starts programs; at the end of the test each is stopped by SIGTERM and must exit with 0,
             within its deadline, without a word from a sanitizer: else the test fails.
               weir.edge(TEXT, name=backend, …)  writes TEXT as weir.yaml in a folder of its own and runs
                                    `weir edge -f`. In TEXT @PORT@, @PORT2@ … become free ports,
                                    @FOLDER@ the folder, @name@ the address of that backend.
               weir.proxy(*backends, rule="", group="", top="")   one site for all names that
                                    forwards to the backends; `rule`, `group` and `top` add YAML lines.
               weir.run("check", "-f", path)     runs to its end: .code .stdout .stderr
             An edge has .port .ports .folder .url(path) .admin(path) .status() .metrics() .log()
             .access_log() .stop() .kill() .signal() .wait_for_log(text).
  backends   starts targets, one thread per connection, all stopped at the end:
               backends.echo()              answers 200 with the request as JSON
               backends.text("one")         answers 200 with that text
               backends.serve(handler)      handler(request, connection) returns a Response, or bytes
                                            to send as they are, or None if it did everything itself
               backends.scripted(b"…", …)   answers the n-th request with the n-th bytes, then closes
               backends.slow()              answers when .release() is called
               backends.dying()             resets each connection once a request came
               backends.refusing()          an address where nobody listens
             A backend has .address .port .requests .connections .health_requests .is_healthy
             .wait_for_requests(n) .stop(). Requests for its health path, /healthz, are counted
             apart and answered by .is_healthy.

Modules of harness/
  raw        connections that send exactly the bytes given and read answers strictly:
             raw.connect(edge.port), .send(b"…"), .send_in_pieces(…), .response(), .rest(),
             .is_closed(), .half_close(), .reset(); raw.exchange(port, b"…") for one question
  curl       curl.get(url, "-H", "X: y"): .status .headers .body .code
  load       with load.steady(edge.port, "/") as work: …   GETs on keep-alive connections meanwhile;
             afterwards work.done and work.failures
  wait       wait.until(condition, "what is waited for"): never sleep, wait for a condition

Deadlines grow by `patience` under sanitizers (WEIR_TREE). Marks: `soak` runs only in ./dev soak;
`threads` runs under TSan too. A test has 60 seconds; @pytest.mark.limit(300) gives it more.
WEIR names the program, build/weir without it.
"""
import pathlib
import signal
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

from harness import backends as backends_module  # noqa: E402
from harness import wait, weir as weir_module  # noqa: E402

LIMIT_S = 60


def pytest_configure(config):
    config.addinivalue_line("markers", "soak: long; runs in ./dev soak only")
    config.addinivalue_line("markers", "threads: also runs under ThreadSanitizer")
    config.addinivalue_line("markers", "limit(seconds): the time this test may take")


def pytest_collection_modifyitems(config, items):
    if config.option.markexpr:
        return
    kept = [item for item in items if not item.get_closest_marker("soak")]
    config.hook.pytest_deselected(items=[item for item in items if item not in kept])
    items[:] = kept


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_call(item):
    """Ends a test that hangs, so that its clean-up still runs and the rest goes on."""
    marker = item.get_closest_marker("limit")
    seconds = (marker.args[0] if marker else LIMIT_S) * wait.patience()

    def expired(*_):
        raise TimeoutError(f"the test did not end within {seconds:.0f} s")

    before = signal.signal(signal.SIGALRM, expired)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


@pytest.fixture
def backends():
    with backends_module.Backends() as started:
        yield started


@pytest.fixture
def weir(backends):  # asked for, so that weir stops before its targets do
    started = weir_module.Programs()
    yield started
    problems = started.finish()
    if problems:
        pytest.fail("\n\n".join(problems), pytrace=False)

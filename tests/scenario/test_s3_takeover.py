"""The store passes from one edge to the next while clients write and read."""
import concurrent.futures
import http.client
import os
import re
import signal
import threading
import time
import urllib.parse

import pytest

from harness import raw, s3, wait

FILE = """\
listeners: {{ http: {{ address: "127.0.0.1:@PORT@" }} }}
workers: {workers}
access_log: off
buckets: {{ media: {{}} }}
sites:
  objects: {{ domains: "127.0.0.1", s3: {{}} }}
  site: {{ domains: localhost, bucket: media }}
"""


@pytest.fixture
def store():
    with s3.service(text=FILE.format(workers=1)) as service:
        yield service


def _edges(service):
    """How many times the store was opened, and by whom."""
    return service.edge.log().count("the object store is open")


def _take_over(service, workers):
    before = _edges(service)
    service.edge.write(FILE.format(workers=workers))
    service.edge.signal(signal.SIGHUP)
    wait.until(lambda: _edges(service) > before, lambda: f"another edge:\n{service.edge.log()}")


class Writer:
    """Puts and gets on one kept connection; a connection that has ended is made anew."""

    def __init__(self, service, name):
        self.put = urllib.parse.urlsplit(service.client.generate_presigned_url(
            "put_object", Params={"Bucket": "media", "Key": name}))
        self.service, self.name = service, name
        self.done, self.failures = 0, []
        self.connection = None

    def _ask(self, method, target, body=None, host="127.0.0.1"):
        for attempt in range(3):
            try:
                if self.connection is None:
                    self.connection = http.client.HTTPConnection(
                        "127.0.0.1", self.service.edge.port, timeout=30)
                self.connection.request(method, target, body=body, headers={"Host": host})
                answer = self.connection.getresponse()
                content = answer.read()
                if answer.getheader("Connection") == "close":
                    self.connection.close()
                    self.connection = None
                return answer.status, content
            except (http.client.RemoteDisconnected, ConnectionError):
                self.connection.close()
                self.connection = None
        return 0, b""

    def turn(self):
        content = f"{self.name} {self.done}".encode()
        status, text = self._ask("PUT", f"{self.put.path}?{self.put.query}", content,
                                 f"127.0.0.1:{self.service.edge.port}")
        if status != 200:
            self.failures.append((status, text))
            return
        status, text = self._ask("GET", f"/{self.name}", host="localhost")
        if (status, text) != (200, content):
            self.failures.append((status, text, content))
        self.done += 1


@pytest.mark.limit(120)
def test_nothing_is_refused_or_lost(store):
    ends = threading.Event()
    writers = [Writer(store, f"w{number}") for number in range(4)]

    def work(writer):
        while not ends.is_set():
            writer.turn()
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        running = [pool.submit(work, writer) for writer in writers]
        try:
            for turn in range(4):
                done = [writer.done for writer in writers]
                _take_over(store, 1 + (turn + 1) % 2)
                wait.until(lambda: all(writer.done > before + 20 for writer, before
                                       in zip(writers, done)), "each writer to go on")
        finally:
            ends.set()
        for one in running:
            one.result()
    assert [writer.failures for writer in writers] == [[], [], [], []]


def test_slow_clients_do_not_hold_it(store):
    content = os.urandom(8 * 1024 * 1024)
    store.client.put_object(Bucket="media", Key="large", Body=content)
    slow = raw.connect(store.edge.port)
    slow.send(b"GET /large HTTP/1.1\r\nHost: localhost\r\n\r\n")
    url = urllib.parse.urlsplit(store.client.generate_presigned_url(
        "put_object", Params={"Bucket": "media", "Key": "cut"}))
    writer = raw.connect(store.edge.port)
    writer.send(f"PUT {url.path}?{url.query} HTTP/1.1\r\nHost: {url.netloc}\r\n"
                "Content-Length: 100000\r\n\r\n".encode() + b"x" * 1000)
    wait.until(lambda: store.client.head_object(Bucket="media", Key="large"), "an answer")
    started = time.monotonic()
    _take_over(store, 2)
    assert store.client.get_object(Bucket="media", Key="large")["Body"].read() == content
    assert time.monotonic() - started < 10 * wait.patience()
    answer = slow.response("GET")
    assert answer.body == content
    writer.send(b"x" * 99000)
    answer = writer.response("PUT")
    assert (answer.status, re.search(rb"<Code>(\w+)</Code>", answer.body)[1]) == (503, b"SlowDown")
    with s3.refused("NoSuchKey", 404):
        store.client.get_object(Bucket="media", Key="cut")

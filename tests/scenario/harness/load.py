"""Steady GETs on keep-alive connections while a test does something else."""
import contextlib
import threading

from . import raw


class Steady:
    """How many requests were answered with 200, and what happened to the others."""

    def __init__(self, port, target, connections, expected):
        self.done = 0
        self.failures = []
        self._port, self._target, self._expected = port, target, expected
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._threads = [threading.Thread(target=self._work, daemon=True)
                         for _ in range(connections)]
        for thread in self._threads:
            thread.start()

    def _work(self):
        connection = None
        while not self._stop.is_set():
            try:
                connection = connection or raw.connect(self._port)
                answer = connection.send(raw.request("GET", self._target)).response()
                problem = None if answer.status in self._expected else f"status {answer.status}"
                if (answer.get("Connection") or "").lower() == "close":
                    connection.close()
                    connection = None
            except Exception as error:  # whatever it is, a client saw it
                problem = f"{type(error).__name__}: {error}"
                if connection:
                    connection.close()
                connection = None
            with self._lock:
                if problem:
                    self.failures.append(problem)
                else:
                    self.done += 1
            if problem:
                self._stop.wait(0.05)
        if connection:
            connection.close()

    def stop(self):
        self._stop.set()
        for thread in self._threads:
            thread.join()


@contextlib.contextmanager
def steady(port, target="/", connections=4, expected=(200,)):
    work = Steady(port, target, connections, expected)
    try:
        yield work
    finally:
        work.stop()

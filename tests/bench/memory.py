"""
The memory a server holds for connections: idle keep-alive ones, and requests that wait for a slow
target. Client and slow target are coroutines of this process.
"""
import asyncio
import contextlib
import ssl

import cost
import report
from servers import Server, free_port, requests_at_once

OPEN_AT_ONCE = 50
DEADLINE_S = 120
REQUEST = "GET {path} HTTP/1.1\r\nHost: bench.localhost\r\n\r\n"


async def _read_answer(reader):
    """Reads one answer with a Content-Length; returns its status."""
    head = await reader.readuntil(b"\r\n\r\n")
    lines = head.decode("latin-1").split("\r\n")
    length = next(int(line.split(":")[1]) for line in lines[1:]
                  if line.lower().startswith("content-length:"))
    await reader.readexactly(length)
    return int(lines[0].split()[1])


def _any_certificate():
    """A client's context that takes whatever the server shows."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


async def _ask(port, path, gate, context=None):
    """One connection with one request; returns its writer, to be kept open, and the status."""
    async with gate:
        reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context)
        writer.write(REQUEST.format(path=path).encode())
    return writer, await _read_answer(reader)


async def _close_all(writers):
    for writer in writers:
        writer.close()
    await asyncio.gather(*(writer.wait_closed() for writer in writers), return_exceptions=True)


async def _idle(server, connections, by_tls):
    port, context = (server.tls_port, _any_certificate()) if by_tls else (server.port, None)
    gate = asyncio.Semaphore(OPEN_AT_ONCE)
    # What a server keeps for requests under way, whatever the connections, is there before.
    warm = [writer for writer, _ in await asyncio.gather(
        *(_ask(port, "/", gate, context) for _ in range(OPEN_AT_ONCE)))]
    before = cost.private_bytes(server.pids())
    writers, failed = [], 0
    for first in range(0, connections, OPEN_AT_ONCE):
        answers = await asyncio.gather(*(_ask(port, "/", gate, context) for _ in
                                         range(min(OPEN_AT_ONCE, connections - first))))
        writers += [writer for writer, _ in answers]
        failed += sum(1 for _, status in answers if status != 200)
    after = cost.private_bytes(server.pids())
    await _close_all(warm + writers)
    return after - before, failed


def idle(server, connections, by_tls):
    """(bytes a connection, failed requests) of connections that had one request and wait."""
    grown, failed = asyncio.run(asyncio.wait_for(_idle(server, connections, by_tls), DEADLINE_S))
    return grown / connections, failed


class SlowTarget:
    """A target that answers nobody until as many requests as expected have arrived."""

    def __init__(self, expected):
        self._expected = expected
        self._arrived = 0
        self.all_arrived = asyncio.Event()
        self.release = asyncio.Event()

    async def start(self, port):
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", port, backlog=4096)

    async def _serve(self, reader, writer):
        try:
            await reader.readuntil(b"\r\n\r\n")
            self._arrived += 1
            if self._arrived >= self._expected:
                self.all_arrived.set()
            await self.release.wait()
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok")
            await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    async def stop(self):
        self._server.close()
        await self._server.wait_closed()


async def _waiting(server, slow_port, requests):
    target = SlowTarget(requests)
    await target.start(slow_port)
    gate = asyncio.Semaphore(OPEN_AT_ONCE)
    before = cost.private_bytes(server.pids())
    tasks = [asyncio.create_task(_ask(server.port, "/slow", gate)) for _ in range(requests)]
    arrived = asyncio.create_task(target.all_arrived.wait())
    # Ends early when a request is answered before all have arrived: then something refused it.
    await asyncio.wait([arrived, *tasks], return_when=asyncio.FIRST_COMPLETED, timeout=DEADLINE_S)
    after = cost.private_bytes(server.pids())
    target.release.set()
    arrived.cancel()
    answers = await asyncio.gather(*tasks, return_exceptions=True)
    failed = sum(1 for answer in answers if isinstance(answer, Exception) or answer[1] != 200)
    await _close_all([answer[0] for answer in answers if not isinstance(answer, Exception)])
    await target.stop()
    return after - before, failed


def waiting(server, slow_port, requests):
    """(bytes a request, failed requests) while all of them wait for the slow target."""
    grown, failed = asyncio.run(asyncio.wait_for(_waiting(server, slow_port, requests),
                                                 2 * DEADLINE_S))
    return grown / requests, failed


def measure(row, options, folder):
    """The samples of one row, each on a fresh server."""
    samples = []
    count = min(row.count, requests_at_once())
    if count < row.count:
        print(f"{row.name}: only {count}, the descriptor limit of this machine allows no more")
    for _ in range(1 if options.quick else min(options.rounds, 3)):
        for name in options.chosen("weir", *row.peers):
            with contextlib.ExitStack() as stack:
                backend = stack.enter_context(Server("backend", folder))
                slow_port = free_port()
                server = stack.enter_context(Server(name, folder, backend.port, slow_port))
                if row.kind in ("idle", "idle-tls"):
                    each, failed = idle(server, count, row.kind == "idle-tls")
                else:
                    each, failed = waiting(server, slow_port, count)
            samples.append({"server": name, "count": count, "bytes_each": each, "failed": failed})
    return samples


def lines(row, samples):
    """The table of one row."""
    yield report.MEMORY_HEADER
    yield from report.memory_lines(row, samples)


def verdicts(row, samples):
    """[(text, holds)]"""
    verdict = report.memory_verdict(row, samples)
    return [verdict] if verdict else []

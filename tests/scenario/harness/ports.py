"""Free ports below the ephemeral range, so that no outgoing connection takes one meanwhile."""
import fcntl
import os
import random
import socket
import tempfile

_FIRST, _SLICES, _SLICE = 15000, 4, 4000
_given = set()
_held = []   # descriptors of locks
_start = []  # one, once it is asked for


def _claim():
    """The first port of a slice that no other run of the tests has, by a lock that lasts as long as
    this process: between free() and listening, or while a program starts anew, the port is free
    for whoever looks. With more runs than slices they share the last one."""
    for number in range(_SLICES):
        path = os.path.join(tempfile.gettempdir(), f"weir-test-ports-{os.getuid()}-{number}")
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(descriptor)
            continue
        _held.append(descriptor)
        break
    return _FIRST + number * _SLICE


def free():
    """A port that nobody listens on now, not given before by this process unless long ago."""
    if not _start:
        _start.append(_claim())
    if len(_given) > _SLICE * 3 // 4:
        _given.clear()
    while True:
        port = _start[0] + random.randrange(_SLICE)
        if port in _given:
            continue
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        _given.add(port)
        return port


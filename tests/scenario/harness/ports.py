"""Free ports below the ephemeral range, so that no outgoing connection takes one meanwhile."""
import random
import socket

_FIRST, _LAST = 15000, 31000
_given = set()


def free():
    """A port that nobody listens on now, never given twice by this process."""
    while True:
        port = random.randint(_FIRST, _LAST)
        if port in _given:
            continue
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        _given.add(port)
        return port

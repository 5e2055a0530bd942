"""Loopback ports for embedded servers."""

import random
import socket

HOST = "127.0.0.1"

# Below the ranges from which systems take the ports of outgoing connections (Linux from 32768,
# others from 49152): a stopped server's port must still be free when it starts again.
_LOWEST, _HIGHEST = 20_000, 32_000
_ATTEMPTS = 100


def free_port() -> int:
    """Return a TCP port on the loopback address that nobody listens on now."""
    for _ in range(_ATTEMPTS):
        port = random.randrange(_LOWEST, _HIGHEST)
        with socket.socket() as probe:
            try:
                probe.bind((HOST, port))
            except OSError:
                continue
            return port
    raise OSError(f"no free port between {_LOWEST} and {_HIGHEST} on {HOST}")

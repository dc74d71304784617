"""Free ports on the loopback address."""

import secrets
import socket

# Below the range from which Linux takes the ports of outgoing connections (32768-60999), so that an engine that
# is stopped and started again finds its port still free.
LOWEST, HIGHEST = 18_000, 32_000


def is_free(port: int, address: str = "127.0.0.1") -> bool:
    """Whether nobody listens on the port."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((address, port))
        except OSError:
            return False
        return True


def free_port() -> int:
    """A port on which nobody listens now; picked at random, so that two regions rarely meet.

    Not from `random`: whoever seeds it alike in two processes would have them pick the same.
    """
    for _ in range(200):
        port = LOWEST + secrets.randbelow(HIGHEST - LOWEST + 1)
        if is_free(port):
            return port
    raise OSError("no free port")


def answers(port: int, address: str = "127.0.0.1") -> bool:
    """Whether somebody accepts connections on the port."""
    try:
        with socket.create_connection((address, port), timeout=1):
            return True
    except OSError:
        return False

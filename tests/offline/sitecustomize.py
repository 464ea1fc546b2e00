"""No network: with tests/offline in PYTHONPATH, Python's sockets reach this machine only.

Python imports this module when it starts. The kernels that run the notebooks are processes of their
own, so a block inside pytest would not reach them.
"""

import socket
from collections.abc import Callable
from typing import Any

_HERE = ("127.", "::1", "localhost")
_getaddrinfo = socket.getaddrinfo


def _refuse_elsewhere(host: str | bytes | None) -> None:
    name = host.decode() if isinstance(host, bytes) else host
    if name and not name.startswith(_HERE):
        raise OSError(f"the tests may not use the network, and something asked for {name}")


def _checked(method: Callable) -> Callable:
    """A socket's method that takes an address, and first looks whose it is."""

    def call(self: socket.socket, address: Any) -> Any:
        # Sockets of other families are files on this machine.
        if self.family in (socket.AF_INET, socket.AF_INET6):
            _refuse_elsewhere(address[0])
        return method(self, address)

    return call


def _looked_up(host: str | bytes | None, *arguments: Any, **options: Any) -> list:
    """A name of another machine is refused before a name server is asked for it."""
    _refuse_elsewhere(host)
    return _getaddrinfo(host, *arguments, **options)


socket.socket.connect = _checked(socket.socket.connect)  # type: ignore[method-assign]
socket.socket.connect_ex = _checked(socket.socket.connect_ex)  # type: ignore[method-assign]
socket.getaddrinfo = _looked_up

"""Python imports this when it starts with tests/offline in PYTHONPATH: network sockets then reach this machine only.

The kernels that run the notebooks are processes of their own, so a block inside pytest would not reach them.
"""

import socket

_connect, _connect_ex, _getaddrinfo = socket.socket.connect, socket.socket.connect_ex, socket.getaddrinfo
_HERE = ("127.", "::1", "localhost")


def _refuse_elsewhere(host):
    host = host.decode() if isinstance(host, bytes) else host
    if host and not host.startswith(_HERE):
        raise OSError(f"the tests may not use the network, and something asked for {host}")


def _checked(method):
    def call(self, address):
        if self.family in (socket.AF_INET, socket.AF_INET6):
            _refuse_elsewhere(address[0])
        return method(self, address)
    return call


def _looked_up(host, *arguments, **options):
    _refuse_elsewhere(host)
    return _getaddrinfo(host, *arguments, **options)


socket.socket.connect, socket.socket.connect_ex = _checked(_connect), _checked(_connect_ex)
socket.getaddrinfo = _looked_up

"""Taking the HTTP port once for all web processes, so that a restart never loses it to somebody else."""

from __future__ import annotations

import socket

from fhir_server.settings import Address


class PortTaken(OSError):
    """Another program listens at the address."""


def reserve(address: Address) -> tuple[socket.socket, Address]:
    """Hold an address that web processes share by SO_REUSEPORT; port 0 picks a free one. PortTaken if it is in use.

    The socket is bound and never listens, so connections go to the web processes alone; it keeps the port ours even
    while every one of them is being restarted.
    """
    family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
    _assert_free(family, address)
    held = socket.socket(family, socket.SOCK_STREAM)
    held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    held.bind((address.host, address.port))
    return held, Address(address.host, held.getsockname()[1])


def _assert_free(family: int, address: Address) -> None:
    """Without SO_REUSEPORT a bind fails where another program listens, even one of ours."""
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((address.host, address.port))
        except OSError as error:
            raise PortTaken(error.errno, f"cannot listen at {address}: {error.strerror}") from error

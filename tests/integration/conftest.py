"""Scripted servers for the tests of this folder."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

import pytest

from tests import pki
from tests.servers import (
    Script,
    Server,
    ServerPlan,
    close_notify,
    fin,
    handshake,
    read_all,
    send,
    wait,
)

if TYPE_CHECKING:
    from collections.abc import Iterator


class Serve(Protocol):
    def __call__(self, *script: Any, **plan: Any) -> Server: ...


PONG: Script = (handshake, wait, send(b"pong"), read_all, close_notify, fin)


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Start scripted servers: `serve(handshake, wait, send(b"x"), read_all, maximum="TLSv1.2")`."""
    running: list[Server] = []

    def start(*script: Any, **plan: Any) -> Server:
        server = Server(ServerPlan(script=script or PONG, **plan))
        running.append(server.__enter__())
        return server

    yield start
    for server in running:
        server.close()


@pytest.fixture
def trusted() -> bytes:
    """The root that issued the servers' certificates."""
    return pki.pem("root-a")

"""Host names on their way to DNS, to the server and into the check: one form for all three."""

from __future__ import annotations

import asyncio
import socket as sockets
from typing import TYPE_CHECKING, Any

import pytest

import tlsevents
from tests.servers import handshake, read_all

if TYPE_CHECKING:
    from tests.integration.conftest import Serve


@pytest.mark.parametrize(
    ("host", "ascii_host"),
    [
        ("faß.example", "xn--fa-hia.example"),  # IDNA 2003 would ask for fass.example
        ("bücher.example", "xn--bcher-kva.example"),
        ("BÜCHER.example", "xn--bcher-kva.example"),
        ("a。example", "a.example"),
    ],
)
async def test_names_are_looked_up_as_idna_2008(
    monkeypatch: pytest.MonkeyPatch, host: str, ascii_host: str
) -> None:
    asked: list[Any] = []

    async def getaddrinfo(name: Any, *_: object, **__: object) -> list[Any]:
        asked.append(name)
        raise sockets.gaierror(sockets.EAI_NONAME, "no")

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", getaddrinfo)
    socket = tlsevents.connect(host=host, port=1)
    with pytest.raises(sockets.gaierror) as caught:
        await socket
    assert asked == [ascii_host]
    assert getattr(caught.value, "hostname", None) == host
    await socket.wait_closed()


@pytest.mark.parametrize("given", ["LOCALHOST", "localhost.", "Localhost"])
async def test_case_and_dot_do_not_matter(serve: Serve, trusted: bytes, given: str) -> None:
    server = serve(handshake, read_all, certificate="leaf-dnsonly")
    socket = await tlsevents.connect(
        host="127.0.0.1", port=server.port, ca=trusted, servername=given
    )
    assert socket.authorized
    assert socket.servername == "localhost"
    socket.destroy()
    await socket.wait_closed()


async def test_an_address_is_never_sent(serve: Serve, trusted: bytes) -> None:
    server = serve(handshake, read_all, certificate="leaf-iponly")
    socket = await tlsevents.connect(host="127.0.0.1", port=server.port, ca=trusted)
    assert socket.servername is False
    socket.end()
    await socket.wait_closed()
    await asyncio.to_thread(server.wait)
    assert "no SNI" in server.saw[0]


async def test_ipv6(serve: Serve, trusted: bytes) -> None:
    server = serve(address="::1")
    socket = await tlsevents.connect(host="::1", port=server.port, ca=trusted)
    assert (socket.remote_address, socket.remote_family) == ("::1", "IPv6")
    socket.destroy()
    await socket.wait_closed()


@pytest.mark.parametrize("host", ["exa mple", "a..example", ".example", "x" * 64 + ".ü"])
async def test_names_that_are_none(host: str) -> None:
    with pytest.raises((tlsevents.OptionsError, sockets.gaierror)) as caught:
        await tlsevents.connect(host=host, port=1)
    assert getattr(caught.value, "hint", None)

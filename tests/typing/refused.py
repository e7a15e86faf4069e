"""Only type-checked, never run: what users' type checkers must refuse.

Each line must be an error, or its comment is one: mypy and pyright both complain about a comment
without an error to silence. A listener that does not fit its event is refused as "deprecated",
because any name of an event could also be a user's own (`tlsevents/events.py`).
"""

# mypy: enable-error-code="deprecated"
# pyright: basic, reportDeprecated=true, reportUnnecessaryTypeIgnoreComment=true

import tlsevents


def takes_nothing() -> None: ...


def takes_a_number(number: int) -> None: ...


def takes_bytes(data: bytes) -> None: ...


async def takes_text(text: str) -> None: ...


def listeners(socket: tlsevents.TLSSocket) -> None:
    socket.on("data", takes_a_number)  # type: ignore[deprecated]
    socket.on("data", takes_nothing)  # type: ignore[deprecated]
    socket.on("close", takes_nothing)  # type: ignore[deprecated]
    socket.once("close", takes_text)  # type: ignore[deprecated]
    socket.on("secureConnect", takes_bytes)  # type: ignore[deprecated]
    socket.add_listener("end", takes_text)  # type: ignore[deprecated]
    socket.prepend_listener("error", takes_nothing)  # type: ignore[deprecated]
    socket.prepend_once_listener("tlsClientError", takes_a_number)  # type: ignore[deprecated]
    socket.on("lookup", takes_bytes)  # type: ignore[deprecated]
    socket.on("connectionAttemptFailed", takes_nothing)  # type: ignore[deprecated]
    socket.on("session", takes_bytes)  # type: ignore[deprecated]
    socket.on("keylog", takes_text)  # type: ignore[deprecated]
    socket.on("data", 5)  # type: ignore[call-overload]
    socket.on(5, takes_nothing)  # type: ignore[call-overload]
    socket.add_listener("data")  # type: ignore[call-overload]

    @socket.on("close")  # type: ignore[type-var]
    def closed() -> None: ...

    @socket.once("data")  # type: ignore[type-var]
    def received(number: int) -> None: ...

    @socket.listens_to("end")  # type: ignore[type-var]
    def ended(reason: str) -> None: ...


def accepts(hostname: str, certificate: object) -> bool:
    return True


def calls() -> None:
    tlsevents.connect(443, "example.com", {}, None, None)  # type: ignore[call-overload]
    tlsevents.connect(4.43)  # type: ignore[call-overload]
    tlsevents.connect({"port": 443}, "example.com")  # type: ignore[call-overload]
    tlsevents.connect(port=443, reject_unauthorised=False)  # type: ignore[call-overload]
    tlsevents.connect(port=443, rejectUnauthorized=False)  # type: ignore[call-overload]
    tlsevents.connect(port=443, timeout="5")  # type: ignore[call-overload]
    tlsevents.connect(port=443, check_server_identity=accepts)  # type: ignore[arg-type]
    tlsevents.net.connect(port=443, ca="ca.pem")  # type: ignore[call-overload]
    tlsevents.net.connect(443).connect(port=443, servername="a")  # type: ignore[call-overload]


async def results(socket: tlsevents.TLSSocket) -> None:
    (await socket).no_such_method()  # type: ignore[attr-defined]
    async with tlsevents.connect(443) as connected:
        connected.no_such_property  # type: ignore[attr-defined]  # noqa: B018
    socket.authorized = True  # type: ignore[misc]
    socket.write(5)  # type: ignore[arg-type]
    socket.write(["a", "list"])  # type: ignore[arg-type]

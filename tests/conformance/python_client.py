"""Runs a scenario with this library, in the same steps as `client.js` does with Node.

The options object is passed verbatim, in the mapping dialect. Methods and properties are those of
the recordings in snake_case. What the trace needs and cannot be had by listening (a `data`
listener would make the socket flow) is taken from `emit`, which every emission goes through.
"""

from __future__ import annotations

import array
import asyncio
import base64
import contextlib
import re
from collections.abc import Callable, Coroutine, Mapping, Sequence
from typing import Any, Self, TypeAlias

from pyee import EventEmitter

import tlsevents
from tests.conformance.scenarios import AFTER, GETTERS, NAMES, STATE

Json: TypeAlias = Any

MISSING = {"$": "missing"}
_ERRNO_OF_LOOKUPS = {"ENOTFOUND": -3008, "EAI_AGAIN": -3001}  # libuv's own numbers
_MILLISECONDS = {"setTimeout": 0, "setKeepAlive": 1}  # method: which argument
_CLASSES = (TypeError, ValueError, OSError)


def snake(name: str) -> str:
    """`getTLSTicket` and `readyState` in this library's spelling."""
    name = name.replace("X509", "_x509_").replace("TLS", "Tls")
    name = re.sub(r"(?<=[a-z0-9])([A-Z])", lambda m: "_" + m[1].lower(), name).lower()
    return name.strip("_").replace("__", "_")


class PlainError(Exception):
    """An error that the program made itself, like `new Error('stop')`."""

    def __init__(self, message: str, **properties: Json) -> None:
        super().__init__(message)
        self.__dict__.update(properties)


def encode(value: Any, socket: object = None) -> Json:
    if value is socket and socket is not None:
        return "<tls>"
    if value is None or isinstance(value, bool | str):
        return value
    if isinstance(value, int):
        return value
    if isinstance(value, float):
        return int(value) if value.is_integer() else round(value, 6)
    if isinstance(value, bytes | bytearray | memoryview):
        content = bytes(value)
        short = {"text": content.decode("latin-1")} if len(content) <= 64 else {}
        return {"$": "Buffer", "length": len(content), **short}
    if isinstance(value, BaseException):
        return encode_error(value)
    if isinstance(value, Mapping):
        return {str(key): encode(item) for key, item in value.items()}
    if isinstance(value, Sequence):
        return [encode(item) for item in value]
    return f"<{type(value).__name__}>"


def encode_error(error: BaseException) -> Json:
    encoded: dict[str, Json] = {"class": type(error).__name__, "message": str(error)}
    for name in [
        "code",
        "syscall",
        "address",
        "port",
        "hostname",
        "host",
        "path",
        "localAddress",
        "reason",
        "detail",
        "library",
    ]:
        part = getattr(error, snake(name), None)
        if part is not None:
            encoded[name] = encode(part)
    if getattr(error, "syscall", None) == "getaddrinfo":
        encoded["errno"] = _ERRNO_OF_LOOKUPS.get(str(getattr(error, "code", "")))
    elif (number := getattr(error, "errno", None)) is not None and encoded.get("syscall"):
        encoded["errno"] = -number
    if errors := getattr(error, "errors", ()):
        encoded["errors"] = [encode_error(each) for each in errors]
        encoded["message"] = ""  # Node's AggregateError has none, ours is never empty
    return encoded


def summary(value: Any) -> Json:
    """A getter's result, as short as the recordings have it."""
    if isinstance(value, bytes):
        return "Buffer"
    if isinstance(value, list):
        kind = "string" if value else "undefined"
        return f"array of {kind}" + ("" if value else " (empty)")
    if isinstance(value, Mapping) and value.get("subject") is not None:
        return "certificate object"
    if isinstance(value, Mapping) and "address" in value:
        return ",".join(value)
    if type(value).__name__ == "Certificate":
        return "X509Certificate"
    if isinstance(value, tlsevents.Session):
        return "Buffer"
    return encode(value)


def evaluate(socket: Any, expression: str) -> Any:
    """A property, or the result of a getter, by the name that Node gives it."""
    if expression.startswith("typeof "):
        value = evaluate(socket, expression.removeprefix("typeof "))
        return "string" if isinstance(value, str) else "object"
    match = re.fullmatch(r"(\w+)(?:\((?:'(\w+)')?\))?", expression)
    assert match is not None
    found: Any = getattr(socket, snake(match[1]), MISSING)
    if found is MISSING:
        return MISSING
    if expression.endswith(")"):
        found = found() if match[2] is None else found(match[2])
    if expression == "timeout" and found is not None:
        return found * 1000
    return found


class Pipe:
    """Where a program pipes a socket to."""

    def __init__(self, run: Run) -> None:
        self._run = run

    def write(self, chunk: bytes) -> bool:
        self._run.note("sink got", chunk=chunk)
        return True

    def end(self) -> None:
        self._run.note("sink final")


class Wrapped(EventEmitter, asyncio.Protocol):
    """A duplex of the program's own over a TCP connection, with what Node's streams emit."""

    def __init__(self, loop: asyncio.AbstractEventLoop, *, object_mode: bool) -> None:
        super().__init__()
        self._loop = loop
        self._object_mode = object_mode
        self._transport: asyncio.Transport | None = None
        self._ends = 0
        self.allow_half_open = True  # as every stream.Duplex of Node's has it
        self.destroyed = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        transport.pause_reading()

    def data_received(self, data: bytes) -> None:
        self.emit("data", data.decode("latin-1") if self._object_mode else data)

    def eof_received(self) -> bool:
        self.emit("end")
        self._ended()
        return True

    def connection_lost(self, exc: Exception | None) -> None:
        self.destroy(exc)

    def _ended(self) -> None:
        self._ends += 1
        if self._ends == 2:
            self.destroy()

    def write(self, data: bytes) -> bool:
        assert self._transport is not None
        self._transport.write(data)
        return True

    def end(self) -> None:
        assert self._transport is not None
        if not self._transport.is_closing():
            self._transport.write_eof()
            self._loop.call_soon(self.emit, "finish")
            self._ended()

    def pause(self) -> None:
        if self._transport is not None and self._transport.is_reading():
            self._transport.pause_reading()
            self.emit("pause")

    def resume(self) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.resume_reading()
            self._loop.call_soon(self.emit, "resume")

    def destroy(self, error: Exception | None = None) -> None:
        if self.destroyed:
            return
        self.destroyed = True
        if self._transport is not None:
            self._transport.close()
        if error is not None:
            self._loop.call_soon(self.emit, "error", error)
        self._loop.call_soon(self._loop.call_soon, self.emit, "close")


class Run:
    """One scenario, from connect() to the snapshot of the state."""

    def __init__(self, request: Mapping[str, Json]) -> None:
        self.request = request
        self.program = request["program"]
        self.events: list[tuple[str, dict[str, Json]]] = []
        self.problems: list[str] = []
        self.sockets: list[Any] = []
        self.tls: Any = None
        self.raw: Any = None
        self.duplex: Any = None
        self.closes = 1
        self.secure: set[str] = set()
        self.after: Json = None
        self.done = asyncio.Event()
        self.loop = asyncio.get_running_loop()
        self.last = self.loop.time()
        self.timers: list[asyncio.TimerHandle] = []
        self.tasks: list[asyncio.Task[None]] = []
        twice = self.program["opening"] in {"sessions", "twice"}
        self.last_prefix = "second:" if twice else ""

    # -- recording -----------------------------------------------------------------------------

    def push(self, name: str, payload: dict[str, Json]) -> None:
        self.last = self.loop.time()
        self.events.append((name, payload))

    def note(self, name: str, /, **payload: Any) -> None:
        encoded = {key: encode(value, self.tls) for key, value in payload.items()}
        self.push("@" + name, encoded)

    def uncaught(self, context: Mapping[str, Any]) -> None:
        """What Node gives to the process-level handler goes to the loop's handler here."""
        error = context.get("exception")
        if self.request["uncaught"] and error is not None:
            self.note("uncaughtException", error=error)
        else:
            self.problems.append(f"exception handler: {context.get('message')} {error!r}")

    def watch_emissions(self, socket: Any, prefix: str = "") -> None:
        self.sockets.append(socket)
        emit = socket.emit

        def record(event: str, *arguments: Any, **keywords: Any) -> bool:
            if event != "new_listener":
                self.emitted(socket, prefix, event, arguments)
            return bool(emit(event, *arguments, **keywords))

        socket.emit = record

    def emitted(self, socket: Any, prefix: str, event: str, arguments: tuple[Any, ...]) -> None:
        if prefix not in {"raw:", "duplex:"}:
            event = self.phase_checked(event, prefix)
        payload: dict[str, Json] = {}
        names = NAMES.get(event, [])
        for index, value in enumerate(arguments):
            name = names[index] if index < len(names) else f"argument{index}"
            payload[name] = self.argument(name, value)
        if self.program["states"] and prefix == "":
            payload["state"] = {key: encode(evaluate(socket, key)) for key in STATE}
        self.push(prefix + event, payload)
        if event == "close" and prefix == self.last_prefix:
            self.closed()

    def phase_checked(self, event: str, prefix: str) -> str:
        """`tlsClientError` counts as Node's `error`, and must come before `secureConnect`."""
        if event == "secureConnect":
            self.secure.add(prefix)
        secure = prefix in self.secure
        if event == "tlsClientError":
            if secure:
                self.problems.append("tlsClientError after secureConnect")
            return "error"
        if event == "error" and not secure and "error" in self.program["listen"]:
            self.problems.append("error before secureConnect, though tlsClientError is heard")
        return event

    def argument(self, name: str, value: Any) -> Json:
        if name == "line":
            text = value.decode()
            fields = text.split()
            return {
                "$": "Buffer",
                "label": fields[0],
                "fields": len(fields),
                "endsWithNewline": text.endswith("\n"),
            }
        if name == "session":
            return {"$": "Buffer"}
        return encode(value, self.tls)

    # -- values --------------------------------------------------------------------------------

    def decode(self, value: Json, option: str = "") -> Any:
        if isinstance(value, list):
            return [self.decode(item, option) for item in value]
        if not isinstance(value, dict):
            return value
        match value.get("$"):
            case None:
                return {key: self.decode(item, key) for key, item in value.items()}
            case "undefined":
                return None
            case "NaN":
                return float("nan")
            case "Infinity":
                return float("inf")
            case "Buffer" if option == "buffer":  # of onread: it is written to
                return bytearray(base64.b64decode(value["base64"]))
            case "Buffer":
                return base64.b64decode(value["base64"])
            case "fill":
                return value["byte"].encode("latin-1") * value["length"]
            case "Uint16Array":
                return array.array("H", value["values"])
            case "Uint8Array":
                return bytearray(value["text"].encode())
            case "DataView":
                return memoryview(value["text"].encode())
            case "ArrayBuffer" | "signal":
                return object()
            case "promise":
                promise: asyncio.Future[None] = self.loop.create_future()
                return promise
            case "Error":
                more = {key: value[key] for key in ("code", "detail") if key in value}
                return PlainError(value["message"], **more)
            case "nothing":
                return nothing
            case "target":
                return self.request["target"]
            case "secureContext":
                return tlsevents.create_secure_context({"ca": value["ca"]})
            case "function":
                return self.function(value, option)
        raise ValueError(f"unknown value {value}")

    def function(self, described: dict[str, Json], option: str) -> Callable[..., Any]:
        def result() -> Any:
            if "throws" in described:
                raise self.decode(described["throws"])
            return self.decode(described.get("returns"))

        def check_server_identity(hostname: str, cert: Any, *more: Any) -> Any:
            if described.get("brief"):
                self.note("checkServerIdentity called", hostname=hostname)
            elif described["noted"]:
                self.note(
                    "checkServerIdentity called",
                    argumentCount=2 + len(more),
                    hostname=hostname,
                    certKeys=list(cert),
                    hasIssuerCertificate="issuerCertificate" in cert,
                )
            return result()

        def lookup(hostname: str, options: Any) -> Any:
            if described["noted"]:
                self.note("lookup called", hostname=hostname, options=options)
            if "throws" in described:
                result()
            answers = [tuple(answer) for answer in described.get("answers", ())]
            if described.get("synchronous"):
                return answers
            return self.answer(described, answers)

        def psk(*arguments: Any) -> Any:
            self.note("pskCallback called", arguments=list(arguments))
            return result()

        def on_read(count: int, buffer: bytearray) -> Any:
            text = bytes(buffer[:count]).decode("latin-1")
            self.note("onread callback", bytes=count, text=text)
            if described.get("returns") is False:
                # Recorded with 100 ms; see `differences.settle`.
                self.later(300, lambda: self.call(self.tls, "resume", [], note="resume()"))
                return False
            return None

        def callback(*arguments: Any) -> None:
            if described["noted"]:
                self.note("callback ran", argumentCount=len(arguments))

        if option == "checkServerIdentity" and described.get("default"):
            return tlsevents.check_server_identity
        functions: dict[str, Callable[..., Any]] = {
            "checkServerIdentity": check_server_identity,
            "lookup": lookup,
            "pskCallback": psk,
            "callback": on_read,
        }
        return functions.get(option, callback)

    async def answer(self, described: Mapping[str, Json], answers: list[Any]) -> Any:
        await asyncio.sleep(described.get("ms", 0) / 1000)
        if described.get("silent"):
            await self.loop.create_future()
        if "fails" in described:
            raise self.decode(described["fails"])
        return answers

    # -- opening -------------------------------------------------------------------------------

    async def run(self) -> Json:
        opening = getattr(self, "open_" + self.program["opening"].replace("-", "_"))
        self.task(opening())
        if self.request["open"]:
            self.task(self.watch())
        try:
            await self.done.wait()
        finally:
            await self.leave()
        return {
            "events": self.events,
            "after": self.after,
            "problem": "; ".join(self.problems) or None,
        }

    def task(self, work: Coroutine[Any, Any, None]) -> None:
        async def guarded() -> None:
            try:
                await work
            except Exception as error:  # noqa: BLE001 - whatever it is, the trace ends with it
                self.problems.append(f"{type(error).__name__}: {error}")
                self.finish(self.tls)

        self.tasks.append(asyncio.ensure_future(guarded()))

    async def leave(self) -> None:
        for timer in self.timers:
            timer.cancel()
        for socket in self.sockets:
            socket.emit = lambda *_, **__: True
            socket.destroy()
        for socket in self.sockets:
            if isinstance(socket, Wrapped):
                continue
            try:
                await asyncio.wait_for(socket.wait_closed(), 2)
            except TimeoutError:
                self.problems.append("wait_closed() did not return after destroy()")
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)

    def connect(self, arguments: list[Any]) -> bool:
        try:
            self.tls = tlsevents.connect(*arguments)
        except Exception as error:  # noqa: BLE001 - whatever it throws is what is compared
            self.note("tls.connect threw synchronously", error=error)
            self.later(self.request["settle"], lambda: self.finish(None))
            return False
        self.watch_emissions(self.tls)
        state = {key: evaluate(self.tls, key) for key in STATE}
        self.note("tls.connect returned", **({"state": state} if self.program["states"] else {}))
        self.listen(self.tls)
        return True

    def listen(self, socket: Any) -> None:
        for event in self.program["listen"]:
            socket.on(event, lambda *_: None)
            if event == "error":
                socket.on("tlsClientError", lambda *_: None)

    async def open_connect(self) -> None:
        if self.connect(self.decode(self.request["arguments"])):
            self.steps(self.program["steps"])

    async def open_twice(self) -> None:
        arguments = self.decode(self.request["arguments"])
        if not self.connect(arguments):
            return
        self.steps(self.program["steps"])

        def again(*_: Any) -> None:
            socket = tlsevents.connect(*arguments)
            self.watch_emissions(socket, "second:")
            self.listen(socket)
            socket.once("secureConnect", lambda: socket.write("ping"))
            socket.once("data", lambda _: socket.end())

        self.tls.once("close", again)

    async def open_sessions(self) -> None:
        options = self.decode(self.request["arguments"])[0]
        collected: list[Any] = []
        taken: list[Any] = []
        source = self.program["openingArgs"]["source"]
        if not self.connect([options]):
            return
        first = self.tls

        def secure() -> None:
            self.note("first in secureConnect", **trust(first))
            first.write("ping")

        def data(_: Any) -> None:
            taken.append(first.get_session())
            self.note("first getSession()", value=summary(taken[0]), ticket="Buffer")
            first.end()

        def closed(_: bool) -> None:
            self.note("sessions collected", count=len(collected))
            session = taken[0] if source == "getter" else (collected or [None])[-1]
            if source == "bare" and session is not None:
                session = session._session
            self.note("second tls.connect() with the session option")
            self.second({**options, **self.program["openingArgs"]["second"], "session": session})

        first.on("session", collected.append)
        first.once("secureConnect", secure)
        first.once("data", data)
        first.once("close", closed)

    def second(self, options: dict[str, Any]) -> None:
        socket = tlsevents.connect(options)
        self.watch_emissions(socket, "second:")
        self.listen(socket)
        socket.on("session", lambda _: None)

        def secure() -> None:
            self.note(
                "second in secureConnect",
                **trust(socket),
                peerCertificateHasSubject=bool(
                    (socket.get_peer_certificate() or {}).get("subject")
                ),
                protocol=socket.get_protocol(),
            )
            socket.write("ping")

        socket.once("secureConnect", secure)
        socket.once("data", lambda _: socket.end())

    def open_raw(self) -> Any:
        self.raw = tlsevents.net.Socket()
        self.watch_emissions(self.raw, "raw:")
        if self.program["openingArgs"].get("listen_raw"):
            self.raw.on("error", lambda _: None)
        return self.raw

    def connect_over(self, socket: Any) -> None:
        options = {**self.decode(self.request["arguments"])[0], "socket": socket}
        if self.connect([options]):
            self.steps(self.program["steps"])

    async def open_raw_connected(self) -> None:
        raw = self.open_raw()
        raw.once("connect", lambda: self.connect_over(raw))
        raw.connect(self.request["target"])

    async def open_raw_connecting(self) -> None:
        raw = self.open_raw()
        raw.connect(self.request["target"])
        self.connect_over(raw)

    async def open_raw_unconnected(self) -> None:
        self.connect_over(self.open_raw())

    async def open_raw_destroyed(self) -> None:
        raw = self.open_raw()
        raw.destroy()
        self.connect_over(raw)

    async def open_starttls(self) -> None:
        raw = self.open_raw()

        def ready(_: bytes) -> None:
            raw.remove_all_listeners("data")
            raw.write("STARTTLS\n")
            self.connect_over(raw)

        raw.connect(self.request["target"])
        raw.on("data", ready)

    async def open_duplex(self) -> None:
        target = self.request["target"]
        object_mode = self.program["openingArgs"].get("objectMode") is True
        _, duplex = await self.loop.create_connection(
            lambda: Wrapped(self.loop, object_mode=object_mode), target["host"], target["port"]
        )
        self.duplex = duplex
        self.watch_emissions(duplex, "duplex:")
        duplex.on("error", lambda _: None)
        self.connect_over(duplex)

    async def open_constructor(self) -> None:
        raw = self.open_raw()

        def connected() -> None:
            constructor: Callable[..., object] = tlsevents.TLSSocket
            try:
                constructor(raw, self.decode(self.request["arguments"])[0])
            except TypeError:  # the text is Python's, and differs between its versions
                self.note("new TLSSocket refused")
            raw.destroy()
            self.later(self.request["settle"], lambda: self.finish(None))

        raw.once("connect", connected)
        raw.connect(self.request["target"])

    # -- steps ---------------------------------------------------------------------------------

    def later(self, milliseconds: float, work: Callable[[], object]) -> None:
        # Node takes 0 ms for 1 ms
        self.timers.append(self.loop.call_later(max(milliseconds, 1) / 1000, work))

    def steps(self, steps: Sequence[Mapping[str, Json]]) -> None:
        for step in steps:
            if not self.done.is_set():
                getattr(self, "do_" + snake(step["do"]))(step)

    def do_call(self, step: Mapping[str, Json]) -> None:
        arguments = [self.decode(argument) for argument in step["args"]]
        index = _MILLISECONDS.get(step["method"])
        if index is not None and len(arguments) > index:
            given = arguments[index]
            if isinstance(given, int | float):
                arguments[index] = given / 1000
        callback = None
        if step["back"] is not None:

            def callback(*given: Any) -> None:
                if step["back"]:
                    error = given[0] if given else None
                    self.note(step["back"], **({} if step["bare"] else {"error": error}))
                self.steps(step["then"])

        target = {"tls": self.tls, "raw": self.raw, "duplex": self.duplex}[step["of"]]
        self.call(target, step["method"], arguments, callback, step["note"], void=step["void"])
        if self.threw:
            self.steps(step["otherwise"])

    threw = False

    def call(
        self,
        target: Any,
        method: str,
        arguments: list[Any],
        callback: Callable[..., None] | None = None,
        note: str | None = None,
        *,
        void: bool = False,
    ) -> None:
        keywords = {} if callback is None else {"callback": callback}
        outcome: dict[str, Any] = {}
        try:
            returned = getattr(target, snake(method))(*arguments, **keywords)
            outcome["returned"] = None if void else returned
        except Exception as error:  # noqa: BLE001 - whatever it throws is what is compared
            outcome["threw"] = error
        self.threw = "threw" in outcome
        if note is not None:
            self.note(f"call {note}", **outcome)
        elif self.threw:
            self.problems.append(f"{method}() raised {outcome['threw']!r}")

    def do_note(self, step: Mapping[str, Json]) -> None:
        values = {key: evaluate(self.tls, text) for key, text in step["values"].items()}
        self.note(step["name"], **values)

    def do_on(self, step: Mapping[str, Json]) -> None:
        done = False

        def listener(*_: Any) -> None:
            nonlocal done
            if step["every"] or not done:
                done = True
                self.steps(step["steps"])

        self.tls.on(step["event"], listener)

    def do_after(self, step: Mapping[str, Json]) -> None:
        self.later(step["ms"], lambda: self.steps(step["steps"]))

    def do_soon(self, step: Mapping[str, Json]) -> None:
        self.loop.call_soon(self.steps, step["steps"])

    def do_when(self, step: Mapping[str, Json]) -> None:
        holds = not self.tls.destroyed if step["condition"] == "open" else self.tls.writable
        if holds:
            self.steps(step["steps"])

    def do_throw(self, step: Mapping[str, Json]) -> None:
        raise PlainError(step["message"])

    def do_closes(self, step: Mapping[str, Json]) -> None:
        self.closes = step["count"]

    def do_abort(self, _: Mapping[str, Json]) -> None:
        raise NotImplementedError("there is no AbortSignal here")

    def do_read_until_null(self, _: Mapping[str, Json]) -> None:
        while (chunk := self.tls.read()) is not None:
            self.note("read() returned", chunk=chunk)
        self.note("read() returned null")

    def do_iterate(self, _: Mapping[str, Json]) -> None:
        async def iterate() -> None:
            async for chunk in self.tls:
                self.note("iterated", chunk=chunk)
            self.note("iteration ended", destroyed=self.tls.destroyed)

        self.task(iterate())

    def do_pipe(self, _: Mapping[str, Json]) -> None:
        self.tls.pipe(Pipe(self))

    def do_write_until_false(self, step: Mapping[str, Json]) -> None:
        n = 1
        while self.tls.write(b"a" * step["size"]):
            n += 1
        self.note(
            "first false at write number",
            n=n,
            writableLength=self.tls.writable_length,
            writableHighWaterMark=self.tls.writable_high_water_mark,
        )

    def do_write_while_writable(self, step: Mapping[str, Json]) -> None:
        if self.tls.writable:
            self.tls.write(b"a" * step["size"])
            self.later(step["ms"], lambda: self.do_write_while_writable(step))

    def do_getters(self, step: Mapping[str, Json]) -> None:
        values = {}
        for name in GETTERS:
            if step.get("early") and name == "getEphemeralKeyInfo":
                continue
            getter = getattr(self.tls, snake(name), None)
            values[name] = MISSING if getter is None else summary(getter())
        self.note(f"getters {step['moment']}", **values)

    def do_counts(self, step: Mapping[str, Json]) -> None:
        counts = {name: self.tls.listener_count(name) for name in self.tls.event_names()}
        self.note(f"listener counts {step['moment']}", **counts)

    # -- the end -------------------------------------------------------------------------------

    def closed(self) -> None:
        self.closes -= 1
        if self.closes == 0:
            self.later(self.request["settle"], lambda: self.finish(self.tls))
        elif self.last_prefix == "":
            self.task(self.watch(0.8, noted=False))  # the next `close` may never come

    async def watch(self, idle: float | None = None, *, noted: bool = True) -> None:
        """Take the state of a socket that is not going to close, once nothing happens any more."""
        seconds = self.request["open"] / 1000 if idle is None else idle
        # A sleep, not an Event: what is waited for is that nothing comes.
        while (silence := self.loop.time() - self.last) < seconds:
            await asyncio.sleep(seconds - silence + 0.001)
        if not self.done.is_set() and not (noted and self.tls is not None and self.tls.closed):
            if noted:
                self.note("snapshot taken while the socket was still open")
            self.finish(self.tls)

    def finish(self, socket: Any) -> None:
        if self.done.is_set():
            return
        self.done.set()
        if socket is None:
            return
        self.after = {}
        for expression in AFTER:
            value = evaluate(socket, expression)
            if expression == "getPeerCertificate()" and isinstance(value, dict):
                self.after[expression] = "<certificate object>" if value.get("subject") else {}
            elif expression == "getSession()" and value is not None:
                self.after[expression] = "<Buffer>"
            elif isinstance(value, BaseException):
                self.after[expression] = getattr(value, "code", None) or str(value)
            else:
                self.after[expression] = encode(value, socket)
        attempted = evaluate(socket, "autoSelectFamilyAttemptedAddresses")
        if attempted:
            self.after["autoSelectFamilyAttemptedAddresses"] = encode(attempted)


def nothing(*_: Any) -> None:
    """The function that a program adds and takes away again."""


def trust(socket: Any) -> dict[str, Any]:
    return {
        "isSessionReused": socket.is_session_reused(),
        "authorized": socket.authorized,
        "authorizationError": socket.authorization_error,
    }


class PythonClient:
    """Runs scenarios in the running loop and gives each what the loop's exception handler hears."""

    def __init__(self) -> None:
        self._runs: list[Run] = []
        self.stray: list[str] = []

    def __enter__(self) -> Self:
        asyncio.get_running_loop().set_exception_handler(self._heard)
        return self

    def __exit__(self, *_: object) -> None:
        asyncio.get_running_loop().set_exception_handler(None)

    def _heard(self, _: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        for run in self._runs:
            if context.get("emitter") in run.sockets or len(self._runs) == 1:
                run.uncaught(context)
                return
        self.stray.append(f"{context.get('message')} {context.get('exception')!r}")

    async def run(self, request: Mapping[str, Json]) -> Json:
        run = Run(request)
        self._runs.append(run)
        try:
            with contextlib.suppress(asyncio.CancelledError):
                return await run.run()
            raise TimeoutError(f"no end; so far {run.events}")
        finally:
            self._runs.remove(run)

"""`TLSSocket` and `connect()`: where the engine and the wire meet.

A `TLSSocket` is a `Socket` whose bytes go through an `Engine`. Its own subject is the
promise of the library: everything that goes wrong before `secureConnect` is emitted once
as `tlsClientError`, everything after it once as `error`.

The way of a connection
    1. `connect()` reads the options, checks what can be checked at once and schedules the
       rest; nothing blocks.
    2. The secure context is fetched from its cache, or built in the executor. Files named
       in the options are read before anybody is dialed, so that a missing file is not
       reported between connection attempts; otherwise both go on side by side.
    3. `connect` and `ready`: the handshake starts. OpenSSL verifies the chain, and the
       name where it can (see `_Plan`).
    4. The handshake is complete, and the client's Finished is held back: who refuses now
       leaves the server with an unfinished handshake, not with a connection.
    5. The identity check; then `secure`, `secureConnect`; what was written until then
       leaves in one packet with the Finished. Only now the first application byte is
       decrypted.

What it never does: emit application data of a peer that was not accepted; ask OpenSSL for
a verdict on the loop when that means parsing a CA bundle (20-30 ms); take a verdict of
`verification.py` as a permission where OpenSSL verified natively.
"""

from __future__ import annotations

import asyncio
import inspect
import ssl
from typing import TYPE_CHECKING, Any, Literal, overload

from tlsevents.checks import is_list
from tlsevents.context import secure_context
from tlsevents.engine import DataReceived, Ended, Engine, Failed, HandshakeCompleted, Noticed
from tlsevents.errors import (
    CertificateError,
    NegotiationError,
    TLSEventsError,
    altname_error,
    disconnected_error,
    handshake_timeout_error,
    option_type_error,
    options_error,
    stream_error,
    translate_os_error,
    translate_ssl_error,
    verify_error,
)
from tlsevents.extras import TLSExtras
from tlsevents.identity import check_server_identity, is_ip, to_ascii
from tlsevents.net import Socket, running_loop
from tlsevents.options import ConnectOptions, read_connect_arguments
from tlsevents.plan import is_for, make_plan
from tlsevents.stream_carrier import StreamCarrier
from tlsevents.verification import presented_chain
from tlsevents.wire import open_wire, take_over_streams

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Mapping
    from typing import Self, Unpack

    from tlsevents.engine import Event
    from tlsevents.errors import Phase
    from tlsevents.options import OnRead
    from tlsevents.shapes import Callback, Port, TLSCall, TLSOptions
    from tlsevents.verification import Verifier
    from tlsevents.wire import Carrier

__all__ = ["TLSSocket", "connect"]

# X509_V_ERR_HOSTNAME_MISMATCH and X509_V_ERR_IP_ADDRESS_MISMATCH.
_NAME_VERDICTS = frozenset({62, 64})


class TLSSocket(TLSExtras, Socket):
    """A TLS client socket with Node's `tls.TLSSocket` event API.

    Made by `connect()`. Events, besides those of `Socket`: `secure`, `secureConnect`,
    `tlsClientError` (whatever fails before `secureConnect`; emitted as `error` when nobody
    listens to it), `error` (whatever fails after it), `session`, `keylog`.

    Mirrors `tls.TLSSocket` (Node documentation, "TLS").
    """

    def __init__(self, options: ConnectOptions) -> None:
        super().__init__(
            # With a socket below, its own setting counts too, as in Node.
            allow_half_open=options.allow_half_open
            or bool(getattr(options.socket, "allow_half_open", False)),
            high_water_mark=options.high_water_mark,
        )
        self._options = options
        # What is wrong with content given in memory raises here, out of connect().
        self._secure_context = secure_context(options)
        self._host = self._identity_host()
        self._plan = make_plan(options, self._secure_context, self._host)
        self._engine: Engine | None = None
        self._context: ssl.SSLContext | None = None
        self._context_failure: BaseException | None = None
        self._protocol: str | None = None
        self._finished_message: bytes | None = None
        self._early: list[bytes] = []
        self._early_end = False
        self._secured = False
        self._flush_held = False
        self._refusing = False
        self._phase: Phase = "options"
        self._handshake_timer: asyncio.TimerHandle | None = None
        self._ask_by_options()

    def _identity_host(self) -> str | None:
        options = self._options
        if options.host is not None:
            return options.host
        if options.path is not None:
            return None
        if options.socket is None:
            return "localhost"
        # A plain socket that was connected by name: that name. By IP: 'localhost', as in Node.
        host = getattr(getattr(options.socket, "_target", None), "host", None)
        return host if host and not is_ip(host) else None

    @property
    def pending(self) -> bool:
        """Whether there is no connection: not yet, or no more. Mirrors `socket.pending`."""
        if self._carrier is None and self._options.socket is not None and not self._destroyed:
            # What is below is taken over in the next turn, and is connected already.
            return self._connecting
        return super().pending

    # -- starting ------------------------------------------------------------------------------

    def _start(self) -> None:
        options = self._options
        if options.handshake_timeout is not None:
            self._handshake_timer = self._event_loop.call_later(
                options.handshake_timeout, self._handshake_overdue
            )
        self._configure(options)
        if options.socket is None:
            return
        below = options.socket
        self._connecting = isinstance(below, Socket) and below.pending and not below.destroyed
        self._connect_started = True
        self._opening = self._event_loop.create_task(self._open())
        self._opening.add_done_callback(self._opening_done)

    async def _open(self) -> None:
        try:
            build = self._build_context()
            if build is None:
                self._context = self._client_context()
            elif self._secure_context.needs_files:
                self._context = await build
            else:
                build.add_done_callback(self._context_built)
            self._phase = "connect"
            if self._options.socket is None:
                await self._obtain_carrier()
            else:
                await self._obtain_carrier_below(self._options.socket)
        except Exception as error:  # noqa: BLE001
            self.destroy(error)

    def _build_context(self) -> asyncio.Future[ssl.SSLContext] | None:
        """Have the context built in the executor, None if it is there already."""
        plan = self._plan
        secure = self._secure_context
        wants_verifier = plan.needs_verifier and not secure.verifier_ready
        if not wants_verifier and secure.client_context_ready(
            verify=plan.verify,
            check_hostname=plan.check_hostname,
            psk_callback=self._psk_callback,
        ):
            return None

        def build() -> ssl.SSLContext:
            if wants_verifier:
                secure.verifier()
            return self._client_context()

        return self._event_loop.run_in_executor(None, build)

    def _context_built(self, build: asyncio.Future[ssl.SSLContext]) -> None:
        if self._destroyed or build.cancelled():
            _forget(build)
        elif isinstance(error := build.exception(), NegotiationError):
            # Settings that cannot lead to a handshake are the handshake's failure.
            self._context_failure = error
            self._connected()
        elif error is not None:
            self.destroy(error)
        else:
            self._context = build.result()
            self._connected()

    async def _obtain_carrier_below(self, below: Any) -> None:
        if _is_kernel_socket(below):
            below.setblocking(False)
            await open_wire(self, below, self._take_carrier)
            return
        if _is_stream_pair(below):
            reader, writer = below
            wire, waiting, ended = take_over_streams(self, reader, writer)
            self._take_carrier(wire, waiting, ended=ended)
            return
        if getattr(below, "destroyed", False):
            self.destroy()
            return
        if isinstance(below, Socket) and not isinstance(below, TLSSocket):
            if below.pending:
                await self._until_connected(below)
            if not self._destroyed:
                self._take_over(below)
            return
        if isinstance(below, Socket) and below.connecting:
            await self._until_connected(below)
            if self._destroyed:
                return
        self._take_carrier(StreamCarrier(self, below, self._event_loop))

    @staticmethod
    def _drop_below(below: Any) -> None:
        """Close what was given to this socket and is not its carrier yet: it has no other owner."""
        if _is_stream_pair(below):
            below[1].close()
            return
        close = getattr(below, "destroy", None) or getattr(below, "close", None)
        if callable(close):
            close()

    def _take_over(self, below: Socket) -> None:
        given = below._give_up_carrier(self)  # noqa: SLF001
        if given is None:
            self._take_carrier(StreamCarrier(self, below, self._event_loop))
            return
        carrier, waiting, ended = given
        self._taken = below
        self._take_carrier(carrier, waiting, ended=ended)

    async def _until_connected(self, below: Socket) -> None:
        """Wait for a socket that is connecting, or will be; repeat its `connect`."""
        connected: asyncio.Future[None] = self._event_loop.create_future()

        def on_connect() -> None:
            self._connecting = False
            self._mark("connect")
            self.emit("connect")
            if not connected.done():
                connected.set_result(None)

        def on_error(error: BaseException) -> None:
            if not connected.done():
                connected.set_exception(error)

        def on_close(_had_error: bool) -> None:
            on_error(stream_error("ERR_SOCKET_CLOSED"))

        listeners: dict[str, Callable[..., None]] = {
            "connect": on_connect,
            "error": on_error,
            "close": on_close,
        }
        for event, listener in listeners.items():
            below.on(event, listener)
        try:
            await connected
        finally:
            for event, listener in listeners.items():
                below.off(event, listener)

    _taken: Socket | None = None

    def _take_carrier(self, carrier: Carrier, waiting: bytes = b"", *, ended: bool = False) -> None:
        """Run over a carrier that was there already, and what it had received."""
        if self._destroyed:
            carrier.abort()
            return
        self._carrier = carrier
        self._mark("connect")
        self._apply_socket_options()
        if waiting:
            self._early.append(waiting)
        self._early_end = self._early_end or ended
        self._connected()

    def _connected(self) -> None:
        """Start the handshake as soon as there are both a carrier and a context."""
        carrier, context = self._carrier, self._context
        if carrier is None or self._connecting or self._engine is not None:
            return
        if self._context_failure is not None:
            self.destroy(self._context_failure)
            return
        if context is None or not self._prepare():
            return
        self._phase = "handshake"
        self._mark("handshake")
        try:
            self._engine = self._make_engine(context)
        except (ValueError, TypeError) as error:
            failure = options_error(
                "ERR_INVALID_ARG_VALUE",
                f"The server name {self._plan.server_hostname!r} cannot be used: {error}",
                hint="Check host and servername.",
            )
            failure.__cause__ = error
            self.destroy(failure)
            return
        except OSError as error:  # no file descriptors left for a key log
            self.destroy(translate_os_error(error, syscall="pipe", phase="handshake"))
            return
        self._handle(self._engine.start())
        self._flush()
        early, self._early = self._early, []
        carrier.hold(False)
        for data in early:
            self._carrier_received(data)
        if self._early_end and not self._destroyed:
            self._carrier_ended()

    # -- the carrier's side --------------------------------------------------------------------

    def _carrier_received(self, data: memoryview | bytes) -> None:
        engine = self._engine
        if self._destroyed:
            return
        if engine is None:
            # The context is still being built. One read of the transport may wait here.
            self._early.append(bytes(data))
            if self._carrier is not None:
                self._carrier.hold(True)
            return
        self._begin_turn()
        try:
            self._handle(engine.receive_data(data))
            if self._onread is not None:
                self._pull(self._onread)
            if self._engine is not None and self._finished_message is not None:
                self._look_for_renegotiation(self._engine)
            self._flush()
        finally:
            self._end_turn()

    def _pull(self, onread: OnRead) -> None:
        """Decrypt straight into the caller's buffers, until nothing is left."""
        while self._engine is not None and self._secured:
            buffer, view = self._caller_buffer(onread)
            size, events = self._engine.read_into(view)
            if size:
                self.timeline.setdefault("first_byte", self._event_loop.time())
                self._tell_read(onread, size, buffer)
            self._handle(events)
            if not size:
                return

    def _look_for_renegotiation(self, engine: Engine) -> None:
        """A TLS 1.2 server may ask for another handshake; OpenSSL does it inside a read.

        Only where OpenSSL verifies chain and name by itself: the other contexts refuse it.
        """
        finished = engine.ssl_object.get_channel_binding("tls-unique")
        if finished is None or finished == self._finished_message:
            return
        self._finished_message = finished
        self._flush()
        self.emit("secure")
        if not self._destroyed:
            self.emit("secureConnect")

    def _carrier_ended(self) -> None:
        engine = self._engine
        if self._destroyed:
            return
        if engine is None:
            self._early_end = True
            return
        self._handle(engine.receive_eof())
        self._flush()

    def _carrier_drained(self) -> None:
        if self._destroyed:
            return
        super()._carrier_drained()

    def _carrier_lost(self, error: Exception | None) -> None:
        if self._refusing and not self._destroyed:
            self._carrier = None
            return
        taken, self._taken = self._taken, None
        if taken is None:
            super()._carrier_lost(error)
            return
        # The socket below closes first, as in Node.
        if not self._destroyed:
            self.destroy(None if error is None else self._translate_loss(error))
        self._carrier = None
        taken._taken_by = None  # noqa: SLF001
        taken._carrier = None  # noqa: SLF001
        if taken.destroyed:
            self._on_released()
        else:
            taken.once("close", lambda _had_error: self._on_released())
            taken.destroy()

    def _translate_loss(self, error: Exception) -> Exception:
        if isinstance(error, TLSEventsError):
            return error
        if isinstance(error, ssl.SSLError):
            return translate_ssl_error(error, phase=self._phase)
        translated = super()._translate_loss(error)
        if isinstance(translated, TLSEventsError):
            translated.phase = "open" if self._secured else self._phase
        return translated

    # -- the engine's side ---------------------------------------------------------------------

    def _handle(self, events: list[Event]) -> None:
        for event in events:
            if self._destroyed:
                return
            if type(event) is DataReceived:  # nearly always; a match costs twice as much
                self._deliver(event.data)
                continue
            match event:
                case HandshakeCompleted():
                    self._decide()
                case Ended(clean):
                    self._peer_ended(clean=clean)
                case Failed():
                    self._engine_failed(event)
                case Noticed(what, value):
                    self._noticed(what, value)

    def _flush(self) -> None:
        engine = self._engine
        if engine is None or self._flush_held or self._carrier is None:
            return
        if data := engine.data_to_send():
            self._carrier.write(data)

    def _peer_ended(self, *, clean: bool) -> None:
        self._clean_end = clean and self._secured
        if not self._secured and self.is_paused():
            # `end` waits while paused; the failure of the handshake does not.
            self._disconnected()
            return
        self._push_end()

    def _emit_end(self) -> None:
        super()._emit_end()
        if self._end_emitted and not self._secured and not self._destroyed:
            self._disconnected()

    def _disconnected(self) -> None:
        options = self._options
        error = disconnected_error(
            host=options.host,
            port=options.port,
            path=options.path,
            local_address=options.local_address,
        )
        error.phase = self._phase
        self.destroy(error)

    def _engine_failed(self, failed: Failed) -> None:
        error = failed.error
        if self._observed is not None and self._observed.failure is not None:
            self._give_up(self._observed.failure)
            return
        if isinstance(error, ssl.SSLCertVerificationError):
            self._refuse_certificate(error)
            return
        phase: Phase = "handshake" if failed.during_handshake else "open"
        self._give_up(
            translate_ssl_error(
                error,
                phase=phase,
                alert_number=failed.alert_number,
                protocol=self._protocol,
            )
        )

    def _give_up(self, error: BaseException) -> None:
        """Destroy, but let the alert that tells the server why go out first."""
        self._flush_held = False
        self._flush()
        self._flush_on_release = True
        self.destroy(error)

    # -- verification --------------------------------------------------------------------------

    def _refuse_certificate(self, error: ssl.SSLCertVerificationError) -> None:
        """OpenSSL refused; find out what Node would call it, then fail."""
        self._phase = "verify"
        self._flush()
        assert self._engine is not None, "it has just reported the failure"
        chain = presented_chain(self._engine.ssl_object)
        secure = self._secure_context
        if secure.verifier_ready:
            self._refuse(self._named(error, chain, secure.verifier()))
            return
        # The verifier has to parse the CA bundle once: not on the loop. What happens to the
        # connection meanwhile, which is told of the refusal, is no other error.
        self._refusing = True
        self._cancel_handshake_timer()
        naming = self._event_loop.run_in_executor(None, secure.verifier)

        def named(done: asyncio.Future[Verifier]) -> None:
            if self._destroyed:
                _forget(done)
                return
            try:
                failure = self._named(error, chain, done.result())
            except Exception as trouble:  # noqa: BLE001
                failure = verify_error(error.verify_code, chain=chain, cause=error)
                failure.__context__ = trouble
            self._refuse(failure)

        naming.add_done_callback(named)

    def _refuse(self, failure: TLSEventsError) -> None:
        self._authorization_error = failure.code or str(failure)
        self._give_up(failure)

    def _named(
        self, error: ssl.SSLCertVerificationError, chain: tuple[bytes, ...], verifier: Verifier
    ) -> TLSEventsError:
        verdict = verifier.verdict(chain) if chain else error.verify_code
        if verdict:
            return verify_error(verdict, chain=chain, cause=error)
        if error.verify_code in _NAME_VERDICTS:
            failure = self._misnamed(chain)
            failure.__cause__ = error
            return failure
        return verify_error(error.verify_code, chain=chain, cause=error)

    def _misnamed(self, chain: tuple[bytes, ...]) -> CertificateError:
        """OpenSSL refused the name: say it in Node's words."""
        certificate = self._certificate(chain)
        failure = check_server_identity(self._plan.identity, certificate)
        if failure is None:
            # Node's own algorithm is more liberal (a*.example); OpenSSL's no stands.
            altnames = certificate.get("subjectaltname") or ""
            failure = altname_error(
                f"Host: {self._plan.identity}. is not in the cert's altnames: {altnames}",
                self._plan.identity,
                certificate,
            )
        failure.chain = chain
        return failure

    def _decide(self) -> None:
        """The handshake is complete: is this peer the one that was asked for?"""
        engine = self._engine
        assert engine is not None, "its event led here"
        self._flush_held = True
        connection = engine.ssl_object
        self._protocol = connection.version()
        self._alpn_protocol = connection.selected_alpn_protocol() or False
        name = self._plan.server_hostname
        self._servername = name if name is not None and not is_ip(name) else False
        self._phase = "verify"
        if (self._observed is not None or self._offered is not None) and (
            self._decide_specially(connection)
        ):
            return
        try:
            refusal = self._judge(connection)
        except Exception as trouble:  # noqa: BLE001
            refusal = trouble
        self._conclude(refusal)

    def _conclude(self, refusal: BaseException | None) -> None:
        if refusal is None:
            self._authorized = True
        else:
            code = getattr(refusal, "code", None)
            self._authorization_error = code if isinstance(code, str) else str(refusal)
            if self._options.reject_unauthorized:
                # A refusal after the handshake: the Finished stays here, so that the server
                # never takes this for a connection.
                self.destroy(refusal)
                return
        self._secure()

    def _judge(self, connection: ssl.SSLObject) -> BaseException | None:
        """Give the reason to refuse this peer, or None."""
        plan = self._plan
        if not plan.needs_verifier and plan.custom_check is None:
            # OpenSSL accepted chain and name; Node's own rules may still be stricter.
            if is_for(plan.identity, connection):
                return None
            return self._misnamed(presented_chain(connection))
        chain = presented_chain(connection)
        if not plan.verify and (problem := self._chain_problem(chain)) is not None:
            return problem
        if plan.custom_check is not None:
            return self._ask_custom_check(chain)
        if not plan.check_hostname and not self._secure_context.verifier().name_matches(
            chain, plan.identity if is_ip(plan.identity) else to_ascii(plan.identity)
        ):
            return self._misnamed(chain)
        certificate = self._certificate(chain)
        failure = check_server_identity(plan.identity, certificate)
        if failure is not None:
            failure.chain = chain
        return failure

    def _chain_problem(self, chain: tuple[bytes, ...]) -> CertificateError | None:
        if not chain:
            # A cipher without certificates; OpenSSL alone would not have let it pass.
            return verify_error(27)
        verdict = self._secure_context.verifier().verdict(chain)
        return verify_error(verdict, chain=chain) if verdict else None

    def _ask_custom_check(self, chain: tuple[bytes, ...]) -> BaseException | None:
        check = self._plan.custom_check
        assert check is not None, "only called with one"
        try:
            answer = check(self._plan.identity, self._certificate(chain))
        except Exception as refusal:  # noqa: BLE001
            return refusal
        if answer is None or isinstance(answer, BaseException):
            return answer
        if inspect.iscoroutine(answer):
            answer.close()
        return option_type_error(
            "check_server_identity",
            "a function that returns None to accept or an exception to refuse",
            answer,
        )

    def _secure(self) -> None:
        """Chain and name are settled: tell, then let the bytes go."""
        self.emit("secure")
        if self._destroyed:
            return
        self._secured = True
        self._secure_connecting = False
        self._phase = "open"
        self._mark("secure_connect")
        if self._plan.check_hostname and self._protocol not in {"TLSv1.3", None}:
            assert self._engine is not None, "a destroyed socket does not come here"
            self._finished_message = self._engine.ssl_object.get_channel_binding("tls-unique")
        self._cancel_handshake_timer()
        self.emit("secureConnect")
        self._wake(self._connect_waiters)
        if self._destroyed:
            return
        if self._wants is not None or self.listener_count("session"):
            self._look_for_session()
            if self._destroyed:
                return
        if self._queue and not self._corked and not self._in_flight:
            self._pump()
        self._flush_held = False
        self._flush()
        if self._in_flight and self._ready_to_transmit():
            self._schedule_completion()
        self._finish_if_done()
        if self._engine is not None and not self._destroyed:
            self._handle(self._engine.receive_data(b""))
            if self._onread is not None:
                self._pull(self._onread)

    def connect(self, *args: Any, **keywords: Any) -> Self:  # noqa: ARG002
        """Refuse: `tlsevents.connect()` makes a new socket.

        Node's `tlsSocket.connect()` after `close` connects without TLS and sends in the clear.

        Raises:
            StreamError: always.
        """
        raise stream_error(
            "ERR_SOCKET_CONNECTING" if not self._destroyed else "ERR_STREAM_DESTROYED"
        )

    def reset_and_destroy(self) -> Self:
        """Refuse, as Node does for TLS sockets; on a destroyed one nothing happens.

        Raises:
            StreamError: ERR_INVALID_HANDLE_TYPE.
        """
        if self._destroyed:
            return self
        raise stream_error("ERR_INVALID_HANDLE_TYPE")

    def _handshake_overdue(self) -> None:
        self._handshake_timer = None
        seconds = self._options.handshake_timeout
        error = handshake_timeout_error(seconds if seconds is not None else 0.0)
        error.phase = self._phase
        self.destroy(error)

    # -- what Duplex and Socket ask ------------------------------------------------------------

    def _ready_to_transmit(self) -> bool:
        carrier = self._carrier
        return self._secured and carrier is not None and carrier.drained

    def _transmit(self, data: bytes | memoryview) -> None:
        engine = self._engine
        assert engine is not None, "_ready_to_transmit() said so"
        if self._max_fragment is None:
            failed = engine.send_data(data)
        else:
            failed = self._send_fragments(engine, data, self._max_fragment)
        if failed:
            self._handle(failed)
            return
        self._flush()

    def _ready_to_shut_down(self) -> bool:
        return self._secured and not self._flush_held and super()._ready_to_shut_down()

    def _shut_down(self) -> None:
        engine, carrier = self._engine, self._carrier
        assert engine is not None, "_ready_to_shut_down() said so"
        assert carrier is not None, "_ready_to_shut_down() said so"
        if failed := engine.close_write():
            self._handle(failed)
            return
        self._flush()
        carrier.write_eof()
        self._await_shut_down(carrier)

    def _say_goodbye(self) -> None:
        if self._engine is not None and self._ready_to_shut_down():
            self._engine.close_write()
            self._flush()
        super()._say_goodbye()

    def _release(self) -> None:
        if self._carrier is None and self._options.socket is not None:
            self._drop_below(self._options.socket)
        super()._release()
        self._early.clear()
        # The OpenSSL objects are most of a connection's memory.
        self._engine = None
        if self._observed is not None:
            self._observed.release()
            self._observed = None

    def _cancel_timers(self) -> None:
        super()._cancel_timers()
        self._cancel_handshake_timer()

    def _cancel_handshake_timer(self) -> None:
        if self._handshake_timer is not None:
            self._handshake_timer.cancel()
            self._handshake_timer = None

    def _fate_of_writes(
        self, error: BaseException | None
    ) -> tuple[Literal["before", "after", "late"], BaseException, BaseException]:
        if error is None or self._secured or self._connecting:
            return super()._fate_of_writes(error)
        if self._phase == "verify":
            return "after", stream_error("EBADF"), error
        if isinstance(error, ssl.SSLError):
            return "before", error, error
        return "after", stream_error("ECANCELED"), error

    def _announce_error(self, error: BaseException) -> None:
        handshake_phase = not self._secured
        if handshake_phase and isinstance(error, TLSEventsError) and error.phase == "open":
            error.phase = self._phase  # a stream's error, of a stream that is not open yet
        if handshake_phase and self.listener_count("tlsClientError"):
            self._tell_error("tlsClientError", error)
        else:
            self._tell_error("error", error)

    def _reached_ready(self) -> bool:
        return self._secured


def _forget(done: asyncio.Future[Any]) -> None:
    if not done.cancelled():
        done.exception()


def _is_kernel_socket(below: object) -> bool:
    import socket

    return isinstance(below, socket.socket)


def _is_stream_pair(below: object) -> bool:
    return (
        is_list(below)
        and len(below) == 2
        and isinstance(below[0], asyncio.StreamReader)
        and isinstance(below[1], asyncio.StreamWriter)
    )


@overload
def connect(
    port: Port,
    hostname: str | None = ...,
    node_options: TLSOptions | Mapping[str, Any] | Callback | None = ...,
    listener: Callback | None = ...,
    /,
    **keywords: Unpack[TLSCall],
) -> TLSSocket: ...
@overload
def connect(
    port_or_path: Port | os.PathLike[str],
    node_options: TLSOptions | Mapping[str, Any] | Callback | None = ...,
    listener: Callback | None = ...,
    /,
    **keywords: Unpack[TLSCall],
) -> TLSSocket: ...
@overload
def connect(
    node_options: TLSOptions | Mapping[str, Any],
    listener: Callback | None = ...,
    /,
    **keywords: Unpack[TLSCall],
) -> TLSSocket: ...
@overload
def connect(**keywords: Unpack[TLSCall]) -> TLSSocket: ...
def connect(*args: Any, **keywords: Any) -> TLSSocket:
    """Open a TLS connection; never blocks, never awaits.

    Mirrors `tls.connect()`, in all its call forms:

        connect(port, host=None, options=None, callback=None, **keywords)
        connect(path, options=None, callback=None, **keywords)
        connect(options, callback=None, **keywords)
        connect(**keywords)

    Args:
        options: a mapping in Node's own words: camelCase names, milliseconds.
        callback: a one-time listener for `secureConnect`.
        keywords: the same options in Python's words: snake_case names, seconds.

    Returns:
        The socket, connecting. `await` it for `secureConnect`, or listen.

    Raises:
        OptionTypeError, OptionsError: a wrong name, type or value, with Node's code.
        UnsupportedOptionError: an option that the running Python cannot fulfil.
        RuntimeError: no event loop is running.

    Events: `lookup`, `connectionAttempt`, `connect`, `ready`, `secure`, `secureConnect`;
    or `tlsClientError` and `close`.
    """
    running_loop("tlsevents.connect()")
    options, callback = read_connect_arguments(args, keywords)
    socket = TLSSocket(options)
    socket._start()  # noqa: SLF001
    if callback is not None:
        socket.once("secureConnect", callback)
    return socket

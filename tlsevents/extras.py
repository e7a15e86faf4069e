"""What a TLS socket does only when asked: sessions, keys, traces, and the getters about them.

A base of `TLSSocket`. Its subject is pay for use: `_wants` is None on a socket that asked for
nothing, and then all of this is an attribute test here and there. Whatever needs to see the
handshake has to be asked for before it, with an option, a listener (`session`, `keylog`) or a
getter, which then gives Node's answer for "not yet" and is right after the handshake:

    socket = tlsevents.connect(...)
    socket.get_ephemeral_key_info()        # {}, and: look at the key exchange, please
    await socket
    socket.get_ephemeral_key_info()        # {'type': 'ECDH', 'name': 'X25519', 'size': 253}

The price is a few percent of the handshake's time, and nothing after it, except for a trace.
"""

from __future__ import annotations

import dataclasses
import ssl
from typing import TYPE_CHECKING, Any

from tlsevents._cpython import can_watch, real_context, watchable
from tlsevents.engine import Engine
from tlsevents.errors import (
    NegotiationError,
    OptionTypeError,
    TLSEventsError,
    UnsupportedOptionError,
    option_range_error,
    option_type_error,
    options_error,
    stream_error,
    unsupported_option,
)
from tlsevents.facts import TLSFacts
from tlsevents.identity import check_server_identity, sni_name
from tlsevents.keylog import export_tls12, export_tls13, secret_named
from tlsevents.observation import ObservedEngine, Wants, answer_psk
from tlsevents.sessions import Acceptance, Session, SessionCache

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable, Hashable

__all__ = ["TLSExtras"]

_DEFAULT_MIN_DH_SIZE = 1024


class TLSExtras(TLSFacts):
    """The exotic part of a `TLSSocket`, which calls the underscored methods."""

    _event_loop: asyncio.AbstractEventLoop
    _context: ssl.SSLContext | None
    _plan: Any
    _session: Any = None
    _offered: Session | None = None
    _cache: SessionCache | None = None
    _home: ssl.SSLContext | None = None
    _renamed: bool = False
    _prepared: bool = False
    _max_fragment: int | None = None

    if TYPE_CHECKING:
        # What `TLSSocket` has of its other bases.
        def emit(self, event: str, *args: Any, **kwargs: Any) -> bool: ...  # noqa: D102
        def listener_count(self, event: str) -> int: ...  # noqa: D102
        def destroy(self, error: BaseException | None = None) -> Any: ...  # noqa: D102
        def _connected(self) -> None: ...
        def _conclude(self, refusal: BaseException | None) -> None: ...

    # -- before the handshake ------------------------------------------------------------------

    def _ask_by_options(self) -> None:
        """Arm what the options ask for."""
        options = self._options
        if options.enable_trace:
            self._must_see("enable_trace").trace = True
        if options.min_dh_size != _DEFAULT_MIN_DH_SIZE:
            self._must_see("min_dh_size").messages = True
        if options.psk_callback is not None:
            if not self._secure_context.own:
                raise unsupported_option(
                    "psk_callback",
                    "with a context of your own, call its set_psk_client_callback().",
                )
            self._arm().psk = options.psk_callback
        if options.session_cache is not None:
            self._cache = options.session_cache
            self._arm().cache = True
        if options.session is not None:
            self._session = options.session

    def _arm(self) -> Wants:
        """Give the wishes of this socket; too late, they have no effect."""
        wants = self._wants
        if wants is None:
            wants = Wants()
            if self._engine is None:
                self._wants = wants
        elif self._engine is not None:
            return Wants()
        return wants

    def _must_see(self, option: str) -> Wants:
        if not can_watch():
            raise unsupported_option(option, "it needs the handshake messages that CPython shows.")
        return self._arm()

    def _arm_messages(self) -> None:
        if self._engine is None and not self._destroyed:
            self._arm().messages = True

    def _prepare(self) -> bool:
        """Say whether everything that was asked for is there, at the start of the handshake.

        If not, it is under way, and `_connected()` is called again.
        """
        if self.listener_count("session"):
            self._arm().tickets = True
        if self.listener_count("keylog"):
            self._arm().keylog = True
        wants = self._wants
        apart = wants is not None and wants.own_context and self._secure_context.own
        if self._prepared or not (apart or self._renamed):
            return True
        plan, secure = self._plan, self._secure_context

        def build() -> tuple[ssl.SSLContext, ssl.SSLContext | None]:
            if plan.needs_verifier:
                secure.verifier()
            home = self._client_context()
            return (self._client_context(apart=True), home) if apart else (home, None)

        def built(done: asyncio.Future[Any]) -> None:
            if done.cancelled() or self._destroyed:
                if not done.cancelled():
                    done.exception()
                return
            if (error := done.exception()) is not None:
                self.destroy(error)
                return
            self._context, self._home = done.result()
            self._prepared = True
            self._connected()

        self._prepared = True
        self._context = None
        self._event_loop.run_in_executor(None, build).add_done_callback(built)
        return False

    def _client_context(self, *, apart: bool = False) -> ssl.SSLContext:
        plan = self._plan
        return self._secure_context.client_context(
            verify=plan.verify,
            check_hostname=plan.check_hostname,
            apart=apart,
            psk_callback=self._psk_callback,
        )

    @property
    def _psk_callback(self) -> Callable[[str | None], tuple[str | None, bytes]] | None:
        return None if self._options.psk_callback is None else answer_psk

    def _make_engine(self, context: ssl.SSLContext) -> Engine:
        hostname = self._plan.server_hostname
        wants = self._wants
        if wants is None:
            engine = Engine(context, server_hostname=hostname)
        else:
            engine = self._observed = ObservedEngine(
                context,
                wants=wants,
                server_hostname=hostname,
                home=self._home,
                label=self._label(),
            )
        if self._session is not None or self._cache is not None:
            self._offer(engine)
        return engine

    # -- sessions ------------------------------------------------------------------------------

    def _offer(self, engine: Engine) -> None:
        """Offer a session to the server, if there is one that this connection may resume."""
        session = self._session
        if session is None and self._cache is not None:
            session = self._cache._take(self._cache_key())  # noqa: SLF001
        reject = self._options.reject_unauthorized
        if isinstance(session, Session):
            if session._acceptance.covers(  # noqa: SLF001
                self._acceptance(), reject_unauthorized=reject
            ) and self._secure_context.holds(session._context):  # noqa: SLF001
                engine.offer(session._session, session._context)  # noqa: SLF001
                self._offered = session
        elif isinstance(session, ssl.SSLSession) and not reject:
            # Nobody knows whose it is. Node takes such only from who lets anybody in.
            try:
                engine.ssl_object.session = session
            except ValueError:
                pass  # of another context: no session, no harm

    def _acceptance(self) -> Acceptance:
        if self._offered is not None and self.is_session_reused():
            return self._offered._acceptance  # noqa: SLF001
        plan = self._plan
        return Acceptance(
            self._secure_context,
            plan.identity,
            self._authorized,
            self._authorization_error,
            plan.verify,
            plan.custom_check is not None or self._options.psk_callback is not None,
        )

    def _cache_key(self) -> Hashable:
        options, plan = self._options, self._plan
        return (
            options.host,
            options.port,
            options.path,
            plan.server_hostname,
            plan.identity,
            plan.verify,
            plan.custom_check,
            options.reject_unauthorized,
            self._secure_context,
        )

    def _session_of(self, session: ssl.SSLSession) -> Session:
        assert self._engine is not None, "it has this session"
        context = real_context(self._engine.ssl_object.context)
        assert context is not None, "an SSLObject has a context of the ssl module"
        return Session(session, context, self._acceptance())

    def get_session(self) -> Session | None:
        """Give the session for a later `session=`, None where there is none.

        Mirrors `tlsSocket.getSession()`, but is an object, not bytes: a session of Python's `ssl`
        cannot leave its process. It resumes connections of the same secure context (equal options)
        to the same identity. With TLS 1.3 it is complete once the server's ticket has arrived,
        which is after `secureConnect`: wait for data, or for `session`.
        """
        engine = self._engine
        if engine is None or engine.handshake_state != "done":
            return None
        session = engine.ssl_object.session
        return None if session is None else self._session_of(session)

    def set_session(self, session: Session | None) -> None:
        """Give the session to resume; as the option `session`.

        Mirrors `tlsSocket.setSession()`: without effect once the handshake has begun.

        Raises:
            OptionTypeError: ERR_INVALID_ARG_TYPE.
        """
        if isinstance(session, str | bytes | bytearray | int | float):
            raise OptionTypeError(
                "Session must be a buffer",
                code="ERR_INVALID_ARG_TYPE",
                phase="options",
                hint="Pass what get_session() or a `session` event gave; it is opaque here.",
            )
        if self._engine is None and not self._destroyed:
            self._session = session

    def get_tls_ticket(self) -> bytes | None:
        """Give the server's session ticket.

        Mirrors `tlsSocket.getTLSTicket()`. None before it came, once destroyed, and where nobody
        looked: Python's `ssl` keeps tickets to itself, so it is known if there was a `session`
        listener, or this was called, before the handshake.
        """
        if self._engine is None and not self._destroyed:
            self._arm().ticket = True
        return None if self._observed is None else self._observed.handshake.ticket

    # -- the verdict ---------------------------------------------------------------------------

    def _decide_specially(self, connection: ssl.SSLObject) -> bool:
        """Decide about a peer without a certificate of this handshake; False if it has one."""
        observed = self._observed
        if observed is not None and self._options.min_dh_size != _DEFAULT_MIN_DH_SIZE:
            weakness = self._weakness(observed, connection)
            if weakness is not None:
                self.destroy(weakness)
                return True
        if self._offered is not None and connection.session_reused:
            accepted = self._offered._acceptance  # noqa: SLF001
            self._authorized = accepted.authorized
            self._authorization_error = accepted.authorization_error
            self._secure()
            return True
        if self._options.psk_callback is None:
            return False
        if connection.version() == "TLSv1.3":
            # A resumed session would have needed an offer: this is the pre-shared key.
            if not connection.session_reused:
                return False
            self._conclude(None)
            return True
        if "PSK" not in _cipher_name(connection):
            return False
        self._conclude(self._check_name_without_certificate())
        return True

    def _weakness(
        self, observed: ObservedEngine, connection: ssl.SSLObject
    ) -> TLSEventsError | None:
        if not observed.observes:
            return unsupported_option("min_dh_size", "this kind of context shows no key exchange.")
        key = observed.handshake.ephemeral_key(_cipher_name(connection))
        if key.get("type") != "DH" or key["size"] >= self._options.min_dh_size:
            return None
        return NegotiationError(
            f"DH parameter size {key['size']} is less than 2048",  # Node's text, whatever is asked
            code="ERR_TLS_DH_PARAM_SIZE",
            phase="handshake",
        )

    def _check_name_without_certificate(self) -> BaseException | None:
        # As in Node: the default check finds no name in no certificate, and refuses.
        if self._plan.custom_check is not None:
            return self._ask_custom_check(())
        return check_server_identity(self._plan.identity, {})

    if TYPE_CHECKING:

        def _secure(self) -> None: ...
        def _ask_custom_check(self, chain: tuple[bytes, ...]) -> BaseException | None: ...

    # -- after the handshake -------------------------------------------------------------------

    def _noticed(self, what: str, value: Any) -> None:
        """Take what an `ObservedEngine` noticed."""
        if what == "keylog":
            self.emit("keylog", value)
        elif what == "session":
            self._new_session(self._session_of(value))
        elif what == "renegotiating" and self._wants is not None and self._wants.no_renegotiation:
            self.destroy(
                NegotiationError(
                    "TLS session renegotiation disabled for this socket",
                    code="ERR_TLS_RENEGOTIATION_DISABLED",
                    phase="open",
                )
            )

    def _new_session(self, session: Session) -> None:
        if self._cache is not None:
            self._cache._store(self._cache_key(), session)  # noqa: SLF001
        if self._wants is not None and self._wants.tickets:
            self.emit("session", session)

    def _look_for_session(self) -> None:
        """After `secureConnect`: the one session of TLS 1.2, or begin to wait for those of 1.3."""
        engine, wants = self._engine, self._wants
        if engine is None:
            return
        tls13 = engine.ssl_object.version() == "TLSv1.3"
        if self.listener_count("session") and (wants is None or not wants.tickets):
            # Too late for the session of TLS 1.2; not for the tickets of TLS 1.3.
            wants = self._wants = wants or Wants()
            wants.tickets = tls13
            self._look_closer(engine, wants)
            return
        if wants is None or tls13 or not (wants.tickets or self._cache is not None):
            return
        if (session := self.get_session()) is not None:
            if self._cache is not None:
                self._cache._store(self._cache_key(), session)  # noqa: SLF001
            if wants.tickets and not self.is_session_reused():
                self.emit("session", session)

    def _look_closer(self, engine: Engine, wants: Wants) -> None:
        """Begin to observe a connection whose handshake has begun."""
        if self._observed is not None:
            self._observed.release()
        self._engine = self._observed = ObservedEngine.taking_over(
            engine, wants, label=self._label()
        )

    def _label(self) -> str:
        return f"tlsevents {self._options.host or self._options.path or 'socket'}"

    def _send_fragments(self, engine: Engine, data: bytes | memoryview, size: int) -> list[Any]:
        view = memoryview(data).cast("B")
        for start in range(0, len(view), size):
            if failed := engine.send_data(view[start : start + size]):
                return failed
        return []

    def set_max_send_fragment(self, size: int) -> bool:
        """Send records of at most that many bytes; False if that is not possible.

        Mirrors `tlsSocket.setMaxSendFragment()`. Small records can be used before the rest of
        a large one has arrived, and cost more.

        Args:
            size: bytes, from 512 to 16384.

        Raises:
            OptionTypeError: ERR_INVALID_ARG_TYPE.
            StreamError: ERR_STREAM_DESTROYED.
        """
        if isinstance(size, bool) or not isinstance(size, int | float):
            raise option_type_error("size", "number", size)
        self._need_handle("set_max_send_fragment")
        if not 512 <= size <= 16384:
            return False
        self._max_fragment = int(size)
        return True

    def set_servername(self, name: str) -> None:
        """Say which name goes into SNI, before the handshake begins.

        Mirrors `tlsSocket.setServername()`: the identity that is checked stays the one of the
        options. Once the handshake has begun Node's process dies of it.

        Raises:
            OptionTypeError: ERR_INVALID_ARG_TYPE.
            StreamError: ERR_STREAM_DESTROYED; ERR_TLS_INVALID_STATE once the handshake has begun.
        """
        if not isinstance(name, str):
            raise option_type_error("name", "string", name)
        self._need_handle("set_servername")
        if self._engine is not None:
            raise stream_error(
                "ERR_TLS_INVALID_STATE", "The server name must be set before the handshake begins"
            )
        if not self._secure_context.own and self._secure_context.checks_hostname:
            raise UnsupportedOptionError(
                "set_servername() with a context that checks host names: it would check this one",
                code="ERR_UNSUPPORTED_OPTION",
                phase="options",
                hint="Give servername to connect(), or a context with check_hostname = False.",
            )
        self._plan = dataclasses.replace(
            self._plan, server_hostname=sni_name(name, None), check_hostname=False
        )
        self._renamed = True

    def renegotiate(
        self, options: object, callback: Callable[[Exception], object] | None = None
    ) -> bool:
        """Refuse to start another handshake, and say so to `callback` in the next turn.

        Mirrors `tlsSocket.renegotiate()` on TLS 1.3, which has no renegotiation. On TLS 1.2 Node
        can; Python's `ssl` has no call for it, and the error is ERR_UNSUPPORTED_OPTION.

        Returns:
            False, always: the connection goes on as it is.

        Raises:
            OptionTypeError: ERR_INVALID_ARG_TYPE.
        """
        if not isinstance(options, dict):
            raise option_type_error("options", "object", options)
        if callback is not None and not callable(callback):
            raise option_type_error("callback", "function", callback)
        if self._destroyed:
            return False
        error: Exception
        if self.get_protocol() == "TLSv1.3":
            error = NegotiationError(
                "error:0A00010A:SSL routines::wrong ssl version",
                code="ERR_SSL_WRONG_SSL_VERSION",
                phase="open",
                library="SSL routines",
                reason="wrong ssl version",
            )
        else:
            error = unsupported_option(
                "renegotiate", "Python's ssl cannot start a renegotiation; open a new connection."
            )
        if callback is not None:
            self._event_loop.call_soon(callback, error)
        return False

    def disable_renegotiation(self) -> None:
        """Destroy the socket if the peer starts another handshake: ERR_TLS_RENEGOTIATION_DISABLED.

        Mirrors `tlsSocket.disableRenegotiation()`. TLS 1.3 has no renegotiation; with TLS 1.2 every
        record is looked at from then on, which slows the connection down.

        Raises:
            UnsupportedOptionError: the running Python, or a context of a foreign kind, shows no
                handshake messages.
        """
        self._watch_for("no_renegotiation")

    def enable_trace(self) -> None:
        """Write a line to stderr for every record and every handshake message.

        Mirrors `tlsSocket.enableTrace()`, in a format of our own; contents are not shown. May be
        called (or given as the option `enable_trace`) at any time. It slows the connection down.

        Raises:
            UnsupportedOptionError: the running Python, or a context of a foreign kind, shows no
                handshake messages.
        """
        self._watch_for("trace")

    def _watch_for(self, what: str) -> None:
        if self._destroyed:
            return
        engine = self._engine
        if engine is None:
            setattr(self._arm(), what, True)
            return
        if watchable(engine.ssl_object.context) is None:
            raise _not_seen(what)
        wants = self._wants = self._wants or Wants()
        setattr(wants, what, True)
        if self._observed is None:
            self._look_closer(engine, wants)
        else:
            self._observed.look_again()

    def export_keying_material(
        self, length: int, label: str, context: bytes | None = None
    ) -> bytes:
        """Derive keys for another protocol from this connection's.

        Mirrors `tlsSocket.exportKeyingMaterial()`. Python's `ssl` has no such call: it is computed
        from the key log, which has to be asked for by calling this once before the handshake
        (that raises ERR_TLS_INVALID_STATE, as in Node). Not with a context of your own, and not
        on Windows.

        Args:
            length: bytes.
            label: from the registry of RFC 5705, or beginning with EXPERIMENTAL.
            context: data that both sides mix in.

        Raises:
            OptionTypeError, OptionsError: ERR_INVALID_ARG_TYPE, ERR_OUT_OF_RANGE.
            StreamError: ERR_TLS_INVALID_STATE before `secureConnect`, ERR_STREAM_DESTROYED.
            UnsupportedOptionError: nobody asked before the handshake.

        RFC 5705; RFC 8446 section 7.5.
        """
        if isinstance(length, bool) or not isinstance(length, int):
            raise option_type_error("length", "number", length)
        if not 1 <= length <= 0xFFFFFFFF:
            raise option_range_error("length", ">= 1 && <= 4294967295", length)
        if not isinstance(label, str):
            raise option_type_error("label", "string", label)
        if context is not None and not isinstance(context, bytes | bytearray | memoryview):
            raise option_type_error(
                "context", "an instance of Buffer, TypedArray, or DataView", context
            )
        self._need_handle("export_keying_material")
        if self._secure_connecting:
            if self._engine is None:
                self._arm().secrets = True
            raise stream_error("ERR_TLS_INVALID_STATE")
        return self._export(length, label.encode(), None if context is None else bytes(context))

    def _export(self, length: int, label: bytes, context: bytes | None) -> bytes:
        observed, engine = self._observed, self._engine
        if observed is None or engine is None:
            raise _too_late("export_keying_material")
        if engine.ssl_object.version() == "TLSv1.3":
            secret = secret_named("EXPORTER_SECRET", observed.lines)
            if secret is None:
                raise _too_late("export_keying_material")
            if length > 255 * len(secret) or len(label) > 249:  # RFC 5869, RFC 8446 section 7.1
                raise options_error("ERR_CRYPTO_OPERATION_FAILED", "Key export failed")
            return export_tls13(secret, label, context, length)
        master = secret_named("CLIENT_RANDOM", observed.lines)
        seen = observed.handshake
        if master is None or seen.client_random is None or seen.server_random is None:
            raise _too_late("export_keying_material")
        name = _cipher_name(engine.ssl_object)
        digest: str | None = None
        if engine.ssl_object.version() == "TLSv1.2":
            digest = "sha384" if name.endswith("SHA384") else "sha256"
        randoms = seen.client_random + seen.server_random
        return export_tls12(master, randoms, label, context, length, digest)

    def _need_handle(self, method: str) -> None:
        if self._destroyed:
            raise stream_error(
                "ERR_STREAM_DESTROYED", f"Cannot call {method} after a stream was destroyed"
            )


def _cipher_name(connection: ssl.SSLObject) -> str:
    cipher = connection.cipher()
    return "" if cipher is None else cipher[0]


def _not_seen(what: str) -> UnsupportedOptionError:
    return UnsupportedOptionError(
        f"{what}: Python's ssl shows no handshake messages here",
        code="ERR_UNSUPPORTED_OPTION",
        phase="options",
        hint="Use CPython, and an ssl.SSLContext (or none) as context.",
    )


def _too_late(method: str) -> UnsupportedOptionError:
    return UnsupportedOptionError(
        f"{method}() was asked for too late: Python's ssl does not show this by itself",
        code="ERR_UNSUPPORTED_OPTION",
        phase="open",
        hint=f"Call {method}() once before the handshake, right after connect().",
    )

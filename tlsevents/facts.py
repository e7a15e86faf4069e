"""What a TLS connection tells about itself: Node's getters and properties.

A base of `TLSSocket` with its own subject and no behaviour: everything here only reads. Each
getter has an answer at every time, Node's: before the handshake, while open, once destroyed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from tlsevents._cpython import built_chain
from tlsevents.certificates import node_certificate, node_certificate_chain
from tlsevents.verification import presented_chain

if TYPE_CHECKING:
    import ssl

    from tlsevents.context import SecureContext
    from tlsevents.engine import Engine
    from tlsevents.options import ConnectOptions

__all__ = ["TLSFacts"]


class TLSFacts:
    """The getters of a `TLSSocket`, which sets what they read."""

    _options: ConnectOptions
    _secure_context: SecureContext
    _engine: Engine | None
    _destroyed: bool
    _secure_connecting: bool = True
    _authorized: bool = False
    _authorization_error: str | None = None
    _alpn_protocol: str | Literal[False] | None = None
    _servername: str | Literal[False] | None = None
    _clean_end: bool = False

    @property
    def encrypted(self) -> Literal[True]:
        """Always True, as in Node: it tells a TLS socket from a plain one."""
        return True

    @property
    def authorized(self) -> bool:
        """Whether chain and identity were accepted. Mirrors `tlsSocket.authorized`."""
        return self._authorized

    @property
    def authorization_error(self) -> str | None:
        """Why not: the error's code, or its message if it has none; else None."""
        return self._authorization_error

    @property
    def alpn_protocol(self) -> str | Literal[False] | None:
        """The negotiated protocol, False if there is none, None before the handshake."""
        return self._alpn_protocol

    @property
    def servername(self) -> str | Literal[False] | None:
        """The name sent as SNI, False if none was, None before the handshake."""
        return self._servername

    @property
    def secure_connecting(self) -> bool:
        """True until `secureConnect`. Mirrors `tlsSocket.secureConnecting`."""
        return self._secure_connecting

    @property
    def clean_end(self) -> bool:
        """True when the peer sent close_notify before FIN: the data is complete.

        Node has no such property; RFC 8446 section 6.1 says why it matters.
        """
        return self._clean_end

    def get_protocol(self) -> str | None:
        """Give `TLSv1.2`, `TLSv1.3`, …; None once destroyed. Mirrors `getProtocol()`."""
        if self._destroyed:
            return None
        version = None if self._engine is None else self._engine.ssl_object.version()
        return version or self._options.max_version or "TLSv1.3"

    def get_peer_certificate(self, detailed: bool = False) -> dict[str, Any] | None:
        """Give the server's certificate in Node's shape.

        Mirrors `tlsSocket.getPeerCertificate()`: `{}` before the handshake, None once
        destroyed. Some keys need the extra `x509`.

        Args:
            detailed: with `issuerCertificate`, along the chain.
        """
        if self._destroyed:
            return None
        chain = self.get_peer_chain()
        if not chain:
            return {}
        return self._certificate(chain) if detailed else node_certificate(chain[0])

    def get_peer_chain(self) -> tuple[bytes, ...]:
        """Give the certificates the server presented (DER, its own first); `()` if none.

        Node has no such method; errors carry the same as `chain`.
        """
        if self._engine is None or self._engine.handshake_state != "done":
            return ()
        return presented_chain(self._engine.ssl_object)

    def get_session(self) -> ssl.SSLSession | None:
        """Give the session for a later `session=`, None where there is none.

        Mirrors `tlsSocket.getSession()`; an opaque object of Python's `ssl`. With TLS 1.3
        it is complete once the server's ticket has arrived.
        """
        return None if self._engine is None else self._engine.ssl_object.session

    def is_session_reused(self) -> bool | None:
        """Whether the session was resumed; None once destroyed. Mirrors `isSessionReused()`."""
        if self._destroyed:
            return None
        if self._engine is None:
            return False
        return bool(self._engine.ssl_object.session_reused)

    def _certificate(self, chain: tuple[bytes, ...]) -> dict[str, Any]:
        # A verdict needs the trusted certificates parsed; naming an issuer does not deserve it.
        secure = self._secure_context
        built = secure.verifier().built_chain(chain) if secure.verifier_ready else ()
        if not built and self._engine is not None:
            built = built_chain(self._engine.ssl_object)
        return node_certificate_chain(chain, built)

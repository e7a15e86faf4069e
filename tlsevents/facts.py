"""What a TLS connection tells about itself: Node's getters and properties.

A base of `TLSSocket` with its own subject and no behaviour: everything here only reads. Each
getter has an answer at every time, Node's: before the handshake, while open, once destroyed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from tlsevents._cpython import built_chain
from tlsevents.certificates import node_certificate, node_certificate_chain, x509_certificate
from tlsevents.cipher_names import standard_name
from tlsevents.verification import presented_chain

if TYPE_CHECKING:
    import ssl

    from cryptography import x509

    from tlsevents.context import SecureContext
    from tlsevents.engine import Engine
    from tlsevents.observation import ObservedEngine, Wants
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
    _wants: Wants | None = None
    _observed: ObservedEngine | None = None

    if TYPE_CHECKING:

        def _arm_messages(self) -> None: ...

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

    def get_peer_x509_certificate(self) -> x509.Certificate | None:
        """Give the server's certificate as an object of `cryptography`; needs the extra `x509`.

        Mirrors `tlsSocket.getPeerX509Certificate()`: None before the handshake, once destroyed,
        and where there is none (a resumed session, a pre-shared key).

        Raises:
            UnsupportedOptionError: cryptography is not installed.
        """
        chain = () if self._destroyed else self.get_peer_chain()
        return x509_certificate(chain[0]) if chain else None

    def get_certificate(self) -> dict[str, Any] | None:
        """Give our own certificate in Node's shape, the last that was given if there are several.

        Mirrors `tlsSocket.getCertificate()`: `{}` if there is none, None once destroyed. One in a
        file is known once the handshake has begun. What a context of your own (`context=`) holds
        is known to OpenSSL only: `{}` too.
        """
        if self._destroyed:
            return None
        own = self._own_certificate()
        return {} if own is None else node_certificate(own)

    def get_x509_certificate(self) -> x509.Certificate | None:
        """Give our own certificate as an object of `cryptography`; needs the extra `x509`.

        Mirrors `tlsSocket.getX509Certificate()`; None if there is none, and once destroyed.
        """
        own = None if self._destroyed else self._own_certificate()
        return None if own is None else x509_certificate(own)

    def _own_certificate(self) -> bytes | None:
        secure = self._secure_context
        if self._engine is None and secure.needs_files:
            return None  # nothing is read from a disk on the event loop before it must be
        return secure.own_certificate()

    def get_cipher(self) -> dict[str, str] | None:
        """Give the cipher suite as `{"name", "standardName", "version"}`; None before, and after.

        Mirrors `tlsSocket.getCipher()`: `name` is OpenSSL's, `standardName` the IANA's, and
        `version` the oldest version of the protocol that has this suite.
        """
        connection = self._shaken()
        cipher = None if connection is None else connection.cipher()
        if cipher is None:
            return None
        return {"name": cipher[0], "standardName": standard_name(cipher[0]), "version": cipher[1]}

    def get_finished(self) -> bytes | None:
        """Give our own Finished message (RFC 5246 section 7.4.9, RFC 8446 section 4.4.4).

        Mirrors `tlsSocket.getFinished()`: 12 bytes with TLS 1.2, as long as the hash with 1.3;
        None before the handshake and once destroyed. On a resumed session Python's `ssl` shows
        the other one only: None, unless one of the two was asked for before the handshake.
        """
        self._arm_messages()
        return self._finished_of("finished", first=True)

    def get_peer_finished(self) -> bytes | None:
        """Give the server's Finished message.

        Mirrors `tlsSocket.getPeerFinished()`; as `get_finished()`, but it is this one that has to
        be asked for before the handshake, unless the session is a resumed one.
        """
        self._arm_messages()
        return self._finished_of("peer_finished", first=False)

    def _finished_of(self, whose: str, *, first: bool) -> bytes | None:
        connection = self._shaken()
        if connection is None:
            return None
        if self._observed is not None and self._observed.observes:
            seen: bytes | None = getattr(self._observed.handshake, whose)
            return seen
        # CPython gives the client's, of a resumed session the server's: the one that is sent
        # first in TLS 1.2 (RFC 5929 section 3.1).
        if first is connection.session_reused:
            return None
        return connection.get_channel_binding("tls-unique")

    def get_ephemeral_key_info(self) -> dict[str, Any] | None:
        """Tell how keys were agreed on: `{"type": "ECDH", "name": "X25519", "size": 253}`, ...

        Mirrors `tlsSocket.getEphemeralKeyInfo()`: `{"type": "DH", "size": bits}`, or
        `{"type": "TLSGroup", "name": ...}` for hybrid groups, or `{}` if the key is not an
        ephemeral one. `{}` before the handshake (where Node 24 and 26 crash), None once destroyed.
        Python's `ssl` does not tell: None too, unless it was asked for before the handshake.
        """
        self._arm_messages()
        if self._destroyed:
            return None
        connection = self._shaken()
        if connection is None:
            return {}
        if self._observed is None or not self._observed.observes:
            return None
        cipher = connection.cipher()
        return self._observed.handshake.ephemeral_key(cipher[0] if cipher else "")

    def get_shared_sigalgs(self) -> list[str] | None:
        """Name the signature algorithms both sides have, as `RSA-PSS+SHA256`.

        Mirrors `tlsSocket.getSharedSigalgs()`: `[]` unless the server asked for a certificate;
        None once destroyed, and where it was not asked for before the handshake.
        """
        self._arm_messages()
        if self._destroyed:
            return None
        if self._shaken() is None:
            return []
        if self._observed is None or not self._observed.observes:
            return None
        return self._observed.handshake.shared_signatures()

    def _shaken(self) -> ssl.SSLObject | None:
        """The connection, once its handshake is done."""
        engine = self._engine
        if engine is None or engine.handshake_state != "done":
            return None
        return engine.ssl_object

    def is_session_reused(self) -> bool | None:
        """Whether the session was resumed; None once destroyed. Mirrors `isSessionReused()`."""
        if self._destroyed:
            return None
        if self._engine is None:
            return False
        return bool(self._engine.ssl_object.session_reused)

    def _certificate(self, chain: tuple[bytes, ...]) -> dict[str, Any]:
        if not chain:
            return {}  # as Node shows a peer without certificate: a pre-shared key
        # A verdict needs the trusted certificates parsed; naming an issuer does not deserve it.
        secure = self._secure_context
        built = secure.verifier().built_chain(chain) if secure.verifier_ready else ()
        if not built and self._engine is not None:
            built = built_chain(self._engine.ssl_object)
        return node_certificate_chain(chain, built)

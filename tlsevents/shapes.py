"""What `connect()` takes, as type checkers see it: the option table in two dialects.

A test holds these against `options.OPTIONS`, which is what counts at run time. `...Options` are
mappings in Node's words, `...Keywords` the same in Python's. None is "not given" in both, and
no limit as `handshake_timeout`.

A mapping may also be any other `Mapping[str, Any]`: a variable that holds a dict is not a
`TypedDict` for type checkers, and at run time every name is looked at anyway. Versions are plain
str, so that they can come from a variable or from `DEFAULT_MIN_VERSION`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeAlias, TypedDict

if TYPE_CHECKING:
    import asyncio
    import os
    import socket as sockets
    import ssl
    from collections.abc import Callable, Mapping, Sequence

    from tlsevents.context import SecureContext, WrapsBio
    from tlsevents.sessions import Session, SessionCache

__all__ = [
    "Callback",
    "ContextKeywords",
    "ContextOptions",
    "NetCall",
    "NetKeywords",
    "NetOptions",
    "Port",
    "StreamBelow",
    "TLSCall",
    "TLSKeywords",
    "TLSOptions",
]

# --- Values ---------------------------------------------------------------------------------------

Port: TypeAlias = "int | str"
"""A number, also as text."""
Callback: TypeAlias = "Callable[[], object]"
"""A listener for `connect` or `secureConnect`."""

Source: TypeAlias = "str | bytes | bytearray | memoryview | os.PathLike[str]"
"""PEM (PKCS#12 for pfx), or the path of a file that holds it."""
Sources: TypeAlias = "Source | Sequence[Source]"
Sealed: TypeAlias = "Source | Sequence[Source | Mapping[str, Any]]"
"""In a list also `{"pem": ..., "passphrase": ...}` (for pfx `{"buf": ..., "passphrase": ...}`)."""

Lookup: TypeAlias = "Callable[[str, dict[str, Any]], object]"
"""Takes the host and `{"family", "hints", "all"}`; gives addresses, or is awaited for them."""
IdentityCheck: TypeAlias = "Callable[[str, dict[str, Any]], BaseException | None]"
"""Takes the host and the certificate; gives None to accept. False is no answer."""
PskCallback: TypeAlias = "Callable[[str | None], Mapping[str, Any] | None]"
"""Takes the server's hint; gives `{"identity": ..., "psk": ...}`."""


class StreamBelow(Protocol):
    """What TLS can run over: any stream with Node's methods."""

    def pause(self) -> Any:
        """Stop `data`."""

    def resume(self) -> Any:
        """Let `data` flow."""

    def write(self, chunk: bytes, /) -> Any:
        """Send; False asks to wait for `drain`."""

    def on(self, event: str, f: Callable[..., Any], /) -> Any:
        """Add a listener."""


Below: TypeAlias = (
    "StreamBelow | sockets.socket | tuple[asyncio.StreamReader, asyncio.StreamWriter]"
)

# --- Both dialects --------------------------------------------------------------------------------


class _NetShared(TypedDict, total=False):
    """Options of a connection whose names are one word; `timeout` is in the dialect's unit."""

    host: str | None
    port: int | str | None
    path: str | os.PathLike[str] | None
    family: Literal[0, 4, 6, "IPv4", "IPv6"] | sockets.AddressFamily | None
    hints: int | None
    lookup: Lookup | None
    timeout: float | None
    onread: Mapping[str, Any] | None


class _ContextShared(TypedDict, total=False):
    """Options of a secure context whose names are one word."""

    ca: Sources | None
    cert: Sources | None
    key: Sealed | None
    pfx: Sealed | None
    crl: Sources | None
    passphrase: str | None
    ciphers: str | None
    sigalgs: str | None
    dhparam: str | bytes | None


class _TLSShared(TypedDict, total=False):
    """Options of TLS whose names are one word."""

    socket: Below | None
    servername: str | None
    session: Session | ssl.SSLSession | None
    context: WrapsBio | None
    signal: None


# --- Node's words: camelCase, milliseconds --------------------------------------------------------


class NetOptions(_NetShared, total=False):
    """Options of `net.connect()`."""

    localAddress: str | None
    localPort: int | None
    autoSelectFamily: bool | None
    autoSelectFamilyAttemptTimeout: int | None
    handshakeTimeout: float | None
    allowHalfOpen: bool | None
    highWaterMark: int | None
    noDelay: bool | None
    keepAlive: bool | None
    keepAliveInitialDelay: float | None


class ContextOptions(_ContextShared, total=False):
    """Options of `create_secure_context()`."""

    minVersion: str | ssl.TLSVersion | None
    maxVersion: str | ssl.TLSVersion | None
    secureProtocol: str | None
    secureOptions: int | None
    ecdhCurve: str | None
    honorCipherOrder: bool | None
    sessionIdContext: str | None
    sessionTimeout: int | None
    ticketKeys: bytes | None
    allowPartialTrustChain: bool | None
    certificateCompression: Sequence[str] | None
    clientCertEngine: str | None
    privateKeyIdentifier: str | None
    privateKeyEngine: str | None


class TLSOptions(_TLSShared, NetOptions, ContextOptions, total=False):
    """Options of `connect()`."""

    rejectUnauthorized: bool | None
    checkServerIdentity: IdentityCheck | None
    ALPNProtocols: Sequence[str] | bytes | None
    sessionCache: SessionCache | bool | None
    minDHSize: float | None
    pskCallback: PskCallback | None
    requestOCSP: Literal[False] | None
    enableTrace: bool | None
    secureContext: SecureContext | None
    objectMode: Literal[False] | None
    blockList: None


# --- Python's words: snake_case, seconds ----------------------------------------------------------


class NetKeywords(_NetShared, total=False):
    """The same as keywords."""

    local_address: str | None
    local_port: int | None
    auto_select_family: bool | None
    auto_select_family_attempt_timeout: float | None
    handshake_timeout: float | None
    allow_half_open: bool | None
    high_water_mark: int | None
    no_delay: bool | None
    keep_alive: bool | None
    keep_alive_initial_delay: float | None


class ContextKeywords(_ContextShared, total=False):
    """The same as keywords."""

    min_version: str | ssl.TLSVersion | None
    max_version: str | ssl.TLSVersion | None
    secure_protocol: str | None
    secure_options: int | None
    ecdh_curve: str | None
    honor_cipher_order: bool | None
    session_id_context: str | None
    session_timeout: int | None
    ticket_keys: bytes | None
    allow_partial_trust_chain: bool | None
    certificate_compression: Sequence[str] | None
    client_cert_engine: str | None
    private_key_identifier: str | None
    private_key_engine: str | None


class TLSKeywords(_TLSShared, NetKeywords, ContextKeywords, total=False):
    """The same as keywords."""

    reject_unauthorized: bool | None
    check_server_identity: IdentityCheck | None
    alpn_protocols: Sequence[str] | bytes | None
    session_cache: SessionCache | bool | None
    min_dh_size: float | None
    psk_callback: PskCallback | None
    request_ocsp: Literal[False] | None
    enable_trace: bool | None
    secure_context: SecureContext | None
    object_mode: Literal[False] | None
    block_list: None


# --- Calls ----------------------------------------------------------------------------------------


class NetCall(NetKeywords, total=False):
    """All keywords of `net.connect()`."""

    options: NetOptions | Mapping[str, Any] | None
    callback: Callback | None


class TLSCall(TLSKeywords, total=False):
    """All keywords of `connect()`."""

    options: TLSOptions | Mapping[str, Any] | None
    callback: Callback | None

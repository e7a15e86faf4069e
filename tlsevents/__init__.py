"""An asyncio TLS client socket with Node's `tls.TLSSocket` event API, on pyee.

Handshake-phase errors (`tlsClientError`) and post-connect errors (`error`) reach separate
listeners; a port of Node code with only an `error` listener hears everything there.
"""

from __future__ import annotations

from tlsevents import net
from tlsevents.context import (
    SecureContext,
    create_secure_context,
    make_settings_assignable,
)
from tlsevents.emitter import once
from tlsevents.errors import (
    CertificateError,
    NegotiationError,
    NetworkError,
    OptionsError,
    OptionTypeError,
    StreamError,
    TLSEventsError,
    UnsupportedOptionError,
)
from tlsevents.identity import check_server_identity
from tlsevents.net import Socket
from tlsevents.offer import convert_alpn_protocols, get_ciphers
from tlsevents.sessions import Session, SessionCache
from tlsevents.tls import TLSSocket, connect
from tlsevents.trust import get_ca_certificates, set_default_ca_certificates

__all__ = [
    "DEFAULT_CIPHERS",
    "DEFAULT_ECDH_CURVE",
    "DEFAULT_MAX_VERSION",
    "DEFAULT_MIN_VERSION",
    "CertificateError",
    "NegotiationError",
    "NetworkError",
    "OptionTypeError",
    "OptionsError",
    "SecureContext",
    "Session",
    "SessionCache",
    "Socket",
    "StreamError",
    "TLSEventsError",
    "TLSSocket",
    "UnsupportedOptionError",
    "check_server_identity",
    "connect",
    "convert_alpn_protocols",
    "create_secure_context",
    "get_ca_certificates",
    "get_ciphers",
    "net",
    "once",
    "root_certificates",
    "set_default_ca_certificates",
]

__version__ = "0.1.0"

# Assignable at run time and read at each connect(), as in Node; `root_certificates` is read
# from its file when it is first asked for.
DEFAULT_CIPHERS: str
DEFAULT_ECDH_CURVE: str
DEFAULT_MAX_VERSION: str
DEFAULT_MIN_VERSION: str
root_certificates: tuple[str, ...]

make_settings_assignable(__name__)
del make_settings_assignable

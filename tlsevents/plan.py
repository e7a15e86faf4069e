"""The plan of trust: who checks the chain, and who the name, decided before the handshake.

OpenSSL does as much as it can by itself, during the handshake. What it cannot (a name that is
not sent, a check of the caller's own, a context without verification) is done after it, before
`secureConnect`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tlsevents.certificates import name_facts
from tlsevents.errors import options_error
from tlsevents.identity import check_server_identity, is_ip, sni_name

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable

    from tlsevents.context import SecureContext
    from tlsevents.options import ConnectOptions

__all__ = ["Plan", "is_for", "make_plan"]


@dataclass(frozen=True, slots=True)
class Plan:
    """Who checks what, decided before the handshake.

    `verify`: the context is CERT_REQUIRED, OpenSSL refuses a bad chain by itself.
    `check_hostname`: OpenSSL checks the name too. It can when the identity to check is what
    goes into `server_hostname` (SNI, or an IP address, which is never sent) and nobody
    brought a check of his own.
    """

    verify: bool
    check_hostname: bool
    server_hostname: str | None
    identity: str
    custom_check: Callable[[str, dict[str, Any]], object] | None

    @property
    def needs_verifier(self) -> bool:
        """Whether a verdict is needed on a connection that OpenSSL let pass."""
        return not self.verify or (not self.check_hostname and self.custom_check is None)


def make_plan(options: ConnectOptions, context: SecureContext, host: str | None) -> Plan:
    """Decide for a connection to `host` (None: the identity is `localhost`, no name is sent)."""
    identity = options.servername or host or "localhost"
    if not options.servername and host is not None and is_ip(host):
        # OpenSSL checks an address given as server_hostname, and never sends it.
        server_hostname: str | None = host.partition("%")[0]
    else:
        server_hostname = sni_name(options.servername, host)
    nameable = server_hostname is not None
    if server_hostname is not None and ("\0" in server_hostname or len(server_hostname) > 255):
        # No certificate is for such a name; what is sent of it is what Node sends.
        server_hostname = server_hostname.partition("\0")[0][:256]
        server_hostname = server_hostname if len(server_hostname) <= 255 else None
        nameable = False
    custom = options.check_server_identity
    verify = options.reject_unauthorized
    if context.own:
        native = verify and custom is None and nameable
        return Plan(verify, native, server_hostname, identity, custom)
    # A caller's own context is used as it is; what it does not check is checked after.
    verify = verify and context.verifies
    if context.checks_hostname and server_hostname is None:
        if options.servername == "":
            raise options_error(
                "ERR_INVALID_ARG_VALUE",
                "The context checks host names, and servername is empty",
                hint="Give a servername, or a context with check_hostname = False.",
            )
        server_hostname = sni_name(None, identity) or identity
    native = verify and context.checks_hostname and nameable
    return Plan(verify, native, server_hostname, identity, custom)


# Names and certificates that fit each other, oldest first: most programs meet few.
_fits: dict[tuple[str, bytes | None], None] = {}
_FITS_KEPT = 256


def is_for(identity: str, connection: ssl.SSLObject) -> bool:
    """Node's own name check, for a pair that OpenSSL's check has accepted already."""
    pair = identity, connection.getpeercert(binary_form=True)
    if pair in _fits:
        return True
    if check_server_identity(identity, name_facts(connection.getpeercert() or {})) is not None:
        return False
    if len(_fits) >= _FITS_KEPT:
        _fits.pop(next(iter(_fits)), None)
    _fits[pair] = None
    return True

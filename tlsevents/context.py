"""From options to `ssl.SSLContext`: secure contexts, cached, and Node's module-level TLS settings.

Theory of operation
-------------------

* `secure_context(options)` is called by connect() on the event loop: it turns what matters for a
  context into one hashable value, `Settings`, and looks that up. A hit costs microseconds. A miss
  checks what the options hold in memory (ciphers, versions, certificates, keys), because Node
  throws for those from connect() itself.
* `SecureContext.client_context()` is the slow part (the roots, files) and belongs into an
  executor. It builds one `ssl.SSLContext` per way of verifying and keeps it: CPython ties sessions
  to their context.
* Files are looked at again by each call, and read again when they have changed, so that a renewed
  certificate is used without a restart; `client_context_ready()` is therefore never true for
  options that name files.
* A context that does not verify has no roots: they are 13 ms of work for nothing. It has them if
  there is a client certificate, because OpenSSL completes that certificate's chain from them.
* Nothing here knows of asyncio. Everything may be called from any thread.
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import ssl
import sys
import threading
import types
from abc import ABC, abstractmethod
from collections import OrderedDict
from collections.abc import Callable, Mapping, MutableMapping, Sequence
from typing import Any, ClassVar, NamedTuple, Protocol, TypeVar, cast
from weakref import WeakKeyDictionary

from tlsevents import credentials, errors, offer, trust
from tlsevents._cpython import real_context
from tlsevents.options import (
    ConnectOptions,
    PemContent,
    PemPath,
    Sealed,
    Source,
    SystemTrust,
    read_options,
)
from tlsevents.trust import Roots, Stamp, Trust
from tlsevents.verification import Verifier

__all__ = [
    "DEFAULT_CIPHERS",
    "DEFAULT_ECDH_CURVE",
    "DEFAULT_MAX_VERSION",
    "DEFAULT_MIN_VERSION",
    "SecureContext",
    "create_secure_context",
    "make_settings_assignable",
    "secure_context",
]

# Read at each connect(); the package writes assignments to its own names through to these.
DEFAULT_MIN_VERSION: str = "TLSv1.2"
DEFAULT_MAX_VERSION: str = "TLSv1.3"
DEFAULT_ECDH_CURVE: str = "auto"
DEFAULT_CIPHERS: str = (  # as in Node 20 to 26
    "TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256:TLS_AES_128_GCM_SHA256:"
    "ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES256-GCM-SHA384:"
    "ECDHE-ECDSA-AES256-GCM-SHA384:DHE-RSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-SHA256:"
    "DHE-RSA-AES128-SHA256:ECDHE-RSA-AES256-SHA384:DHE-RSA-AES256-SHA384:"
    "ECDHE-RSA-AES256-SHA256:DHE-RSA-AES256-SHA256:HIGH:!aNULL:!eNULL:!EXPORT:!DES:!RC4:"
    "!MD5:!PSK:!SRP:!CAMELLIA"
)

_CACHE_SIZE = 64  # a verifying context with all roots holds about 0.7 MiB (measured)


_T = TypeVar("_T")

PskCallback = Callable[["str | None"], "tuple[str | None, bytes]"]
"""As `ssl.SSLContext.set_psk_client_callback` takes it: from hint to identity and key."""


class WrapsBio(Protocol):
    """What is asked of a context that a user brings."""

    def wrap_bio(
        self,
        incoming: ssl.MemoryBIO,
        outgoing: ssl.MemoryBIO,
        server_side: bool = ...,
        server_hostname: str | None = ...,
        session: ssl.SSLSession | None = ...,
    ) -> ssl.SSLObject:
        """As `ssl.SSLContext.wrap_bio`."""
        ...


# --- Settings: what makes two contexts different --------------------------------------------------


class Settings(NamedTuple):
    """The options a context depends on, defaults filled in; equal settings share a context."""

    roots: Roots
    crl: tuple[Source, ...]
    partial_chain: bool
    cert: tuple[Source, ...]
    key: tuple[Sealed, ...]
    pfx: tuple[Sealed, ...]
    min_version: str
    max_version: str
    ciphers: str
    ecdh_curve: str
    sigalgs: str | None
    secure_options: int
    alpn: tuple[bytes, ...]
    server_method: bool
    no_ciphers: bool

    def __repr__(self) -> str:
        return "Settings(...)"  # keys and passphrases show up in no traceback

    @property
    def trust_sources(self) -> tuple[Source, ...]:
        """Sources that decide about trust."""
        return (*(self.roots.listed or ()), *self.crl, *(pfx.source for pfx in self.pfx))

    @property
    def all_sources(self) -> tuple[Source, ...]:
        """These, and those of the client's own certificate."""
        return (*self.trust_sources, *self.cert, *(key.source for key in self.key))


def _settings(given: ConnectOptions) -> Settings:
    if given.ca is None:
        roots = trust.default_roots()
    elif isinstance(given.ca, SystemTrust):
        roots = Roots("system")
    else:
        roots = Roots("listed", given.ca)
    minimum, maximum, server_method = offer.version_range(
        DEFAULT_MIN_VERSION if given.min_version is None else given.min_version,
        DEFAULT_MAX_VERSION if given.max_version is None else given.max_version,
        given.secure_protocol,
    )
    ciphers = _text("ciphers", DEFAULT_CIPHERS if given.ciphers is None else given.ciphers)
    return Settings(
        roots,
        given.crl,
        given.allow_partial_trust_chain,
        given.cert,
        given.key,
        given.pfx,
        minimum,
        maximum,
        ciphers,
        _text("ecdhCurve", given.ecdh_curve or DEFAULT_ECDH_CURVE or "auto"),
        given.sigalgs,
        given.secure_options,
        given.alpn_protocols,
        server_method,
        maximum != "TLSv1.3" and offer.only_tls13_suites(ciphers),
    )


def _text(name: str, value: object) -> str:
    """Return a setting that is not from the option table, which would have checked it."""
    if not isinstance(value, str):
        raise errors.option_type_error(f"options.{name}", "string", value)
    return value


# --- Secure contexts ------------------------------------------------------------------------------


class SecureContext(ABC):
    """What connections that are set up alike have in common: trust, certificate, versions, ciphers.

    Mirrors `tls.SecureContext`; made by `create_secure_context()`, and by every connect() whose
    options differ from the ones before. Immutable and hashable; equal options give the same object,
    from a cache of the process. One object serves any number of connections, at the same time too.
    """

    __slots__ = ("__weakref__",)

    own: bool
    """False for a context that the user brought (option `context`), used exactly as it is."""

    @staticmethod
    def wrapping(context: WrapsBio) -> SecureContext:
        """A user's own `ssl.SSLContext`, or anything with its `wrap_bio`, behind this interface."""
        return _Wrapping(context)

    @abstractmethod
    def offering(self, protocols: Sequence[bytes]) -> SecureContext:
        """Return the same with ALPN protocols: of a connection in Node, of a context in OpenSSL."""

    @property
    @abstractmethod
    def needs_files(self) -> bool:
        """Whether client_context() reads files, and may raise what is wrong with them."""

    @abstractmethod
    def client_context(
        self,
        *,
        verify: bool,
        check_hostname: bool,
        keylog_filename: str | None = None,
        apart: bool = False,
        psk_callback: PskCallback | None = None,
    ) -> ssl.SSLContext:
        """Return the `ssl.SSLContext` for a connection; blocks when it has to be built.

        Args:    verify: CERT_REQUIRED, else CERT_NONE.
                 check_hostname: whether OpenSSL checks the name as well; only with `verify`.
                 keylog_filename: where secrets go; such a context serves one connection and is
                 not kept.
                 apart: one that serves only connections that ask for this, so that it may be told
                 to write a key log now and then.
                 psk_callback: answers for pre-shared keys, on Python 3.13 and newer.
        Raises:  OptionsError for files, NegotiationError for a method of servers.
        """

    @abstractmethod
    def client_context_ready(
        self, *, verify: bool, check_hostname: bool, psk_callback: PskCallback | None = None
    ) -> bool:
        """Whether client_context() would answer at once."""

    @abstractmethod
    def holds(self, context: ssl.SSLContext) -> bool:
        """Whether `context` is one that client_context() would return now, for some arguments."""

    @abstractmethod
    def own_certificate(self) -> bytes | None:
        """The client's certificate as DER, the last if there are several; blocks for files."""

    @abstractmethod
    def verifier(self) -> Verifier:
        """Names verdicts with the same trust; blocks when it has to be built."""

    @property
    @abstractmethod
    def verifier_ready(self) -> bool:
        """Whether verifier() would answer at once."""

    @property
    @abstractmethod
    def verifies(self) -> bool:
        """Whether a context made with verify=True refuses what is not trusted."""

    @property
    @abstractmethod
    def checks_hostname(self) -> bool:
        """Whether a context made with check_hostname=True checks names."""

    @abstractmethod
    def trusted_certificates(self) -> Sequence[bytes]:
        """The anchors as DER; blocks for files."""


class _Variant(NamedTuple):
    """Which of the contexts of a `SecureContext`."""

    verify: bool
    check_hostname: bool
    apart: bool
    psk_callback: PskCallback | None


class _Built(SecureContext):
    """Made from options."""

    __slots__ = ("_lock", "_made", "_needs_files", "_settings")

    own = True

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._needs_files = any(isinstance(source, PemPath) for source in settings.all_sources)
        self._lock = threading.Lock()  # held while building: the second caller wants the same thing
        self._made: dict[object, tuple[Stamp, Any]] = {}
        _check_content(settings)

    def __repr__(self) -> str:
        return f"<SecureContext at {id(self):#x}>"

    def offering(self, protocols: Sequence[bytes]) -> SecureContext:
        if self._settings.alpn == tuple(protocols):
            return self
        return _cached(self._settings._replace(alpn=tuple(protocols)))

    @property
    def needs_files(self) -> bool:
        return self._needs_files

    def client_context(
        self,
        *,
        verify: bool,
        check_hostname: bool,
        keylog_filename: str | None = None,
        apart: bool = False,
        psk_callback: PskCallback | None = None,
    ) -> ssl.SSLContext:
        if self._settings.server_method:
            raise _no_handshake("0A0C0101", "called a function you should not call")
        if self._settings.no_ciphers:
            raise _no_handshake("0A0000B5", "no ciphers available")
        variant = (verify, verify and check_hostname)
        if keylog_filename is not None:
            context = self._build(*variant)
            context.keylog_filename = keylog_filename
            return context
        what = _Variant(*variant, apart, psk_callback)

        def build() -> ssl.SSLContext:
            context = self._build(*variant)
            if psk_callback is not None:
                # Python 3.13 and newer; the option table has made sure of that.
                cast("Any", context).set_psk_client_callback(psk_callback)
            return context

        return self._once(what, self._settings.all_sources, build)

    def _once(self, what: object, sources: tuple[Source, ...], build: Callable[[], _T]) -> _T:
        """Return what is kept, or build it, if it is not there or its files have changed.

        What is there is found without the lock: the event loop must not wait for a builder.
        """
        stamp = trust.stamp(sources) if self._needs_files else ()
        kept = self._made.get(what)
        if kept is None or kept[0] != stamp:
            with self._lock:
                kept = self._made.get(what)
                if kept is None or kept[0] != stamp:
                    kept = self._made[what] = (stamp, build())
        made: _T = kept[1]
        return made

    def client_context_ready(
        self, *, verify: bool, check_hostname: bool, psk_callback: PskCallback | None = None
    ) -> bool:
        if self._needs_files:
            return False
        return _Variant(verify, verify and check_hostname, False, psk_callback) in self._made

    def holds(self, context: ssl.SSLContext) -> bool:
        stamp = trust.stamp(self._settings.all_sources) if self._needs_files else ()
        return any(
            isinstance(what, _Variant) and made[0] == stamp and real_context(made[1]) is context
            for what, made in list(self._made.items())
        )

    def own_certificate(self) -> bytes | None:
        def build() -> bytes | None:
            for group in reversed(_read_credentials(self._settings)[0]):
                if group.keys and group.certificates:
                    blocks = trust.certificate_blocks(group.certificates[-1])
                    return ssl.PEM_cert_to_DER_cert(blocks[0].decode("latin-1"))
            return None

        return self._once("own certificate", self._settings.all_sources, build)

    def _build(self, verify: bool, check_hostname: bool) -> ssl.SSLContext:
        settings = self._settings
        system = settings.roots.kind == "system"
        delegates = verify and system and _delegates_to_system()
        context = _new_context(settings, _truststore() if delegates else ssl.SSLContext)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_REQUIRED if verify else ssl.CERT_NONE
        context.check_hostname = check_hostname
        if not check_hostname:
            # A server of TLS 1.2 may ask for another handshake, with another certificate. Where
            # OpenSSL does not check all of it by itself, that would go by unseen.
            context.options |= ssl.OP_NO_RENEGOTIATION
        groups, additional = _read_credentials(settings)
        anchors = self._trust(additional)
        if delegates:
            anchors.load_rest(context)
        elif verify or groups:
            anchors.load(context)
        credentials.load(context, groups, functools.partial(_new_context, settings))
        return context

    def _trust(self, additional: Sequence[bytes]) -> Trust:
        settings = self._settings
        return Trust(
            settings.roots,
            additional=additional,
            crls=settings.crl,
            partial_chain=settings.partial_chain,
        )

    def verifier(self) -> Verifier:
        def build() -> Verifier:
            anchors = self._trust(_read_credentials(self._settings)[1])
            return _ready_verifier(anchors.load, offer.security_level(self._settings.ciphers))

        return self._once("verifier", self._settings.trust_sources, build)

    @property
    def verifier_ready(self) -> bool:
        return not self._needs_files and "verifier" in self._made

    @property
    def verifies(self) -> bool:
        return True

    @property
    def checks_hostname(self) -> bool:
        return True

    def trusted_certificates(self) -> Sequence[bytes]:
        def build() -> Sequence[bytes]:
            return self._trust(_read_credentials(self._settings)[1]).anchors()

        return self._once("anchors", self._settings.trust_sources, build)


def _no_handshake(number: str, reason: str) -> errors.NegotiationError:
    """Say what OpenSSL would say to settings that no handshake can begin with."""
    return errors.NegotiationError(
        f"error:{number}:SSL routines::{reason}",
        code="ERR_SSL_" + reason.upper().replace(" ", "_"),
        phase="handshake",
        library="SSL routines",
        reason=reason,
    )


def _new_context(settings: Settings, make: type[ssl.SSLContext] = ssl.SSLContext) -> ssl.SSLContext:
    """Return a context with everything but trust and certificates; raises OptionsError."""
    context = make(ssl.PROTOCOL_TLS_CLIENT)
    # A connection that is cut off must be told from one that was closed (RFC 8446 section 6.1).
    context.options &= ~ssl.OP_IGNORE_UNEXPECTED_EOF
    only_tls13 = offer.set_ciphers(context, settings.ciphers, settings.max_version)
    lowest = settings.min_version
    if only_tls13 and settings.max_version == "TLSv1.3":
        lowest = "TLSv1.3"
    forbidden = settings.secure_options & offer.NO_VERSIONS
    level = offer.security_level(settings.ciphers)
    offer.set_versions(context, lowest, settings.max_version, forbidden, level)
    wanted = settings.secure_options & ~offer.NO_VERSIONS
    if wanted < 0:
        wanted &= 0xFFFFFFFF  # -1 is every bit in Node; Python takes positive numbers only
    if wanted & ~int(context.options):
        context.options |= wanted
    if settings.sigalgs is not None:
        offer.set_sigalgs(context, settings.sigalgs)
    if settings.ecdh_curve != "auto":
        if make is not ssl.SSLContext:  # truststore does not hand it on
            raise errors.unsupported_option(
                "ecdh_curve", "it does not go together with ca='system'."
            )
        offer.set_groups(context, settings.ecdh_curve)
    if settings.alpn:
        context.set_alpn_protocols(offer.alpn_names(settings.alpn))
    return context


def _check_content(settings: Settings) -> None:
    """Raise what is wrong with what is in memory; in Node's order."""
    if settings.roots.kind == "system":
        _truststore()
    new_context = functools.partial(_new_context, settings)
    scratch = new_context()
    certs = [source for source in settings.cert if isinstance(source, PemContent)]
    keys = [key for key in settings.key if isinstance(key.source, PemContent)]
    if len(certs) == len(settings.cert) and len(keys) == len(settings.key):
        groups = [_group(certs, keys)]
    else:  # whether they belong together can be told only when all of it has been read
        groups = [_group(certs, []), _group([], keys)]
    credentials.load(scratch, groups, new_context)
    trust.load_crls(scratch, [source for source in settings.crl if isinstance(source, PemContent)])
    for pfx in settings.pfx:
        credentials.require_cryptography()
        if isinstance(pfx.source, PemContent):
            group, _ = credentials.read_pfx(trust.read_source(pfx.source), pfx.passphrase)
            credentials.load(scratch, [group], new_context)


def _group(certs: Sequence[Source], keys: Sequence[Sealed]) -> credentials.Group:
    return credentials.Group(
        [trust.read_source(source) for source in certs],
        [credentials.Key(trust.read_source(key.source), key.passphrase) for key in keys],
    )


def _read_credentials(settings: Settings) -> tuple[list[credentials.Group], list[bytes]]:
    """Own certificates and keys, and the certificates that PKCS#12 files want trusted."""
    groups = [_group(settings.cert, settings.key)] if settings.cert or settings.key else []
    additional: list[bytes] = []
    for pfx in settings.pfx:
        group, others = credentials.read_pfx(trust.read_source(pfx.source), pfx.passphrase)
        groups.append(group)
        additional += others
    return groups, additional


def _ready_verifier(load: Callable[[ssl.SSLContext], None], security_level: int) -> Verifier:
    verifier = Verifier(load, security_level=security_level)
    verifier.verdict([credentials.any_certificate_der()])  # loads trust now, not on the event loop
    return verifier


def _truststore() -> type[ssl.SSLContext]:
    try:
        import truststore
    except ImportError as exc:
        raise errors.unsupported_option(
            "ca", "'system' needs the package truststore: pip install 'tlsevents[system]'"
        ) from exc
    return truststore.SSLContext


def _delegates_to_system() -> bool:
    """Whether the system itself verifies; elsewhere its store is a list of files, and OpenSSL does.

    truststore would read that list for every connection anew.
    """
    return sys.platform in {"darwin", "win32"}


class _Wrapping(SecureContext):
    """A user's own context. What it trusts is asked of it, for naming verdicts only."""

    __slots__ = ("_context",)

    own = False

    # Verifiers by context. They must not keep the context alive, and new roots make a new one.
    _verifiers: ClassVar[MutableMapping[Any, tuple[object, Verifier]]] = WeakKeyDictionary()
    _lock: ClassVar[threading.Lock] = threading.Lock()

    def __init__(self, context: WrapsBio) -> None:
        self._context: Any = context

    def __repr__(self) -> str:
        return f"<SecureContext wrapping {type(self._context).__name__} at {id(self._context):#x}>"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Wrapping) and self._context is other._context

    def __hash__(self) -> int:
        return hash((_Wrapping, id(self._context)))

    def offering(self, protocols: Sequence[bytes]) -> SecureContext:
        if protocols:
            raise errors.unsupported_option(
                "alpn_protocols", "with a context of your own, call its set_alpn_protocols()."
            )
        return self

    @property
    def needs_files(self) -> bool:
        return False

    def client_context(
        self,
        *,
        verify: bool,  # noqa: ARG002 - the user's context is used as it is
        check_hostname: bool,  # noqa: ARG002
        keylog_filename: str | None = None,  # noqa: ARG002
        apart: bool = False,  # noqa: ARG002
        psk_callback: PskCallback | None = None,  # noqa: ARG002
    ) -> ssl.SSLContext:
        """Return the user's context, whatever is asked."""
        context: ssl.SSLContext = self._context
        return context

    def client_context_ready(
        self,
        *,
        verify: bool,  # noqa: ARG002
        check_hostname: bool,  # noqa: ARG002
        psk_callback: PskCallback | None = None,  # noqa: ARG002
    ) -> bool:
        return True

    def holds(self, context: ssl.SSLContext) -> bool:
        return real_context(self._context) is context

    def own_certificate(self) -> bytes | None:
        """None: what a context has loaded is known to OpenSSL only."""
        return None

    def verifier(self) -> Verifier:
        state = self._state()
        kept = self._kept()
        if kept is not None and kept[0] == state:
            return kept[1]
        with self._lock:
            kept = self._kept()
            if kept is None or kept[0] != state:
                level = getattr(self._context, "security_level", offer.SECURITY_LEVEL)
                kept = (state, _ready_verifier(self._load, level))
                with contextlib.suppress(TypeError):  # it cannot be referred to weakly
                    self._verifiers[self._context] = kept
            return kept[1]

    @property
    def verifier_ready(self) -> bool:
        kept = self._kept()
        return kept is not None and kept[0] == self._state()

    def _kept(self) -> tuple[object, Verifier] | None:
        with contextlib.suppress(TypeError):
            return self._verifiers.get(self._context)
        return None

    def _state(self) -> object:
        flags = int(getattr(self._context, "verify_flags", 0))
        with contextlib.suppress(AttributeError, NotImplementedError):
            return flags, self._context.cert_store_stats()
        return flags

    @property
    def _load(self) -> Callable[[ssl.SSLContext], None]:
        certificates = self.trusted_certificates()
        flags = getattr(self._context, "verify_flags", None)

        def load(context: ssl.SSLContext) -> None:
            for der in certificates:
                context.load_verify_locations(cadata=der)
            if flags is not None:
                context.verify_flags = flags

        return load

    @property
    def verifies(self) -> bool:
        return bool(getattr(self._context, "verify_mode", ssl.CERT_NONE) != ssl.CERT_NONE)

    @property
    def checks_hostname(self) -> bool:
        return bool(getattr(self._context, "check_hostname", False))

    def trusted_certificates(self) -> Sequence[bytes]:
        """Return what `get_ca_certs` tells: no folders that OpenSSL looks into, no truststore."""
        with contextlib.suppress(AttributeError, NotImplementedError):
            return tuple(self._context.get_ca_certs(binary_form=True))
        return ()


# --- The cache ------------------------------------------------------------------------------------

_cache: OrderedDict[Settings, _Built] = OrderedDict()
_cache_lock = threading.Lock()


def secure_context(given: ConnectOptions) -> SecureContext:
    """Return the secure context for a connection's options; equal options share one.

    Raises: OptionsError for what is wrong with versions, ciphers, and content in memory; only when
    these options are new.
    """
    if given.context is not None:
        return SecureContext.wrapping(given.context).offering(given.alpn_protocols)
    if given.secure_context is None:
        return _cached(_settings(given))
    ready = given.secure_context
    if not isinstance(ready, SecureContext):
        raise errors.OptionTypeError(code="ERR_TLS_INVALID_CONTEXT", phase="options")
    return ready.offering(given.alpn_protocols)


def _cached(settings: Settings) -> SecureContext:
    with _cache_lock:
        found = _cache.get(settings)
        if found is not None:
            _cache.move_to_end(settings)
            return found
    made = _Built(settings)  # without the lock: it may take milliseconds
    with _cache_lock:
        kept = _cache.setdefault(settings, made)
        while len(_cache) > _CACHE_SIZE:
            _cache.popitem(last=False)
    return kept


def create_secure_context(
    options: Mapping[str, object] | None = None, /, **keywords: object
) -> SecureContext:
    """Make, or find, the secure context that these options describe.

    Mirrors `tls.createSecureContext(options)`; give the result to any number of connections as
    option `secureContext` (keyword `secure_context`). Node makes a new one each time; here equal
    options share one, and files are read when it is first used.

    Args:    options: a mapping with Node's names, or keywords with Python's: ca, cert, key, ...
             Those that are about one connection (host, servername, ALPNProtocols, ...) are checked
             but say nothing here, as in Node: give them to connect().
    Raises:  OptionsError, with Node's codes, for what is wrong with them.
    """
    given = read_options(options, keywords)
    return secure_context(dataclasses.replace(given, alpn_protocols=()))


# --- Settings of the module -----------------------------------------------------------------------


_SETTINGS = ("DEFAULT_CIPHERS", "DEFAULT_ECDH_CURVE", "DEFAULT_MAX_VERSION", "DEFAULT_MIN_VERSION")


class _Assignable(types.ModuleType):
    """The type of a package whose DEFAULT_ names can be assigned; a property wins over its dict."""

    @property
    def root_certificates(self) -> tuple[str, ...]:
        """Mozilla's roots as PEM, read when first asked for; as `tls.rootCertificates`."""
        return trust.root_certificates()

    def __dir__(self) -> list[str]:
        return sorted({*super().__dir__(), *_SETTINGS, "root_certificates"})


def _setting(name: str) -> property:
    here = sys.modules[__name__]
    return property(lambda _: getattr(here, name), lambda _, value: setattr(here, name, value))


for _name in _SETTINGS:
    setattr(_Assignable, _name, _setting(_name))


def make_settings_assignable(module_name: str) -> None:
    """Let `package.DEFAULT_MIN_VERSION = ...` have effect, and read `root_certificates` lazily.

    In Node these are properties of the module, "assignable at run time and read at each connect".
    The package declares the names with annotations only, and calls this once.
    """
    sys.modules[module_name].__class__ = _Assignable

"""Who is trusted: reading certificates and CRLs, and getting them into an `ssl.SSLContext`.

Theory of operation
-------------------

* An item of `ca` or `crl` is content (bytes, or text with a PEM header) or a path; a path is read
  only while a context is built, in an executor, because files block.
* Certificates go in as a *file*. `load_verify_locations(cafile=...)` gives up the GIL while
  OpenSSL parses, `cadata=...` does not: 117 roots take 13 ms either way, and those must not stop
  the event loop of another thread (measured, CPython 3.11 to 3.13). CRLs and TRUSTED CERTIFICATE
  blocks have no other way in at all.
* What is only in memory becomes an anonymous file that no directory lists (`memfd_create`), or,
  where the system has none, a file of mode 0600 that is removed as soon as OpenSSL has read it.
* As in Node, what is wrong in `ca` adds nothing and is no error: with fewer anchors less is
  trusted.
"""

from __future__ import annotations

import binascii
import contextlib
import functools
import itertools
import logging
import os
import re
import ssl
import sys
import tempfile
from collections.abc import Generator, Iterable, Sequence
from pathlib import Path
from typing import Literal, NamedTuple, TypeAlias, cast

import certifi

from tlsevents import errors
from tlsevents.options import PemContent, PemPath, Source

_log = logging.getLogger("tlsevents")

__all__ = [
    "Roots",
    "Stamp",
    "Trust",
    "default_roots",
    "get_ca_certificates",
    "load_crls",
    "memory_file",
    "read_source",
    "root_certificates",
    "set_default_ca_certificates",
    "stamp",
]

CertificateKind: TypeAlias = Literal["default", "bundled", "system", "extra"]

Stamp: TypeAlias = tuple[tuple[int, int, int], ...]

_CERTIFICATE = re.compile(
    rb"-----BEGIN ((?:X509 |TRUSTED )?CERTIFICATE)-----.*?-----END \1-----", re.DOTALL
)
_CRL = re.compile(rb"-----BEGIN X509 CRL-----.*?-----END X509 CRL-----", re.DOTALL)

# Where distributions keep the bundle when the paths compiled into OpenSSL lead nowhere, as they do
# in interpreters built elsewhere: Alpine and BSD, Fedora and RHEL (two layouts), Debian, SUSE.
_SYSTEM_BUNDLES = (
    "/etc/ssl/cert.pem",
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/ssl/ca-bundle.pem",
)
_HASHED_NAME = re.compile(r"[0-9a-f]{8}\.[0-9]+")


# --- Sources: content or path ---------------------------------------------------------------------


def read_source(source: Source) -> bytes:
    """Return the content; raises OptionsError (ENOENT, EACCES, ...) for what cannot be read."""
    if isinstance(source, PemContent):
        return source.data
    try:
        return Path(source.path).read_bytes()
    except OSError as exc:
        raise errors.file_error(exc, source.path) from exc


def stamp(sources: Iterable[Source]) -> Stamp:
    """Return what changes when one of the files does: a renewed certificate needs no restart."""
    found: list[tuple[int, int, int]] = []
    for source in sources:
        if isinstance(source, PemPath):
            try:
                status = Path(source.path).stat()
            except OSError as exc:
                raise errors.file_error(exc, source.path) from exc
            found.append((status.st_mtime_ns, status.st_size, status.st_ino))
    return tuple(found)


# --- Files for OpenSSL ----------------------------------------------------------------------------


@contextlib.contextmanager
def memory_file(content: bytes) -> Generator[str, None, None]:
    """Give OpenSSL, which wants a file name, content that is only in memory.

    Nobody but this process can read it, and nothing is left when the block is done.
    """
    anonymous = _anonymous_file(content)
    if anonymous is not None:
        descriptor, path = anonymous
        try:
            yield path
        finally:
            os.close(descriptor)
        return
    descriptor, path = tempfile.mkstemp(prefix="tlsevents-")  # mode 0600 from the start
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
        yield path
    finally:
        Path(path).unlink()


def _anonymous_file(content: bytes) -> tuple[int, str] | None:
    create = getattr(os, "memfd_create", None)  # Linux, FreeBSD
    if create is None:
        return None
    try:
        descriptor: int = create("tlsevents")  # close-on-exec by default (PEP 446)
    except OSError:  # a sandbox that does not know the call
        return None
    try:
        os.fchmod(descriptor, 0o600)  # born 0777; matters to those who may look into /proc
        with os.fdopen(descriptor, "wb", closefd=False) as file:
            file.write(content)
        os.lseek(descriptor, 0, os.SEEK_SET)  # where /dev/fd duplicates, the position is shared
        for directory in ("/proc/self/fd", "/dev/fd"):
            path = f"{directory}/{descriptor}"
            if os.access(
                path, os.R_OK
            ):  # no: not mounted, or a process that may not be looked into
                return descriptor, path
    except OSError:
        pass
    os.close(descriptor)
    return None


# --- Certificates ---------------------------------------------------------------------------------


def certificate_blocks(content: bytes) -> list[bytes]:
    """The PEM certificates in a text, those with trust settings (TRUSTED CERTIFICATE) included."""
    return [match.group() for match in _CERTIFICATE.finditer(content)]


def block_der(block: bytes) -> bytes:
    """The certificate of a PEM block as DER; the block must be good."""
    der = binascii.a2b_base64(block.split(b"-----")[2])
    # A TRUSTED CERTIFICATE has its trust settings after the certificate. The length of one takes
    # more than one byte, always: it holds a key and a signature (X.690 section 8.1.3.5).
    size = der[1] & 0x7F
    return der[: 2 + size + int.from_bytes(der[2 : 2 + size], "big")]


def is_certificate(block: bytes) -> bool:
    """Whether OpenSSL can read a PEM block."""
    return _load_file(ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT), block)


def load_blocks(context: ssl.SSLContext, items: Sequence[Sequence[bytes]]) -> None:
    """Trust PEM blocks, given per item: within one, nothing counts after a block that is broken."""
    whole = b"\n".join(block for blocks in items for block in blocks)
    if not whole or _load_file(context, whole):
        return
    for blocks in items:  # something is wrong somewhere: find out what is good
        for block in blocks:
            if not _load_file(context, block):
                break


def _load_file(context: ssl.SSLContext, content: bytes) -> bool:
    with memory_file(content) as path:
        try:
            context.load_verify_locations(cafile=path)
        except ssl.SSLError:
            return False
    return True


def load_crls(context: ssl.SSLContext, sources: Iterable[Source]) -> None:
    """Add CRLs; raises OptionsError (ERR_CRYPTO_OPERATION_FAILED) for what is none."""
    for source in sources:
        blocks = _CRL.findall(read_source(source))
        if not blocks or not _load_file(context, b"\n".join(blocks)):
            raise errors.options_error("ERR_CRYPTO_OPERATION_FAILED", "Failed to parse CRL")


# --- Roots ----------------------------------------------------------------------------------------

_replacement: PemContent | None = None  # set_default_ca_certificates()


@functools.cache
def _bundled() -> tuple[bytes, ...]:
    return tuple(certificate_blocks(Path(certifi.where()).read_bytes()))


@functools.cache
def _extra(path: str) -> tuple[bytes, ...]:
    """Certificates of NODE_EXTRA_CA_CERTS; a file that cannot be used is a warning, once."""
    try:
        blocks = tuple(certificate_blocks(Path(path).read_bytes()))
        problem = None if blocks else "no certificate in it"
    except (OSError, ValueError) as exc:
        blocks = ()
        problem = getattr(exc, "strerror", None) or str(exc)
    if problem is not None:
        # Node prints a line and goes on. Not a Python warning: where those are errors, a file
        # that nobody may need would end the connection.
        _log.warning("Ignoring extra certs from `%s`, load failed: %s", path, problem)
    return blocks


def _system() -> tuple[bytes, ...]:
    places = ssl.get_default_verify_paths()  # honours SSL_CERT_FILE and SSL_CERT_DIR
    return _system_at(places.cafile, places.capath)


@functools.cache
def _system_at(cafile: str | None, capath: str | None) -> tuple[bytes, ...]:
    if sys.platform == "win32":
        found = [
            ssl.DER_cert_to_PEM_cert(der).encode()
            for store in ("CA", "ROOT")
            for der, encoding, usage in ssl.enum_certificates(store)
            if encoding == "x509_asn"
            and (
                usage is True
                or (not isinstance(usage, bool) and ssl.Purpose.SERVER_AUTH.oid in usage)
            )
        ]
        return tuple(dict.fromkeys(found))
    files = [] if cafile is None else [cafile]
    if capath is not None and Path(capath).is_dir():
        hashed = (path for path in Path(capath).iterdir() if _HASHED_NAME.fullmatch(path.name))
        files += sorted(map(str, hashed))
    blocks = _blocks_of_files(files)
    for bundle in () if blocks else _SYSTEM_BUNDLES:
        blocks = blocks or _blocks_of_files([bundle])
    return blocks


def _blocks_of_files(paths: Iterable[str]) -> tuple[bytes, ...]:
    blocks: list[bytes] = []
    for path in paths:
        with contextlib.suppress(OSError):
            blocks += certificate_blocks(Path(path).read_bytes())
    return tuple(dict.fromkeys(blocks))


class Roots(NamedTuple):
    """Where anchors come from; hashable, so that contexts can be cached by it."""

    kind: Literal["default", "system", "listed"]
    listed: tuple[Source, ...] | None = None
    """What `ca` lists; for the default, what set_default_ca_certificates() put in its place."""
    extra: str | None = None
    """The value of NODE_EXTRA_CA_CERTS."""


def default_roots() -> Roots:
    """The trust of a connection without `ca`, as it is now."""
    if _replacement is not None:
        return Roots("default", (_replacement,))
    return Roots("default", None, os.environ.get("NODE_EXTRA_CA_CERTS") or None)


class Trust:
    """Anchors, CRLs and the flags that go with them."""

    def __init__(
        self,
        roots: Roots,
        *,
        additional: Sequence[bytes] = (),
        crls: tuple[Source, ...] = (),
        partial_chain: bool = False,
    ) -> None:
        self._roots = roots
        self._additional = additional
        self._crls = crls
        self._partial_chain = partial_chain

    def load(self, context: ssl.SSLContext) -> None:
        """Fill a context; raises OptionsError for files. Mozilla's roots take 13 ms."""
        roots = self._roots
        if roots.kind == "default" and roots.listed is None:
            context.load_verify_locations(
                cafile=certifi.where()
            )  # parsed by OpenSSL, without the GIL
            if roots.extra is not None:
                load_blocks(context, [_extra(roots.extra)])
        else:
            load_blocks(context, self._listed())
        self.load_rest(context)

    def load_rest(self, context: ssl.SSLContext) -> None:
        """Fill a context that has its anchors from elsewhere with all else."""
        load_blocks(context, [self._additional])
        if self._crls:
            load_crls(context, self._crls)
        context.verify_flags = self.flags

    @property
    def flags(self) -> ssl.VerifyFlags:
        """As Node has them: VERIFY_X509_STRICT off, no partial chain unless asked for."""
        flags = ssl.VerifyFlags.VERIFY_X509_TRUSTED_FIRST
        if self._crls:
            flags |= ssl.VerifyFlags.VERIFY_CRL_CHECK_CHAIN
        if self._partial_chain:
            flags |= ssl.VerifyFlags.VERIFY_X509_PARTIAL_CHAIN
        return flags

    def anchors(self) -> tuple[bytes, ...]:
        """Return the certificates as DER; blocks, for files and for looking at each of them."""
        found: list[bytes] = []
        for blocks in [*self._listed(), self._additional]:
            known_good = blocks is _bundled()
            good = itertools.takewhile(lambda block: known_good or is_certificate(block), blocks)  # noqa: B023
            found += map(block_der, good)
        return tuple(dict.fromkeys(found))

    def _listed(self) -> list[Sequence[bytes]]:
        roots = self._roots
        if roots.kind == "system":
            return [_system()]
        if roots.listed is not None:
            return [certificate_blocks(read_source(item)) for item in roots.listed]
        return [_bundled(), _extra(roots.extra) if roots.extra else ()]


# --- Public functions -----------------------------------------------------------------------------


def root_certificates() -> tuple[str, ...]:
    """Mozilla's roots, from certifi, as PEM.

    Mirrors `tls.rootCertificates`; read when first asked for.
    """
    return tuple(block.decode() for block in _bundled())


def get_ca_certificates(kind: CertificateKind = "default") -> list[str]:
    """Certificates that are trusted, as PEM.

    Mirrors `tls.getCACertificates(type)`; the bundle is certifi's.

    Args:    kind: "default" (what a connection without `ca` trusts), "bundled" (certifi's),
             "system" (the operating system's store; on macOS only what OpenSSL's own default
             paths hold), "extra" (NODE_EXTRA_CA_CERTS).
    Raises:  OptionTypeError (ERR_INVALID_ARG_TYPE), OptionsError (ERR_INVALID_ARG_VALUE).
    """
    if not isinstance(kind, str):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise errors.option_type_error("type", "string", kind)
    extra = os.environ.get("NODE_EXTRA_CA_CERTS")
    if kind == "default":
        replacement = _replacement
        if replacement is None:
            blocks = _bundled() + (_extra(extra) if extra else ())
        else:
            blocks = tuple(certificate_blocks(replacement.data))
    elif kind == "bundled":
        blocks = _bundled()
    elif kind == "system":
        blocks = _system()
    elif kind == "extra":
        blocks = _extra(extra) if extra else ()
    else:
        raise errors.option_value_error("type", kind, "is invalid")
    return [block.decode("ascii", "replace") for block in dict.fromkeys(blocks)]


def set_default_ca_certificates(certs: Sequence[str | bytes]) -> None:
    """Replace what a connection without `ca` trusts, from the next connect() on.

    Mirrors `tls.setDefaultCACertificates(certs)`. Bundled and extra certificates no longer count,
    and an empty list trusts nobody. What is not a certificate is left out.

    Args:    certs: PEM, one or more certificates in each.
    Raises:  OptionTypeError (ERR_INVALID_ARG_TYPE); OptionsError (ERR_CRYPTO_OPERATION_FAILED)
             when none of them is a certificate: the default then stays as it was.
    """
    global _replacement  # noqa: PLW0603 - the default of the process, as in Node
    given = cast("object", certs)
    if not isinstance(given, list | tuple):
        raise errors.option_type_error("certs", "an instance of Array", given)
    blocks: list[bytes] = []
    for index, item in enumerate(cast("Sequence[object]", given)):
        if not isinstance(item, str | bytes | bytearray | memoryview):
            raise errors.option_type_error(
                f"certs[{index}]", "of type string or an instance of ArrayBufferView", item
            )
        content = item.encode() if isinstance(item, str) else bytes(cast("bytes", item))
        blocks += [block for block in certificate_blocks(content) if is_certificate(block)]
    if certs and not blocks:
        raise errors.options_error(
            "ERR_CRYPTO_OPERATION_FAILED", "No valid certificates found in the provided array"
        )
    _replacement = PemContent(b"\n".join(dict.fromkeys(blocks)))

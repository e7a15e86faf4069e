"""Who is trusted: reading certificates and CRLs, and getting them into an `ssl.SSLContext`.

Theory of operation
-------------------
* An item of `ca` or `crl` is content (bytes, or text with a PEM header) or a path; a path is read only while a
  context is built, in an executor, because files block.
* Certificates go in as a *file*. `load_verify_locations(cafile=...)` gives up the GIL while OpenSSL parses,
  `cadata=...` does not: 117 roots take 13 ms either way, and those must not stop the event loop of another
  thread (measured, CPython 3.11 to 3.13). CRLs and TRUSTED CERTIFICATE blocks have no other way in at all.
* What is only in memory becomes an anonymous file that no directory lists (`memfd_create`), or, where the system
  has none, a file of mode 0600 that is removed as soon as OpenSSL has read it.
* As in Node, what is wrong in `ca` adds nothing and is no error: with fewer anchors less is trusted.
"""

from __future__ import annotations

import binascii
import contextlib
import functools
import os
import re
import ssl
import sys
import tempfile
import threading
import warnings
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

import certifi

from tlsevents import errors

__all__ = [
    "Item",
    "Trust",
    "TrustSource",
    "default_source",
    "get_ca_certificates",
    "is_path",
    "load_crls",
    "memory_file",
    "path_of",
    "read_item",
    "root_certificates",
    "set_default_ca_certificates",
    "stamp",
]

Item = bytes | str | os.PathLike[str]
"""Content, or the path of a file that has it."""

_CERTIFICATE = re.compile(
    rb"-----BEGIN ((?:X509 |TRUSTED )?CERTIFICATE)-----.*?-----END \1-----", re.DOTALL
)
_CRL = re.compile(rb"-----BEGIN X509 CRL-----.*?-----END X509 CRL-----", re.DOTALL)

# Where distributions keep the bundle when the paths compiled into OpenSSL lead nowhere, as they do in
# interpreters built elsewhere: Alpine and BSD, Fedora and RHEL (two layouts), Debian, SUSE.
_SYSTEM_BUNDLES = (
    "/etc/ssl/cert.pem",
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/ssl/ca-bundle.pem",
)
_HASHED_NAME = re.compile(r"[0-9a-f]{8}\.[0-9]+")


# --- Items: content or path --------------------------------------------------------------------------


def is_path(item: Item) -> bool:
    """Whether an item of ca, cert, key, pfx or crl names a file."""
    return not isinstance(item, bytes) and not (isinstance(item, str) and "-----BEGIN" in item)


def path_of(item: Item) -> str:
    """The path of an item that is one."""
    assert not isinstance(item, bytes), "content has no path"
    return os.fspath(item)


def read_item(item: Item) -> bytes:
    """Content of an item; raises OptionsError (ENOENT, EACCES, ...) for a file that cannot be read."""
    if isinstance(item, bytes):
        return item
    if not is_path(item):
        assert isinstance(item, str), "a PathLike is a path"
        return item.encode()
    path = path_of(item)
    try:
        with open(path, "rb") as file:
            return file.read()
    except OSError as exc:
        raise errors.file_error(exc, path) from exc
    except ValueError as exc:  # a NUL inside
        raise errors.option_value_error("path", path, "must not contain null bytes") from exc


def stamp(items: Iterable[Item]) -> tuple[tuple[int, int, int], ...]:
    """What changes when one of the files does: a renewed certificate must not need a restart."""
    found: list[tuple[int, int, int]] = []
    for item in items:
        if is_path(item):
            path = path_of(item)
            try:
                status = os.stat(path)
            except OSError as exc:
                raise errors.file_error(exc, path) from exc
            except ValueError as exc:  # a NUL inside
                raise errors.option_value_error(
                    "path", path, "must not contain null bytes"
                ) from exc
            found.append((status.st_mtime_ns, status.st_size, status.st_ino))
    return tuple(found)


# --- Files for OpenSSL -------------------------------------------------------------------------------


@contextlib.contextmanager
def memory_file(content: bytes) -> Iterator[str]:
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
        with open(descriptor, "wb") as file:
            file.write(content)
        yield path
    finally:
        os.unlink(path)


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
        with open(descriptor, "wb", closefd=False) as file:
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


# --- Certificates ------------------------------------------------------------------------------------


def certificate_blocks(content: bytes) -> list[bytes]:
    """The PEM certificates in a text, those with trust settings (TRUSTED CERTIFICATE) included."""
    return [match.group() for match in _CERTIFICATE.finditer(content)]


def block_der(block: bytes) -> bytes | None:
    """The certificate of a PEM block as DER, None if it is not base64 at all."""
    body = block.split(b"-----")[2]
    with contextlib.suppress(binascii.Error):
        return _first_element(binascii.a2b_base64(body))
    return None


def _first_element(der: bytes) -> bytes:
    # A TRUSTED CERTIFICATE has its trust settings after the certificate (X.690 section 8.1.3: length).
    if len(der) < 2 or der[1] < 0x80:
        return der[: 2 + der[1]] if len(der) >= 2 else der
    size = der[1] & 0x7F
    return der[: 2 + size + int.from_bytes(der[2 : 2 + size], "big")]


def load_blocks(context: ssl.SSLContext, items: Sequence[Sequence[bytes]]) -> None:
    """Trust PEM blocks, given per item: within an item those after one that cannot be read do not count."""
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


def load_crls(context: ssl.SSLContext, items: Iterable[Item]) -> None:
    """Add CRLs; raises OptionsError (ERR_CRYPTO_OPERATION_FAILED) for what is none."""
    for item in items:
        blocks = _CRL.findall(read_item(item))
        if not blocks or not _load_file(context, b"\n".join(blocks)):
            raise errors.options_error("ERR_CRYPTO_OPERATION_FAILED", "Failed to parse CRL")


# --- Roots -------------------------------------------------------------------------------------------

_defaults_lock = threading.Lock()
_replacement: tuple[bytes, ...] | None = None  # set_default_ca_certificates()


@functools.cache
def _bundled() -> tuple[bytes, ...]:
    with open(certifi.where(), "rb") as file:
        return tuple(certificate_blocks(file.read()))


@functools.cache
def _extra(path: str) -> tuple[bytes, ...]:
    """Certificates of NODE_EXTRA_CA_CERTS; a file that cannot be used is a warning, once."""
    try:
        with open(path, "rb") as file:
            blocks = tuple(certificate_blocks(file.read()))
        problem = None if blocks else "no certificate in it"
    except (OSError, ValueError) as exc:
        blocks = ()
        problem = getattr(exc, "strerror", None) or str(exc)
    if problem is not None:
        warnings.warn(
            f"Ignoring extra certs from `{path}`, load failed: {problem}", RuntimeWarning, 2
        )
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
    if capath is not None and os.path.isdir(capath):
        names = sorted(name for name in os.listdir(capath) if _HASHED_NAME.fullmatch(name))
        files += [os.path.join(capath, name) for name in names]
    blocks = _blocks_of_files(files)
    for bundle in () if blocks else _SYSTEM_BUNDLES:
        blocks = blocks or _blocks_of_files([bundle])
    return blocks


def _blocks_of_files(paths: Iterable[str]) -> tuple[bytes, ...]:
    blocks: list[bytes] = []
    for path in paths:
        with contextlib.suppress(OSError), open(path, "rb") as file:
            blocks += certificate_blocks(file.read())
    return tuple(dict.fromkeys(blocks))


class TrustSource(NamedTuple):
    """Where anchors come from; hashable, so that contexts can be cached by it."""

    kind: str
    """ "default", "system" or "listed"."""
    items: tuple[Item, ...] | None = None
    """What `ca` lists; or what set_default_ca_certificates() put in place of the default."""
    extra: str | None = None
    """Value of NODE_EXTRA_CA_CERTS."""


def default_source() -> TrustSource:
    """The trust of a connection without `ca`, as it is now."""
    if _replacement is not None:
        return TrustSource("default", _replacement)
    return TrustSource("default", None, os.environ.get("NODE_EXTRA_CA_CERTS") or None)


class Trust:
    """Anchors, CRLs and the flags that go with them."""

    def __init__(
        self,
        source: TrustSource,
        *,
        additional: Sequence[bytes] = (),
        crls: tuple[Item, ...] = (),
        partial_chain: bool = False,
    ) -> None:
        self._source = source
        self._additional = additional
        self._crls = crls
        self._partial_chain = partial_chain

    def load(self, context: ssl.SSLContext) -> None:
        """Fill a context; raises OptionsError for files. Blocks, for up to 20 ms with all of Mozilla's roots."""
        source = self._source
        if source.kind == "default" and source.items is None:
            context.load_verify_locations(
                cafile=certifi.where()
            )  # parsed by OpenSSL, without the GIL
            if source.extra is not None:
                load_blocks(context, [_extra(source.extra)])
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
        """The certificates as DER; blocks for files."""
        blocks = [block for item in self._listed() for block in item] + list(self._additional)
        return tuple(der for block in blocks if (der := block_der(block)) is not None)

    def _listed(self) -> list[Sequence[bytes]]:
        source = self._source
        if source.kind == "system":
            return [_system()]
        if source.items is not None:
            return [certificate_blocks(read_item(item)) for item in source.items]
        return [_bundled(), _extra(source.extra) if source.extra else ()]


# --- Public functions --------------------------------------------------------------------------------


def root_certificates() -> tuple[str, ...]:
    """Mozilla's roots, from certifi, as PEM.

    Mirrors `tls.rootCertificates`; read when first asked for.
    """
    return tuple(block.decode() for block in _bundled())


def get_ca_certificates(kind: str = "default") -> list[str]:
    """Certificates that are trusted, as PEM.

    Mirrors `tls.getCACertificates(type)`; the bundle is certifi's.

    Args:    kind: "default" (what a connection without `ca` trusts), "bundled" (certifi's), "system" (the
             operating system's store; on macOS only what OpenSSL's own default paths hold), "extra"
             (NODE_EXTRA_CA_CERTS).
    Raises:  OptionTypeError (ERR_INVALID_ARG_TYPE), OptionsError (ERR_INVALID_ARG_VALUE).
    """
    if not isinstance(kind, str):
        raise errors.option_type_error("type", "of type string", kind)
    extra = os.environ.get("NODE_EXTRA_CA_CERTS")
    if kind == "default":
        blocks = _replacement
        if blocks is None:
            blocks = _bundled() + (_extra(extra) if extra else ())
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

    Mirrors `tls.setDefaultCACertificates(certs)`. Bundled and extra certificates no longer count, and an empty
    list trusts nobody. What is not a certificate is left out.

    Args:    certs: PEM, one or more certificates in each.
    Raises:  OptionTypeError (ERR_INVALID_ARG_TYPE); OptionsError (ERR_CRYPTO_OPERATION_FAILED) when none of
             them is a certificate: the default then stays as it was.
    """
    global _replacement  # noqa: PLW0603 - the default of the process, as in Node
    if isinstance(certs, str | bytes | bytearray | memoryview) or not isinstance(certs, Sequence):
        raise errors.option_type_error("certs", "an instance of Array", certs)
    blocks: list[bytes] = []
    for index, item in enumerate(certs):
        if not isinstance(item, str | bytes | bytearray | memoryview):
            raise errors.option_type_error(
                f"certs[{index}]", "of type string or an instance of ArrayBufferView", item
            )
        content = item.encode() if isinstance(item, str) else bytes(item)
        blocks += [block for block in certificate_blocks(content) if _is_certificate(block)]
    if certs and not blocks:
        raise errors.options_error(
            "ERR_CRYPTO_OPERATION_FAILED", "No valid certificates found in the provided array"
        )
    with _defaults_lock:
        _replacement = tuple(dict.fromkeys(blocks))


def _is_certificate(block: bytes) -> bool:
    return _load_file(ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT), block)

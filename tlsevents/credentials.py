"""Client certificates and their keys: from PEM or PKCS#12 into an `ssl.SSLContext`.

Theory of operation
-------------------

* OpenSSL keeps one certificate and one key per key type (RSA, EC, ...): a later one of the same
  type takes the place of an earlier one, and a key must belong to the certificate of its type. A
  certificate without a key, or a key without a certificate, is kept but never used. That is all
  Node does, too; Python's only door, `load_cert_chain`, takes pairs, so pairs are found by trying
  them on contexts that are thrown away.
* `ssl` reports nearly every failure as "PEM lib". What is wrong is found out here, by looking at
  the PEM and by whether OpenSSL asked for the passphrase.
* OpenSSL asks on the terminal for a passphrase it was not given. It always gets a function that
  knows the answer.
* No message, and no repr, shows content or passphrase.
"""

from __future__ import annotations

import binascii
import functools
import importlib
import re
import ssl
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import certifi

from tlsevents import errors
from tlsevents.trust import certificate_blocks, memory_file

__all__ = ["Group", "Key", "any_certificate_der", "load", "read_pfx", "require_cryptography"]

NewContext = Callable[[], ssl.SSLContext]


@dataclass(frozen=True, slots=True)
class Key:
    """A private key in PEM, and what opens it."""

    pem: bytes = field(repr=False)
    passphrase: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Group:
    """Certificates and keys that are loaded together, certificates first."""

    certificates: Sequence[bytes] = field(repr=False)
    keys: Sequence[Key] = field(repr=False)


class _NoPassphraseError(Exception):
    """OpenSSL wants a passphrase, and there is none."""


def load(context: ssl.SSLContext, groups: Sequence[Group], new_context: NewContext) -> None:
    """Check all groups, and load the pairs in them.

    Args:    new_context: makes contexts to try things on, with the real one's security level.
    Raises:  OptionsError, with Node's codes.
    """
    for group in groups:
        for certificate in group.certificates:
            _check_certificate(certificate, new_context())
        pairs: dict[bytes, Key] = {}
        for key in group.keys:
            own = _certificate_for(key, group.certificates, new_context)
            if own is not None:
                pairs[own] = key
        for certificate, key in pairs.items():
            _load_pair(context, certificate, key)


def _certificate_for(
    key: Key, certificates: Sequence[bytes], new_context: NewContext
) -> bytes | None:
    # From the last on: that is the one OpenSSL still has, of several with the same type of key.
    for certificate in reversed(certificates):
        if _load_pair(new_context(), certificate, key):
            return certificate
    if not certificates:  # a key must be readable, even if it is of no use
        try:
            scratch = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            scratch.set_ciphers("ALL:@SECLEVEL=0")  # the level is not about a key alone
            _load_pair(scratch, some_certificate(), key)
        except errors.OptionsError as exc:
            if exc.code != "ERR_OSSL_X509_KEY_VALUES_MISMATCH":
                raise
    return None


@functools.cache
def some_certificate() -> bytes:
    return certificate_blocks(Path(certifi.where()).read_bytes())[0]


def any_certificate_der() -> bytes:
    """Some certificate that is not broken."""
    return ssl.PEM_cert_to_DER_cert(some_certificate().decode())


def _load_pair(context: ssl.SSLContext, certificate: bytes, key: Key) -> bool:
    """Load a certificate with its key; False if their keys are of different types."""
    asked = False

    def passphrase() -> str:
        nonlocal asked
        asked = True
        if key.passphrase is None:
            raise _NoPassphraseError
        return key.passphrase

    with memory_file(certificate) as certificate_file, memory_file(key.pem) as key_file:
        try:
            context.load_cert_chain(certificate_file, key_file, passphrase)
        except _NoPassphraseError as exc:
            raise _failure("ERR_OSSL_BAD_DECRYPT") from exc
        except ValueError as exc:  # more than OpenSSL's 1024 bytes, or text that is no UTF-8
            raise _failure("ERR_OSSL_CRYPTO_INTERRUPTED_OR_CANCELLED") from exc
        except ssl.SSLError as exc:
            reason = getattr(exc, "reason", None)
            if reason in ("NO_CERTIFICATE_ASSIGNED", "KEY_TYPE_MISMATCH"):
                return False
            if reason == "KEY_VALUES_MISMATCH":
                raise _failure("ERR_OSSL_X509_KEY_VALUES_MISMATCH") from exc
            # A wrong passphrase can by chance decrypt to garbage with valid padding: asked decides.
            raise _failure("ERR_OSSL_BAD_DECRYPT" if asked else "ERR_OSSL_UNSUPPORTED") from exc
    return True


# Node's texts for what OpenSSL says where Python's ssl does not repeat it: number, library, reason.
_FAILURES = {
    "ERR_OSSL_PEM_NO_START_LINE": ("0480006C", "PEM routines", "no start line"),
    "ERR_OSSL_PEM_BAD_END_LINE": ("04800066", "PEM routines", "bad end line"),
    "ERR_OSSL_PEM_BAD_BASE64_DECODE": ("04800064", "PEM routines", "bad base64 decode"),
    "ERR_OSSL_ASN1_WRONG_TAG": ("068000A8", "asn1 encoding routines", "wrong tag"),
    "ERR_OSSL_X509_KEY_VALUES_MISMATCH": (
        "05800074",
        "x509 certificate routines",
        "key values mismatch",
    ),
    "ERR_OSSL_UNSUPPORTED": ("1E08010C", "DECODER routines", "unsupported"),
    "ERR_OSSL_BAD_DECRYPT": ("1C800064", "Provider routines", "bad decrypt"),
    "ERR_OSSL_CRYPTO_INTERRUPTED_OR_CANCELLED": (
        "07880109",
        "common libcrypto routines",
        "interrupted or cancelled",
    ),
}


def _failure(code: str) -> errors.OptionsError:
    number, library, reason = _FAILURES[code]
    message = f"error:{number}:{library}::{reason}"
    return errors.options_error(code, message, library=library, reason=reason)


# --- Certificates ---------------------------------------------------------------------------------

_BEGIN = re.compile(rb"^-----BEGIN (?:X509 |TRUSTED )?CERTIFICATE-----", re.MULTILINE)


def _check_certificate(pem: bytes, context: ssl.SSLContext) -> None:
    """Raise what OpenSSL would say about a certificate and the chain behind it."""
    starts = [match.start() for match in _BEGIN.finditer(pem)]
    if not starts:
        raise _failure("ERR_OSSL_PEM_NO_START_LINE")
    for start, following in zip(starts, [*starts[1:], len(pem)], strict=True):
        blocks = certificate_blocks(pem[start:following])
        if not blocks:
            raise _failure("ERR_OSSL_PEM_BAD_END_LINE")
        try:
            # Strict, for OpenSSL is; line breaks are the only thing to take out.
            body = blocks[0].split(b"-----")[2]
            binascii.a2b_base64(b"".join(body.split()), strict_mode=True)
        except binascii.Error as exc:
            raise _failure("ERR_OSSL_PEM_BAD_BASE64_DECODE") from exc
        with memory_file(blocks[0]) as path:
            try:
                context.load_verify_locations(cafile=path)
            except ssl.SSLError as exc:
                # Which tag or length is wrong only OpenSSL knows, and Python's ssl says "PEM lib".
                raise _failure("ERR_OSSL_ASN1_WRONG_TAG") from exc
    # The security level has its say when a certificate is loaded, with or without a key.
    with memory_file(b"\n".join(certificate_blocks(pem))) as path:
        try:
            context.load_cert_chain(path, path, lambda: "")
        except ssl.SSLError as exc:
            if getattr(exc, "reason", None) is not None and exc.library == "SSL":
                raise errors.content_error(exc, name="cert") from exc


# --- PKCS#12 --------------------------------------------------------------------------------------


def require_cryptography() -> None:
    """Raise UnsupportedOptionError if PKCS#12 cannot be read here."""
    try:
        importlib.import_module("cryptography.hazmat.primitives.serialization.pkcs12")
    except ImportError as exc:
        raise errors.unsupported_option(
            "pfx", "it needs the package cryptography: pip install 'tlsevents[x509]'"
        ) from exc


def read_pfx(content: bytes, passphrase: str | None) -> tuple[Group, list[bytes]]:
    """Return certificate and key of a PKCS#12 file, and its other certificates (PEM)."""
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.serialization import pkcs12

    try:
        bundle = pkcs12.load_pkcs12(content, None if passphrase is None else passphrase.encode())
    except ValueError as exc:
        # Node has no codes for these two. For cryptography both are a ValueError; what is not a
        # complete DER sequence cannot have failed at its checksum.
        message = "mac verify failure" if _is_sequence(content) else "not enough data"
        raise errors.options_error(None, message) from exc
    if bundle.cert is None or bundle.key is None:
        raise errors.options_error("ERR_CRYPTO_OPERATION_FAILED", "Unable to load PFX certificate")
    pem = serialization.Encoding.PEM
    key = bundle.key.private_bytes(
        pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    group = Group([bundle.cert.certificate.public_bytes(pem)], [Key(key)])
    others = [other.certificate.public_bytes(pem) for other in bundle.additional_certs]
    return group, others


def _is_sequence(der: bytes) -> bool:
    if len(der) < 2 or der[0] != 0x30:
        return False
    if der[1] < 0x80:
        return len(der) >= 2 + der[1]
    size = der[1] & 0x7F
    return len(der) >= 2 + size + int.from_bytes(der[2 : 2 + size], "big")

"""Certificates in the shape of Node's `getPeerCertificate()`.

Two decoders are used. OpenSSL's, through `verification.decode`, is always there and gives what
identity checks need: names, dates, serial number. What it does not tell (the public key and the
purposes) is read by `cryptography`, if that is installed (extra `x509`); else those keys are None.
No certificate is parsed here.
"""

from __future__ import annotations

import hashlib
import itertools
import re
import ssl
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from tlsevents import _cpython, verification
from tlsevents.errors import unsupported_option

if TYPE_CHECKING:
    from cryptography import x509

__all__ = ["KEYS", "name_facts", "node_certificate", "node_certificate_chain", "x509_certificate"]

KEYS = (
    "subject",
    "issuer",
    "subjectaltname",
    "infoAccess",
    "ca",
    "modulus",
    "exponent",
    "pubkey",
    "bits",
    "valid_from",
    "valid_to",
    "fingerprint",
    "fingerprint256",
    "fingerprint512",
    "ext_key_usage",
    "serialNumber",
    "raw",
    "asn1Curve",
    "nistCurve",
)
"""All keys of a certificate, in Node's order; one that does not apply is None (Node: undefined)."""

# SECG and ANSI names (cryptography's) to OpenSSL's and NIST's. FIPS 186-4 appendix D, RFC 5480.
_CURVES = {
    "secp192r1": ("prime192v1", "P-192"),
    "secp224r1": ("secp224r1", "P-224"),
    "secp256r1": ("prime256v1", "P-256"),
    "secp384r1": ("secp384r1", "P-384"),
    "secp521r1": ("secp521r1", "P-521"),
    "sect163k1": ("sect163k1", "K-163"),
    "sect233k1": ("sect233k1", "K-233"),
    "sect283k1": ("sect283k1", "K-283"),
    "sect409k1": ("sect409k1", "K-409"),
    "sect571k1": ("sect571k1", "K-571"),
    "sect163r2": ("sect163r2", "B-163"),
    "sect233r1": ("sect233r1", "B-233"),
    "sect283r1": ("sect283r1", "B-283"),
    "sect409r1": ("sect409r1", "B-409"),
    "sect571r1": ("sect571r1", "B-571"),
}

_RDN = tuple[tuple[str, str], ...]


def node_certificate(der: bytes, decoded: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Describe a certificate as Node does: the 19 `KEYS`, in order.

    Mirrors the result of `tls.TLSSocket.getPeerCertificate()`. Without `cryptography` the keys
    modulus, exponent, pubkey, bits, ext_key_usage, asn1Curve and nistCurve are None. Of
    `infoAccess` only web addresses of OCSP servers and issuers are listed. Names and dates are
    None in a certificate whose text is not text: nothing can be said for it.

    Args:    der: the certificate.
             decoded: what OpenSSL's decoder said about it, where that is known already.
    Raises:  ValueError if it is no certificate. RFC 5280 section 4.1
    """
    certificate: dict[str, Any] = dict.fromkeys(KEYS)
    if decoded is None:
        try:
            (decoded,) = verification.decode([der])
        except UnicodeDecodeError:
            decoded = {}
    certificate.update(_described(decoded))
    certificate.update(
        ca=_is_authority(der, decoded),
        fingerprint=_fingerprint("sha1", der),
        fingerprint256=_fingerprint("sha256", der),
        fingerprint512=_fingerprint("sha512", der),
        raw=der,
    )
    certificate.update(_of_cryptography(der))
    return certificate


def node_certificate_chain(chain: Sequence[bytes], trusted: Sequence[bytes]) -> dict[str, Any]:
    """Describe the leaf of a chain with its issuers, nested under `issuerCertificate`.

    Mirrors `getPeerCertificate(true)`. Issuers are looked for in the chain and then among the
    trusted; a self-signed certificate refers to itself; of an unknown issuer the key is missing.

    Args:    chain: what the peer sent (DER, leaf first), not empty.
             trusted: certificates to complete it with; enough is `Verifier.built_chain(chain)`.
    """
    found = verification.issuers(chain, trusted)
    certificates = [node_certificate(der) for der in found]
    for certificate, issuer in itertools.pairwise(certificates):
        certificate["issuerCertificate"] = issuer
    top = certificates[-1]
    if top["subject"] == top["issuer"] and top["subject"] is not None:
        top["issuerCertificate"] = top
    return certificates[0]


def name_facts(decoded: Mapping[str, Any]) -> dict[str, Any]:
    """Return only `subject` and `subjectaltname`: enough for an identity check, and much cheaper.

    Args: decoded: a certificate as `SSLObject.getpeercert()` has it ({}: both are None).
    """
    described = _described(decoded)
    return {key: described[key] for key in ("subject", "subjectaltname")}


# --- What OpenSSL's decoder tells -----------------------------------------------------------------


def _described(decoded: Mapping[str, Any]) -> dict[str, Any]:
    access = {
        name: list(decoded[key])
        for name, key in (("OCSP - URI", "OCSP"), ("CA Issuers - URI", "caIssuers"))
        if decoded.get(key)
    }
    names = decoded.get("subjectAltName") or ()
    return {
        "subject": _attributes(decoded.get("subject")),
        "issuer": _attributes(decoded.get("issuer")),
        "subjectaltname": ", ".join(_altname(*pair) for pair in names) or None,
        "infoAccess": access or None,
        "valid_from": decoded.get("notBefore"),
        "valid_to": decoded.get("notAfter"),
        "serialNumber": decoded.get("serialNumber"),
    }


def _attributes(name: Iterable[_RDN] | None) -> dict[str, str | list[str]] | None:
    """Flatten a name: attribute to value, or to a list of values where it is repeated."""
    if name is None:
        return None
    values: dict[str, list[str]] = {}
    for rdn in name:
        for attribute, value in rdn:
            values.setdefault(_cpython.short_name(attribute), []).append(value)
    return {key: found[0] if len(found) == 1 else found for key, found in values.items()}


def _altname(kind: str, value: str | Iterable[_RDN]) -> str:
    text = value if isinstance(value, str) else _distinguished_name(value)
    return f"{kind}:{_quoted(text) if _needs_quotes(text) else text}"


_QUOTE_WORTHY = re.compile(r"[,\"'\\\x00-\x1f\x7f]")


def _needs_quotes(text: str) -> bool:
    r"""Tell whether a value could be taken for the end of itself, or for a quoted one.

    (`,`, `"`, `'`, `\`, control characters. CVE-2021-44532.)
    """
    return _QUOTE_WORTHY.search(text) is not None


def _quoted(text: str) -> str:
    r"""Write a JSON string, short escapes and commas as \uXXXX: no `, ` is left to split at."""
    return '"' + "".join(_escaped(char) for char in text) + '"'


def _escaped(char: str) -> str:
    if char in '"\\':
        return "\\" + char
    if char == "," or char < " " or char == "\x7f":
        return f"\\u{ord(char):04x}"
    return char


def _distinguished_name(name: Iterable[_RDN]) -> str:
    """Write a name as a string, the last part first. RFC 2253 section 2, RFC 4514 section 2.4."""
    return ",".join(
        "+".join(
            f"{_cpython.short_name(attribute)}={_dn_value(value)}"
            for attribute, value in reversed(rdn)
        )
        for rdn in reversed(list(name))
    )


def _dn_value(value: str) -> str:
    escaped = "".join(f"\\{char}" if char in ',+"\\<>;' else char for char in value)
    # A number sign alone stays as it is in OpenSSL: to it that is a last character, not a first.
    if value.startswith(" ") or (value.startswith("#") and len(value) > 1):
        escaped = "\\" + escaped
    if len(value) > 1 and value.endswith(" "):
        escaped = escaped[:-1] + "\\ "
    return escaped


def _fingerprint(algorithm: str, der: bytes) -> str:
    return hashlib.new(algorithm, der, usedforsecurity=False).digest().hex(":").upper()


def _is_authority(der: bytes, decoded: Mapping[str, Any]) -> bool:
    """Tell whether it is a CA, as a certificate store counts them.

    The store also counts certificates of version 1, which have no extension to say so; Node not.
    """
    store = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    try:
        store.load_verify_locations(cadata=der)
    except ssl.SSLError:
        return False
    return store.cert_store_stats()["x509_ca"] == 1 and decoded.get("version") == 3


# --- What cryptography adds -----------------------------------------------------------------------


def x509_certificate(der: bytes) -> x509.Certificate:
    """Return the certificate as an object of `cryptography`.

    Raises: UnsupportedOptionError without the extra `x509`.
    """
    try:
        from cryptography import x509
    except ImportError as exc:
        raise unsupported_option(
            "x509", "it needs the package cryptography: pip install 'tlsevents[x509]'"
        ) from exc
    return x509.load_der_x509_certificate(der)


def _of_cryptography(der: bytes) -> dict[str, Any]:
    """Read key and purposes; less where cryptography is missing, or stricter than OpenSSL."""
    try:
        from cryptography import x509
        from cryptography.exceptions import UnsupportedAlgorithm
    except ImportError:
        return {}
    found: dict[str, Any] = {}
    try:
        certificate = x509.load_der_x509_certificate(der)
        found.update(_public_key(certificate))
        found.update(ext_key_usage=_purposes(certificate))
    except (ValueError, UnsupportedAlgorithm):
        pass  # what was found so far is right
    return found


def _public_key(certificate: x509.Certificate) -> dict[str, Any]:
    from cryptography.hazmat.primitives.asymmetric import ec, rsa
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    key = certificate.public_key()
    if isinstance(key, rsa.RSAPublicKey):
        numbers = key.public_numbers()
        return {
            "modulus": f"{numbers.n:X}",
            "exponent": f"0x{numbers.e:x}",
            "pubkey": key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo),
            "bits": key.key_size,
        }
    if isinstance(key, ec.EllipticCurvePublicKey):
        asn1_curve, nist_curve = _CURVES.get(key.curve.name, (key.curve.name, None))
        return {
            "pubkey": key.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint),
            "bits": key.curve.key_size,
            "asn1Curve": asn1_curve,
            "nistCurve": nist_curve,
        }
    return {}


def _purposes(certificate: x509.Certificate) -> list[str] | None:
    from cryptography import x509

    try:
        usage = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage)
    except x509.ExtensionNotFound:
        return None
    return [purpose.dotted_string for purpose in usage.value]

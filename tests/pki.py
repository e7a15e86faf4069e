"""The certificates, keys, chains and CRLs that the tests use, by name.

Each name (``root-a``, ``leaf-expired``, ``chain-inter``, ``crl-root-a``, ...) has the
properties that the same name has in the recorded Node traces. Unless the tables below say
otherwise a certificate is RSA-2048 with SHA-256, valid from 2020 to the end of 2044, made for
``serverAuth``, with subject and authority key identifiers, ``O=Contract, CN=localhost``, and
the alternative names ``localhost``, ``127.0.0.1`` and ``::1``.

Nothing is stored: everything is made on first use and kept for the process. Making an RSA
key is the only slow part (about 50 ms), so leaves share one; every authority, every
self-signed leaf and every client has its own, because there the difference can be seen.

    pki.pem("chain-inter")            leaf and issuers
    pki.key_pem("client-ok")          its key; passphrase="..." encrypts it
    pki.path("leaf-ok")               one file with certificates and key, for servers
"""

from __future__ import annotations

import atexit
import datetime
import functools
import ipaddress
import os
import shutil
import tempfile
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import ParamSpec, TypeVar

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import pkcs12
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID, ObjectIdentifier

Key = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey
Years = tuple[int, int]
"""First year and the year at whose first second it is over."""

NORMAL: Years = (2020, 2045)
PAST: Years = (2010, 2012)
FUTURE: Years = (2040, 2044)

_dns = x509.DNSName
_LOOPBACK: tuple[x509.GeneralName, ...] = (
    _dns("localhost"),
    x509.IPAddress(ipaddress.ip_address("127.0.0.1")),
    x509.IPAddress(ipaddress.ip_address("::1")),
)
_OTHER: tuple[x509.GeneralName, ...] = (_dns("other.example"), _dns("www.other.example"))
_SERVER = ExtendedKeyUsageOID.SERVER_AUTH
_CLIENT = ExtendedKeyUsageOID.CLIENT_AUTH


@dataclass(frozen=True, kw_only=True)
class _Spec:
    """What to make. Same key name, same key; an issuer of None is self-signed."""

    issuer: str | None
    key: str
    years: Years = NORMAL
    common_name: str | None = "localhost"
    country: str | None = None
    names: tuple[x509.GeneralName, ...] = _LOOPBACK
    purposes: tuple[ObjectIdentifier, ...] = (_SERVER,)
    is_ca: bool = False
    may_sign: bool = False
    path_length: int | None = None
    permitted_dns: str | None = None
    unknown_critical: bool = False


def _ca(name: str, issuer: str | None = None, **more: object) -> _Spec:
    base = _Spec(
        issuer=issuer, key=name, common_name=name, names=(), purposes=(), is_ca=True, may_sign=True
    )
    return replace(base, **more)  # type: ignore[arg-type]


def _leaf(issuer: str | None = "root-a", key: str = "leaf", **more: object) -> _Spec:
    return replace(_Spec(issuer=issuer, key=key), **more)  # type: ignore[arg-type]


def _client(name: str, issuer: str = "root-a", **more: object) -> _Spec:
    base = _Spec(issuer=issuer, key=name, common_name="client", names=(), purposes=(_CLIENT,))
    return replace(base, **more)  # type: ignore[arg-type]


_SPECS: dict[str, _Spec] = {
    "root-a": _ca("root-a"),
    "root-b": _ca("root-b"),
    "root-expired": _ca("root-expired", years=PAST),
    "inter-a": _ca("inter-a", "root-a"),
    "inter-b": _ca("inter-b", "root-b"),
    "inter-expired": _ca("inter-expired", "root-a", years=PAST),
    "inter-notca": _ca("inter-notca", "root-a", is_ca=False),
    "inter-pathlen0": _ca("inter-pathlen0", "root-a", path_length=0),
    "inter-below-pathlen0": _ca("inter-below-pathlen0", "inter-pathlen0"),
    "inter-nc": _ca("inter-nc", "root-a", permitted_dns="allowed.example"),
    "leaf-ok": _leaf(country="GB"),
    "leaf-ec": _leaf(key="ec-p256"),
    "leaf-revoked": _leaf(),
    "leaf-clientpurpose": _leaf(purposes=(_CLIENT,)),
    "leaf-weak1024": _leaf(key="rsa-1024"),
    "leaf-critical-ext": _leaf(unknown_critical=True),
    "leaf-expired": _leaf(years=PAST),
    "leaf-future": _leaf(years=FUTURE),
    "leaf-revoked-expired": _leaf(years=PAST),
    "leaf-clientpurpose-expired": _leaf(years=PAST, purposes=(_CLIENT,)),
    "leaf-wronghost": _leaf(common_name="other.example", names=_OTHER),
    "leaf-expired-wronghost": _leaf(common_name="other.example", names=_OTHER, years=PAST),
    "leaf-dnsonly": _leaf(names=_LOOPBACK[:1]),
    "leaf-iponly": _leaf(names=_LOOPBACK[1:2]),
    "leaf-cnonly": _leaf(names=()),
    "leaf-cnip": _leaf(common_name="127.0.0.1", names=()),
    "leaf-noname": _leaf(common_name=None, names=()),
    "leaf-urionly": _leaf(names=(x509.UniformResourceIdentifier("https://localhost/"),)),
    "leaf-wild": _leaf(common_name="wild", names=(_dns("*.test.example"),)),
    "leaf-wildtld": _leaf(common_name="wildtld", names=(_dns("*.example"),)),
    "leaf-partialwild": _leaf(common_name="partialwild", names=(_dns("a*c.test.example"),)),
    "leaf-self": _leaf(None, "leaf-self"),
    "leaf-self-expired": _leaf(None, "leaf-self-expired", years=PAST),
    "leaf-self-future": _leaf(None, "leaf-self-future", years=FUTURE),
    "leaf-self-wronghost": _leaf(
        None, "leaf-self-wronghost", common_name="other.example", names=_OTHER[:1]
    ),
    "leaf-clientpurpose-self": _leaf(None, "leaf-clientpurpose-self", purposes=(_CLIENT,)),
    "leaf-root-b": _leaf("root-b"),
    "leaf-expired-root-b": _leaf("root-b", years=PAST),
    "leaf-future-root-b": _leaf("root-b", years=FUTURE),
    "leaf-clientpurpose-root-b": _leaf("root-b", purposes=(_CLIENT,)),
    "leaf-weak1024-root-b": _leaf("root-b", "rsa-1024"),
    "leaf-inter": _leaf("inter-a"),
    "leaf-inter-b": _leaf("inter-b"),
    "leaf-inter-expired": _leaf("inter-expired"),
    "leaf-future-inter-expired": _leaf("inter-expired", years=FUTURE),
    "leaf-inter-notca": _leaf("inter-notca"),
    "leaf-pathlen": _leaf("inter-below-pathlen0"),
    "leaf-nc": _leaf("inter-nc"),
    "leaf-nc-expired": _leaf("inter-nc", years=PAST),
    "leaf-root-expired": _leaf("root-expired"),
    "client-ok": _client("client-ok"),
    "client-untrusted": _client("client-untrusted", "root-b"),
    "client-expired": _client("client-expired", years=PAST),
}

_CHAINS: dict[str, tuple[str, ...]] = {
    "chain-inter": ("leaf-inter", "inter-a"),
    "chain-inter-root": ("leaf-inter", "inter-a", "root-a"),
    "chain-inter-b": ("leaf-inter-b", "inter-b"),
    "chain-inter-b-root": ("leaf-inter-b", "inter-b", "root-b"),
    "chain-root-b": ("leaf-root-b", "root-b"),
    "chain-expired-root-b": ("leaf-expired-root-b", "root-b"),
    "chain-inter-expired": ("leaf-inter-expired", "inter-expired"),
    "chain-future-inter-expired": ("leaf-future-inter-expired", "inter-expired"),
    "chain-root-expired": ("leaf-root-expired", "root-expired"),
    "chain-inter-notca": ("leaf-inter-notca", "inter-notca"),
    "chain-pathlen": ("leaf-pathlen", "inter-below-pathlen0", "inter-pathlen0"),
    "chain-nc": ("leaf-nc", "inter-nc"),
    "chain-nc-expired": ("leaf-nc-expired", "inter-nc"),
}

_CRLS: dict[str, tuple[str, Years, tuple[str, ...]]] = {
    "crl-root-a": ("root-a", (2024, 2045), ("leaf-revoked",)),
    "crl-root-a-2": ("root-a", (2024, 2045), ("leaf-revoked", "leaf-revoked-expired")),
    "crl-root-a-expired": ("root-a", (2010, 2011), ("leaf-revoked",)),
    "crl-root-a-future": ("root-a", (2040, 2041), ("leaf-revoked",)),
    "crl-root-b": ("root-b", (2024, 2045), ()),
    "crl-inter-a": ("inter-a", (2024, 2045), ()),
}

CERTIFICATES: tuple[str, ...] = (*_SPECS, "leaf-badsig")
CHAINS: tuple[str, ...] = tuple(_CHAINS)
CRLS: tuple[str, ...] = tuple(_CRLS)

# Public numbers, so kept as text: cryptography warns when it makes finite-field ones.
_DH_512 = b"""\
-----BEGIN DH PARAMETERS-----
MEYCQQC3nCflPDw5frzk76enoB9GpKRNrhcE/1Bv1h+q6V5m9zRdWAl7OU2xaLme
pBDb/ubMTy+hp8GaZvuYLAP7A+c/AgEC
-----END DH PARAMETERS-----
"""

_lock = threading.RLock()
_P = ParamSpec("_P")
_T = TypeVar("_T")


def _made_once(make: Callable[_P, _T]) -> Callable[_P, _T]:
    """Cache for the process; servers in threads ask too, and no key is made twice."""
    cached = functools.cache(make)

    def locked(*args: _P.args, **kwargs: _P.kwargs) -> _T:
        with _lock:
            return cached(*args, **kwargs)  # type: ignore[arg-type]

    return functools.wraps(make)(locked)


def pem(symbol: str) -> bytes:
    """Certificate of a name; for ``chain-...`` the leaf, then its issuers."""
    return b"".join(
        certificate(member).public_bytes(serialization.Encoding.PEM) for member in members(symbol)
    )


def der(symbol: str) -> bytes:
    """The certificate, or the leaf of a chain."""
    return chain_ders(symbol)[0]


def chain_ders(symbol: str) -> list[bytes]:
    """Leaf first, as a server sends it; one element for a single certificate."""
    return [
        certificate(member).public_bytes(serialization.Encoding.DER) for member in members(symbol)
    ]


def key_pem(symbol: str, passphrase: str | None = None) -> bytes:
    """PKCS#8 key of a certificate or of a chain's leaf."""
    return _key_of(symbol).private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption()
        if passphrase is None
        else serialization.BestAvailableEncryption(passphrase.encode()),
    )


@_made_once
def pfx(symbol: str, passphrase: str | None = "sesame") -> bytes:
    """PKCS#12 with certificate and key; a chain's issuers go in as additional certificates."""
    leaf, *issuers = (certificate(member) for member in members(symbol))
    return pkcs12.serialize_key_and_certificates(
        symbol.encode(),
        _key_of(symbol),
        leaf,
        issuers or None,
        serialization.NoEncryption()
        if passphrase is None
        else serialization.BestAvailableEncryption(passphrase.encode()),
    )


@_made_once
def crl_pem(symbol: str) -> bytes:
    """A CRL of the table."""
    issuer, years, revoked = _CRLS[symbol]
    start, end = _dates(years)
    builder = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(certificate(issuer).subject)
        .last_update(start)
        .next_update(end)
        .add_extension(_authority_of(issuer), critical=False)
        .add_extension(x509.CRLNumber(1), critical=False)
    )
    for name in revoked:
        builder = builder.add_revoked_certificate(
            x509.RevokedCertificateBuilder()
            .serial_number(certificate(name).serial_number)
            .revocation_date(start)
            .build()
        )
    return builder.sign(_key(issuer), hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


@_made_once
def path(symbol: str) -> str:
    """File with certificates, then the key: what ``SSLContext.load_cert_chain`` takes."""
    return _write(f"{symbol}.pem", pem(symbol) + key_pem(symbol))


@_made_once
def cert_path(symbol: str) -> str:
    """File with the certificates alone (a chain's included), for trust."""
    return _write(f"{symbol}-cert.pem", pem(symbol))


@_made_once
def key_path(symbol: str, passphrase: str | None = None) -> str:
    """File with the key alone."""
    kind = "key" if passphrase is None else f"key-{passphrase}"
    return _write(f"{symbol}-{kind}.pem", key_pem(symbol, passphrase))


@_made_once
def crl_path(symbol: str) -> str:
    """File with a CRL."""
    return _write(f"{symbol}.pem", crl_pem(symbol))


def dh_parameters_pem() -> bytes:
    """Diffie-Hellman parameters of 512 bits (a safe prime): too small for anyone to accept."""
    return _DH_512


@_made_once
def certificate(symbol: str) -> x509.Certificate:
    """The certificate object of a single certificate's name."""
    if symbol == "leaf-badsig":
        # The signature is the last thing in a certificate: its last byte is part of it.
        good = bytearray(certificate("leaf-ok").public_bytes(serialization.Encoding.DER))
        good[-1] ^= 1
        return x509.load_der_x509_certificate(bytes(good))
    return _build(symbol, _SPECS[symbol])


def members(symbol: str) -> tuple[str, ...]:
    """Names of the certificates of a chain; a certificate's name alone for one."""
    return _CHAINS.get(symbol) or (symbol,)


def custom(
    names: Sequence[x509.GeneralName] = (),
    *,
    subject: x509.Name | None = None,
    extensions: Sequence[x509.ExtensionType] = (),
    issuer: str = "root-a",
    years: Years = NORMAL,
) -> x509.Certificate:
    """A leaf with given names or additional extensions, for tests that vary them."""
    start, end = _dates(years)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject if subject is not None else _name(None, None))
        .issuer_name(certificate(issuer).subject)
        .public_key(_key("leaf").public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(end)
        .add_extension(x509.ExtendedKeyUsage([_SERVER]), critical=False)
        .add_extension(_authority_of(issuer), critical=False)
    )
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    for extension in extensions:
        builder = builder.add_extension(extension, critical=False)
    return builder.sign(_key(issuer), hashes.SHA256())


def _build(symbol: str, spec: _Spec) -> x509.Certificate:
    issuer = spec.issuer or symbol
    key = _key(spec.key)
    signing_key = key if spec.issuer is None else _key_of(issuer)
    subject = _name(spec.country, spec.common_name)
    start, end = _dates(spec.years)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject if spec.issuer is None else certificate(issuer).subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(end)
        .add_extension(
            x509.BasicConstraints(ca=spec.is_ca, path_length=spec.path_length), critical=True
        )
        .add_extension(_usage(spec, key), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(signing_key.public_key()),
            critical=False,
        )
    )
    if spec.purposes:
        builder = builder.add_extension(x509.ExtendedKeyUsage(spec.purposes), critical=False)
    if spec.names:
        builder = builder.add_extension(x509.SubjectAlternativeName(spec.names), critical=False)
    if spec.permitted_dns is not None:
        constraints = x509.NameConstraints([_dns(spec.permitted_dns)], None)
        builder = builder.add_extension(constraints, critical=True)
    if spec.unknown_critical:
        unknown = x509.UnrecognizedExtension(ObjectIdentifier("1.3.6.1.4.1.55555.1"), b"\x05\x00")
        builder = builder.add_extension(unknown, critical=True)
    return builder.sign(signing_key, hashes.SHA256())


def _usage(spec: _Spec, key: Key) -> x509.KeyUsage:
    # The intermediate that is no CA still may sign: otherwise OpenSSL would not take it for
    # the issuer at all, and the complaint would be about a missing issuer.
    return x509.KeyUsage(
        digital_signature=not spec.may_sign,
        content_commitment=False,
        key_encipherment=not spec.may_sign and isinstance(key, rsa.RSAPrivateKey),
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=spec.may_sign,
        crl_sign=spec.may_sign,
        encipher_only=False,
        decipher_only=False,
    )


def _name(country: str | None, common_name: str | None) -> x509.Name:
    parts = [x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Contract")]
    if country is not None:
        parts.insert(0, x509.NameAttribute(NameOID.COUNTRY_NAME, country))
    if common_name is not None:
        parts.append(x509.NameAttribute(NameOID.COMMON_NAME, common_name))
    return x509.Name(parts)


def _authority_of(symbol: str) -> x509.AuthorityKeyIdentifier:
    return x509.AuthorityKeyIdentifier.from_issuer_public_key(_key_of(symbol).public_key())


def _dates(years: Years) -> tuple[datetime.datetime, datetime.datetime]:
    start, end = (datetime.datetime(year, 1, 1, tzinfo=datetime.UTC) for year in years)
    return start, end


def _key_of(symbol: str) -> Key:
    leaf = members(symbol)[0]
    return _key("leaf" if leaf == "leaf-badsig" else _SPECS[leaf].key)


@_made_once
def _key(name: str) -> Key:
    if name == "ec-p256":
        return ec.generate_private_key(ec.SECP256R1())
    return rsa.generate_private_key(65537, 1024 if name == "rsa-1024" else 2048)


@_made_once
def _directory() -> str:
    directory = tempfile.mkdtemp(prefix="tlsevents-pki-")
    atexit.register(shutil.rmtree, directory, ignore_errors=True)
    return directory


def _write(name: str, content: bytes) -> str:
    target = os.path.join(_directory(), name)
    with open(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(content)
    return target

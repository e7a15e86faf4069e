"""Make the certificates that the examples use. Needs the library cryptography.

TEST ONLY: the private keys lie beside this file for all to read. Never trust ca.pem anywhere else.
The private key of the authority itself is thrown away: run this again to make a whole new set.
"""

import datetime as dt
import ipaddress
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

FOLDER = Path(__file__).parent
NOTE = (
    b"TEST ONLY. Made by make.py for the examples; the key is public. Never trust this elsewhere.\n"
)
LONG = (dt.datetime(2020, 1, 1, tzinfo=dt.UTC), dt.datetime(2049, 12, 31, tzinfo=dt.UTC))
PAST = (dt.datetime(2020, 1, 1, tzinfo=dt.UTC), dt.datetime(2021, 1, 1, tzinfo=dt.UTC))

Issuer = tuple[x509.Certificate, ec.EllipticCurvePrivateKey]


def make(
    name: str,
    issuer: Issuer | None = None,
    *,
    authority: bool = False,
    client: bool = False,
    validity: tuple[dt.datetime, dt.datetime] = LONG,
) -> Issuer:
    """Make a certificate for the common name; without an issuer it signs itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "tlsevents examples, test only"),
            x509.NameAttribute(NameOID.COMMON_NAME, name),
        ]
    )
    issuer_name, issuer_key = (issuer[0].subject, issuer[1]) if issuer else (subject, key)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer_name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(validity[0])
        .not_valid_after(validity[1])
        .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()),
            critical=False,
        )
    )
    if authority:
        builder = builder.add_extension(key_usage(signs_certificates=True), critical=True)
    else:
        purpose = ExtendedKeyUsageOID.CLIENT_AUTH if client else ExtendedKeyUsageOID.SERVER_AUTH
        builder = builder.add_extension(x509.ExtendedKeyUsage([purpose]), critical=False)
        builder = builder.add_extension(key_usage(signs_certificates=False), critical=True)
    if not authority and not client:
        names = [
            x509.DNSName("localhost"),
            x509.IPAddress(ipaddress.ip_address("127.0.0.1")),
            x509.IPAddress(ipaddress.ip_address("::1")),
        ]
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    return builder.sign(issuer_key, hashes.SHA256()), key


def key_usage(*, signs_certificates: bool) -> x509.KeyUsage:
    """Say what the key is for: an authority signs certificates, all others sign handshakes."""
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def write(name: str, made: Issuer, *, with_key: bool = True) -> None:
    """Write name.pem and, if wanted, name.key."""
    certificate, key = made
    pem = certificate.public_bytes(serialization.Encoding.PEM)
    (FOLDER / f"{name}.pem").write_bytes(NOTE + pem)
    if with_key:
        pem = key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        (FOLDER / f"{name}.key").write_bytes(NOTE + pem)


def main() -> None:
    """Make the whole set."""
    authority = make("tlsevents examples CA", authority=True)
    write("ca", authority, with_key=False)
    write("localhost", make("localhost", authority))
    write("expired", make("localhost", authority, validity=PAST))
    write("self-signed", make("localhost"))
    write("client", make("example client", authority, client=True))


if __name__ == "__main__":
    main()

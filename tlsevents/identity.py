"""Names: whether a certificate was issued for one, and how one is written for the wire.

Pure functions. `check_server_identity` is Node's algorithm, on certificates in Node's shape. It
is not the only judge of a connection: OpenSSL's own, stricter, check stands beside it
(`verification.Verifier.name_matches`), and a name must please both.

Where this is stricter than Node: a name whose last label is a number (`0x8.8.8.8`, `127.1`, `5`)
is an IPv4 address in disguise for Node's URL parser. It is no host name, so here no certificate
is for it; and characters that no host name has are refused, not dropped.
"""

from __future__ import annotations

import functools
import ipaddress
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal, cast
from urllib.parse import unquote

import idna

from tlsevents.errors import CertificateError, OptionsError, altname_error, option_value_error

__all__ = ["check_server_identity", "is_ip", "sni_name", "to_ascii"]

_IPAddress = ipaddress.IPv4Address | ipaddress.IPv6Address

# Node allows these in a zone id; ipaddress allows nearly everything.
_ZONE = re.compile(r"[0-9A-Za-z.:-]+", re.ASCII)

# "Forbidden domain code points" of https://url.spec.whatwg.org/#host-miscellaneous
_FORBIDDEN = re.compile(r"[\x00-\x20\x7f#/:<>?@\[\\\]^|%]")

# A last label that makes the URL standard read an IPv4 address ("ends in a number", same place).
_NUMBER = re.compile(r"(?:[0-9]+|0[xX][0-9A-Fa-f]*)", re.ASCII)

# What a certificate's pattern may consist of: anything printable in ASCII.
_PATTERN_LABEL = re.compile(r"[\x21-\x7f]+")


def check_server_identity(hostname: str, cert: Mapping[str, Any]) -> CertificateError | None:
    """Tell whether a certificate is for this host: None if so, else the error that says why not.

    Mirrors `tls.checkServerIdentity(hostname, cert)`. The error is returned, as in Node, where it
    may be raised or ignored by the caller. Refuses some odd names that Node accepts: see the top
    of this module.

    Args:    hostname: a host name (international ones too; one trailing dot is ignored) or an IP.
             cert: a certificate in Node's shape, as from `get_peer_certificate()`; only `subject`
             and `subjectaltname` are looked at.
    Returns: None, or CertificateError ERR_TLS_CERT_ALTNAME_INVALID with `reason`, `host`, `cert`.
    Raises:  CertificateError ERR_TLS_CERT_ALTNAME_FORMAT for a malformed `subjectaltname`.
             RFC 6125 section 6.4, RFC 9525
    """
    host = str(hostname).removesuffix(".")
    altnames: str = cert.get("subjectaltname") or ""
    dns_names, ip_texts = _wanted_names(altnames)
    reason: str | None
    if is_ip(host):
        reason = _refuse_ip(host, ip_texts)
    elif dns_names:
        reason = None
        if not _matches_any(host, dns_names):
            reason = f"Host: {host}. is not in the cert's altnames: {altnames}"
    elif common_names := _common_names(cert):
        reason = None
        if not _matches_any(host, common_names):
            reason = f"Host: {host}. is not cert's CN: {','.join(common_names)}"
    else:
        reason = "Cert does not contain a DNS name"
    return None if reason is None else altname_error(reason, host, cert)


def to_ascii(hostname: str) -> str:
    """Write a host name as DNS and TLS need it: IDNA 2008, mapped as browsers do (UTS 46).

    A name in ASCII is only lower-cased: DNS has names (`_dmarc.example`, `a--b.example`) that IDNA
    does not know. `ssl` must never see another form: it would apply IDNA 2003, for which
    `faß.example` is another host (python/cpython#61310).

    Raises: OptionsError ERR_INVALID_ARG_VALUE for what cannot be a host name. RFC 5891, UTS 46
    """
    if hostname.isascii():
        return hostname.lower()
    try:
        mapped = idna.uts46_remap(hostname, std3_rules=False, transitional=False)
        labels = [
            label if label.isascii() else idna.alabel(label).decode("ascii")
            for label in mapped.split(".")
        ]
    except (idna.IDNAError, UnicodeError) as exc:
        raise _invalid_name(hostname, exc) from exc
    if any(len(label) > 63 for label in labels):  # RFC 1035 section 2.3.4
        raise _invalid_name(hostname, "a label is longer than 63 characters")
    return ".".join(labels)


def is_ip(text: str) -> Literal[0, 4, 6]:
    """Return 4 or 6 if the text is an IP address, else 0.

    Mirrors `net.isIP(text)`: four decimal numbers without leading zeros, or IPv6 with or without
    a zone id; no brackets, no blanks, no other ways to write an IPv4 address.
    """
    address = _parse_ip(text)
    if address is None:
        return 0
    return 4 if address.version == 4 else 6


def sni_name(servername: str | None, host: str | None) -> str | None:
    """Return the name to send in the server_name extension, or None to send none.

    Mirrors the `servername` option, but `host` stands in when it is None (Node sends nothing
    then). An empty `servername` means none; IP addresses are never sent, nor a trailing dot.

    Raises: OptionsError as `to_ascii`. RFC 6066 section 3
    """
    name = host if servername is None else servername
    if not name:
        return None
    name = name.removesuffix(".")
    if not name or is_ip(name):
        return None
    return to_ascii(name).removesuffix(".") or None  # an ideographic full stop is a dot by now


def _invalid_name(hostname: str, why: object) -> OptionsError:
    return option_value_error("options.host", hostname, f"is not a valid host name ({why})")


# --- Addresses ----------------------------------------------------------------------------------


@functools.lru_cache(maxsize=512)  # a connection asks six times for the same two addresses
def _parse_ip(text: str) -> _IPAddress | None:
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    if isinstance(address, ipaddress.IPv6Address):
        zone = address.scope_id
        if zone is not None and not _ZONE.fullmatch(zone):
            return None
    return address


@functools.lru_cache(maxsize=512)
def _canonical_ip(text: str) -> str:
    """Write an address in the one way that can be compared; empty for what is none."""
    address = _parse_ip(text)
    if address is None:
        return ""
    if isinstance(address, ipaddress.IPv4Address):
        return str(address)
    # inet_ntop writes IPv4-mapped addresses with a dotted tail, ipaddress only since 3.13.
    bare = ipaddress.IPv6Address(int(address))
    mapped = bare.ipv4_mapped
    return f"::ffff:{mapped}" if mapped is not None else str(bare)


def _refuse_ip(host: str, ip_texts: Sequence[str]) -> str | None:
    ips = [_canonical_ip(text) for text in ip_texts]
    if _canonical_ip(host) in ips:
        return None
    return f"IP: {host} is not in the cert's list: {', '.join(ips)}"


# --- Names in certificates ----------------------------------------------------------------------


def _wanted_names(altnames: str) -> tuple[list[str], list[str]]:
    """Take the DNS names and the IP addresses, and nothing else, out of `subjectaltname`."""
    dns_names: list[str] = []
    ip_texts: list[str] = []
    for item in _split_altnames(altnames):
        if item.startswith("DNS:"):
            dns_names.append(item.removeprefix("DNS:"))
        elif item.startswith("IP Address:"):
            ip_texts.append(item.removeprefix("IP Address:"))
    return dns_names, ip_texts


def _split_altnames(altnames: str) -> Iterator[str]:
    """Split `kind:value, kind:value`; a value may be, or hold, a string as JSON writes it.

    Without the quotes a value such as `x, DNS:bank.example` in some other kind of name would add
    a DNS name to the certificate (CVE-2021-44532).
    """
    if '"' not in altnames:
        yield from altnames.split(", ")
        return
    decoder = json.JSONDecoder()
    item, at = "", 0
    while at < len(altnames):
        char = altnames[at]
        if char == ",":
            yield item
            item, at = "", at + 2
        elif char == '"':
            try:
                value, at = decoder.raw_decode(altnames, at)
            except ValueError as exc:
                raise CertificateError(
                    "Invalid subject alternative name string",
                    code="ERR_TLS_CERT_ALTNAME_FORMAT",
                    phase="verify",
                ) from exc
            item += value
        else:
            item, at = item + char, at + 1
    yield item


def _common_names(cert: Mapping[str, Any]) -> list[str]:
    subject = cast("Mapping[str, str | Sequence[str]]", cert.get("subject") or {})
    names = subject.get("CN") or []
    return [names] if isinstance(names, str) else list(names)


def _matches_any(host: str, patterns: Sequence[str]) -> bool:
    name = _comparable(host)
    return bool(name) and any(_matches(name, pattern) for pattern in patterns)


def _comparable(host: str) -> str:
    """Bring a host name into the form that certificates have, or empty if there is none.

    Node runs it through the URL parser, which also undoes percent-encoding (`a%2ecom`).
    """
    try:
        name = to_ascii(unquote(host, errors="strict") if "%" in host else host)
    except (OptionsError, UnicodeDecodeError):
        return ""
    last_label = name.removesuffix(".").rpartition(".")[2]
    if _FORBIDDEN.search(name) or _NUMBER.fullmatch(last_label):
        return ""
    return name


def _matches(name: str, pattern: str) -> bool:
    """Compare by labels; a star may stand for (a part of) the first. RFC 6125 section 6.4.3."""
    labels = name.removesuffix(".").split(".")
    wanted = _lower_ascii(pattern).removesuffix(".").split(".")
    if len(labels) != len(wanted) or labels[1:] != wanted[1:]:
        return False
    if not all(_PATTERN_LABEL.fullmatch(label) for label in wanted):
        return False
    first = wanted[0]
    if first == labels[0]:
        return True
    # Not under a top-level domain (*.com), and not within an A-label, where a part says nothing.
    if len(wanted) < 3 or first.count("*") != 1 or "xn--" in first:
        return False
    prefix, _, suffix = first.partition("*")
    return (
        len(labels[0]) >= len(prefix) + len(suffix)
        and labels[0].startswith(prefix)
        and labels[0].endswith(suffix)
    )


def _lower_ascii(text: str) -> str:
    """Lower-case A-Z alone: the Kelvin sign is not a k in a certificate."""
    return "".join(char.lower() if char.isascii() else char for char in text)

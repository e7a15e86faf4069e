"""The IANA's names of cipher suites, computed from OpenSSL's.

OpenSSL knows both; Python's `ssl` hands out only its own. They differ by rule: OpenSSL leaves out
what was once the usual case (RSA for keys, CBC as the mode, SHA256 behind POLY1305).
"""

from __future__ import annotations

import functools
import re

__all__ = ["standard_name"]

# OpenSSL's word for how keys are agreed on, and the registry's. The longest that fits counts.
_KEY_EXCHANGES = {
    "ECDHE-ECDSA": "ECDHE_ECDSA",
    "ECDHE-RSA": "ECDHE_RSA",
    "ECDHE-PSK": "ECDHE_PSK",
    "ECDHE": "ECDHE_RSA",  # only in ECDHE-ARIA256-GCM-SHA384 and its like
    "DHE-RSA": "DHE_RSA",
    "DHE-DSS": "DHE_DSS",
    "DHE-PSK": "DHE_PSK",
    "RSA-PSK": "RSA_PSK",
    "PSK": "PSK",
    "AECDH": "ECDH_anon",
    "ADH": "DH_anon",
    "SRP-DSS": "SRP_SHA_DSS",
    "SRP-RSA": "SRP_SHA_RSA",
    "SRP": "SRP_SHA",
    "": "RSA",
}
_CIPHER = re.compile(
    r"(?P<name>AES|ARIA|CAMELLIA)-?(?P<bits>\d+)(-(?P<mode>CBC|GCM|CCM8|CCM))?(-(?P<hash>SHA\d*))?$"
)


@functools.lru_cache(maxsize=256)
def standard_name(name: str) -> str:
    """Return `TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384` for `ECDHE-RSA-AES256-GCM-SHA384`.

    The name itself where no rule is known, as for suites of TLS 1.3, which have one name only.
    """
    if name.startswith("TLS_"):
        return name
    exchange, rest = _split(name)
    suite = _suite(rest)
    if suite is None:
        return name
    if exchange == "DHE_PSK" and suite.endswith("_CCM_8"):
        exchange = "PSK_DHE"  # RFC 6655 section 3 turned these two around
    return f"TLS_{exchange}_WITH_{suite}"


def _split(name: str) -> tuple[str, str]:
    for words in (2, 1):
        parts = name.split("-", words)
        found = _KEY_EXCHANGES.get("-".join(parts[:words])) if len(parts) > words else None
        if found is not None:
            return found, parts[words]
    return _KEY_EXCHANGES[""], name


def _suite(rest: str) -> str | None:
    if rest == "CHACHA20-POLY1305":
        return "CHACHA20_POLY1305_SHA256"
    if rest.startswith("NULL-"):
        return rest.replace("-", "_")
    match = _CIPHER.match(rest)
    if match is None:
        return None
    mode = match["mode"] or "CBC"
    parts = [match["name"], match["bits"], "CCM_8" if mode == "CCM8" else mode]
    if match["hash"]:
        parts.append(match["hash"])
    return "_".join(parts)

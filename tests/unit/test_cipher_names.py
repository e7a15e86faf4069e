"""The IANA's names of cipher suites against OpenSSL, which knows both."""

import shutil
import ssl
import subprocess

import pytest

from tlsevents.cipher_names import standard_name

# What `openssl ciphers -stdname` says, one per rule.
PAIRS = {
    "TLS_AES_256_GCM_SHA384": "TLS_AES_256_GCM_SHA384",
    "ECDHE-RSA-AES256-GCM-SHA384": "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384",
    "ECDHE-ECDSA-AES128-SHA256": "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA256",
    "ECDHE-RSA-AES128-SHA": "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA",
    "ECDHE-PSK-CHACHA20-POLY1305": "TLS_ECDHE_PSK_WITH_CHACHA20_POLY1305_SHA256",
    "ECDHE-ARIA256-GCM-SHA384": "TLS_ECDHE_RSA_WITH_ARIA_256_GCM_SHA384",
    "DHE-RSA-AES256-CCM8": "TLS_DHE_RSA_WITH_AES_256_CCM_8",
    "DHE-PSK-AES256-CCM8": "TLS_PSK_DHE_WITH_AES_256_CCM_8",
    "DHE-PSK-AES256-CCM": "TLS_DHE_PSK_WITH_AES_256_CCM",
    "AES256-SHA": "TLS_RSA_WITH_AES_256_CBC_SHA",
    "AES128-GCM-SHA256": "TLS_RSA_WITH_AES_128_GCM_SHA256",
    "CAMELLIA128-SHA256": "TLS_RSA_WITH_CAMELLIA_128_CBC_SHA256",
    "RSA-PSK-AES256-CBC-SHA384": "TLS_RSA_PSK_WITH_AES_256_CBC_SHA384",
    "ADH-AES128-SHA": "TLS_DH_anon_WITH_AES_128_CBC_SHA",
    "AECDH-NULL-SHA": "TLS_ECDH_anon_WITH_NULL_SHA",
    "NULL-MD5": "TLS_RSA_WITH_NULL_MD5",
    "SRP-RSA-AES-256-CBC-SHA": "TLS_SRP_SHA_RSA_WITH_AES_256_CBC_SHA",
    "SRP-AES-128-CBC-SHA": "TLS_SRP_SHA_WITH_AES_128_CBC_SHA",
}


@pytest.mark.parametrize(("name", "standard"), PAIRS.items())
def test_one_of_each_kind(name: str, standard: str) -> None:
    assert standard_name(name) == standard


def test_a_name_without_a_rule_stays_as_it_is() -> None:
    assert standard_name("GOST2012-KUZNYECHIK") == "GOST2012-KUZNYECHIK"


@pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is the witness")
def test_every_suite_of_openssl() -> None:
    command = ["openssl", "ciphers", "-stdname", "ALL:COMPLEMENTOFALL:@SECLEVEL=0"]
    lines = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    pairs = {words[2]: words[0] for words in map(str.split, lines)}
    assert len(pairs) > 50
    assert {name: standard_name(name) for name in pairs} == pairs


def test_every_suite_that_a_context_may_offer_has_a_name_of_its_own() -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.set_ciphers("ALL:@SECLEVEL=0")
    names = [standard_name(suite["name"]) for suite in context.get_ciphers()]
    assert all(name.startswith("TLS_") for name in names)
    assert len(set(names)) == len(names)

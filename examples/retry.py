"""Retry what may pass by itself, and nothing else. Needs the library tenacity."""

import asyncio
import itertools
import ssl

import tenacity

import tlsevents
from local_server import echo_line, pem, reset, serve


def is_temporary(error: BaseException) -> bool:
    """A lost connection may work next time; a refused certificate will not."""
    return isinstance(error, tlsevents.TLSEventsError) and error.temporary


def report(state: tenacity.RetryCallState) -> None:
    """Print why there is another try."""
    assert state.outcome is not None
    print(f"  try {state.attempt_number}: {state.outcome.exception()}; trying again")


@tenacity.retry(
    retry=tenacity.retry_if_exception(is_temporary),
    wait=tenacity.wait_random_exponential(multiplier=0.05, max=1),
    stop=tenacity.stop_after_attempt(5),
    before_sleep=report,
    reraise=True,
)
async def fetch(port: int) -> bytes:
    """Make a connection of its own at each try."""
    async with tlsevents.connect(host="localhost", port=port, ca=pem("ca.pem")) as socket:
        socket.write(b"hello\n")
        return b"".join([chunk async for chunk in socket])


async def main() -> None:
    """Fetch from a server that resets its first two connections, then from an expired one."""
    connections = itertools.count(1)

    def recovering(connection: ssl.SSLSocket) -> None:
        (echo_line if next(connections) > 2 else reset)(connection)

    with serve(handler=recovering) as port:
        print("A server that recovers:")
        print(" ", await fetch(port))
    with serve("expired") as port:
        print("A certificate that has expired:")
        try:
            await fetch(port)
        except tlsevents.CertificateError as error:
            print(f"  not retried: {error}")


if __name__ == "__main__":
    asyncio.run(main())

"""Fuzzing of HTTP servers: bytes changed at random, sent over a socket, and what comes back."""

from __future__ import annotations

import asyncio
import os
import random
from contextlib import suppress

SECONDS = float(os.environ.get("IOC_TEST_FUZZ_SECONDS", "60"))
RESET = b"reset"
FOREIGN = ["evil.example", "lo.evil.test:80", "", "0.0.0.0", "[::1]", "localhost, evil.example", "\xff"]
HOSTS = ["localhost", "127.0.0.1:8080"] * 8 + FOREIGN


def mangled(dice: random.Random, data: bytes) -> bytes:
    """The bytes with some of them changed, or cut short."""
    changed = bytearray(data)
    for _ in range(dice.randint(1, 8) if changed else 0):
        changed[dice.randrange(len(changed))] = dice.randrange(256)
    return bytes(changed[: dice.randint(0, len(changed))]) if dice.random() < 0.3 else bytes(changed)


def framed(dice: random.Random, head: str, body: bytes) -> tuple[bytes, bool]:
    """A request with its body in chunks, behind its length or, at times, behind a false one; and whether it is whole."""
    whole = True
    if dice.random() < 0.3:
        cut = dice.randint(0, len(body))
        body = b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in (body[:cut], body[cut:]) if part) + b"0\r\n\r\n"
        head += "Transfer-Encoding: chunked\r\n\r\n"
    else:
        length = dice.choice([0, len(body) // 2, len(body) + 1, 1 << 40, -1, "1e3", ""]) if dice.random() < 0.05 else len(body)
        whole = length == len(body)
        head += f"Content-Length: {length}\r\n\r\n"
    sent = head.encode("latin-1") + body
    return (mangled(dice, sent), False) if dice.random() < 0.1 else (sent, whole)


async def answer(port: int, sent: bytes, whole: bool) -> bytes:
    """What comes back until the server hangs up. Who sent all of a request waits; who did not says that no more will come."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(sent)
        if not whole:
            with suppress(OSError):  # who hung up already has no end to hear of; what it said is still to be read
                writer.write_eof()
        return await reader.read()
    except ConnectionError:
        return RESET
    finally:
        writer.close()

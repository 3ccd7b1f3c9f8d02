"""A store further away: `python bench/delay.py PORT MS` passes on what it is asked and delays it.

It listens on a port of the loopback interface, which it prints, and passes every connection on to
PORT there. What a client sends arrives MS milliseconds later and answers are as quick as they are,
so every request takes so much longer; what follows each other closely is delayed together.
Ends when its standard input does.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys

HOST = "127.0.0.1"
CHUNK = 1 << 16


async def main(port: int, delay_s: float) -> None:
    """Serves until nobody holds the other end of standard input."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        behind, onward = await asyncio.open_connection(HOST, port)
        with contextlib.suppress(OSError):
            await asyncio.gather(_late(reader, onward, delay_s), _at_once(behind, writer))

    server = await asyncio.start_server(serve, HOST, 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await asyncio.to_thread(sys.stdin.read)
    server.close()


async def _late(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, delay_s: float) -> None:
    loop = asyncio.get_running_loop()
    waiting: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue()

    async def send() -> None:
        while True:
            due, data = await waiting.get()
            await asyncio.sleep(max(0.0, due - loop.time()))
            if not data:
                break
            writer.write(data)
            await writer.drain()
        writer.close()

    sending = asyncio.create_task(send())
    try:
        while data := await reader.read(CHUNK):
            waiting.put_nowait((loop.time() + delay_s, data))
    finally:
        waiting.put_nowait((loop.time() + delay_s, b""))
        with contextlib.suppress(OSError):
            await sending


async def _at_once(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while data := await reader.read(CHUNK):
            writer.write(data)
            await writer.drain()
    finally:
        writer.close()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), float(sys.argv[2]) / 1e3))

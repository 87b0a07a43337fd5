"""The server of the generated newspapers, a process of its own so that its work is not counted as ours.

`/0/<n>` answers with validators, `/1/<n>` without. `/offset/<k>` sets how many articles have come since the start.
"""

import asyncio
import gzip
import sys
from functools import cache
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.benchmarks.documents import feed

offset = 0


@cache
def body(number: int, at: int) -> bytes:
    return gzip.compress(feed(number, offset=at), 6, mtime=0)


async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    global offset
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    _, kind, number = head.split(" ", 2)[1].split("/")
    if kind == "offset":
        offset = int(number)
        writer.write(b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n")
    else:
        etag = f'"{number}-{offset}"'
        if kind == "0" and f"if-none-match: {etag}".lower() in head.lower():
            writer.write(f"HTTP/1.1 304 Not Modified\r\nETag: {etag}\r\nConnection: close\r\n\r\n".encode())
        else:
            content = body(int(number), offset)
            validators = f"ETag: {etag}\r\n" if kind == "0" else ""
            length = f"Content-Encoding: gzip\r\nContent-Length: {len(content)}\r\nConnection: close\r\n\r\n"
            writer.write(f"HTTP/1.1 200 OK\r\nContent-Type: application/xml\r\n{validators}{length}".encode() + content)
    await writer.drain()
    writer.close()


async def main() -> None:
    server = await asyncio.start_server(answer, "127.0.0.1", 0, backlog=1000)
    print(server.sockets[0].getsockname()[1], flush=True)
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())

"""HTTP/1.1 as it goes over the wire: heads, and bodies that are passed on as they come."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass

HEAD_BYTES_MAX = 64 * 1024
CHUNK_BYTES = 64 * 1024


class Closed(Exception):
    """The other end has closed the connection."""


@dataclass(frozen=True)
class Head:
    """The first line and the headers of a request or an answer."""

    line: str
    headers: list[tuple[str, str]]

    def get(self, name: str) -> str | None:
        """The value of a header, whose name is in lower case."""
        return next((value for key, value in self.headers if key.lower() == name), None)

    def encoded(self, without: tuple[str, ...] = (), more: tuple[tuple[str, str], ...] = ()) -> bytes:
        """As bytes, with other headers than it came with."""
        kept = [(name, value) for name, value in self.headers if name.lower() not in without]
        lines = [self.line, *(f"{name}: {value}" for name, value in [*kept, *more]), "", ""]
        return "\r\n".join(lines).encode("latin-1")


async def read_head(reader: asyncio.StreamReader) -> Head:
    """Reads a head."""
    try:
        text = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    except (asyncio.IncompleteReadError, ConnectionError) as error:
        raise Closed from error
    line, *headers = text.removesuffix("\r\n\r\n").split("\r\n")
    pairs = (header.partition(":") for header in headers)
    return Head(line, [(name, value.strip()) for name, _, value in pairs])


async def body(head: Head, reader: asyncio.StreamReader, ends_with_connection: bool) -> AsyncIterator[bytes]:
    """The body after a head, as it was framed."""
    if (head.get("transfer-encoding") or "").lower() == "chunked":
        async for chunk in _chunked(reader):
            yield chunk
    elif (length := head.get("content-length")) is not None:
        left = int(length)
        while left:
            chunk = await reader.read(min(left, CHUNK_BYTES))
            if not chunk:
                raise Closed
            left -= len(chunk)
            yield chunk
    elif ends_with_connection:
        while chunk := await reader.read(CHUNK_BYTES):
            yield chunk


async def _chunked(reader: asyncio.StreamReader) -> AsyncIterator[bytes]:
    while True:
        size_line = await reader.readline()
        yield size_line
        size = int(size_line.split(b";")[0], 16)
        # The chunk and the end of its line; after the last chunk, the empty line that ends the trailers.
        yield await reader.readexactly(size + 2)
        if not size:
            return

"""The proxy: passes on what functions ask of the emulator, and breaks what it was told to.

    python -m faults.proxy --listen 127.0.0.1:7000 --upstream 127.0.0.1:4566 --log calls.jsonl

Tests speak to it under `/_faults/`: POST or GET rules, GET or DELETE rules/<id>, GET memory/<function>.
"""

import argparse
import asyncio
import json
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, TextIO

from .callers import Caller, find
from .calls import Call, call
from .rules import Rule, Rules
from .wire import HEAD_BYTES_MAX, Closed, Head, body, read_head
from .witness import Witness

CONTROL = "/_faults/"
# As much of an answer as it takes to see why it is an error.
ENOUGH_BYTES = 1024
UNAVAILABLE = (503, {"__type": "ServiceUnavailable", "message": "a test lets this call fail"})
THROTTLED = (400, {"__type": "ThrottlingException", "message": "a test throttles this call"})


class Cut(Exception):
    """The connection to the caller is to be closed without an answer."""


class Proxy:
    """Serves connections."""

    def __init__(self, upstream: tuple[str, int], log: TextIO, witness: Witness) -> None:
        self._upstream = upstream
        self._log = log
        self._witness = witness
        self._rules = Rules()
        self._peaks: dict[str, int] = {}
        # The loop alone does not keep a task whose caller is gone: it would be destroyed before its call is answered.
        self._serving: set[asyncio.Task | None] = set()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serves one connection, request after request."""
        task = asyncio.current_task()
        self._serving.add(task)
        try:
            await self._serve(reader, writer)
        finally:
            self._serving.discard(task)
            writer.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        caller: Caller | None = None
        looked = False
        with suppress(Closed, Cut, ConnectionError, asyncio.IncompleteReadError):
            while True:
                head = await read_head(reader)
                if not looked and CONTROL not in head.line:
                    ends = (writer.get_extra_info("peername"), writer.get_extra_info("sockname"))
                    caller, looked = find(*ends), True
                if head.get("expect"):
                    writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
                await self._one(head, caller, reader, writer)
                await writer.drain()

    async def _one(
        self, head: Head, caller: Caller | None, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        method, target, _ = head.line.split(" ", 2)
        if target.startswith(CONTROL):
            content = b"".join([chunk async for chunk in body(head, reader, ends_with_connection=False)])
            writer.write(_answer(*self._control(method, target.removeprefix(CONTROL), content)))
            return
        if caller is None:
            await self._pass_on(head, reader, writer)
            return
        self._witness.learn(caller.function, head)
        asked = call(caller.function, method, target, {name.lower(): value for name, value in head.headers})
        self._peaks[caller.function] = max(self._peaks.get(caller.function, 0), caller.peak_kib())
        rule = self._rules.broken_by(asked)
        self._note(asked, rule)
        if rule is None:
            await self._pass_on(head, reader, writer)
        else:
            await self._break(rule, caller, asked, head, reader, writer)

    async def _break(
        self,
        rule: Rule,
        caller: Caller,
        asked: Call,
        head: Head,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        met = rule.broken[-1]
        content = b"".join([chunk async for chunk in body(head, reader, ends_with_connection=False)])
        if asked.service != "s3":
            met["body"] = content.decode()
        match rule.action:
            case "kill-before":
                caller.kill()
                raise Cut
            case "kill-after":
                await self._asked_upstream(head, content)
                caller.kill()
                raise Cut
            case "cut-before":
                raise Cut
            case "cut-after":
                await self._asked_upstream(head, content)
                raise Cut
            case "fail":
                writer.write(_failure(asked, *UNAVAILABLE))
            case "throttle":
                writer.write(_failure(asked, *THROTTLED))
            case "delay":
                await asyncio.sleep(rule.seconds)
                writer.write(await self._asked_upstream(head, content))
            case "repeat":
                await self._asked_upstream(head, content)
                writer.write(await self._asked_upstream(head, content))
        met["answered"] = True

    async def _pass_on(self, head: Head, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Passes a request and its answer on as they come, whatever their size."""
        upstream = await asyncio.open_connection(*self._upstream, limit=HEAD_BYTES_MAX)
        # What is asked stands in the body, except with S3, whose bodies may be of any size.
        asked, begins, has_fields = bytearray(), b"", head.get("x-amz-target") is not None
        try:
            upstream[1].write(_to_upstream(head))
            async for chunk in body(head, reader, ends_with_connection=False):
                asked += chunk if has_fields else b""
                upstream[1].write(chunk)
                await upstream[1].drain()
            answer = await read_head(upstream[0])
            writer.write(answer.encoded(without=("connection",)))
            if _has_body(head, answer):
                async for chunk in body(answer, upstream[0], ends_with_connection=True):
                    begins += chunk if len(begins) < ENOUGH_BYTES else b""
                    writer.write(chunk)
                    await writer.drain()
            self._witness.note(head, bytes(asked), _status(answer), begins)
            if _has_body(head, answer):
                if answer.get("content-length") is None and answer.get("transfer-encoding") is None:
                    raise Cut  # Its end is told by the connection's.
        finally:
            upstream[1].close()

    async def _asked_upstream(self, head: Head, content: bytes) -> bytes:
        """The whole answer to a request."""
        reader, writer = await asyncio.open_connection(*self._upstream, limit=HEAD_BYTES_MAX)
        try:
            writer.write(_to_upstream(head) + content)
            answer = await read_head(reader)
            parts = [answer.encoded(without=("connection",))]
            if _has_body(head, answer):
                parts += [chunk async for chunk in body(answer, reader, ends_with_connection=True)]
            return b"".join(parts)
        finally:
            writer.close()

    def _note(self, asked: Call, rule: Rule | None) -> None:
        self._log.write(json.dumps(asked.as_json() | ({"broken": rule.action} if rule else {})) + "\n")
        self._log.flush()

    def _control(self, method: str, path: str, content: bytes) -> tuple[int, Any]:
        match method, path.split("/"):
            case "POST", ["rules"]:
                try:
                    return 201, vars(self._rules.add(json.loads(content)))
                except (TypeError, ValueError) as error:
                    return 400, {"error": str(error)}
            case "GET", ["rules"]:
                return 200, [vars(rule) for rule in self._rules.all()]
            case "GET", ["rules", rule_id]:
                rule = self._rules.get(int(rule_id))
                return (200, vars(rule)) if rule else (404, {})
            case "DELETE", ["rules", rule_id]:
                self._rules.remove(int(rule_id))
                return 200, {}
            case "GET", ["memory", function]:
                return 200, {"peakKib": self._peaks.get(function, 0)}
        return 404, {}


def _to_upstream(head: Head) -> bytes:
    return head.encoded(without=("connection", "expect"), more=(("Connection", "close"),))


def _status(answer: Head) -> int:
    return int(answer.line.split(" ")[1])


def _has_body(request: Head, answer: Head) -> bool:
    return not request.line.startswith("HEAD ") and _status(answer) not in (204, 304)


def _answer(status: int, content: Any) -> bytes:
    payload = json.dumps(content).encode()
    return _framed(status, payload, "application/json")


def _failure(asked: Call, status: int, error: dict[str, str]) -> bytes:
    """An error in the words of the service."""
    if asked.service != "s3":
        return _framed(status, json.dumps(error).encode(), "application/x-amz-json-1.0")
    code = "SlowDown" if error is THROTTLED[1] else error["__type"]
    xml = f"<Error><Code>{code}</Code><Message>{error['message']}</Message></Error>"
    return _framed(503, xml.encode(), "application/xml")


def _framed(status: int, payload: bytes, kind: str) -> bytes:
    lines: Iterator[str] = iter(
        [f"HTTP/1.1 {status} Broken", f"Content-Type: {kind}", f"Content-Length: {len(payload)}", "", ""]
    )
    return "\r\n".join(lines).encode() + payload


async def _run(listen: tuple[str, int], upstream: tuple[str, int], log: Path) -> None:
    with log.open("a") as lines:
        proxy = Proxy(upstream, lines, Witness(log.parent))
        server = await asyncio.start_server(proxy.serve, *listen, limit=HEAD_BYTES_MAX)
        async with server:
            await server.serve_forever()


def _address(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    return host, int(port)


def main() -> None:
    """Serves until it is ended."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--listen", type=_address, required=True, metavar="HOST:PORT")
    parser.add_argument("--upstream", type=_address, required=True, metavar="HOST:PORT")
    parser.add_argument("--log", type=Path, required=True, metavar="FILE", help="a line for each call of a function")
    arguments = parser.parse_args()
    with suppress(KeyboardInterrupt):
        asyncio.run(_run(arguments.listen, arguments.upstream, arguments.log))


if __name__ == "__main__":
    main()

"""A provider on loopback that answers as the real one does: in pages, and at times not at all."""

from __future__ import annotations

import json
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

DAY = 86_400
AMOUNT = "0.120000000000000000000000000000000000001"
"""39 digits; as a float it would be 0.12"""


@dataclass
class Asked:
    """A request as it arrived."""

    resource: str
    """`costs`, `completions`, …"""
    query: dict[str, list[str]]
    headers: dict[str, str]
    """names in lower case"""
    at: float
    """seconds of a steady clock"""

    @property
    def page(self) -> str | None:
        return self.query.get("page", [None])[0]


Handler = BaseHTTPRequestHandler
Fault = Callable[[Handler, bytes], None]
"""Answers instead of the server, which would have sent these bytes."""


@dataclass
class LoopbackProvider:
    """What the server does, and what it was asked."""

    url: str = ""
    days_per_page: int = 1000
    organization: str | None = "org-one"
    asked: list[Asked] = field(default_factory=list)
    faults: dict[str, list[Fault | None]] = field(default_factory=dict)
    """per resource, one for each request; None answers as usual"""
    always: dict[str, Fault] = field(default_factory=dict)
    """per resource, for every request"""
    empty: set[str] = field(default_factory=set)
    """resources without results"""
    bucketless: set[str] = field(default_factory=set)
    restated: str = ""
    """stands in every result, so that a later answer differs"""
    answered: Callable[[Asked], None] = lambda asked: None
    """called before each answer"""
    lock: threading.Lock = field(default_factory=threading.Lock)

    def pages_asked(self, resource: str) -> list[str | None]:
        return [asked.page for asked in self.asked if asked.resource == resource]

    def body(self, resource: str, query: dict[str, list[str]]) -> bytes:
        """The page that a query asks for; a cursor is the day it begins with."""
        start, end = int(query["start_time"][0]), int(query["end_time"][0])
        first = int(query["page"][0].removeprefix("page_")) if "page" in query else start
        limit = min(int(query["limit"][0]), self.days_per_page)
        days = [] if resource in self.bucketless else list(range(first, end, DAY))
        more = days[limit:]
        # not json.dumps: the amount is a number with more digits than a float has
        buckets = ",".join(self._bucket(resource, day) for day in days[:limit])
        cursor = f'"page_{more[0]}"' if more else "null"
        return (
            f'{{"object":"page", "data":[{buckets}],\n'
            f' "has_more":{json.dumps(bool(more))},"next_page":{cursor}}}'
        ).encode()

    def _bucket(self, resource: str, day: int) -> str:
        if resource in self.empty:
            results = ""
        elif resource == "costs":
            results = (
                '{"object":"organization.costs.result","amount":{"value":' + AMOUNT + ","
                '"currency":"usd"},"line_item":"gpt-4o-mini, input","project_id":"proj_1"'
                f',"organization_id":"{self.restated}"}}'
            )
        else:
            results = (
                f'{{"object":"organization.usage.{resource}.result","num_model_requests":3,'
                f'"project_id":"proj_1","model":"gpt-4o-mini","input_tokens":9{self.restated}}}'
            )
        return (
            f'{{"object":"bucket","start_time":{day},"end_time":{day + DAY},"results":[{results}]}}'
        )


def status(code: int, body: dict | bytes = b"", **headers: str) -> Fault:
    """Answers with a status; headers by name, `_` for `-`."""
    sent = body if isinstance(body, bytes) else json.dumps(body).encode()

    def answer(handler: Handler, _: bytes) -> None:
        more = {name.replace("_", "-"): value for name, value in headers.items()}
        _send(handler, code, sent, more)

    return answer


def body_of(change: Callable[[bytes], bytes]) -> Fault:
    """Answers 200 with another body, its length stated rightly."""
    return lambda handler, body: _send(handler, 200, change(body), {})


def cut_off(handler: Handler, body: bytes) -> None:
    """Closes the connection in the middle of the body."""
    handler.send_response(200)
    handler.send_header("Content-Type", "application/json")
    handler.send_header("Content-Length", str(len(body)))
    handler.end_headers()
    handler.wfile.write(body[: len(body) // 2])
    handler.wfile.flush()
    handler.connection.shutdown(socket.SHUT_RDWR)


def reset(handler: Handler, _: bytes) -> None:
    """Resets the connection before the first byte."""
    linger_not = struct.pack("ii", 1, 0)
    handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger_not)
    handler.close_connection = True
    handler.rfile.close()
    handler.connection.close()


def stall(seconds: float) -> Fault:
    """Says nothing for so long, then hangs up."""

    def answer(handler: Handler, _: bytes) -> None:
        threading.Event().wait(seconds)
        handler.close_connection = True

    return answer


def _send(handler: Handler, code: int, body: bytes, headers: dict[str, str]) -> None:
    handler.send_response(code)
    handler.send_header("Content-Type", "application/json")
    handler.send_header("Content-Length", str(len(body)))
    for name, value in headers.items():
        handler.send_header(name, value)
    handler.end_headers()
    handler.wfile.write(body)


@contextmanager
def running() -> Iterator[LoopbackProvider]:
    """A server that answers until the block ends."""
    provider = LoopbackProvider()

    class Answers(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True  # else each answer takes 40 ms

        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            asked = Asked(
                resource=parts.path.rsplit("/", 1)[1],
                query=parse_qs(parts.query),
                headers={name.lower(): value for name, value in self.headers.items()},
                at=time.monotonic(),
            )
            known = "/v1/organization/costs", "/v1/organization/usage/" + asked.resource
            with provider.lock:
                provider.asked.append(asked)
                faults = provider.faults.get(asked.resource)
                fault = faults.pop(0) if faults else provider.always.get(asked.resource)
            provider.answered(asked)
            body = provider.body(asked.resource, asked.query)
            if parts.path not in known:
                _send(self, 404, b"", {})
            elif fault:
                fault(self, body)
            else:
                sender = provider.organization
                _send(self, 200, body, {"openai-organization": sender} if sender else {})

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    server.daemon_threads = True
    provider.url = f"http://127.0.0.1:{server.server_port}/v1"
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield provider
    finally:
        server.shutdown()
        server.server_close()

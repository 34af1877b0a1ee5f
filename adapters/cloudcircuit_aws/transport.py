"""One HTTP exchange, bounded in time and size. Imported by client.py alone, with the SDK.

botocore reads an answer with a timeout for each read: one byte a second takes as long as it likes. Here the body is
read in parts, until the deadline or the cap, and then handed to botocore's parser.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.httpsession import URLLib3Session
from botocore.utils import get_environ_proxies

from cloudcircuit.ports import Deadline

MAX_BYTES = 64 << 20
PART = 64 << 10
CONNECT, READ = 10.0, 60.0
"""The longest waits, in seconds, for a connection and for a next part of an answer."""


class Transport:
    """What sends for a client. `verify`: the certificate authorities, as the SDK's own configuration says."""

    def __init__(self, verify: str | bool) -> None:
        self._verify = verify
        self.deadline: Deadline | None = None

    def send(self, request: AWSPreparedRequest, **_: Any) -> AWSResponse:
        """A `before-send` hook of botocore: its answer takes the place of botocore's own sending."""
        left = self._left()
        session = URLLib3Session(
            verify=self._verify,  # type: ignore[arg-type]  # a file of authorities is taken as well
            proxies=get_environ_proxies(request.url),
            timeout=(min(CONNECT, left), min(READ, left)),  # type: ignore[arg-type]  # a pair is taken as well
        )
        request.stream_output = True
        try:
            response = session.send(request)
            body = b"".join(self._parts(response.raw))
            return AWSResponse(response.url, response.status_code, response.headers, _Whole(body))  # type: ignore[arg-type]
        finally:
            session.close()

    def _parts(self, raw: Any) -> Iterator[bytes]:
        size = 0
        try:
            while part := raw.read1(PART):
                self._left()
                size += len(part)
                if size > MAX_BYTES:
                    raise OSError("the answer is larger than any of Cost Explorer")
                yield part
        finally:
            raw.close()

    def _left(self) -> float:
        left = self.deadline.left() if self.deadline else READ
        if left <= 0:
            raise TimeoutError
        return left


class _Whole:
    """As much of a raw response as botocore reads."""

    def __init__(self, body: bytes) -> None:
        self._body = body

    def stream(self) -> Iterator[bytes]:
        yield self._body

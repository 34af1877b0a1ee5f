"""The line to Azure: the only user of its SDK, with `errors`. Imported on use.

azure-mgmt-costmanagement 5.x. Its `query.usage()` gives the first page of an answer and no way to the next, turns
amounts into floats, and raises on a 429 that has only the vendor's headers; its `send_request()` carries the same
request with the same login, and leaves the answer as it is.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import requests
from azure.core import AzureClouds
from azure.core.exceptions import AzureError
from azure.core.pipeline.policies import HeadersPolicy, ProxyPolicy, UserAgentPolicy
from azure.core.pipeline.transport import RequestsTransport
from azure.core.rest import HttpRequest, HttpResponse
from azure.identity import DefaultAzureCredential
from azure.mgmt.core.policies import ARMChallengeAuthenticationPolicy
from azure.mgmt.core.tools import get_arm_endpoints
from azure.mgmt.costmanagement import CostManagementClient

from cloudcircuit.errors import AdapterError
from cloudcircuit.model import CallCost
from cloudcircuit.ports import AdapterContext, Deadline
from cloudcircuit.wire import WholeAnswers, mount, within
from cloudcircuit_azure import errors
from cloudcircuit_azure.pacing import Pacer, Windows, asked_wait, pacer_of, wait
from cloudcircuit_azure.parse import Page, read_page

if TYPE_CHECKING:
    from cloudcircuit_azure import Options

API_VERSION = "2025-03-01"
"""The one of azure-mgmt-costmanagement 5.0."""
MOST_BYTES = 32 * 2**20
"""An answer has at most 5,000 rows; this is some 6 kB for each."""
_TRIES = 5
_BACKOFF = 1.0
_THROTTLED_BACKOFF = 5.0
"""Seconds before the second try, doubled for each further one: after trouble, and after a 429 that names none."""
_CLOUDS = {
    "public": (AzureClouds.AZURE_PUBLIC_CLOUD, "https://login.microsoftonline.com"),
    "china": (AzureClouds.AZURE_CHINA_CLOUD, "https://login.chinacloudapi.cn"),
    "usgovernment": (AzureClouds.AZURE_US_GOVERNMENT, "https://login.microsoftonline.us"),
}


def endpoint_of(options: Options) -> str:
    """The Azure Resource Manager that is asked, without a slash at its end."""
    cloud, _ = _CLOUDS[options.cloud]
    return options.endpoint or str(get_arm_endpoints(cloud)["resource_manager"]).rstrip("/")


class Line:
    """One login and one connection, for the length of a cycle. Counts its requests."""

    def __init__(self, options: Options, context: AdapterContext, deadline: Deadline) -> None:
        self._options = options
        self._context = context
        self._scope = options.place
        self._endpoint = endpoint_of(options)
        self._pacer: Pacer = pacer_of(self._endpoint)
        self._wire = WholeAnswers(deadline, MOST_BYTES)
        self._session = mount(requests.Session(), self._wire)
        self._transport = RequestsTransport(session=self._session, session_owner=False)
        self._client: CostManagementClient | None = None
        self.requests = 0

    def close(self) -> None:
        self._session.close()

    def pages(self, body: dict[str, Any], deadline: Deadline) -> Iterator[Page]:
        """The pages of the answer to one query, to the last. Raises AdapterError."""
        self._wire.deadline = deadline
        first = f"{self._endpoint}{self._scope.path}/providers/Microsoft.CostManagement/query?api-version={API_VERSION}"
        link: str | None = first
        seen: set[str] = set()
        while link is not None:
            self._check_link(link, seen)
            seen.add(link)
            page = self._ask(link, body, deadline)
            if page is None:
                return
            yield page
            link = page.next_link

    def _check_link(self, link: str, seen: set[str]) -> None:
        """A link comes from outside, and the token goes where it leads."""
        if link in seen:
            raise AdapterError("Azure's answer leads back to a page that was read before; nothing of it is used")
        if len(seen) >= self._options.max_pages:
            raise AdapterError(
                f"Azure's answer has more than max_pages = {self._options.max_pages} pages; raise it, or group by less",
                permanent=True,
            )
        try:
            parts, own = urlsplit(link), urlsplit(self._endpoint)
            at_home = (parts.scheme, parts.netloc.lower()) == (own.scheme, own.netloc.lower())
        except ValueError:
            at_home = False
        if not at_home or not link.isprintable() or set(" {}\\") & set(link):
            raise AdapterError("Azure's answer leads to another host for its next page; the login is not sent there")

    def _ask(self, link: str, body: dict[str, Any], deadline: Deadline) -> Page | None:
        """One page, with as many tries as make sense; None where there is no content."""
        for attempt in range(1, _TRIES + 1):
            last = attempt == _TRIES
            response = self._try(link, body, deadline)
            if isinstance(response, AzureError):
                self._wait_or_raise(response, attempt, deadline, last=last)
            elif response.status_code == 204:
                return None
            elif response.status_code == 200:
                return read_page(response.content)
            else:
                self._hold_back(response, attempt, deadline, last=last)
        raise AssertionError("the last try returns or raises")

    @staticmethod
    def _wait_or_raise(error: AzureError, attempt: int, deadline: Deadline, *, last: bool) -> None:
        seconds = _BACKOFF * 2 ** (attempt - 1)
        if last or seconds >= deadline.left():
            raise errors.from_sdk(error, deadline) from error
        wait(seconds, deadline, "Azure cannot be reached")

    def _hold_back(self, response: HttpResponse, attempt: int, deadline: Deadline, *, last: bool) -> None:
        """Wait as long as Azure asks, or raise what it says."""
        status = response.status_code
        throttled = status == 429
        asked = asked_wait(response.headers, self._context.clock.now())
        if not throttled and status not in errors.RETRIED:
            raise errors.from_answer(status, response.content, self._scope, None)
        own = (_THROTTLED_BACKOFF if throttled and asked is None else _BACKOFF) * 2 ** (attempt - 1)
        seconds = max(asked or 0.0, own)
        if throttled:
            self._pacer.pause(seconds, self._context.clock.monotonic())
        if last or seconds >= deadline.left():
            raise errors.from_answer(status, response.content, self._scope, seconds if throttled else asked)
        wait(seconds, deadline, "Azure asks to wait")

    def _try(self, link: str, body: dict[str, Any], deadline: Deadline) -> HttpResponse | AzureError:
        """One request, or how it failed where that may pass. Raises AdapterError."""
        if deadline.left() <= 0:
            raise AdapterError("the deadline passed before Azure was asked")
        self._pacer.take(self._windows, self._context.clock.monotonic, deadline)
        self._context.meter.take(CallCost(requests=1))
        self.requests += 1
        try:
            # The programs that some logins start know no deadline.
            return within(deadline, lambda: self._send(link, body))
        except errors.FOREIGN as error:
            if isinstance(error, AzureError) and errors.is_passing(error):
                return error
            raise errors.from_sdk(error, deadline) from error

    @property
    def _windows(self) -> Windows:
        options = self._options
        return ((10.0, options.qpu_per_10s), (60.0, options.qpu_per_minute), (3600.0, options.qpu_per_hour))

    def _send(self, link: str, body: dict[str, Any]) -> HttpResponse:
        if self._client is None:
            self._client = self._log_in()
        headers = {"ClientType": self._options.client_type, "Accept": "application/json"}
        return self._client.send_request(HttpRequest("POST", link, headers=headers, json=body))

    def _log_in(self) -> CostManagementClient:
        """A client whose pipeline does the login and nothing else.

        Left out are the SDK's retries and redirects, which know no deadline, and its registering of resource
        providers, which writes. Nothing is asked of the network here.
        """
        cloud, _ = _CLOUDS[self._options.cloud]
        credential = self._credential()
        audience = get_arm_endpoints(cloud)["credential_scopes"]
        policies = [
            HeadersPolicy(),
            UserAgentPolicy("CloudCircuit"),
            ProxyPolicy(),
            ARMChallengeAuthenticationPolicy(credential, *audience),
        ]
        return CostManagementClient(credential, self._endpoint, policies=policies, transport=self._transport)

    def _credential(self) -> DefaultAzureCredential:
        _, login = _CLOUDS[self._options.cloud]
        own: dict[str, Any] = {}
        if self._options.client_id:
            own["managed_identity_client_id"] = self._options.client_id
        if self._options.authority:
            # Microsoft would be asked whether it knows the host, and does not know a private one.
            own |= {"authority": self._options.authority, "disable_instance_discovery": True}
        elif self._options.cloud != "public":  # for it, AZURE_AUTHORITY_HOST has its say
            own["authority"] = login
        return DefaultAzureCredential(transport=self._transport, retry_total=0, **own)

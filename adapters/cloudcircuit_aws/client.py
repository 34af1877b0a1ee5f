"""The one place that talks to AWS. boto3 is imported when the first call is made."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from threading import Event
from typing import TYPE_CHECKING, Any

from cloudcircuit.errors import AdapterError
from cloudcircuit.model import CallCost
from cloudcircuit.ports import AdapterContext, Deadline
from cloudcircuit_aws.asks import Request
from cloudcircuit_aws.faults import Fault, explain
from cloudcircuit_aws.parse import next_token

if TYPE_CHECKING:
    from mypy_boto3_ce.client import CostExplorerClient

    from cloudcircuit_aws import Options
    from cloudcircuit_aws.transport import Transport

ATTEMPTS = 5
FIRST_WAIT = 0.5
"""Seconds before the second attempt; each further wait is twice as long."""
RETRY_AFTER = 300.0
"""What a source that is throttled waits for when AWS says nothing."""

ACTION = "ce:GetCostAndUsage"


class CapReached(AdapterError):
    """The day's dollars are used up, or cannot be counted."""


class Client:
    """Cost Explorer of one payer account, for the length of one cycle. Every method raises AdapterError only."""

    def __init__(self, options: Options, context: AdapterContext) -> None:
        self._options = options
        self._meter = context.meter
        self._price = CallCost(requests=1, dollars=options.request_price)
        self._client: CostExplorerClient | None = None
        self._transport: Transport | None = None
        self._session: Any = None
        self._own_account: str | None = None
        self.spent = CallCost()

    def close(self) -> None:
        if self._client is not None:
            self._client.close()
        self._client = self._session = self._transport = None

    @property
    def endpoint(self) -> str | None:
        """Where Cost Explorer is asked; None before the first call."""
        return self._client.meta.endpoint_url if self._client else None

    def pages(self, request: Request, deadline: Deadline) -> Iterator[Mapping[str, Any]]:
        """The pages of an answer, each asked for with the same parameters."""
        token, seen = "", set[str]()
        for _ in range(self._options.max_pages):
            page = self._page({**request, "NextPageToken": token} if token else request, deadline)
            yield page
            token = next_token(page) or ""
            if not token:
                return
            if token in seen:
                raise AdapterError("Cost Explorer gives the same page again and again; the answer is not usable")
            seen.add(token)
        most = self._options.max_pages
        raise AdapterError(
            f"an answer has more than {most} pages (max_pages); ask for fewer dimensions, or raise it", permanent=True
        )

    def _page(self, request: Request, deadline: Deadline) -> Mapping[str, Any]:
        def ask() -> Mapping[str, Any]:
            page = self._connect(deadline).get_cost_and_usage(**request)
            if not isinstance(page.get("ResultsByTime"), list):
                raise TypeError  # the SDK makes an empty one of what it cannot read
            return page

        renewed = False
        for attempt in range(ATTEMPTS):
            outcome = self._attempt(ask, deadline)
            if not isinstance(outcome, tuple):
                return outcome
            fault, error = outcome
            if fault.renew and not renewed:
                renewed = True
                self.close()  # credentials may have been renewed in the files they came from
            elif not fault.again or not _wait(attempt, fault, deadline):
                break
        raise _raised(fault) from error

    def _attempt(
        self, ask: Callable[[], Mapping[str, Any]], deadline: Deadline
    ) -> Mapping[str, Any] | tuple[Fault, Exception]:
        if deadline.expired:
            raise AdapterError("the time for reading it (timeout) is used up")
        self._connected(deadline)
        self._take()
        outcome: Mapping[str, Any] | tuple[Fault, Exception] = _tried(ask, ACTION)
        return outcome

    def _connected(self, deadline: Deadline) -> None:
        """Credentials are looked for before a request is counted."""
        outcome = _tried(lambda: self._connect(deadline), "sts:AssumeRole")
        if isinstance(outcome, tuple):
            raise _raised(outcome[0]) from outcome[1]

    def _take(self) -> None:
        try:
            self._meter.take(self._price, self._options.daily_cap)
        except AdapterError as error:
            raise CapReached(str(error), permanent=error.permanent, retry_after=error.retry_after) from error
        self.spent += self._price

    # --- the SDK --------------------------------------------------------------------------------------------

    def _connect(self, deadline: Deadline) -> CostExplorerClient:
        if self._client is None:
            self._client = self._service("ce", deadline, self._role_keys(deadline))
        if self._transport is not None:
            self._transport.deadline = deadline
        return self._client

    def _service(self, name: str, deadline: Deadline, keys: Mapping[str, str]) -> Any:
        from botocore.config import Config

        transport = self._log_in(deadline)
        client = self._session.client(name, config=Config(retries={"total_max_attempts": 1}), **keys)
        client.meta.events.register("before-send", transport.send)
        return client

    def _log_in(self, deadline: Deadline) -> Transport:
        """Find credentials, and see that they can be used, before anything is counted."""
        import boto3
        import botocore.session
        from botocore.exceptions import NoCredentialsError

        from cloudcircuit_aws.transport import Transport

        if self._transport is None:
            core = botocore.session.Session(profile=self._options.profile)
            credentials = core.get_credentials()
            if credentials is None:
                raise NoCredentialsError
            self._own_account = getattr(credentials.get_frozen_credentials(), "account_id", None)
            self._session = boto3.Session(botocore_session=core, region_name=self._options.region)
            self._transport = Transport(core.get_config_variable("ca_bundle") or True)
        self._transport.deadline = deadline
        return self._transport

    def _role_keys(self, deadline: Deadline) -> Mapping[str, str]:
        options = self._options
        if options.role_arn is None:
            return {}
        external = {"ExternalId": options.external_id} if options.external_id else {}
        sts = self._service("sts", deadline, {})
        found = sts.assume_role(RoleArn=options.role_arn, RoleSessionName="cloudcircuit", **external)["Credentials"]
        return {
            "aws_access_key_id": found["AccessKeyId"],
            "aws_secret_access_key": found["SecretAccessKey"],
            "aws_session_token": found["SessionToken"],
        }

    def account(self, deadline: Deadline) -> str | None:
        """The account that is asked, which sees the whole organisation when it is the payer; None if it is unknown."""
        options = self._options
        if known := options.account or (options.role_arn or "::::").split(":")[4] or self._own_account:
            return known
        outcome = _tried(lambda: self._service("sts", deadline, {}).get_caller_identity(), "sts:GetCallerIdentity")
        found = None if isinstance(outcome, tuple) else outcome.get("Account")
        return found if isinstance(found, str) and found else None


def _tried(work: Callable[[], Any], action: str) -> Any:
    try:
        return work()
    except Exception as error:  # noqa: BLE001 - whatever the SDK raises, from whatever answers it, is a failed call
        return explain(error, action), error


def _wait(attempt: int, fault: Fault, deadline: Deadline) -> bool:
    """Wait before the next attempt; False where there is none, or no time for it."""
    seconds = max(FIRST_WAIT * 2**attempt, fault.wait or 0.0)
    if attempt + 1 >= ATTEMPTS or seconds >= deadline.left():
        return False
    Event().wait(seconds)
    return True


def _raised(fault: Fault) -> AdapterError:
    after = fault.wait or (RETRY_AFTER if fault.again else None)
    return AdapterError(fault.text, permanent=fault.permanent, retry_after=after)

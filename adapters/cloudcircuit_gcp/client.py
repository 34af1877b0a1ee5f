"""One open source: the only module that loads Google's clients, and only when it is asked something."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from itertools import islice
from typing import TYPE_CHECKING, Any, cast
from uuid import uuid4

import requests

from cloudcircuit.errors import AdapterError, CloudCircuitError
from cloudcircuit.model import CallCost, PlanStep, Probe, SpendQuery
from cloudcircuit.ports import AdapterContext, Deadline, SpendReport
from cloudcircuit.wire import WholeAnswers, mount
from cloudcircuit_gcp import LEAST_BYTES, parse, sql
from cloudcircuit_gcp.errors import Place, is_passing, translate

if TYPE_CHECKING:
    from google.api_core.retry import Retry
    from google.cloud.bigquery import Client, QueryJob, QueryJobConfig

    from cloudcircuit_gcp import Options

SCOPES = ("https://www.googleapis.com/auth/bigquery", "https://www.googleapis.com/auth/cloud-billing.readonly")
MOST_ROWS = 2_000_000
PAGE_ROWS = 20_000
PROBED_DAYS = 35
MOST_PROJECTS = 100_000
AHEAD = timedelta(days=1)
MOST_BYTES = 100 * 2**20
"""An answer that is larger, unpacked, is none: BigQuery's pages have 20 MB at most."""


@dataclass(frozen=True, slots=True)
class Reserve:
    """A deadline that ends earlier than another one: what is left over is for cleaning up."""

    whole: Deadline
    seconds: float

    def left(self) -> float:
        return max(0.0, self.whole.left() - self.seconds)

    @property
    def expired(self) -> bool:
        return self.left() <= 0


@dataclass(frozen=True, slots=True)
class Link:
    """A connection for the length of one question: `deadline` for the work, `whole` for calling it off."""

    client: Client
    credentials: Any
    deadline: Deadline
    whole: Deadline


class GcpSource:
    """One open source. Credentials are looked for once; connections live as long as one question."""

    def __init__(self, options: Options, context: AdapterContext) -> None:
        self._options = options
        self._context = context
        self._place = Place(options.source, options.runner)
        self._export = sql.Export(
            options.source, options.kind, options.partitioned, timedelta(days=options.partition_slack)
        )
        self._credentials: Any = None

    def close(self) -> None:
        """Nothing stays open between questions."""

    def fetch(self, query: SpendQuery, deadline: Deadline) -> SpendReport:
        """The charges of a breakdown: a dry run, and a query that costs what it said."""
        now = query.visible_until or self._context.clock.now()
        with self._linked(deadline) as link:
            cost, rows = self._run(link, sql.charges(self._export, query))
            found = parse.read(rows, query, self._export.schema)
        return parse.report(found, query, self._export.schema, now, self._context.lag, cost)

    def probe(self, deadline: Deadline) -> Probe:
        """What the export holds of the last weeks, and what Cloud Billing says of the account."""
        now = self._context.clock.now()
        with self._linked(deadline) as link:
            start, end = now - timedelta(days=PROBED_DAYS), now + AHEAD
            cost, rows = self._run(link, sql.survey(self._export, start, end))
            survey = parse.read_survey(rows)
            notes = [*parse.survey_notes(survey, now, PROBED_DAYS, cost), *self._ask_billing(link, survey)]
        return Probe(survey.accounts, survey.currencies, survey.oldest, survey.newest, tuple(notes))

    def plan(self, queries: Sequence[SpendQuery], sizes: Mapping[str, int], deadline: Deadline) -> Sequence[PlanStep]:
        """What BigQuery estimates that the queries read; sizes change nothing of it."""
        del sizes
        with self._linked(deadline) as link:
            return [self._plan_one(link, query) for query in queries]

    def _plan_one(self, link: Link, query: SpendQuery) -> PlanStep:
        size = self._estimate(link, sql.charges(self._export, query))
        days = (query.end - query.start) // timedelta(days=1)
        by = f" by {', '.join(query.dimensions)}" if query.dimensions else ""
        return PlanStep(f"a query over {days} days{by}, after a free dry run", self._cost(size, requests=2))

    # --- connections ------------------------------------------------------------------------------------

    @contextmanager
    def _linked(self, deadline: Deadline) -> Iterator[Link]:
        """A connection. Whatever Google's clients raise inside becomes an AdapterError here and nowhere else."""
        if deadline.left() <= 0:
            raise AdapterError("no time is left to ask BigQuery")
        link: Link | None = None
        try:
            link = self._connect(deadline)
            yield link
        except CloudCircuitError:
            raise
        except ImportError as error:
            text = 'Google\'s clients are not installed; run: pip install "cloudcircuit[gcp]"'
            raise AdapterError(text, permanent=True) from error
        except Exception as error:  # its clients stumble over malformed answers with whatever Python raises then
            raise translate(error, self._place) from error
        finally:
            if link is not None:
                link.client.close()  # type: ignore[no-untyped-call]  # a part of Google's client has no types

    def _connect(self, whole: Deadline) -> Link:
        import google.auth
        from google.auth.transport.requests import AuthorizedSession, Request
        from google.cloud.bigquery import Client

        deadline = Reserve(whole, min(2.0, whole.left() / 10))
        request = Request(_bind(requests.Session(), deadline))
        if self._credentials is None:
            self._credentials, _ = google.auth.default(scopes=SCOPES, request=request)
        session = AuthorizedSession(self._credentials, auth_request=request)  # type: ignore[no-untyped-call]  # no types
        _bind(session, deadline)
        options = self._options
        client = Client(
            project=options.runner,
            credentials=self._credentials,
            location=options.location,
            # An explicit endpoint, so that no variable of the environment leads elsewhere.
            client_options={"api_endpoint": options.endpoint},
            _http=session,
        )
        return Link(client, self._credentials, deadline, whole)

    # --- queries ----------------------------------------------------------------------------------------

    def _run(self, link: Link, statement: sql.Statement) -> tuple[CallCost, list[tuple[Any, ...]]]:
        """Run a statement within what it may cost; what it does cost is counted before."""
        meter, free = self._context.meter, CallCost(requests=1)
        meter.take(free)
        size = self._estimate(link, statement)
        limit = int(self._options.max_bytes)
        if size > limit:
            raise AdapterError(
                f"the query would read {_size(size)} of {self._export.table}, more than max_bytes ({_size(limit)}); "
                "raise max_bytes, or shorten the lookback of the monitors; nothing was read",
                permanent=True,
            )
        cost = self._cost(size, requests=1)
        meter.take(cost, self._options.daily_cap)
        return free + cost, self._query(link, statement)

    def _cost(self, size: int, requests: int) -> CallCost:
        return CallCost(requests, parse.price(size, LEAST_BYTES, self._options.price_per_tib), size)

    def _estimate(self, link: Link, statement: sql.Statement) -> int:
        """The bytes that a statement reads at most, by a dry run, which is free."""
        config = _config(statement, dry_run=True, use_query_cache=False)
        job = link.client.query(
            statement.text, config, retry=_retry(link.deadline), timeout=link.deadline.left(), job_retry=None
        )
        return int(job.total_bytes_processed)

    def _query(self, link: Link, statement: sql.Statement) -> list[tuple[Any, ...]]:
        from google.api_core.exceptions import Conflict

        left = link.deadline.left()
        config = _config(
            statement,
            maximum_bytes_billed=int(self._options.max_bytes),
            job_timeout_ms=max(1000, int(left * 1000)),
            labels={"app": "cloudcircuit"},
        )
        name = f"cloudcircuit-{uuid4()}"
        retry = _retry(link.deadline)
        try:
            try:
                job = link.client.query(statement.text, config, name, retry=retry, timeout=left, job_retry=None)
            except Conflict:  # the answer to a first try was lost on its way
                job = cast("QueryJob", link.client.get_job(name, retry=retry, timeout=left))
            return _rows(job, link.deadline)
        except Exception:
            self._call_off(link, name)
            raise

    def _call_off(self, link: Link, name: str) -> None:
        """Stop a query whose answer nobody waits for any more; BigQuery stops it by itself soon after."""
        if link.deadline.left() > 0 or link.whole.left() <= 0:
            return
        session: Any = link.client._http
        _bind(session, link.whole)
        with suppress(Exception):  # what has failed already is told; this is a courtesy
            link.client.cancel_job(
                name, location=self._options.location, retry=_retry(link.whole), timeout=link.whole.left()
            )

    # --- Cloud Billing ----------------------------------------------------------------------------------

    def _ask_billing(self, link: Link, survey: parse.Survey) -> list[str]:
        """What Cloud Billing says; that it may not be asked is worth a note and no more."""
        name = self._options.account
        if name is None:
            return ["Cloud Billing was not asked: set billing_account to have the account and its projects checked"]
        try:
            return list(parse.account_notes(self._account(link, name), survey))
        except Exception as error:  # noqa: BLE001 - as in `_linked`; the charges are there all the same
            place = Place(self._export.table, self._options.runner, "Cloud Billing")
            reason = translate(error, place)
            return [f"Cloud Billing says nothing of {name}: {_billing_words(error, reason)}"]

    def _account(self, link: Link, name: str) -> parse.Account:
        from google.cloud.billing_v1 import CloudBillingClient

        client = CloudBillingClient(
            transport="rest",
            credentials=link.credentials,
            client_options={"api_endpoint": self._options.billing_endpoint},
        )
        session: Any = client.transport._session  # type: ignore[attr-defined]  # the REST transport's only one
        _bind(session, link.deadline)
        _bind(session._auth_request_session, link.deadline)
        limits: dict[str, Any] = {"retry": _retry(link.deadline), "timeout": link.deadline.left()}
        try:
            account = client.get_billing_account(name=f"billingAccounts/{name}", **limits)
            pages = client.list_project_billing_info(name=f"billingAccounts/{name}", **limits)
            projects = {each.project_id: each.billing_enabled for each in islice(pages, MOST_PROJECTS)}
        finally:
            session.close()
        if account.name != f"billingAccounts/{name}":
            raise ValueError("the answer is about another account, or none")
        return parse.Account(name, account.display_name, account.open_, account.currency_code, projects)


def _bind(session: requests.Session, deadline: Deadline) -> requests.Session:
    """The session, which keeps to a deadline from now on."""
    return mount(session, WholeAnswers(deadline, MOST_BYTES))


def _billing_words(error: Exception, reason: AdapterError) -> str:
    if getattr(error, "code", None) in (403, 404):
        return "it may not be seen; grant roles/billing.viewer on the billing account, or set billing_account = false"
    return str(reason)


def _retry(deadline: Deadline) -> Retry:
    """Again after a growing pause, for what can pass by itself, until the deadline."""
    from google.api_core.retry import Retry

    return Retry(predicate=is_passing, initial=0.5, maximum=20.0, timeout=deadline.left())


def _config(statement: sql.Statement, **settings: Any) -> QueryJobConfig:
    from google.cloud.bigquery import ArrayQueryParameter, QueryJobConfig, ScalarQueryParameter

    config = QueryJobConfig(**settings)
    config.query_parameters = [
        ArrayQueryParameter(each.name, each.type, list(each.value))
        if isinstance(each.value, tuple)
        else ScalarQueryParameter(each.name, each.type, each.value)
        for each in statement.parameters
    ]
    return config


def _rows(job: QueryJob, deadline: Deadline) -> list[tuple[Any, ...]]:
    """All rows of all pages. Raises ValueError when they are not as many as there should be."""
    found = job.result(page_size=PAGE_ROWS, retry=_retry(deadline), timeout=deadline.left(), job_retry=None)
    rows = []
    for row in found:
        rows.append(tuple(row.values()))
        if len(rows) > MOST_ROWS:
            raise parse.too_many(MOST_ROWS)
    if len(rows) != found.total_rows:
        raise ValueError(f"{len(rows)} rows instead of {found.total_rows}")
    return rows


def _size(count: int) -> str:
    return f"{count / 10**9:,.2f} GB"

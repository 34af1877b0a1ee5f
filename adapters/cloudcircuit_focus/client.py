"""One open source: which files there are, how each is read, and that they stayed the same meanwhile."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING

from cloudcircuit.errors import AdapterError
from cloudcircuit.model import CallCost, PlanStep, Probe, SpendQuery
from cloudcircuit.ports import AdapterContext, Deadline, SpendReport
from cloudcircuit_focus import answer
from cloudcircuit_focus.columns import Format, Layout, check_required, group_files, make_layout
from cloudcircuit_focus.duck import Session
from cloudcircuit_focus.expressions import FILE_COLUMN, scan
from cloudcircuit_focus.files import Check, File, LocalPlace, Place, find_all
from cloudcircuit_focus.objects import ObjectPlace, engine_filesystem
from cloudcircuit_focus.reading import detect_format, digest, find_twins, read_header

if TYPE_CHECKING:
    from cloudcircuit_focus import Options

AHEAD = timedelta(days=3653)
"""How far after now a charge can begin: a replay may lie years before the rows that it does not see yet."""


class FocusSource:
    """One open source."""

    def __init__(self, options: Options, context: AdapterContext) -> None:
        self._options = options
        self._context = context
        self._places: list[Place] = [
            ObjectPlace(path, options) if "://" in path else LocalPlace(path, context.root) for path in options.path
        ]

    def close(self) -> None:
        """Nothing stays open between readings."""

    def fetch(self, query: SpendQuery, deadline: Deadline) -> SpendReport:
        """All charges of the window, added up."""
        now = query.visible_until or self._context.clock.now()
        with self._reading(deadline) as (session, dataset):
            return answer.report(session, dataset, query, now, now + AHEAD, self._context.lag)

    def probe(self, deadline: Deadline) -> Probe:
        """What all files hold together."""
        now = self._context.clock.now()
        with self._reading(deadline) as (session, dataset):
            return answer.probe(session, dataset, now, now + AHEAD)

    def plan(self, queries: Sequence[SpendQuery], _sizes: Mapping[str, int], deadline: Deadline) -> list[PlanStep]:
        """Every reading reads all files that are there; none is opened here."""

        def check() -> None:
            if deadline.expired:
                raise AdapterError("looking for the files took too long")

        files = self._find(check)
        remote = any(isinstance(place, ObjectPlace) for place in files.values())
        note = "; the store may charge for requests, and for what leaves its region" if remote else ""
        cost = CallCost(bytes=sum(file.size for file in files)) * len(queries)
        return [PlanStep(f"read {len(files):,} file{'s' * (len(files) != 1)} whole{note}", cost)]

    @contextmanager
    def _reading(self, deadline: Deadline) -> Iterator[tuple[Session, answer.Dataset]]:
        """A session over the files as they are now; that they are still the same afterwards is a part of it."""
        session = Session(self._options.memory, self._options.threads, deadline)
        try:
            places = self._find(session.check)
            try:
                yield session, self._learn(session, places)
            except AdapterError as error:
                self._check_unchanged(session, places, error)
                raise
            self._check_unchanged(session, places, None)
        finally:
            session.close()

    def _find(self, check: Check) -> dict[File, Place]:
        return find_all(self._places, self._options.max_size, check)

    def _check_unchanged(self, session: Session, before: Mapping[File, Place], cause: AdapterError | None) -> None:
        changed = before.keys() ^ self._find(session.check).keys()
        if changed:
            name = min(file.name for file in changed)
            raise AdapterError(f"{name} changed while it was read; try again") from cause

    def _learn(self, session: Session, places: dict[File, Place]) -> answer.Dataset:
        remote = {file: place for file, place in places.items() if isinstance(place, ObjectPlace)}
        if remote:
            session.attach(engine_filesystem(remote))
        layouts = {file: _read_layout(session, file, place) for file, place in places.items()}
        groups = group_files(layouts)
        check_required(groups)
        _refuse_twins(session, places, layouts)
        return answer.Dataset(tuple(places), groups, self._options.delivery == "replace")


@contextmanager
def _opening(file: File) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise AdapterError(f"{file.name} cannot be read: {error.strerror or error}") from error


def _read_layout(session: Session, file: File, place: Place) -> Layout:
    session.check()
    with _opening(file), place.open(file) as stream:
        form = detect_format(file, stream)
        if form is not Format.PARQUET:
            return make_layout(file, form, *read_header(file, form, stream))
    try:
        names, columns = session.columns(f"FROM {scan(Layout(form, {}), [file.url])}")
    except AdapterError as error:
        raise AdapterError(f"{file.name}: {error}", permanent=error.permanent) from error
    own = [(name, column) for name, column in zip(names, columns, strict=True) if name != FILE_COLUMN]
    return make_layout(file, form, [name for name, _ in own], [column for _, column in own])


def _refuse_twins(session: Session, places: Mapping[File, Place], layouts: Mapping[File, Layout]) -> None:
    """The same bytes twice are the same charges twice; files without rows harm nobody."""

    def digest_of(file: File) -> bytes:
        with _opening(file), places[file].open(file) as stream:
            return digest(stream, session.check)

    for first, second in find_twins(places, digest_of):
        if session.rows(f"FROM {scan(layouts[first], [first.url])} LIMIT 1"):
            raise AdapterError(
                f"{first.name} and {second.name} are the same, byte for byte; remove one", permanent=True
            )

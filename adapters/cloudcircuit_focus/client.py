"""One open source: which files there are, how each is read, and that they stayed the same meanwhile."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING

from cloudcircuit.errors import AdapterError
from cloudcircuit.model import Probe, SpendQuery
from cloudcircuit.ports import AdapterContext, Deadline, SpendReport
from cloudcircuit_focus import answer
from cloudcircuit_focus.columns import Format, Layout, check_required, group_files, make_layout
from cloudcircuit_focus.duck import Session
from cloudcircuit_focus.expressions import FILE_COLUMN, scan
from cloudcircuit_focus.files import File, LocalPlace, Place, find_all
from cloudcircuit_focus.objects import ObjectPlace, engine_filesystem
from cloudcircuit_focus.reading import detect_format, digest, find_twins, read_header

if TYPE_CHECKING:
    from cloudcircuit_focus import Options

AHEAD = timedelta(days=366)
AHEAD_OF_REPLAY = timedelta(days=3653)
"""How far after now a charge can begin; a replay may lie many years before the rows that it does not see yet."""


class FocusSource:
    """One open source. What was learned of files that have not changed is kept from fetch to fetch."""

    def __init__(self, options: Options, context: AdapterContext) -> None:
        self._options = options
        self._context = context
        self._places: list[Place] = [
            ObjectPlace(path, options) if "://" in path else LocalPlace(path, context.root) for path in options.path
        ]
        self._layouts: dict[File, Layout] = {}
        self._digests: dict[File, bytes] = {}

    def close(self) -> None:
        """Nothing stays open between readings."""

    def fetch(self, query: SpendQuery, deadline: Deadline) -> SpendReport:
        """All charges of the window, added up."""
        now = query.visible_until or self._context.clock.now()
        horizon = now + (AHEAD_OF_REPLAY if query.visible_until else AHEAD)
        with self._reading(deadline) as (session, dataset):
            return answer.report(session, dataset, query, now, horizon, self._context.lag)

    def probe(self, deadline: Deadline) -> Probe:
        """What all files hold together."""
        now = self._context.clock.now()
        with self._reading(deadline) as (session, dataset):
            return answer.probe(session, dataset, now, now + AHEAD)

    @contextmanager
    def _reading(self, deadline: Deadline) -> Iterator[tuple[Session, answer.Dataset]]:
        """A session over the files as they are now; that they are still the same afterwards is a part of it."""
        session = Session(self._options.memory, self._options.threads, deadline)
        try:
            places = self._find(session)
            try:
                yield session, self._learn(session, places)
            except AdapterError as error:
                self._check_unchanged(session, places, error)
                raise
            self._check_unchanged(session, places, None)
        finally:
            session.close()

    def _find(self, session: Session) -> dict[File, Place]:
        return find_all(self._places, self._options.max_size, session.check)

    def _check_unchanged(self, session: Session, before: Mapping[File, Place], cause: AdapterError | None) -> None:
        changed = before.keys() ^ self._find(session).keys()
        if changed:
            name = min(file.name for file in changed)
            raise AdapterError(f"{name} changed while it was read; try again") from cause

    def _learn(self, session: Session, places: dict[File, Place]) -> answer.Dataset:
        remote = {file: place for file, place in places.items() if isinstance(place, ObjectPlace)}
        if remote:
            session.attach(engine_filesystem(remote))
        layouts = {}
        for file, place in places.items():
            session.check()
            layouts[file] = self._layouts.get(file) or _read_layout(session, file, place)
        self._layouts = layouts
        groups = group_files(layouts)
        check_required(groups)
        self._refuse_twins(session, places)
        return answer.Dataset(tuple(places), groups, self._options.delivery == "replace")

    def _refuse_twins(self, session: Session, places: Mapping[File, Place]) -> None:
        """The same bytes twice are the same charges twice; files without rows harm nobody."""

        def remember(file: File) -> bytes:
            if file not in self._digests:
                with _opening(file), places[file].open(file) as stream:
                    self._digests[file] = digest(stream, session.check)
            return self._digests[file]

        twins = find_twins(places, remember)
        self._digests = {file: known for file, known in self._digests.items() if file in places}
        for first, second in twins:
            if session.rows(f"FROM {scan(self._layouts[first], [first.url])} LIMIT 1"):
                message = f"{first.name} and {second.name} are the same, byte for byte; remove one"
                raise AdapterError(message, permanent=True)


@contextmanager
def _opening(file: File) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise AdapterError(f"{file.name} cannot be read: {error.strerror or error}") from error


def _read_layout(session: Session, file: File, place: Place) -> Layout:
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

"""Object stores: S3 (and what speaks its language), Google Cloud Storage, Azure Blob Storage, through pyarrow.

Credentials come from each store's own chain (environment, profile, workload identity, instance), so that none passes
through the configuration. The query engine reads through the same connections, with ranged requests.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, BinaryIO, cast

from cloudcircuit.errors import AdapterError
from cloudcircuit_focus.files import Check, File, glob_pattern, is_wanted, printable, split_glob

if TYPE_CHECKING:
    import pyarrow.fs as pafs
    from fsspec import AbstractFileSystem

    from cloudcircuit_focus import Options

TIMEOUT = 20.0
"""Seconds that one request may hang: a read that is under way cannot be interrupted."""

REFUSED = ("ACCESS_DENIED", "NO_SUCH_BUCKET", "INVALID_ACCESS_KEY_ID", "SIGNATURE_DOES_NOT_MATCH")
"""What stores say when another try will get the same answer."""


class ObjectPlace:
    """`scheme://bucket/prefix`, or a glob below it. The connection is made at the first use."""

    def __init__(self, path: str, options: Options) -> None:
        self.scheme, _, rest = path.partition("://")
        self._base, glob = split_glob(rest.strip("/"))
        self._glob = glob_pattern(glob) if glob else None
        self._options = options
        self._store: pafs.FileSystem | None = None

    def open(self, file: File) -> BinaryIO:
        return cast(BinaryIO, self.store().open_input_file(file.url.partition("://")[2]))

    def find(self, check: Check) -> list[File]:
        """All files by name. Raises AdapterError when the store refuses, or holds nothing there."""
        import pyarrow.fs as pafs

        check()
        try:
            info = self.store().get_file_info(self._base)
            if info.type == pafs.FileType.File:
                return [self._look(info)]
            below = self.store().get_file_info(pafs.FileSelector(self._base, recursive=True))
        except (OSError, ValueError) as error:
            raise self.refused(error) from error
        check()
        files = [info for info in below if info.type == pafs.FileType.File]
        wanted = [info for info in files if is_wanted(self._relative(info.path), self._glob)]
        return [self._look(info) for info in sorted(wanted, key=lambda info: info.path)]

    def store(self) -> pafs.FileSystem:
        if self._store is None:
            self._store = _connect(self.scheme, self._options)
        return self._store

    def refused(self, error: Exception) -> AdapterError:
        """What a store said, for the operator: a refused login or a missing bucket is not worth another try."""
        url = printable(f"{self.scheme}://{self._base}")
        permanent = isinstance(error, (FileNotFoundError, PermissionError)) or any(
            word in str(error) for word in REFUSED
        )
        return AdapterError(f"{url} cannot be read: {printable(str(error), 300)}", permanent=permanent)

    def _relative(self, path: str) -> str:
        return path.removeprefix(f"{self._base}/")

    def _look(self, info: pafs.FileInfo) -> File:
        url = f"{self.scheme}://{info.path}"
        return File(url, printable(url), info.size, info.mtime_ns or 0)


def _connect(scheme: str, options: Options) -> pafs.FileSystem:
    import pyarrow.fs as pafs

    try:
        if scheme == "s3":
            timeouts = {"connect_timeout": TIMEOUT, "request_timeout": TIMEOUT}
            return pafs.S3FileSystem(region=options.region, endpoint_override=options.endpoint, **timeouts)
        return pafs.GcsFileSystem() if scheme == "gs" else pafs.AzureFileSystem(options.account)
    except ImportError as error:
        raise AdapterError(f"{scheme}://: this build of pyarrow cannot reach it ({error})", permanent=True) from error


def engine_filesystem(places: Mapping[File, ObjectPlace]) -> AbstractFileSystem:
    """What the query engine opens remote files with: exactly the files that were found, under exactly their names."""
    from cloudcircuit_focus import SCHEMES

    try:
        from fsspec import AbstractFileSystem
    except ImportError as error:
        message = "object stores are read with the package fsspec, which is not installed: pip install fsspec"
        raise AdapterError(message, permanent=True) from error

    by_url = {file.url: (file, place) for file, place in places.items()}

    class Found(AbstractFileSystem):  # type: ignore[misc]  # fsspec is not typed
        protocol = SCHEMES
        cachable = False

        def glob(self, path: str, **_options: Any) -> list[str]:
            return [path] if path in by_url else []

        def exists(self, path: str, **_options: Any) -> bool:
            return path in by_url

        def info(self, path: str, **_options: Any) -> dict[str, Any]:
            file, _ = by_url[path]
            return {"name": path, "size": file.size, "type": "file", "mtime": file.modified / 1e9}

        def modified(self, path: str) -> datetime:
            file, _ = by_url[path]
            return datetime.fromtimestamp(file.modified / 1e9, UTC)

        def open(self, path: str, *_mode: Any, **_options: Any) -> BinaryIO:
            file, place = by_url[path]
            return place.open(file)

    return Found()

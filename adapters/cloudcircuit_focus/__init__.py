"""FOCUS files (CSV, gzipped CSV, Parquet; on this machine or in an object store) as a source of spend."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import BaseModel, BeforeValidator, ByteSize, ConfigDict, Field, StringConstraints, model_validator

from cloudcircuit.ports import AdapterContext, AdapterPlugin, CostAdapter


def _listed(value: object) -> object:
    return [value] if isinstance(value, str) else value


Path = Annotated[str, StringConstraints(min_length=1, pattern=r"^[^\x00]+$")]
Paths = Annotated[tuple[Path, ...], BeforeValidator(_listed), Field(min_length=1)]
SCHEMES = ("s3", "gs", "az")


class Options(BaseModel):
    """The keys beside `adapter = "focus"`. Credentials of object stores come from their own chains, never from here.

    path      file, folder or glob, or several; relative to the folder of the configuration; or `s3://bucket/prefix`,
              `gs://bucket/prefix`, `az://container/prefix`. A folder is read with all that lies below it.
    delivery  `replace`: of the folders that hold the same billing account and period the newest counts, whole;
              `append`: all count.
    max_size  refuse a source whose files are larger than this in all.
    memory    what the query engine may use before it spills to the disk; `threads` it may run.
    region, endpoint  of an S3 store, `endpoint` as `https://host`; `account`: the Azure storage account.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    path: Paths
    delivery: Literal["replace", "append"] = "replace"
    max_size: Annotated[ByteSize, Field(gt=0)] = ByteSize(50 * 10**9)
    memory: Annotated[ByteSize, Field(ge=100 * 10**6)] = ByteSize(200 * 10**6)
    threads: Annotated[int, Field(ge=1, le=64, strict=True)] = 2
    region: str | None = None
    endpoint: Annotated[str, StringConstraints(pattern=r"^https?://[^/\s]+$")] | None = None
    account: Annotated[str, StringConstraints(pattern=r"^[a-z0-9]{3,24}$")] | None = None

    @model_validator(mode="after")
    def _check_stores(self) -> Self:
        schemes = {path.partition("://")[0] for path in self.path if "://" in path}
        if unknown := schemes - set(SCHEMES):
            raise ValueError(f"no such store: {', '.join(sorted(unknown))}://; there are {', '.join(SCHEMES)}")
        if "az" in schemes and self.account is None:
            raise ValueError("an az:// path needs `account`, the name of the storage account")
        return self


def _open(options: Options, context: AdapterContext) -> CostAdapter:
    from cloudcircuit_focus.client import FocusSource

    return FocusSource(options, context)


plugin = AdapterPlugin(name="focus", options=Options, open=_open)

"""Values as JSON can express them."""

from collections.abc import Mapping
from math import isfinite

from cloudcircuit.safeguards._numbers import all_finite


def as_json(value: object, path: str) -> object:
    """Give a value that `json.dumps(…, allow_nan=False)` accepts; `path` names it in the error."""
    if value is None or isinstance(value, (str, int)):
        return value
    if isinstance(value, float):
        return value if isfinite(value) else None
    if isinstance(value, Mapping):
        return mapping_as_json(value, path)
    if isinstance(value, (list, tuple)):
        return [as_json(item, f"{path}[{position}]") for position, item in enumerate(value)]
    return _rarer(value, path)


def mapping_as_json(mapping: Mapping[str, object], path: str) -> dict[str, object]:
    return {_key(key, path): as_json(item, f"{path}.{key}") for key, item in mapping.items()}


def _key(key: object, path: str) -> str:
    if isinstance(key, str):
        return key
    raise TypeError(f"{path} has a key that is not a string: {key!r}")


def _rarer(value: object, path: str) -> object:
    from datetime import date
    from decimal import Decimal
    from numbers import Integral, Real

    if isinstance(value, Decimal):
        return format(value, "f") if value.is_finite() else None
    if isinstance(value, date):  # a datetime is one, too
        return value.isoformat()
    if isinstance(value, Integral):
        return int(value)
    if isinstance(value, Real):
        return float(value) if all_finite((value,)) else None
    if getattr(getattr(value, "dtype", None), "kind", None) == "b" and getattr(value, "shape", None) == ():
        return bool(value)  # numpy's own, which numpy does not register as a number
    raise TypeError(f"{path} cannot be expressed in JSON: {type(value).__name__}")

"""Scopes of Cost Management: which there are, what they look like, and how each is written here."""

from __future__ import annotations

import re
from dataclasses import dataclass

_GUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_NAME = re.compile(r"(?!\.+$)[\w().:~-]{1,260}")
_BILLING = "providers/Microsoft.Billing/billingAccounts/{name}"
_SHAPES = {
    "subscription": "subscriptions/{guid}",
    "resource group": "subscriptions/{guid}/resourceGroups/{name}",
    "management group": "providers/Microsoft.Management/managementGroups/{name}",
    "billing account": _BILLING,
    "department": f"{_BILLING}/departments/{{name}}",
    "enrolment account": f"{_BILLING}/enrollmentAccounts/{{name}}",
    "billing profile": f"{_BILLING}/billingProfiles/{{name}}",
    "invoice section": f"{_BILLING}/billingProfiles/{{name}}/invoiceSections/{{name}}",
    "customer": f"{_BILLING}/customers/{{name}}",
}
"""The scopes that Query - Usage of the REST reference lists."""


@dataclass(frozen=True, slots=True)
class Scope:
    """`path` begins with a slash; its fixed words are written as Azure writes them, a subscription's id in lower case.

    `subscription` and `billing_account` are those that the path names, the latter as FOCUS exports write it.
    """

    path: str
    kind: str
    subscription: str | None = None
    billing_account: str | None = None


def parse_scope(text: str) -> Scope:
    """The scope that a text names, with or without slashes around it. Raises ValueError that says what is wrong."""
    parts = text.strip().strip("/").split("/")
    for kind, shape in _SHAPES.items():
        found = _fit(parts, shape.split("/"))
        if found is not None:
            return _scope(kind, found)
    raise ValueError(_explain(text, parts))


def _fit(parts: list[str], shape: list[str]) -> list[str] | None:
    """The parts as they are written here, or None where they have another shape."""
    if len(parts) != len(shape):
        return None
    fitted = [_fit_part(part, want) for part, want in zip(parts, shape, strict=True)]
    return None if None in fitted else [part for part in fitted if part is not None]


def _fit_part(part: str, want: str) -> str | None:
    if want == "{guid}":
        return part.lower() if _GUID.fullmatch(part) else None
    if want == "{name}":
        return part if _NAME.fullmatch(part) else None
    return want if part.casefold() == want.casefold() else None


def _scope(kind: str, parts: list[str]) -> Scope:
    path = "/" + "/".join(parts)
    if parts[0] == "subscriptions":
        return Scope(path, kind, subscription=parts[1])
    if "billingAccounts" in parts:
        return Scope(path, kind, billing_account="/" + "/".join(parts[:4]))
    return Scope(path, kind)


def _explain(text: str, parts: list[str]) -> str:
    if _GUID.fullmatch(text.strip()):
        return f"is it a subscription? then write subscriptions/{text.strip().lower()}"
    if parts[0].casefold() == "subscriptions" and len(parts) > 1 and not _GUID.fullmatch(parts[1]):
        return "subscriptions/ is followed by the subscription's id, 8-4-4-4-12 hexadecimal digits, not by its name"
    shapes = ", ".join(shape.replace("{guid}", "<id>").replace("{name}", "<name>") for shape in _SHAPES.values())
    return f"no scope of Cost Management looks like this; there are {shapes}"

"""The parameters of a query: only those that operations.py names, each in its range. Raises HTTP errors that say it."""

from __future__ import annotations

import re

from aiohttp import web

from alogd.web.operations import OPERATIONS

MAX_LIMIT = 1000


def query_of(request: web.Request) -> dict[str, str]:
    """The parameters; a misspelt filter must not look like one that matched nothing."""
    resource = request.match_info.route.resource
    known = OPERATIONS[f"GET {resource.canonical if resource else request.path}"].query
    for name in request.query:
        if name not in known:
            raise web.HTTPBadRequest(text=f"unknown parameter; there are: {', '.join(sorted(known)) or 'none'}\n")
    return dict(request.query)


def one_of(query: dict[str, str], name: str, allowed: tuple[str, ...]) -> str | None:
    value = query.get(name)
    if value is not None and value not in allowed:
        raise web.HTTPBadRequest(text=f"{name} is one of {', '.join(allowed)}\n")
    return value


def flag(query: dict[str, str], name: str) -> bool | None:
    value = one_of(query, name, ("true", "false"))
    return None if value is None else value == "true"


def limit(query: dict[str, str]) -> int:
    return number(query, "limit", 100, 1, MAX_LIMIT)


def number(query: dict[str, str], name: str, usual: int, least: int, most: int) -> int:
    text = query.get(name, str(usual))
    if not (text.isascii() and text.isdigit() and least <= int(text[:9]) <= most):
        raise web.HTTPBadRequest(text=f"{name} is a number from {least} to {most}\n")
    return int(text)


def seconds(query: dict[str, str], name: str) -> int | None:
    text = query.get(name)
    if text is None:
        return None
    if not re.fullmatch(r"\d{1,10}(\.\d{1,9})?", text, re.ASCII):
        raise web.HTTPBadRequest(text=f"{name} is a time in seconds since 1970\n")
    whole, _, part = text.partition(".")
    return int(whole) * 10**9 + int(part.ljust(9, "0"))


def page_after(text: str | None) -> tuple[int, str] | None:
    if text is None:
        return None
    found = re.fullmatch(r"(-?\d{1,19})\.([A-Za-z0-9_-]{1,64})", text, re.ASCII)
    if not found or abs(int(found[1])) >= 2**63:
        raise web.HTTPBadRequest(text="after is what `next` of the page before says\n")
    return int(found[1]), found[2]

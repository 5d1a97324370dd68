"""The page at `/`: a few static files, read once, served as they are; what they show comes from /api/v1.

Only the names found in the package when the daemon began to serve are served: no path of a request reaches the disk.
"""

from __future__ import annotations

from hashlib import blake2b
from importlib.resources import files

from aiohttp import web

TYPES = {
    "html": "text/html",
    "css": "text/css",
    "js": "text/javascript",
    "svg": "image/svg+xml",
}
POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self'",
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
        "require-trusted-types-for 'script'",  # text that is put in as markup is an error, where browsers know of it
    )
)


class Page:
    """The files, in memory: less than a megabyte, and never more than there were."""

    def __init__(self) -> None:
        folder = files("alogd.web") / "page"
        self.files = {file.name: file.read_bytes() for file in folder.iterdir() if _kind(file.name) in TYPES}
        self._tags = {name: f'"{blake2b(data, digest_size=8).hexdigest()}"' for name, data in self.files.items()}

    def routes(self) -> list[web.RouteDef]:
        return [web.get("/", self.index), web.get("/page/{name}", self.file)]

    async def index(self, request: web.Request) -> web.Response:
        return self._answer("index.html", request)

    async def file(self, request: web.Request) -> web.Response:
        name = request.match_info["name"]
        if name not in self.files:
            raise web.HTTPNotFound(text="there is no such file\n")
        return self._answer(name, request)

    def _answer(self, name: str, request: web.Request) -> web.Response:
        headers = {"Content-Security-Policy": POLICY, "Cache-Control": "no-cache", "ETag": self._tags[name]}
        if request.headers.get("If-None-Match") == self._tags[name]:
            return web.Response(status=304, headers=headers)
        return web.Response(body=self.files[name], content_type=TYPES[_kind(name)], charset="utf-8", headers=headers)


def _kind(name: str) -> str:
    return name.rpartition(".")[2]

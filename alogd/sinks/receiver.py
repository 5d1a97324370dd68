"""One receiver at one URL, which may itself be a secret and is then read from a file each time."""

from __future__ import annotations

import asyncio

from alogd.sinks.address import networks
from alogd.sinks.client import check_url, secret
from alogd.sinks.wording import WordedOptions


class UrlOptions(WordedOptions, frozen=True, kw_only=True):
    """Where it is."""

    url: str | None = None
    url_file: str | None = None  # for a URL that is itself a secret

    def __post_init__(self) -> None:
        super().__post_init__()
        if (self.url is None) == (self.url_file is None):
            raise ValueError("give either url or url_file")
        if self.url is not None:
            check_url(self.url, self.allow_insecure, networks(self.networks))


async def url_of(options: UrlOptions) -> str:
    """Raises NotConnected when the file cannot be read: it may be about to be written anew."""
    if options.url is not None:
        return options.url
    return await asyncio.to_thread(secret, "url_file", options.url_file or "")

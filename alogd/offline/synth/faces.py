"""How the shop's services write: each in its own format, or all of them through one rsyslog."""

from __future__ import annotations

from collections.abc import Callable

from alogd.demo.shop import Line, Shop

SERVICES = {  # name: its file in the demo
    "web": "access.log",
    "api": "app.log",
    "worker": "worker.log",
    "database": "postgresql.log",
    "system": "syslog",
}
CRON = "cron"  # writes to the system's file
NAMES = (*SERVICES, CRON)
_BY_FILE = {file: name for name, file in SERVICES.items()}


def service(line: Line) -> str:
    """Whose line it is."""
    return CRON if line.file == "syslog" and " CRON[" in line.text else _BY_FILE[line.file]


class OneFormat(Shop):
    """The same services on one host, gathered by its rsyslog: ISO time, host, program, message."""

    def web(self, method: str, page: str, status: int, size: int, more: str = "") -> Line:
        """nginx, which logs to syslog."""
        request = f'{self.address()} "{method} {page} HTTP/1.1" {status} {size}{more}'
        return self._gathered("access.log", "nginx[811]", request)

    def garbage(self, request: str, address: str) -> Line:
        """nginx, of a request that is none."""
        return self._gathered("access.log", "nginx[811]", f'{address} "{request}" 400 157')

    def app(self, level: str, thread: str, logger: str, message: str) -> Line:
        """The application."""
        return self._gathered("app.log", "api[1204]", f"{level} [{thread}] {logger} - {message}")

    def worker(self, level: str, message: str, fields: str) -> Line:
        """The queue worker."""
        return self._gathered("worker.log", "worker[1377]", f'level={level} msg="{message}" {fields}')

    def database(self, level: str, message: str) -> Line:
        """PostgreSQL."""
        return self._gathered("postgresql.log", f"postgres[{self.number(900, 999)}]", f"{level}:  {message}")

    def system(self, program: str, message: str, pid: int | None = None) -> Line:
        """The host."""
        tag = program if program == "kernel" else f"{program}[{pid or self.number(1000, 30000)}]"
        return self._gathered("syslog", tag, message)

    def _gathered(self, file: str, tag: str, message: str) -> Line:
        return Line(file, f"{self._stamps['iso']}.{self._millisecond:03d}Z shop-1 {tag}: {message}")


FORMATS: dict[str, Callable[[int], Shop]] = {"one": OneFormat, "own": Shop}

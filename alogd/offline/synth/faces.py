"""How the shop's services write: each in its own format, or all of them in one."""

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
    is_cron = line.file == "syslog" and (" CRON[" in line.text or "] CRON - " in line.text)
    return CRON if is_cron else _BY_FILE[line.file]


class OneFormat(Shop):
    """The same services, their lines gathered in one format: ISO time, level, host, service, message."""

    def web(self, method: str, page: str, status: int, size: int, more: str = "") -> Line:
        """nginx."""
        level = "ERROR" if status >= 500 else "WARN" if status >= 400 else "INFO"
        return self._gathered("web", level, f'{self.address()} "{method} {page} HTTP/1.1" {status} {size}{more}')

    def garbage(self, request: str, address: str) -> Line:
        """nginx, of a request that is none."""
        return self._gathered("web", "WARN", f'{address} "{request}" 400 157')

    def app(self, level: str, thread: str, logger: str, message: str) -> Line:
        """The application."""
        return self._gathered("api", level.strip(), f"{logger}: {message}")

    def worker(self, level: str, message: str, fields: str) -> Line:
        """The queue worker."""
        return self._gathered("worker", level.upper(), f"{message} {fields}")

    def database(self, level: str, message: str) -> Line:
        """PostgreSQL."""
        return self._gathered("database", level if level in ("ERROR", "FATAL") else "INFO", message)

    def system(self, program: str, message: str, pid: int | None = None) -> Line:
        """The host."""
        return self._gathered("system", "INFO", message, program)

    def _gathered(self, service: str, level: str, message: str, program: str = "") -> Line:
        stamp = f"{self._stamps['iso']}.{self._millisecond:03d}Z"
        return Line(SERVICES[service], f"{stamp} {level:<5} [shop-1] {program or service} - {message}")


FORMATS: dict[str, Callable[[int], Shop]] = {"one": OneFormat, "own": Shop}

"""What the Kafka collector and the Kafka sink share: how brokers are named, and how one logs in."""

from __future__ import annotations

import ssl
from typing import Annotated, Any, Literal, Protocol

from msgspec import Meta

from alogd.config.tree import read_secret

Broker = Annotated[str, Meta(pattern=r"^[^\s,/]+:[0-9]{1,5}$", max_length=300)]
Topic = Annotated[str, Meta(pattern=r"^[A-Za-z0-9._-]{1,249}$")]
Sasl = Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"]


class Login(Protocol):
    """The options of either that this is about."""

    @property
    def brokers(self) -> tuple[str, ...]: ...
    @property
    def tls(self) -> bool: ...
    @property
    def ca_file(self) -> str | None: ...
    @property
    def sasl(self) -> str | None: ...
    @property
    def username(self) -> str | None: ...
    @property
    def password_file(self) -> str | None: ...


def check_login(options: Login) -> None:
    """Raises ValueError for what makes no sense or would show a password."""
    if bool(options.sasl) != bool(options.username and options.password_file):
        raise ValueError("sasl needs a username and a password_file, and they need sasl")
    if options.sasl == "PLAIN" and not options.tls:
        raise ValueError("sasl PLAIN shows the password to the network; set tls: true, or use SCRAM-SHA-256")
    if options.ca_file and not options.tls:
        raise ValueError("ca_file is for tls: true")


def check_installed(what: str) -> None:
    """Raises ValueError that says what to install."""
    try:
        import aiokafka  # noqa: F401
    except ModuleNotFoundError:
        raise ValueError(f"the {what} needs the package aiokafka: pip install 'alogd[kafka]'") from None


def login(options: Login) -> dict[str, Any]:
    """Arguments of aiokafka's clients. Reads files. Raises OSError and ValueError for those it cannot use."""
    password = read_secret(options.password_file) if options.password_file else None
    return {
        "bootstrap_servers": list(options.brokers),
        "client_id": "alogd",
        "security_protocol": f"{'SASL_' if options.sasl else ''}{'SSL' if options.tls else 'PLAINTEXT'}",
        "ssl_context": ssl.create_default_context(cafile=options.ca_file) if options.tls else None,
        "sasl_mechanism": options.sasl or "PLAIN",
        "sasl_plain_username": options.username,
        "sasl_plain_password": password,
    }

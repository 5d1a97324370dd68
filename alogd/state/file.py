"""The file behind the state: its directory, its lock, its schema, and what happens when it is damaged.

Invariant: an open file has exactly the schema of this version and passed SQLite's own check; a damaged one is
set aside under a name of its own, never overwritten, and a new one begins.
"""

from __future__ import annotations

import fcntl
import os
import sqlite3
from pathlib import Path

FILE_NAME = "state.db"
LOCK_NAME = "lock"
APPLICATION_ID = 0x414C4F47  # "ALOG"
VERSION = 1
MAX_BAD_FILES = 10  # damaged files kept; the last name is then used again

SCHEMA = """
CREATE TABLE stream (
    name TEXT PRIMARY KEY, saved_at REAL NOT NULL, digest BLOB NOT NULL, sources BLOB NOT NULL
) STRICT;
CREATE TABLE part (
    stream TEXT NOT NULL, name TEXT NOT NULL, digest BLOB NOT NULL, data BLOB NOT NULL, PRIMARY KEY (stream, name)
) STRICT;
CREATE TABLE alert (
    id TEXT PRIMARY KEY, stream TEXT NOT NULL, level INTEGER NOT NULL, firing INTEGER NOT NULL,
    opened_ns INTEGER NOT NULL, updated_ns INTEGER NOT NULL, windows INTEGER NOT NULL, recorded_at REAL NOT NULL,
    body BLOB NOT NULL
) STRICT;
CREATE INDEX alert_by_time ON alert (updated_ns DESC, id);
CREATE TABLE outbox (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, sink TEXT NOT NULL, body BLOB NOT NULL
) STRICT;
CREATE INDEX outbox_by_sink ON outbox (sink, seq);
"""

_DAMAGE = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_FORMAT})


class StateUnusable(Exception):
    """The daemon cannot work with this directory; one line for a person, and what to exit with."""

    def __init__(self, message: str, exit_code: int = 78) -> None:
        super().__init__(message)
        self.exit_code = exit_code


class Damaged(Exception):
    """The file is not what was written."""


def lock_directory(directory: Path) -> int:
    """Make the directory and take its lock; the file descriptor holds it. Raises StateUnusable."""
    try:
        directory.mkdir(mode=0o750, parents=True, exist_ok=True)
        fd = os.open(directory / LOCK_NAME, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o640)
    except OSError as error:
        raise StateUnusable(
            f"cannot write in the state directory {directory}: {_cause(error)}; choose another with --state-dir"
        ) from None
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(fd)
        raise StateUnusable(f"another alogd is using the state directory {directory}", 1) from None
    return fd


def open_file(directory: Path) -> tuple[sqlite3.Connection, str | None]:
    """The state in the (locked) directory, new where there is none, and what was set aside if anything was.

    Raises StateUnusable for a file of a newer version and for a disk that does not let us.
    """
    path = directory / FILE_NAME
    try:
        return _open(path), None
    except Damaged as damage:
        aside = _set_aside(path)
        return _open(path), f"{path} is damaged ({damage}); it was set aside as {aside.name}"


def open_to_read(directory: Path) -> sqlite3.Connection:
    """The state of a daemon that may be running, to look at. Raises StateUnusable."""
    path = directory / FILE_NAME
    if not path.exists():
        raise StateUnusable(f"there is no state in {directory}", 1)
    try:
        connection = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, isolation_level=None, timeout=5)
        connection.execute("PRAGMA query_only = 1")
        if not _check_version(connection, path):
            connection.close()
            raise StateUnusable(f"the state in {directory} is only being made; ask again", 1)
    except (sqlite3.Error, Damaged) as error:
        raise StateUnusable(f"cannot read {path}: {error}", 1) from None
    return connection


def is_damage(error: sqlite3.Error) -> bool:
    """Whether this error means that the file is damaged (and not that the disk is full or the like)."""
    code = getattr(error, "sqlite_errorcode", None)
    if code is None:  # from the sqlite3 module itself
        return str(error).startswith("Could not decode to UTF-8")
    return code & 0xFF in _DAMAGE


def _open(path: Path) -> sqlite3.Connection:
    connection = None
    try:
        connection = sqlite3.connect(path, isolation_level=None, timeout=5, check_same_thread=False)
        if not _check_version(connection, path):
            _create(connection)
        _configure(connection)
        _check_pages(connection)
    except UnicodeDecodeError:  # from sqlite3 itself, as it quotes a damaged schema
        _close(connection)
        raise Damaged("text that is not UTF-8") from None
    except sqlite3.Error as error:
        _close(connection)
        # An error in statements that are right is one in the file.
        if is_damage(error) or getattr(error, "sqlite_errorcode", 0) == sqlite3.SQLITE_ERROR:
            raise Damaged(str(error).partition("\n")[0]) from None
        raise StateUnusable(f"cannot open {path}: {error}", _exit_code(error)) from None
    except (Damaged, StateUnusable):
        _close(connection)
        raise
    return connection


def _check_version(connection: sqlite3.Connection, path: Path) -> bool:
    """False for a file with nothing in it yet."""
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    application = connection.execute("PRAGMA application_id").fetchone()[0]
    tables = connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0]
    if not tables and not version:
        if path.stat().st_size and not connection.execute("PRAGMA page_count").fetchone()[0]:
            raise Damaged("cut short")  # within the header; SQLite takes it for a file with nothing in it yet
        return False
    if application != APPLICATION_ID:
        raise Damaged("not a state file of alogd")
    if version > VERSION:
        raise StateUnusable(
            f"{path} was written by a newer alogd (its version is {version}, this one knows {VERSION}); "
            "install that version again, or move the file away to start anew"
        )
    if version != VERSION:
        raise Damaged(f"unknown version {version}")
    return True


def _configure(connection: sqlite3.Connection) -> None:
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA cache_size = -256")  # KiB; parts are written whole and read once
    connection.execute(f"PRAGMA journal_size_limit = {16 << 20}")
    connection.execute("PRAGMA cell_size_check = 1")
    connection.execute("PRAGMA trusted_schema = 0")
    connection.execute("PRAGMA secure_delete = 0")


def _create(connection: sqlite3.Connection) -> None:
    """One transaction: a file has the whole schema or nothing."""
    path = connection.execute("PRAGMA database_list").fetchone()[2]
    os.chmod(path, 0o640)  # lines of logs are in it; SQLite gives its -wal and -shm the same mode
    connection.execute("BEGIN IMMEDIATE")
    for statement in SCHEMA.split(";"):
        if statement.strip():
            connection.execute(statement)
    connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    connection.execute(f"PRAGMA user_version = {VERSION}")
    connection.execute("COMMIT")


def _check_pages(connection: sqlite3.Connection) -> None:
    # The whole check, not the quick one: that would not see a name changed in a table and left alone in its index.
    found = connection.execute("PRAGMA integrity_check(1)").fetchone()[0]
    if found != "ok":
        raise Damaged(str(found).replace("\n", " "))
    if _schema(connection) != _expected():
        raise Damaged("its tables are not those of this version")


def _schema(connection: sqlite3.Connection) -> set[str]:
    return {row[0] for row in connection.execute("SELECT sql FROM sqlite_schema WHERE name NOT LIKE 'sqlite_%'")}


def _expected() -> set[str]:
    model = sqlite3.connect(":memory:")
    try:
        model.executescript(SCHEMA)
        return _schema(model)
    finally:
        model.close()


def _set_aside(path: Path) -> Path:
    free = (n for n in range(1, MAX_BAD_FILES) if not path.with_name(f"{path.name}.bad-{n}").exists())
    aside = path.with_name(f"{path.name}.bad-{next(free, MAX_BAD_FILES)}")
    try:
        os.replace(path, aside)
        for suffix in ("-wal", "-shm"):
            beside = path.with_name(path.name + suffix)
            if beside.exists():
                os.replace(beside, aside.with_name(aside.name + suffix))
    except OSError as error:
        raise StateUnusable(f"{path} is damaged and cannot be moved away: {_cause(error)}") from None
    return aside


def _exit_code(error: sqlite3.Error) -> int:
    """A full disk may pass, so a restart may help; a file that may not be written needs a person."""
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    return 78 if code in {sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM} else 1


def _close(connection: sqlite3.Connection | None) -> None:
    if connection is not None:
        connection.close()


def _cause(error: OSError) -> str:
    return (error.strerror or str(error)).lower()

"""Stands for journalctl: shows the JSON lines of the file $FAKE_JOURNAL, and follows it.

$FAKE_JOURNAL.calls lists how it was called. A line "!exit N" ends it with that status, once; "!bad cursor" in the
first line makes it refuse every cursor.
"""

import json
import os
import sys
import time

path = os.environ["FAKE_JOURNAL"]
options = dict(argument.removeprefix("--").partition("=")[::2] for argument in sys.argv[1:])


def key(line: str) -> tuple[str, int]:
    try:
        entry = json.loads(line)
        return entry["__CURSOR"], int(entry["__REALTIME_TIMESTAMP"])
    except (ValueError, TypeError, KeyError):
        return "", 0


def shown(lines: list[str]) -> list[str]:
    keys = [key(line) for line in lines]
    if cursor := options.get("cursor"):
        for i, (name, _) in enumerate(keys):
            if name == cursor:
                return lines[i:]
        at = int(cursor.rpartition("t=")[2])  # as journalctl does: the nearest one that is not older
        return [line for line, (_, stamp) in zip(lines, keys, strict=True) if stamp >= at]
    if since := options.get("since"):
        at = int(since.removeprefix("@")) * 1_000_000
        return [line for line, (_, stamp) in zip(lines, keys, strict=True) if stamp >= at]
    most = options.get("lines")
    return lines[-int(most) :] if most else lines


with open(path, encoding="utf-8") as journal:
    old = journal.readlines()
    if old and old[0] == "!bad cursor\n":
        if "cursor" in options:
            sys.exit("Failed to seek to cursor: Invalid argument")
        old = old[1:]
    sys.stdout.write("".join(shown([line for line in old if not line.startswith("!")])))
    sys.stdout.flush()
    with open(path + ".calls", "a", encoding="utf-8") as calls:  # from here on it follows
        calls.write(" ".join(sys.argv[1:]) + "\n")
    while "follow" in options:
        line = journal.readline()
        if not line:
            time.sleep(0.01)
        elif line.startswith("!exit"):
            sys.exit(int(line.split()[1]))
        else:
            sys.stdout.write(line)
            sys.stdout.flush()

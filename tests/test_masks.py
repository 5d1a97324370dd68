"""Masks: what they mean, by examples and grouping accuracy, and that the C engine gives just that on every input."""

from __future__ import annotations

import csv
import gzip
import importlib.util
import random
import sys
import tarfile
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path

import pytest
from drain3.drain import Drain
from hypothesis import given
from hypothesis import strategies as st

from alogd.engine.dfa import Automaton
from alogd.engine.dfa import compile as compile_pattern
from alogd.engine.native import Engine, EngineConfig
from alogd.reference import masks as reference
from tests import mask_lines
from tests.conftest import ROOT

EXAMPLES = [
    # addresses
    ("from 10.251.201.204 port 22", "from <IP> port <NUM>"),
    ("src: /10.251.201.204:56577 dest: 10.0.0.1:50010.", "src: <IP> dest: <IP>."),
    ("10.11.21.1,10.11.10.1 - net 10.0.0.0/8", "<IP> - net <IP>"),
    ("host/10.1.2.3:80 v6.1.7601.23505 1.2.3.4.5", "host/<IP> v<NUM> <NUM>"),
    ("fe80::1%eth0: ::1 [::1]:80 2001:db8:0:0:0:0:0:1 ::ffff:1.2.3.4", "<IP>: <IP> [<IP>]:<NUM> <IP> <IP>"),
    ("std::string a::b :: x", "std::string a::b :: x"),
    ("www.google.com:443 db1.corp:80 mail.example.de:25", "<IP> <IP> <IP>"),
    ("00:11:22:aa:BB:cc aa-bb-cc-dd-ee-ff: ff:ff:ff:ff:ff:ff", "<MAC> <MAC>: <MAC>"),
    # a place in a file names itself
    ("lib/string.c:1052! (Bar.java:12) jquery.min.js:2", "lib/string.c:1052! (Bar.java:12) jquery.min.js:2"),
    # paths
    ("open /var/log/x.log: denied /a /a/b, '/udev/vcs6'", "open <PATH>: denied /a <PATH>, '<PATH>'"),
    ("hdfs://h:9000/a?b=c http://a.b/c, file:///x", "<PATH> <PATH>, <PATH>"),
    ("C:\\Windows\\x.dll \\\\srv\\share\\y and/or a/b/c", "<PATH> <PATH> and/or a/b/c"),
    ("COMMAND=/bin/cp unix:/run/x/cgi.sock", "COMMAND=<PATH> unix:<PATH>"),
    # devices
    ("sda1 eth0: ttyS0 nvme0n1p2 /dev/sda1:", "<DEVICE> <DEVICE>: <DEVICE> <DEVICE> <DEVICE>:"),
    ("tty1 enp0s3 pts/0 dm-0 /dev/mapper/vg-root", "<DEVICE> <DEVICE> <DEVICE> <DEVICE> <DEVICE>"),
    ("sda md5 ethernet0", "sda md<NUM> ethernet<NUM>"),
    # hexadecimal
    ("0x1F deadbe1f ffffffff 0000000b 00000009 DEADBE1F", "<HEX> <HEX> ffffffff <HEX> <HEX> <HEX>"),
    ("Token{a64f992 blk_1a2b3c4d 1234567 Deadbe1f", "Token{<HEX> blk_<HEX> <NUM> Deadbe<NUM>f"),
    ("550e8400-e29b-41d4-a716-446655440000, x", "<UUID>, x"),
    ("aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee", "<UUID>"),
    # process ids
    ("sshd[24833]: su(pam_unix)[12]: pid=12", "sshd[<PID>]: su(pam_unix)[<PID>]: pid=<PID>"),
    ('PID:3 {"pid":5}', 'PID:<PID> {"pid":<PID>}'),
    ("ppid: 7 [1]", "ppid: <NUM> [<NUM>]"),
    # numbers
    ("blk_-8364188224378370230 node-190 R02-M1-N0", "blk_<NUM> node-<NUM> R<NUM>-M<NUM>-N<NUM>"),
    ("attempt_1445144423722_0020_m_000009_0 job_2014_0001", "attempt_<NUM> job_<NUM>"),
    ("took 126MB 1.5s -3 +4 boot = -107", "took <NUM>MB <NUM>s <NUM> <NUM> boot = <NUM>"),
    ("9.8e-05 1,234 50%", "<NUM> <NUM> <NUM>%"),
    ("2005-07-15-23.49.42.308319 at 10:05:25 01/01/2011", "<NUM> at <NUM> <NUM>"),
    ("isr=[0, 1, 2] ( 3552 3534 ) (1,2) [1 x]", "isr=[<NUM>] ( <NUM> ) (<NUM>) [<NUM> x]"),
    ("totalCalories=126775 1##2", "totalCalories=<NUM> <NUM>##<NUM>"),
    # what looks like a mask in a log is content
    ("<*> <NUM> <IP>", "<*> <NUM> <IP>"),
]  # fmt: skip

# Share of the lines of a system whose group is exactly that of an event: Drain3 with its example masks, less 0.01.
FLOORS = {
    "HDFS": 0.9875, "Hadoop": 0.9530, "Spark": 0.9125, "BGL": 0.9585,
    "HPC": 0.8770, "Linux": 0.6765, "OpenSSH": 0.7080, "Apache": 0.9900,
}  # fmt: skip
EXAMPLE_MASKS_MEAN = 0.8929


def engine(masks: Sequence[str] = reference.NAMES, **more: object) -> Engine:
    settings = {"header": None, "max_tokens": 2048, "seed": 7, **more}
    return Engine(EngineConfig(masks=tuple(masks), **settings))  # type: ignore[arg-type]


def masked(of: Engine, line: bytes) -> tuple[bytes, list[bytes]]:
    return of._raw.mask(line)


def differences(
    of: Engine, lines: Iterable[bytes], users: Sequence[reference.UserMask] = ()
) -> list[tuple[bytes, object, object]]:
    masks, delimiters = of.config.masks, of.config.extra_delimiters
    found: list[tuple[bytes, object, object]] = []
    for line in lines:
        text = reference.mask(line, masks, users)
        want = (text if not delimiters else None, reference.tokens(text, delimiters))
        got = masked(of, line)
        if (got[0] if not delimiters else None, got[1]) != want:
            found.append((line, want, got))
    return found


@pytest.mark.parametrize(("line", "text"), EXAMPLES)
def test_examples(line: str, text: str) -> None:
    assert reference.mask(line.encode()).decode() == text
    assert masked(engine(), line.encode())[0].decode() == text


@pytest.mark.parametrize("name", reference.NAMES)
def test_a_mask_can_be_off(name: str) -> None:
    text = b"/a/b/c 0xff 10.0.0.1 00:11:22:33:44:55 550e8400-e29b-41d4-a716-446655440000 sshd[77] eth0 x 5"
    wildcard = b"<" + name.upper().encode() + b">"
    every = masked(engine(), text)[0].split()
    off = masked(engine([other for other in reference.NAMES if other != name]), text)[0].split()
    on = masked(engine([name]), text)[0].split()
    mine = [wildcard in token for token in every]
    assert sum(mine) == 1
    assert not any(wildcard in token for token in off)
    assert [token for token, of_mine in zip(off, mine, strict=True) if not of_mine] == [
        token for token, of_mine in zip(every, mine, strict=True) if not of_mine
    ]
    assert on[mine.index(True)] == every[mine.index(True)]


def test_every_byte_alone_and_between() -> None:
    single = [bytes([byte]) for byte in range(256)]
    around = [
        b"%s%s%s" % (a, byte, b) for byte in single for a in (b"", b"1", b"a1", b"\xc2") for b in (b"", b"1", b"\xa0")
    ]
    assert not differences(engine(), single + around)


def test_every_short_domain() -> None:
    letters = "abcdefghijklmnopqrstuvwxyz"
    ends = [one + two for one in letters for two in letters]
    ends += "com net org edu gov io info dev app cloud local lan corp internal svc localdomain Com orga".split()  # noqa: SIM905
    assert not differences(engine(), (f"{host}.{end}:80".encode() for end in ends for host in ("a", "a.b", "1.a-b.c")))


def test_every_pair_of_ascii_bytes_in_a_number() -> None:
    pairs = [bytes([97, one, two, 49]) for one in range(128) for two in range(128)]
    assert not differences(engine(), pairs)


@pytest.mark.parametrize("seed", range(6))
def test_equals_the_reference_on_random_lines(seed: int) -> None:
    choose = random.Random(seed)
    names = reference.NAMES if seed % 2 else [name for name in reference.NAMES if choose.random() < 0.6]
    delimiters = tuple(choose.sample(mask_lines.DELIMITERS, seed % 3))
    assert not differences(engine(names, extra_delimiters=delimiters), mask_lines.lines(seed, 6000))


@given(
    st.lists(st.sampled_from(mask_lines.PIECES), max_size=12).map(b"".join), st.sets(st.sampled_from(reference.NAMES))
)
def test_equals_the_reference_on_any_pieces(line: bytes, names: set[str]) -> None:
    assert not differences(engine([name for name in reference.NAMES if name in names]), [line])


@given(st.binary(max_size=200))
def test_equals_the_reference_on_any_bytes(line: bytes) -> None:
    assert not differences(engine(), [line])


def real_lines(path: Path, most: int) -> Iterator[bytes]:
    if path.name.endswith(".tar.gz"):
        with tarfile.open(path) as archive:
            for member in archive:
                if (file := archive.extractfile(member)) is not None:
                    yield from file.read()[:20_000].split(b"\n")
        return
    with path.open("rb") as file:
        for line in islice(gzip.GzipFile(fileobj=file) if path.suffix == ".gz" else file, most):
            yield line.rstrip(b"\n")


def test_equals_the_reference_on_real_logs(data: Path) -> None:
    files = sorted([*data.glob("loghub2k/*/*_2k.log"), *data.glob("*/*.gz")])
    assert len(files) >= 8
    of = engine()
    for path in files:
        most = 50 if "json" in path.name else 1000
        assert not differences(of, islice(real_lines(path, most), 10_000)), path


def test_tokens_are_cut_at_all_of_pythons_white_space() -> None:
    plain, busy = engine([]), engine()
    for first in range(0, sys.maxunicode + 1, 256):
        points = range(first, first + 256)
        text = "a".join(chr(point) for point in points).encode("utf-8", "surrogatepass")
        want = reference.tokens(text)
        assert masked(plain, text)[1] == want, hex(first)
        if first < 0x3100:  # all of the white space, and where masks look at it
            assert not differences(busy, [text]), hex(first)


def test_digit_table_is_what_the_script_writes() -> None:
    spec = importlib.util.spec_from_file_location("make_tables", ROOT / "engine_c" / "make_tables.py")
    assert spec is not None
    assert spec.loader is not None
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    committed = (ROOT / "engine_c" / "unicode_table.h").read_text()
    if unicodedata.unidata_version not in committed.splitlines()[0]:
        pytest.skip(f"the table is of another Unicode than this Python's {unicodedata.unidata_version}")
    assert script.header() == committed


@pytest.mark.parametrize("character", ["1", "\u0661", "²", "①", "\U0001d7ce"])
def test_a_digit_of_any_script_makes_a_parameter(character: str) -> None:
    """Drain's tree takes a first token with a digit for a wildcard: lines with two such tokens are one template."""
    of = engine([])
    for word in ("x" + character, "y" + character):
        of.feed(f"{word} same same same same\n".encode())
    of.flush()
    assert [template.text for template in of.templates()] == ["<*> same same same same"]


def test_a_place_keeps_its_digits_and_is_a_parameter() -> None:
    of = engine()
    for place in ("a.c:12", "b.c:7", "<IP>:c.d:8"):
        of.feed(f"{place} same same same same\n".encode())
    of.flush()
    assert [template.text for template in of.templates()] == ["<*> same same same same"]


def test_broken_utf8_is_no_digit() -> None:
    of = engine([])
    for word in (
        b"x\xd9",
        b"y\xd9",
        b"x\xc2\xc2",
        b"x\xf0\x9d\x9f",
        b"x\xed\xa1\xa1",
    ):  # pieces and look-alikes of digits
        of.feed(word + b" same same same same\n")
    of.flush()
    assert len(of.templates()) == 5


def test_a_message_of_too_many_tokens_is_cut_there() -> None:
    assert masked(engine(max_tokens=3), b" a 1 c  d e ") == (b" a <NUM> c", [b"a", b"<NUM>", b"c"])
    assert masked(engine(max_tokens=3), b" a 1 c ") == (b" a <NUM> c ", [b"a", b"<NUM>", b"c"])


def test_a_message_that_grows_too_much_is_cut_between_tokens() -> None:
    of = engine(max_line_bytes=4096)
    line = b"1 a " * 2000
    text, tokens = masked(of, line[:8000])
    want = reference.tokens(reference.mask(line[:8000]))
    assert tokens == want[: len(tokens)]
    assert text == reference.mask(line[:8000])[: len(text)]


def user(*pairs: tuple[str, str]) -> list[reference.UserMask]:
    return [(name, Automaton(compile_pattern(pattern)).finditer) for name, pattern in pairs]


def test_user_masks_go_first_in_order_and_are_left_alone() -> None:
    of = engine(user_masks=(("BLK", r"blk_-?\d+"), ("FIRST", r"^\w+"), ("ANY", r"\d+")))
    assert masked(of, b"put blk_-12 on 10.0.0.1 x<BLK>")[0] == b"<FIRST> <BLK> on <ANY>.<ANY>.<ANY>.<ANY> x<BLK>"
    assert masked(of, b"blk_12 5")[0] == b"<BLK> <ANY>"


def test_user_masks_may_span_tokens() -> None:
    assert masked(engine(user_masks=(("WHO", r"user \w+"),)), b"for user root 5 x") == (
        b"for <WHO> <NUM> x",
        [b"for", b"<WHO>", b"<NUM>", b"x"],
    )


@pytest.mark.parametrize("seed", range(4))
def test_user_masks_equal_the_reference(seed: int) -> None:
    choose = random.Random(seed)
    pool = [
        ("A", r"a+"), ("B", r"\b\d+\b"), ("C", r"^\S+ "), ("D", r"[:=]\w+$"), ("E", r"(?:\d+|x)\."), ("F", r"é|ß"),
        ("G", r"/[^/]*/"), ("H", r"(?i)[ -]?pid"), ("I", r"\s+\S"),
    ]  # fmt: skip
    for _ in range(12):
        pairs = tuple(choose.sample(pool, choose.randrange(1, 5)))
        of = engine(user_masks=pairs, extra_delimiters=tuple(choose.sample(mask_lines.DELIMITERS, choose.randrange(2))))
        assert not differences(of, mask_lines.lines(choose.randrange(10**6), 300), user(*pairs))


def groups_found(contents: Sequence[str], events: Sequence[str]) -> float:
    of = engine()
    drain = Drain(depth=4, sim_th=0.4)
    found: dict[int, list[int]] = defaultdict(list)
    true: dict[str, list[int]] = defaultdict(list)
    for number, (content, event) in enumerate(zip(contents, events, strict=True)):
        text = masked(of, content.encode("utf-8", "surrogateescape"))[0].decode("utf-8", "surrogateescape")
        found[drain.add_log_message(text)[0].cluster_id].append(number)
        true[event].append(number)
    exact = {tuple(group) for group in true.values()}
    return sum(len(group) for group in found.values() if tuple(group) in exact) / len(contents)


def test_grouping_accuracy(data: Path) -> None:
    accuracy = {}
    for system in FLOORS:
        path = data / "loghub2k" / system / f"{system}_2k.log_structured.csv"
        with path.open(encoding="utf-8", errors="surrogateescape", newline="") as file:
            rows = list(csv.DictReader(file))
        accuracy[system] = groups_found([row["Content"] for row in rows], [row["EventId"] for row in rows])
    assert all(accuracy[system] >= floor for system, floor in FLOORS.items()), accuracy
    assert sum(accuracy.values()) / len(accuracy) > EXAMPLE_MASKS_MEAN, accuracy

"""What alerts hide of the lines they tell of (FAULTS X8)."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alogd.alerts.redact import Redactor, hide_secrets
from alogd.config.load import ConfigError, load_config
from alogd.config.tree import Alerts, EngineOptions, UserMask


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("login password=hunter2 ok", "login password=<SECRET> ok"),
        ('{"password": "a b\\"c", "user": "x"}', '{"password": "<SECRET>", "user": "x"}'),
        ('{\\"token\\":\\"abc def\\",\\"a\\":1}', '{\\"token\\":\\"<SECRET>\\",\\"a\\":1}'),
        ("Authorization: Basic dXNlcjpwYXNz", "Authorization: <SECRET>"),
        ("Cookie: a=b; c=d", "Cookie: <SECRET>"),
        ("mysql://root:p@ss@db/x", "mysql://root:<SECRET>@db/x"),
        ("--db-password hunter2 --user x", "--db-password <SECRET> --user x"),
        ("DB_PASSWORD=s3cr3t", "DB_PASSWORD=<SECRET>"),
        ('api_key => "zzz"', 'api_key => "<SECRET>"'),
        ("GET /?access_token=abc&x=1", "GET /?access_token=<SECRET>&x=1"),
        ("key AKIAIOSFODNN7EXAMPLE used", "key <SECRET> used"),
        ("got eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.abc_-d", "got <SECRET>"),
        ("-----BEGIN EC PRIVATE KEY-----\nabc\ndef", "-----BEGIN EC PRIVATE KEY-----<SECRET>"),
        ("Failed password for root from 10.0.0.1", None),
        ("tokens=512 used", None),
        ("password=<*> for <NUM>", None),
        ("password=<SECRET>", None),
        ("sudo: anna : TTY=pts/0 ; PWD=/home/anna ; USER=root ; COMMAND=/bin/ls", None),
        ("http://10.0.0.1:8080/x@y", None),
        ("pam_unix(sshd:auth): authentication failure; user=root", None),
    ],
)
def test_secrets(text, shown):
    assert hide_secrets(text) == (text if shown is None else shown)


VALUES = st.text("abcXYZ019_./-+", min_size=6, max_size=40).filter(lambda value: value[0] not in "/-")


@given(st.sampled_from(["password=", "secret: ", "token=", "X-Api-Key: ", '{"passwd": "', "pwd='", "--token "]), VALUES)
def test_a_named_value_never_shows(name, value):
    assert value not in hide_secrets(f"before {name}{value}")


@given(st.text(max_size=300))
def test_hiding_twice_is_hiding_once(text):
    once = hide_secrets(text)
    assert hide_secrets(once) == once


EMAIL = UserMask(name="EMAIL", pattern=r"[\w.]+@[\w.]+")


@pytest.mark.parametrize("kind", ["c", "drain3"])
@pytest.mark.parametrize(
    ("redact", "shown"),
    [
        ((), b"mail from anna@example.org at 10.0.0.1 took 12 ms, see http://10.0.0.1/x\xff\n  at 10.0.0.2"),
        (("ip",), b"mail from anna@example.org at <IP> took 12 ms, see http:/<IP>/x\\xff\n  at <IP>"),
        (("EMAIL",), b"mail from <EMAIL> at 10.0.0.1 took 12 ms, see http://10.0.0.1/x\\xff\n  at 10.0.0.2"),
        (("num", "EMAIL"), b"mail from <EMAIL> at <NUM> took <NUM> ms, see http://<NUM>/x\\xff\n  at <NUM>"),
    ],
)
def test_masks_hide_in_lines_what_each_finds_alone(kind, redact, shown):
    line = b"mail from anna@example.org at 10.0.0.1 took 12 ms, see http://10.0.0.1/x\xff\n  at 10.0.0.2"
    options = EngineOptions(kind=kind, user_masks=(EMAIL,))
    redactor = Redactor(Alerts(redact=redact, hide_secrets=bool(redact)), options, "program")
    assert redactor.line(line) == shown


def test_keys():
    masks = EngineOptions(user_masks=(EMAIL, UserMask(name="REQ", pattern=r"req=\w+")))
    assert Redactor(Alerts(redact=("REQ",)), masks, {"mask": "REQ"}).key("whatever it found") == "<REQ>"
    assert Redactor(Alerts(redact=("pid",)), masks, "pid").key("4711") == "<PID>"
    assert Redactor(Alerts(redact=("ip",)), masks, "host").key("10.0.0.1") == "<IP>"
    assert Redactor(Alerts(), masks, "pid").key("4711") == "4711"
    assert Redactor(Alerts(redact=("ip",)), masks, "pid").host("10.0.0.1") == ""
    assert Redactor(Alerts(redact=("ip",)), masks, "pid").host("web1") == "web1"


@pytest.mark.parametrize(
    ("engine", "redact", "message"),
    [
        ("{}", "[ipp]", r'alerts\.redact\[0\]: no mask named "ipp"; did you mean "ip"'),
        ("{masks: [num]}", "[num, ip]", r'alerts\.redact\[1\]: stream "a" has the mask ip off'),
        ("{user_masks: [{name: EMAIL, pattern: '@x'}]}", "[EMAIL]", ""),
    ],
)
def test_the_configuration_checks_names(engine, redact, message):
    text = f"streams: [{{name: a, collect: [{{kind: stdin}}], engine: {engine}}}]\nalerts: {{redact: {redact}}}\n"
    if not message:
        load_config(text)
        return
    with pytest.raises(ConfigError) as caught:
        load_config(text)
    assert re.search(message, str(caught.value))

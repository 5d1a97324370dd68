"""Loading a configuration: every problem is found, placed and named; bad ones never get through."""

from __future__ import annotations

import contextlib
import json
import re
from pathlib import Path
from typing import Annotated, Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alogd import registry
from alogd.config import schema as config_schema
from alogd.config.load import ConfigError, load, load_config
from alogd.config.tree import Strict, budget_per_day, effective_excludes, stream_budget
from alogd.config.units import duration, seconds_text, size, size_text

ROOT = Path(__file__).parent.parent


class ProbeOptions(Strict, frozen=True, kw_only=True):
    """Options of a collector that is only registered here."""

    include: tuple[str, ...] = ()
    interval: float = 1.0
    buffer: int = 4096
    ratio: Annotated[float, msgspec.Meta(gt=0, le=1)] = 0.5
    secret_file: str | None = None
    low: int = 0
    high: int = 1

    def __post_init__(self) -> None:
        if self.low > self.high:
            raise ValueError("low has to be at most high")


@registry.register("collectors", "probe")
class Probe:
    """A plugin that declares options, as third parties do."""

    Options = ProbeOptions


@pytest.fixture(autouse=True)
def _probe_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(registry.BUILT_IN, "collectors", {**registry.BUILT_IN["collectors"], "probe": __name__})


def good(extra: str = "", stream: str = "", probe: str = "") -> str:
    """The least configuration, with lines added at the top, in the stream and in the collector."""
    return f"streams:\n  - name: a\n    collect: [{{kind: probe{probe}}}]\n{stream}\n{extra}\n"


def problems(text: str, **environment: str) -> list[str]:
    """What is wrong with a text, without its name."""
    with pytest.raises(ConfigError) as caught:
        load_config(text, environment=environment)
    assert all("\n" not in line for line in str(caught.value).splitlines())
    return [line.removeprefix("<text>:") for line in str(caught.value).splitlines()]


def test_the_least_configuration_takes_every_default() -> None:
    config = load_config(good())
    assert config.alerts.budget == "5/day"
    assert [detector.name for detector in config.streams[0].detectors] == ["ewma", "loganomaly"]
    assert config.streams[0].collect == ({"kind": "probe"},)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (good("alrts: {}"), '5:1: alrts: unknown key; did you mean "alerts"?'),
        (good(stream="    engin: {}"), '4:5: streams[0].engin: unknown key; did you mean "engine"?'),
        (good(probe=", inclde: []"), '3:29: streams[0].collect[0].inclde: unknown key; did you mean "include"?'),
        (good(stream="    engine: {depth: 0}"), "4:21: streams[0].engine.depth: 0 is out of range: 3 to 32"),
        (good(stream="    engine: {depth: -4}"), "4:21: streams[0].engine.depth: -4 is out of range: 3 to 32"),
        (good(stream="    engine: {depth: 4.5}"), "expected a whole number, not '4.5'"),
        (good(stream="    engine: {depth: '4'}"), "expected a whole number, not '4'"),
        (good(stream="    engine: {depth: true}"), "expected a whole number, not 'true'"),
        (good(stream="    engine: {depth: [4]}"), "expected a whole number, not a list"),
        (good(stream="    engine: {depth: }"), "expected a whole number, not nothing"),
        (good(stream=f"    engine: {{depth: {10**18}}}"), f"{10**18} is out of range: 3 to 32"),
        (good(stream="    engine: {sim_th: .nan}"), ".nan is out of range: 0 to 1"),
        (good(stream="    engine: {sim_th: 1e999}"), "1e999 is out of range: 0 to 1"),
        (good(stream="    engine: {header: rfc3146}"), "unknown value 'rfc3146'; did you mean \"rfc3164\"?"),
        (good(stream="    engine: {masks: [ip, pids]}"), 'did you mean "pid"?'),
        (good(stream="    engine: {timezone: Berlin}"), "'Berlin' does not fit"),
        (good(stream="    engine: 7"), "4:13: streams[0].engine: expected a mapping, not '7'"),
        (good(stream="    windows: {size: 10, stride: 11}"), "streams[0].windows.stride: 11 is larger than size 10"),
        (good(stream="    windows: {key: porgram}"), 'did you mean "program"?'),
        (good(stream="    windows: {key: {mask: blk}}"), 'windows.key.mask: no mask named "blk" in engine.user_masks'),
        (good(stream="    windows: {key: {mask: ip, field: x}}"), "expected {field: NAME} or {mask: NAME}"),
        (good(stream="    windows: {kind: session, key: none}"), "need a key that tells sessions apart"),
        (good(stream="    windows: {max_age: 0}"), "windows.max_age: 0 is out of range: 100ms to 7d"),
        (good(stream="    windows: {max_age: soon}"), "'soon' is not a duration"),
        (good(stream="    detectors: [ewna]"), 'unknown detector "ewna"; did you mean "ewma"?'),
        (good(stream="    detectors: []"), "0 entries; 1 to 16 are accepted"),
        (
            good(stream="    detectors: [{name: ewma, options: {alpa: 1}}]"),
            'options.alpa: unknown key; did you mean "alpha"?',
        ),
        (good(stream="    detectors: [{options: {}}]"), 'required key "name" is missing'),
        (good(probe=", interval: x"), "collect[0].interval: expected a number, not 'x'"),
        (good(probe=", interval: .inf"), "interval: .inf is out of range: a finite number"),
        (good(probe=", ratio: 0"), "ratio: 0 is out of range: above 0, at most 1"),
        (good(probe=", low: 5"), "streams[0].collect[0]: low has to be at most high"),
        (good(probe=", secret_file: /nonexistent/secret"), "secret_file: /nonexistent/secret is not a file"),
        (good("alerts: {budget: 5 a day}"), "alerts.budget: '5 a day' is not a rate"),
        (good("alerts: {budget: 0/day}"), "alerts.budget: '0/day' is out of range"),
        (good("alerts: {budget: inf/day}"), "alerts.budget: 'inf/day' is out of range"),
        (good("alerts: {budget: nan/day}"), "alerts.budget: 'nan/day' is out of range"),
        (good("alerts: {resolve_after: 2w, adopt_after: 1d}"), "adopt_after: has to be longer than resolve_after"),
        (
            good("alerts: {severity_rules: [{match: x, severity: 101}]}"),
            "severity_rules[0].severity: 101 is out of range",
        ),
        (good("risk: {low: 70}"), "risk: low, medium, high and critical have to rise"),
        (good("risk: {anomaly_weight: 1}"), "risk: anomaly_weight and severity_weight have to add up to 1"),
        (good("http: {listen: 9178}"), "http.listen: '9178' is not HOST:PORT"),
        (good("http: {listen: 'localhost:99999'}"), "is not HOST:PORT"),
        (good("http: {token_file: /nonexistent}"), "http.token_file: /nonexistent is not a file"),
        (good("sinks: [lag]"), 'sinks[0].kind: unknown sink "lag"; did you mean "log"?'),
        (good("sinks: [log, log]"), 'sinks[1]: a sink named "log" stands above'),
        (good("sinks: [{path: x}]"), 'expected a mapping with the key "kind"'),
        (good("sinks: [{kind: webhook, url: 'http://a.example/x', timeout: 1w}]"), "timeout: 1w is out of range"),
        (good("log: {level: Debugg}"), 'did you mean "debug"?'),
        ("streams: []\n", "1:10: streams: 0 entries; 1 to 256 are accepted"),
        ("alerts: {}\n", '1:1: required key "streams" is missing'),
        ("- a\n", "1:1: expected a mapping, not a list"),
        ("\n", 'required key "streams" is missing'),
        ("streams: [{name: B C, collect: [probe]}]\n", "streams[0].name: 'B C' does not fit"),
        (
            "streams: [{name: a, collect: [probe]}, {name: a, collect: [probe]}]\n",
            'streams[1].name: a stream named "a" stands above',
        ),
        ("streams: [{name: a, collect: [{kind: flie}]}]\n", 'unknown collector "flie"; did you mean "file"?'),
        # YAML itself
        ("a: 1\nb: 2\na: 3\n", '3:1: key "a" stands here twice; first at line 1'),
        ("a: [1\nb: 2\n", "not valid YAML"),
        ("a: 1\n---\nb: 2\n", "2:1: a second document"),
        ("a: !!python/object/apply:os.system ['true']\n", "is not accepted"),
        ("a: &x {<<: *x}\n", "merge keys"),
        ("a: *x\n", "*x stands before"),
        ("a: &x [*x]\n", "*x stands before (or within)"),
        ("? [a]\n: b\n", "a key has to be a plain word"),
        ("a: " + "[" * 40 + "]" * 40 + "\n", "nested more than 32 deep"),
        ("a: " + "x" * 1_100_000 + "\n", "longer than"),
        ("a: \x00\n", "not valid YAML"),
    ],
)
def test_a_bad_configuration_is_refused_with_place_and_reason(text: str, expected: str) -> None:
    assert any(expected in line for line in problems(text)), problems(text)


def test_all_problems_are_reported_at_once_in_the_order_of_the_file() -> None:
    found = problems(good("risk: {low: 70}\nhttp: {listen: x}\nfoo: 1", "    engin: {}", ", ratio: 2"))
    assert [line.split(":")[0] for line in found] == ["3", "4", "5", "6", "7"]


def test_laughing_aliases_are_counted_not_expanded() -> None:
    lines = ["a: &a [x, x, x, x, x, x, x, x, x, x]"]
    lines += [
        f"{this}: &{this} [{', '.join(['*' + last] * 10)}]" for last, this in zip("abcdefgh", "bcdefghi", strict=True)
    ]
    assert "values once aliases are written out" in problems("\n".join(lines) + "\n")[0]


def test_a_chain_of_aliases_cannot_grow_deeper_than_the_bound() -> None:
    lines = ["a0: &a0 [[[[[[[[x]]]]]]]]"]
    lines += [f"a{i}: &a{i} [[[[[[[[*a{i - 1}]]]]]]]]" for i in range(1, 9)]
    assert "nested more than 32 deep" in problems("\n".join(lines) + "\n")[0]


def test_only_what_was_written_reaches_a_plugin_in_plain_units() -> None:
    config = load_config(good(probe=", interval: 1m30s, buffer: 64KiB, include: [/x]"))
    assert config.streams[0].collect == ({"kind": "probe", "interval": 90.0, "buffer": 65536, "include": ("/x",)},)


def test_yaml_words_that_look_like_booleans_stay_words() -> None:
    config = load_config(good(stream="    engine: {multiline: {mode: off}}"))
    assert config.streams[0].engine.multiline.mode == "off"


def test_sections_may_be_empty() -> None:
    assert load_config(good("alerts:\nrisk:\n")).alerts.budget == "5/day"


def test_no_limit_on_templates_is_written_null() -> None:
    assert (
        load_config(good(stream="    engine: {max_clusters: null, header: null}")).streams[0].engine.max_clusters
        is None
    )


def test_a_key_may_be_a_users_own_mask() -> None:
    stream = (
        "    engine: {user_masks: [{name: BLK, pattern: 'blk_[0-9]+'}]}\n    windows: {kind: session, key: {mask: BLK}}"
    )
    assert load_config(good(stream=stream)).streams[0].windows.key == {"mask": "BLK"}


@pytest.mark.parametrize("pattern", ["(", "(?=x)", r"(a)\1", "a{1,100000}"])
def test_a_mask_that_cannot_be_matched_in_linear_time_is_refused(pattern: str) -> None:
    found = problems(good(stream=f"    engine: {{user_masks: [{{name: X, pattern: '{pattern}'}}]}}"))
    assert "streams[0].engine.user_masks[0].pattern: " in found[0]


def test_severity_phrases_that_need_too_large_a_table_are_refused() -> None:
    rules = ", ".join(f"{{match: {i:03d}{'x' * 250}, severity: 50}}" for i in range(300))
    assert (
        "alerts.severity_rules: the phrases need more than"
        in problems(good(f"alerts: {{severity_rules: [{rules}]}}"))[0]
    )


def test_environment_is_substituted_and_keeps_types() -> None:
    text = good("http: {listen: '127.0.0.1:${PORT}'}\nstate: {directory: '${DIR:-/srv/x}'}")
    text = text.replace("collect:", "engine:\n      depth: ${DEPTH}\n    collect:")
    config = load_config(text, environment={"PORT": "1", "DEPTH": "5"})
    assert (config.http.listen, config.state.directory, config.streams[0].engine.depth) == ("127.0.0.1:1", "/srv/x", 5)
    quoted = text.replace("${DEPTH}", "'${DEPTH}'")
    assert "expected a whole number, not '5'" in problems(quoted, PORT="1", DEPTH="5")[0]


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("${NOPE}", "environment variable NOPE is not set"),
        ("${1x}", "does not name an environment variable"),
        ("${}", "does not name an environment variable"),
    ],
)
def test_an_environment_variable_that_is_missing_is_named(written: str, expected: str) -> None:
    assert expected in problems(good(f"state: {{directory: '{written}'}}"))[0]


def test_a_dollar_can_be_written_and_values_are_not_substituted_again() -> None:
    config = load_config(good("state: {directory: '$${A}/${A}'}"), environment={"A": "${B}"})
    assert config.state.directory == "${A}/${B}"


def test_files_that_are_not_utf8_are_refused_with_their_place(tmp_path: Path) -> None:
    path = tmp_path / "alogd.yaml"
    path.write_bytes(b"a: 1\nb: \xff\n")
    with pytest.raises(ConfigError, match=r"alogd\.yaml:2:4: not valid UTF-8"):
        load_config(path)


@settings(max_examples=200, deadline=None)
@given(st.text(alphabet="ab:-[]{}&*!|>'\"\n #?,%@`$", max_size=60))
def test_any_text_is_loaded_or_refused_but_never_crashes(text: str) -> None:
    with contextlib.suppress(ConfigError):
        load_config(text + "\n")


@pytest.mark.parametrize("cut", range(0, 1200, 37))
def test_a_configuration_cut_anywhere_is_loaded_whole_or_refused(cut: int, tmp_path: Path) -> None:
    text = (ROOT / "configs/alogd.yaml").read_text()
    path = tmp_path / "cut.yaml"
    path.write_text(text[: len(text) * cut // 1200])
    with contextlib.suppress(ConfigError):
        assert load_config(path).streams


def test_the_shipped_configuration_loads_without_doubts() -> None:
    loaded = load(ROOT / "configs/alogd.yaml", environment={})
    assert loaded.config.streams[0].name == "auth"
    assert not loaded.warnings


def test_the_published_schema_is_the_one_the_code_makes() -> None:
    published = (ROOT / "configs/alogd.schema.json").read_text()
    assert '"probe"' in json.dumps(config_schema.schema())  # third parties' plugins are part of it
    registry.BUILT_IN["collectors"].pop("probe")
    assert published == config_schema.schema_text(), "run: alogd check --schema > configs/alogd.schema.json"


def test_schema_describes_fields_with_their_comments_and_ranges() -> None:
    depth = config_schema.schema()["$defs"]["EngineOptions"]["properties"]["depth"]
    assert (depth["minimum"], depth["maximum"], depth["default"]) == (3, 32, 4)
    assert "tree" in depth["description"]


def test_the_first_stream_that_includes_a_file_owns_it() -> None:
    text = (
        "streams:\n- {name: a, collect: [{kind: file, include: [/l/a, /l/b]}]}\n"
        "- {name: b, collect: [probe, {kind: file, include: [/l/**]}]}\n"
        "- {name: c, collect: [{kind: file, include: [/l/x]}]}\n"
    )
    loaded = load(text)
    assert effective_excludes(loaded.config, 0) == ()
    assert effective_excludes(loaded.config, 2) == ("/l/a", "/l/b", "/l/**")
    assert [(w.path, w.mark.line) for w in loaded.warnings] == [("streams[2].collect[0].include[0]", 4)]


def test_the_budget_is_shared_by_the_streams() -> None:
    config = load_config(
        "streams: [{name: a, collect: [probe]}, {name: b, collect: [probe]}]\nalerts: {budget: 1/hour}\n"
    )
    assert stream_budget(config) == 12.0
    assert budget_per_day("2/week") == pytest.approx(2 / 7)


@given(st.floats(0.001, 1e7))
def test_durations_are_read_as_they_are_shown(seconds: float) -> None:
    assert duration(seconds_text(seconds)) == pytest.approx(seconds, rel=1e-4, abs=1e-4)


@given(st.integers(1, 2**40))
def test_sizes_are_read_as_they_are_shown(number: int) -> None:
    assert size(size_text(number)) == number


@pytest.mark.parametrize("text", ["", "5", "m", "5 x", "-5m", "5m!", "1e3s", "٣s"])
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not a duration"):
        duration(text)


def test_the_guide_names_every_key() -> None:
    guide = (ROOT / "docs/configuration.md").read_text()
    registry.BUILT_IN["collectors"].pop("probe")
    schema = config_schema.schema()
    shapes = [schema, *schema["$defs"].values()]
    shapes += [form for kind in ("file", *registry.BUILT_IN["sinks"]) for form in _forms(schema, kind)]
    keys = {key for shape in shapes for key in shape.get("properties", {})}
    assert len(keys) > 60
    assert not sorted(key for key in keys if not re.search(rf"\b{key}\b", guide))


def _forms(schema: dict[str, Any], kind: str) -> list[dict[str, Any]]:
    items = [schema["$defs"]["StreamOptions"]["properties"]["collect"], schema["properties"]["sinks"]]
    forms = [form for item in items for form in item["items"]["anyOf"]]
    return [form for form in forms if form.get("properties", {}).get("kind") == {"const": kind}]

"""Specs: each field's bounds, what a refusal says, and strict JSON in both directions."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vae_core.errors import InvalidValue
from vae_core.jobs.codec import from_json, to_json
from vae_core.jobs.points import MAX_SEED
from vae_core.jobs.spec import (
    FITS,
    FORMATS,
    MAX_ITEMS,
    MAX_PART_SIZE,
    JobSpec,
    ReconstructSpec,
    SampleSpec,
    kind_of,
    known_items,
    same_request,
    spec_fields,
)

# More digits than Python converts to text, and more than a float holds.
HUGE = pytest.param(10**5000, id="huge")
MINUS_HUGE = pytest.param(-(10**5000), id="minus huge")


def parse_spec(data: bytes) -> JobSpec:
    """A spec as a reader of `job.json` meets it."""
    return from_json(data, JobSpec, "spec")  # type: ignore[arg-type]  # a union is a type to msgspec


def sample(**fields: Any) -> SampleSpec:
    return SampleSpec(**{"n": 5, "seed": 1, **fields})


def reconstruct(**fields: Any) -> ReconstructSpec:
    return ReconstructSpec(**{"source": "s3://photos/cars/", **fields})


shared = st.fixed_dictionaries(
    {"format": st.sampled_from(FORMATS), "part_size": st.none() | st.integers(1, MAX_PART_SIZE)}
)
samples = st.builds(
    lambda common, **fields: SampleSpec(**common, **fields),
    shared,
    n=st.integers(1, MAX_ITEMS),
    seed=st.integers(0, MAX_SEED),
    temperature=st.floats(0, 2),
)
reconstructions = st.builds(
    lambda common, **fields: ReconstructSpec(**common, **fields),
    shared,
    source=st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=50).map(
        lambda prefix: f"s3://bucket/{prefix}"
    ),
    glob=st.none() | st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1),
    pattern=st.none() | st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1),
    fit=st.sampled_from(FITS),
    max_failure_rate=st.floats(0, 1),
)


@given(samples | reconstructions)
def test_spec_comes_back_equal_when_written_and_read(spec: JobSpec) -> None:
    again = parse_spec(to_json(spec))
    assert again == spec
    assert to_json(again) == to_json(spec)
    assert same_request(again, spec)


@pytest.mark.parametrize(
    ("field", "good"),
    [
        ("n", [1, MAX_ITEMS]),
        ("seed", [0, MAX_SEED]),
        ("temperature", [0, 0.0, 0.5, 2, 2.0]),
        ("part_size", [None, 1, MAX_PART_SIZE]),
        ("format", list(FORMATS)),
    ],
)
def test_sample_is_accepted_when_field_is_at_its_bounds(field: str, good: list[Any]) -> None:
    assert [getattr(sample(**{field: value}), field) for value in good] == good


@pytest.mark.parametrize("value", [0, -3, MAX_ITEMS + 1, 99999999999, -(2**63), HUGE, MINUS_HUGE, 5.0, "5", True])
def test_error_names_flag_and_range_when_n_is_bad(value: Any) -> None:
    with pytest.raises(InvalidValue, match=r"^--n .+ is out of range: 1 to 10,000,000$") as caught:
        sample(n=value)
    assert len(str(caught.value)) < 250


@pytest.mark.parametrize("value", [-1, MAX_SEED + 1, HUGE, 0.0, math.nan, "0", None, False])
def test_error_names_flag_and_range_when_seed_is_bad(value: Any) -> None:
    with pytest.raises(InvalidValue, match=r"^--seed .+ is out of range: 0 to 9,223,372,036,854,775,807$"):
        sample(seed=value)


@pytest.mark.parametrize(
    "value", [-0.0001, 2.0000001, HUGE, MINUS_HUGE, math.nan, math.inf, -math.inf, "1", None, True]
)
def test_error_names_flag_and_range_when_temperature_is_bad(value: Any) -> None:
    with pytest.raises(InvalidValue, match=r"^--temperature .+ is (out of range|not a number): 0 to 2$"):
        sample(temperature=value)


def test_error_shows_value_unrounded_when_it_is_barely_out_of_range() -> None:
    with pytest.raises(InvalidValue, match=r"^--temperature 2\.0000001 is out of range: 0 to 2$"):
        sample(temperature=2.0000001)


@pytest.mark.parametrize("value", [0, -1, MAX_PART_SIZE + 1, HUGE, 1.5, "64", True])
@pytest.mark.parametrize("make", [sample, reconstruct])
def test_error_names_flag_and_range_when_part_size_is_bad(make: Any, value: Any) -> None:
    with pytest.raises(InvalidValue, match=r"^--part-size .+ is out of range: 1 to 8,000$"):
        make(part_size=value)


@pytest.mark.parametrize("value", ["", "PNG", "jpg", "png ", "png\n", "gif", None, 1, True])
@pytest.mark.parametrize("make", [sample, reconstruct])
def test_error_names_flag_and_choices_when_format_is_bad(make: Any, value: Any) -> None:
    with pytest.raises(InvalidValue, match=r"^--format '.*' is unknown: one of png, jpeg, webp$"):
        make(format=value)


@pytest.mark.parametrize("value", ["", "Pad", "stretch", None, 0])
def test_error_names_flag_and_choices_when_fit_is_bad(value: Any) -> None:
    with pytest.raises(InvalidValue, match=r"^--fit '.*' is unknown: one of pad, squash, crop$"):
        reconstruct(fit=value)


@pytest.mark.parametrize("value", [-0.1, 1.0001, 2, math.nan, math.inf, HUGE, "0.5", None, True])
def test_error_names_flag_and_range_when_failure_rate_is_bad(value: Any) -> None:
    with pytest.raises(InvalidValue, match=r"^--max-failure-rate .+: 0 to 1$"):
        reconstruct(max_failure_rate=value)


@pytest.mark.parametrize("value", ["", "a\0b", "\udcff", "x" * 1025, 5, b"*.jpg"])
def test_error_names_flag_when_pattern_is_bad(value: Any) -> None:
    with pytest.raises(InvalidValue, match=r"^--pattern ['\"].*['\"] is not allowed: 1 to 1,024 characters"):
        reconstruct(pattern=value)


@pytest.mark.parametrize("value", ["", "cars", "http://x/y", "s3://", 5])
def test_source_is_refused_when_it_is_no_address(value: Any) -> None:
    with pytest.raises(InvalidValue, match=r"^source '.*' "):
        reconstruct(source=value)


def test_source_may_be_missing_when_there_is_a_list_of_keys() -> None:
    assert reconstruct(source=None, keys_sha256="0a" * 32).source is None
    with pytest.raises(
        InvalidValue, match=r"^SOURCE is missing: s3://bucket/prefix, a folder, or --from-manifest FILE$"
    ):
        reconstruct(source=None)


@pytest.mark.parametrize("value", ["", "a\0*", "\udcff*", "*" * 1025, 5, b"*.jpg"])
def test_error_names_source_when_its_glob_is_bad(value: Any) -> None:
    with pytest.raises(InvalidValue, match=r"^SOURCE ['\"].*['\"] is not allowed: a glob of 1 to 1,024 characters"):
        reconstruct(glob=value)


@pytest.mark.parametrize("value", ["", "0" * 63, "0" * 65, "A" * 64, "g" * 64, "0" * 64 + "\n", 5])
def test_digest_of_a_list_of_keys_is_refused_when_it_is_none(value: Any) -> None:
    with pytest.raises(InvalidValue, match=r"^keys_sha256 '.*' is not allowed: 64 hexadecimal digits$"):
        reconstruct(keys_sha256=value)


def test_glob_and_list_of_keys_are_refused_when_both_are_given() -> None:
    with pytest.raises(
        InvalidValue, match=r"^SOURCE with '\*\.jpg' lists keys, and so does --from-manifest: one of them$"
    ):
        reconstruct(glob="*.jpg", keys_sha256="0" * 64)


def test_error_is_one_short_line_when_value_is_long_or_has_control_characters() -> None:
    with pytest.raises(InvalidValue) as caught:
        sample(format="\x1b[2J\n" + "x" * 5000)
    text = str(caught.value)
    assert text.isprintable()
    assert text.isascii() or "…" in text
    assert len(text) < 250


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "truncated"),
        ("null", "object"),
        ("[]", "object"),
        ("{}", "kind"),
        ('{"n":5,"seed":1}', "kind"),
        ('{"kind":"Sample","n":5,"seed":1}', "Sample"),
        ('{"kind":5,"n":5,"seed":1}', "kind"),
        ('{"kind":"sample","n":5}', "seed"),
        ('{"kind":"sample","n":5,"seed":1,"sneed":2}', "sneed"),
        ('{"kind":"sample","n":5,"seed":1,"source":"s3://bucket"}', "source"),
        ('{"kind":"sample","n":"5","seed":1}', r"\$\.n"),
        ('{"kind":"sample","n":5.5,"seed":1}', r"\$\.n"),
        ('{"kind":"sample","n":true,"seed":1}', r"\$\.n"),
        ('{"kind":"sample","n":null,"seed":1}', "--n is missing"),
        ('{"kind":"sample","n":5,"indices":"1","seed":1}', "--n and --indices both say"),
        ('{"kind":"sample","indices":"1-","seed":1}', "--indices '1-' is not understood"),
        ('{"kind":"sample","n":5,"seed":1,"prior":"flat"}', "--prior 'flat' is unknown: one of mixture, normal"),
        ('{"kind":"sample","n":5,"seed":1,"quality":90}', "--quality 90 does not go with --format png"),
        ('{"kind":"sample","n":5,"seed":1,"format":"webp","quality":0}', "--quality 0 is out of range: 1 to 100"),
        ('{"kind":"reconstruct","source":"s3://bucket","limit":0}', "--limit 0 is out of range: 1 to 10,000,000"),
        ('{"kind":"reconstruct","source":"s3://bucket","noise":1.5}', "--noise 1.5 is out of range: 0 to 1"),
        ('{"kind":"sample","n":0,"seed":1}', "--n 0 is out of range: 1 to 10,000,000"),
        ('{"kind":"sample","n":' + "9" * 30 + ',"seed":1}', "--n 9+ is out of range"),
        ('{"kind":"sample","n":' + "9" * 6000 + ',"seed":1}', r"\$\.n"),
        ('{"kind":"sample","n":5,"seed":1,"temperature":NaN}', "malformed"),
        ('{"kind":"sample","n":5,"seed":1,"temperature":1e999}', r"\$\.temperature"),
        ('{"kind":"sample","n":5,"seed":1} {}', "trailing"),
        ('{"kind":"reconstruct","source":"s3://bucket","pattern":5}', r"\$\.pattern"),
        ('{"kind":"reconstruct"}', "source"),
        ('{"kind":"reconstruct","source":null}', "SOURCE is missing"),
        ('{"kind":"reconstruct","source":"file:///a/../b"}', r"without '\.\.'"),
    ],
)
def test_spec_is_refused_when_json_is_not_exactly_one(text: str, said: str) -> None:
    with pytest.raises(InvalidValue, match=said) as caught:
        parse_spec(text.encode())
    assert str(caught.value).startswith("spec is not valid: ")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "data",
    [
        b'{"kind":"sample","format":"\xff"}',
        b"\xef\xbb\xbf{}",
        b'{"a":' + b"[" * 200_000 + b',"kind":"sample"}',
        b'{"kind":"sample","x":' + b'{"a":' * 200_000,
    ],
    ids=["not UTF-8", "a byte order mark", "deep lists", "deep objects"],
)
def test_spec_is_refused_when_bytes_are_hostile(data: bytes) -> None:
    with pytest.raises(InvalidValue, match=r"^spec is not valid: "):
        parse_spec(data)


def test_whole_numbers_become_floats_when_json_has_them_for_a_float() -> None:
    spec = parse_spec(b'{"kind":"sample","n":5,"seed":1,"temperature":1}')
    assert isinstance(spec, SampleSpec)
    assert isinstance(spec.temperature, float)


def test_request_is_the_same_when_only_the_type_of_a_number_differs() -> None:
    assert same_request(sample(temperature=1), sample(temperature=1.0))


@pytest.mark.parametrize(
    "other",
    [
        sample(n=6),
        sample(seed=2),
        sample(temperature=0.5),
        sample(format="webp"),
        sample(part_size=512),
        reconstruct(),
    ],
)
def test_request_is_another_when_any_field_differs(other: JobSpec) -> None:
    assert not same_request(sample(), other)


def test_kind_and_fields_are_plain_when_asked_for() -> None:
    assert (kind_of(sample()), kind_of(reconstruct())) == ("sample", "reconstruct")
    assert spec_fields(sample(temperature=0.5)) == {
        "kind": "sample",
        "format": "png",
        "quality": None,
        "save_latents": False,
        "shards": False,
        "part_size": None,
        "n": 5,
        "indices": None,
        "seed": 1,
        "temperature": 0.5,
        "prior": "mixture",
    }
    assert " ".join(spec_fields(reconstruct())) == (
        "kind format quality save_latents shards part_size "
        "source glob keys_sha256 pattern limit fit noise max_failure_rate"
    )


def test_items_are_known_when_the_spec_alone_says_them() -> None:
    assert (known_items(sample(n=7)), known_items(reconstruct())) == (7, None)
    assert known_items(sample(n=None, indices="0-4,9")) == 6


def test_spec_cannot_be_changed_when_it_is_made() -> None:
    with pytest.raises(AttributeError):
        sample().n = 0  # type: ignore[misc]  # that is the point

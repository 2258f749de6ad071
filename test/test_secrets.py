"""What is masked, what is not, and that no input is too wild or too long."""

from __future__ import annotations

import collections
import dataclasses
import string
from typing import Any, NamedTuple

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st
from pydantic import BaseModel, SecretBytes, SecretStr

from autogen._secrets import MASK, is_secret_name, redact


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("redis://:plain@host/0", "redis://***@host/0"),
        ("https://plain@github.com/a", "https://***@github.com/a"),
        ("at postgres://me:pl@in@host/x, or", "at postgres://***@host/x, or"),
        ("https://host/x?api_key=plain&n=1&sig=plain", "https://host/x?api_key=***&n=1&sig=***"),
        ("https://host/?X-Amz-Signature=plain", "https://host/?X-Amz-Signature=***"),
        ("https://host/#access_token=plain", "https://host/#access_token=***"),
        ("Authorization: Basic cGxhaW4=, x", "Authorization: Basic ***, x"),
        ("authorization: plain", "authorization: ***"),
        ("{'Authorization': 'Bearer plain'}", "{'Authorization': 'Bearer ***'}"),
        ("it said Bearer plain.", "it said Bearer ***"),
        ("api-key: plain", "api-key: ***"),
        ("X-API-Key:plain", "X-API-Key:***"),
        ('{"x-api-key": "plain", "n": 1}', '{"x-api-key": "***", "n": 1}'),
        (r'"{\"api_key\": \"plain\"}"', r'"{\"api_key\": \"***\"}"'),
        ("{b'api-key': b'plain'}", "{b'api-key': b'***'}"),
        ("OPENAI_API_KEY=plain", "OPENAI_API_KEY=***"),
        ("Incorrect API key provided: pl*in.", "Incorrect API key provided: ***."),
        (r"first\nsk-0123456789abcdef", r"first\n***"),
        ("?q=%3Dsk-0123456789abcdef", "?q=%3D***"),
        ("eyJhbGciOiJub25lIn0.eyJzdWIiOiIxIn0.c2ln, x", "***, x"),
        ("eyJhbGci.b.c", "***"),
    ],
)
def test_secrets_in_text(text, shown):
    assert redact(text) == shown


@pytest.mark.parametrize(
    "text",
    [
        "skateboarding-lessons hfunctionality_something risk-assessments-for-all",
        "pkg_resources_extension skip_all_of_these_tests r8_speed hf_transformers_model_name",
        "AKIA and AIza and ASIAPACIFICREGIONALOFFICE",
        "sk-learn, sk-SK, xai-explains, eyJ... and so on",
        "https://host/@me/x?max_tokens=5&monkey=1",
        '["https://one.org","me@two.org"]',
        "the key: value of a monkey's turkey, api_keys=3",
        "ghostwriters gho_st xoxo-xoxo",
        "***",
        "",
    ],
)
def test_ordinary_text_stays(text):
    assert redact(text) == text


LETTERS_AND_DIGITS = string.ascii_letters + string.digits


def body(size: int, alphabet: str = LETTERS_AND_DIGITS) -> st.SearchStrategy[str]:
    return st.text(alphabet=alphabet, min_size=size, max_size=size + 20)


KEYS = st.one_of(
    *(
        body(size).map(prefix.__add__)
        for prefix, size in [
            ("sk-", 20), ("sk-proj-", 40), ("sk-ant-api03-", 40), ("sk-or-v1-", 40), ("sk_live_", 20), ("pk_test_", 20),
            ("hf_", 30), ("gsk_", 40), ("xai-", 40), ("csk-", 40), ("r8_", 30), ("pplx-", 40), ("ghp_", 36), ("gho_", 36),
            ("github_pat_", 40), ("AIza", 35), ("glpat-", 20), ("xoxb-", 20),
        ]
    ),
    st.text(alphabet=string.ascii_uppercase + string.digits, min_size=16, max_size=16).map("AKIA".__add__),
    st.tuples(*[body(20, LETTERS_AND_DIGITS + "-_")] * 3).map(lambda parts: "eyJ" + ".".join(parts)),
)  # fmt: skip
WORD = string.ascii_letters + string.digits + "_"
PIECES = st.lists(
    st.one_of(
        KEYS,
        st.text(max_size=5),
        st.sampled_from([*"@:/?&=' \n\\\",;.-_#a", "://", MASK, "%41", "API key provided: ", "Bearer ", "Basic "]),
        st.sampled_from(["Authorization", "api-key", "token", "sig", "_key", "sk-", "eyJ", "b'", "hf_", "AKIA"]),
    ),
    max_size=12,
).map("".join)


@pytest.mark.slow
@given(KEYS, st.one_of(PIECES, st.text()), st.one_of(PIECES, st.text()))
def test_no_key_comes_through(key, before, after):
    before = before + " " if before[-1:] in WORD else before
    after = " " + after if after[:1] in (*WORD, "-") else after
    assume(key not in before + after)  # there it may stand within a word
    text = before + key + after
    assert key not in redact(text)
    assert key not in str(redact({text: [text, (text,), {text}, text.encode(errors="replace")]}))


@given(PIECES)
@example("Bearer sk-0123456789abcdef@host://api-key: x")
@example("https://u:hf_01234567890123456789@AIza01234567890123456789sk-0123456789abcdef")
@example("AKIA0123456789ABCDEFsk-0123456789abcdef")
def test_masking_twice_is_masking_once(text):
    once = redact(text)
    assert redact(once) == once


NUMBERS = st.one_of(st.booleans(), st.integers(), st.floats(allow_nan=False))
PLAIN = st.one_of(st.none(), NUMBERS, st.text(max_size=5), st.binary(max_size=5), KEYS)


@pytest.mark.slow
@given(
    st.recursive(
        PLAIN,
        lambda inner: st.one_of(
            st.lists(inner, max_size=3),
            st.lists(inner, max_size=3).map(tuple),
            st.dictionaries(
                st.one_of(st.text(max_size=5), st.binary(max_size=3), st.sampled_from(["api_key", b"token"])), inner
            ),
            st.sets(PLAIN),
            st.frozensets(PLAIN),
        ),
    )
)
def test_any_structure_is_masked_and_masking_it_again_changes_nothing(value):
    once = redact(value)
    assert type(once) is type(value)
    assert redact(once) == once


SIGNS = ["a", "_", "-", ":", "/", "@", "=", ".", "*", " ", "\\n", "%41", "\ud800", "://", "://a@", "a:", "a@"]
STARTS = ["sk-", "eyJ", "eyJ-", "eyJa-", "-eyJa.", "eyJaaaa.", "hf_", "xoxb-", "AKIA", "&key=", "?a", "?a_", "?a_key", ";a-"]
LABELS = [
    "api_key=",
    "api_key:'",
    "authorization: ",
    "Authorization: basic ",
    "Bearer ",
    "Bearer  ",
    "API key provided: ",
    "API key provided: .",
]


# A search that starts anew at each sign takes minutes for the short texts, and hours for the long ones.
LONG = [
    (200_000, ""),
    (200_000, "@"),
    *(pytest.param(1_000_000, end, marks=pytest.mark.slow) for end in ("", "@", ".", "\n")),
]


@pytest.mark.parametrize("unit", [*SIGNS, *STARTS, *LABELS])
@pytest.mark.parametrize(("length", "end"), LONG)
def test_a_long_text_is_no_trouble(unit, length, end):
    assert isinstance(redact(unit * (length // len(unit)) + end), str)


def test_names_of_keys_and_fields():
    @dataclasses.dataclass
    class Endpoint:
        url: str
        api_key: str
        parts: list[Any]

    class Pair(NamedTuple):
        name: str
        token: str

    class Settings(BaseModel):
        password: str = "plain"
        size: int = 5

    assert redact(Endpoint("https://x", "plain", [Pair("a", "plain")])) == {
        "url": "https://x",
        "api_key": MASK,
        "parts": [Pair("a", MASK)],
    }
    assert type(redact(Pair("a", "plain"))) is Pair
    assert redact(Settings()) == {"password": MASK, "size": 5}
    assert redact({b"Authorization": b"plain", "n": b"Bearer plain \xff"}) == {
        b"Authorization": MASK,
        "n": b"Bearer *** \xff",
    }
    assert redact({"api_key": "", "token": None, "secret": []}) == {"api_key": "", "token": None, "secret": []}
    assert is_secret_name("X-Api-Key")
    assert is_secret_name(b"api-key")
    assert not is_secret_name("max_tokens")
    assert not is_secret_name(5)


def test_secret_values_of_pydantic():
    value = {"a": SecretStr("plain"), "b": [SecretBytes(b"plain")], "c": (SecretStr("plain"),), "d": {SecretStr("plain")}}
    assert redact(value) == {"a": MASK, "b": [MASK], "c": (MASK,), "d": {MASK}}


def test_wild_values():
    class Odd(list):
        def __init__(self) -> None:
            super().__init__(["sk-0123456789abcdef"])

    class Array:
        def __bool__(self) -> bool:
            raise ValueError("which of the elements?")

    @dataclasses.dataclass(frozen=True)
    class Frozen:
        token: str

    assert redact(Odd()) == [MASK]
    assert redact({"token": Array()}) == {"token": MASK}
    assert redact({Frozen("plain")}) == [{"token": MASK}]
    assert redact(collections.OrderedDict(a="sk-0123456789abcdef")) == {"a": MASK}
    assert redact("\ud800 sk-0123456789abcdef") == f"\ud800 {MASK}"
    assert redact(Frozen) is Frozen
    ours = object()
    assert redact([ours])[0] is ours


def test_values_that_are_deep_wide_or_hold_themselves():
    deep: Any = "sk-0123456789abcdef"
    for _ in range(100_000):
        deep = [deep]
    assert "sk-" not in str(redact(deep))
    own: dict[str, Any] = {"n": 1}
    own["own"] = [own, own]
    assert redact(own) == {"n": 1, "own": [MASK, MASK]}
    wide: Any = ["x"]
    for _ in range(40):
        wide = [wide, wide]  # two to the fortieth ways to the bottom
    shown = redact(wide)
    assert shown[0] is shown[1]
    while deep and isinstance(deep, list):  # taken apart by hand: letting go of it at once would need as deep a stack
        deep = deep[0]


def test_the_data_of_a_picture_is_not_changed_and_hides_no_secret():
    picture = "data:image/png;base64,iVBO/eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9+AKIAIOSFODNN7EXAMPLE="
    assert redact({"url": picture}) == {"url": picture}
    for text in (f"{picture} Bearer plain", f"{picture}?api_key=plain", "data:image/png;base64,sk-0123456789abcdef"):
        assert "plain" not in redact(text)
        assert "sk-0" not in redact(text)

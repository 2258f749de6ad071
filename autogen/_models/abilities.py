"""The abilities of models, from one table: `oai/abilities.json`, which `tools/abilities.py` makes of maintained sources.

The table is read by the first question. This module is below `oai` and `token_count_utils`, which both use it; programs use
`autogen.oai.abilities`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields, replace
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

TABLE = Path(__file__).parent.parent / "oai" / "abilities.json"


@dataclass(frozen=True)
class Abilities:
    """The abilities of a model. None stands for an unknown ability: it is tried, and the endpoint's refusal is learned from.

    Attributes:
        context: Context length in tokens, input and output together.
        max_output: Maximum tokens of a response.
        vision: Whether it sees pictures.
        audio_in: Whether it hears audio.
        video: Whether it sees videos.
        pdf: Whether it reads documents.
        tools: Whether it calls tools.
        parallel_tools: Whether it may call several tools at once.
        tool_choice: The most that `tool_choice` may demand: `none`, `auto`, `required` or `named`.
        forced_with_thinking: Whether a call may be demanded of it while it thinks.
        schema: How it keeps to a JSON schema: `native`, `tool` (as the arguments of a call), `object` (a JSON object, by the
            words of the request), or `words`.
        strict_tools: Whether it keeps to the schemas of tools strictly.
        system: Where system messages may stand: `yes`, `one` (a single one), `user` (in the user's message).
        mid_system: Whether it heeds system messages in the middle of a history.
        prefill: Whether a request may end with the beginning of the answer.
        sampling: Whether it takes `temperature` and the like; `without_effort` if it does while it doesn't think.
        reasoning: Whether it thinks: `no`, `default_off`, `default_on`, `always`.
        efforts: The values of `reasoning_effort` that it takes.
        thinking_form: How thinking is asked for: `enabled` (with a budget), `adaptive`, `level`, `budget` or `effort`.
        thinking_field: Name of the field in which its thinking goes back.
        cache: How prompts are cached: `none`, `implicit` or `explicit`.
        cache_min: Minimum tokens of a prefix that is cached.
        deprecated: Date at which its vendor withdraws it, as YYYY-MM-DD.
    """

    context: int | None = None
    max_output: int | None = None
    vision: bool | None = None
    audio_in: bool | None = None
    video: bool | None = None
    pdf: bool | None = None
    tools: bool | None = None
    parallel_tools: bool | None = None
    tool_choice: str | None = None
    forced_with_thinking: bool | None = None
    schema: str | None = None
    strict_tools: bool | None = None
    system: str | None = None
    mid_system: bool | None = None
    prefill: bool | None = None
    sampling: bool | str | None = None
    reasoning: str | None = None
    efforts: tuple[str, ...] | None = None
    thinking_form: str | None = None
    thinking_field: str | None = None
    cache: str | None = None
    cache_min: int | None = None
    deprecated: str | None = None


NAMES = tuple(field.name for field in fields(Abilities))
CHOICES: Mapping[str, tuple[object, ...]] = {
    "tool_choice": ("none", "auto", "required", "named"),
    "schema": ("native", "tool", "object", "words"),
    "system": ("yes", "one", "user"),
    "sampling": (True, False, "without_effort"),
    "reasoning": ("no", "default_off", "default_on", "always"),
    "thinking_form": ("enabled", "adaptive", "level", "budget", "effort"),
    "cache": ("none", "implicit", "explicit"),
}
"""The values of abilities that are neither flags nor numbers."""

# Sections of the table by `api_type`, if they have another name; the others have the section of their own name.
_SECTIONS = {
    "responses": ("openai",),
    "azure": ("azure", "openai"),
    # Older models are left on Google's cloud alone.
    "anthropic": ("anthropic", "google-vertex"),
    "google-vertex": ("google-vertex", "google", "anthropic"),
}
# Sections that say something about a model wherever it runs.
_MAKERS = (
    *("openai", "anthropic", "google", "mistral", "deepseek", "xai", "cohere", "moonshot", "zai", "qwen", "minimax", "meta"),
)
# Servers for open models. What they offer depends on their settings; the weights decide about media alone.
_SERVERS = frozenset({"ollama", "lmstudio", "vllm", "llamacpp", "local"})
_OF_WEIGHTS = ("vision", "audio_in", "video")

_REGION = re.compile(r"^(us|eu|global|apac|au|jp|ca|sa|me|us-gov)\.")
_SUFFIX = re.compile(
    r"(@[\w-]+|:(free|beta|extended|nitro|floor|online)|-v\d+:\d+|[-@](\d{4}-\d{2}-\d{2}|\d{8}|\d{4})|-latest)$"
)
_AZURE_SPELLING = re.compile(r"^gpt-?35")

_END = r"(?![a-z0-9])"
_BLIND = r"""(?x)
      gpt-3\.5 | gpt-4(-32k)?(-0314|-0613|-1106-preview|-0125-preview)?$ | gpt-oss | o1-(mini|preview) | o3-mini
    | claude-(2|instant) | command-(r|light|nightly|a-03) | deepseek-(?!vl|ocr) | smollm | tinyllama
    | (open-)?mi[sx]tral-(7b|8x7b|8x22b|nemo|tiny) | open-mi[sx]tral | codestral | mathstral | magistral-\w+-25
    | (meta-)?(llama|codellama)-?[23](\.[13])?(?!\.2|[\w.-]*vision) | qwen-?2(\.5)?(?![\w.-]*(vl|omni)) | qwq
    | phi-?[123](?![\w.-]*vision) | gemma-?[12]\b | grok-[123](?![\w.-]*vision) | kimi-k2(?!\.) | starcoder | wizard
    """
_EFFORT = {"reasoning": "always", "thinking_form": "effort", "sampling": False}
_FAMILIES: tuple[tuple[re.Pattern[str], Mapping[str, object]], ...] = tuple(
    (re.compile(pattern), facts)
    for pattern, facts in (
        # Models whose vendors say that they read text alone (2026-11).
        (_BLIND, {"vision": False}),
        (rf"o1-(mini|preview){_END}", {**_EFFORT, "system": "user", "parallel_tools": False}),
        (rf"o[134]{_END}", _EFFORT),
        (rf"gpt-(5\.|[6-9])[\w.]*{_END}(?!.*-chat)", {**_EFFORT, "reasoning": "default_on", "sampling": "without_effort"}),
        (rf"gpt-5{_END}(?!\.\d)(?!.*-chat)", _EFFORT),
        (r"gpt-(4o|4\.1|[5-9])|o[134]", {"schema": "native"}),
        (r"gpt-(3\.5|4)", {"reasoning": "no"}),
        (r"gemini-2\.5", {"thinking_form": "budget"}),
        (r"gemini-([3-9]|\D)", {"thinking_form": "level"}),
        (r"claude-(\d|instant|(opus|sonnet|haiku)-4(-[0-5])?(?!-?\d))", {"thinking_form": "enabled"}),
        (r"claude-", {"thinking_form": "adaptive"}),
    )
)
"""Facts about names that the table lacks, or doesn't say all about. The first family that knows an ability decides."""


def find_abilities(model: str, api_type: str = "", overrides: Mapping[str, Any] | None = None) -> Abilities:
    """Return what a model can do: the program's own facts, then the table, then the facts of its family.

    Args:
        model: The model's name. Dates, regions and vendors in it are seen through.
        api_type: The kind of the endpoint; empty if it is unknown.
        overrides: The `abilities` of a config entry. `like` is the name of a model to look up in place of its own.
    """
    overrides = overrides or {}
    abilities = _look_up(str(overrides.get("like") or model), api_type)
    facts = {name: value for name, value in overrides.items() if name in NAMES}
    if "efforts" in facts:
        facts["efforts"] = tuple(facts["efforts"])
    return replace(abilities, **facts) if facts else abilities


@lru_cache(maxsize=512)
def _look_up(model: str, api_type: str) -> Abilities:
    names = list(dict.fromkeys(_iter_names(model)))
    facts = _find_row(names, api_type)
    if api_type in _SERVERS:
        facts = {name: facts[name] for name in _OF_WEIGHTS if name in facts}
    for pattern, family in _FAMILIES:
        if any(pattern.match(name) for name in names):
            facts = {**family, **facts}
    if "efforts" in facts:
        facts["efforts"] = tuple(facts["efforts"])
    return Abilities(**{name: facts[name] for name in NAMES if name in facts})


def _find_row(names: list[str], api_type: str) -> dict[str, Any]:
    table = _read_table()
    for section in dict.fromkeys((*_SECTIONS.get(api_type, (api_type,)), *_MAKERS)):
        rows = table.get(section, {})
        for name in names:
            if (row := rows.get(name)) is not None:
                return dict(row)
    if api_type == "azure":
        # Its names of deployments have no dots.
        dotless = {name.replace(".", ""): row for name, row in table["openai"].items()}
        return dict(next((dotless[name] for name in names if name in dotless), {}))
    return {}


def _iter_names(model: str) -> Iterator[str]:
    """Yield the names under which a model may stand in the table, the closest first."""
    plain = model.strip().lower().removeprefix("models/")
    for name in (plain, plain.rpartition("/")[2]):
        name = _REGION.sub("", _AZURE_SPELLING.sub("gpt-3.5", name))
        yield name
        if name.startswith("ft:"):
            # ft:gpt-4o-mini-2024-07-18:company::id
            name = name.split(":")[1]
            yield name
        while (shorter := _SUFFIX.sub("", name)) != name:
            name = shorter
            yield name
        # Bedrock's names begin with the vendor: anthropic.claude-...
        vendor, dot, rest = name.partition(".")
        if dot and vendor.isalpha():
            yield rest


@cache
def _read_table() -> dict[str, dict[str, dict[str, Any]]]:
    models = json.loads(TABLE.read_text(encoding="utf-8"))["models"]
    return {section: dict(_iter_rows(rows)) for section, rows in models.items()}


def _iter_rows(rows: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for name, row in rows.items():
        # A text is the name of an equal model.
        yield name.lower(), rows[row] if isinstance(row, str) else row

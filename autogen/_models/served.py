"""The abilities of open models as their servers tell them: Ollama, llama.cpp, LM Studio and vLLM.

A server knows more than a table: the weights that it has loaded, and how much of their context length it uses.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import NamedTuple
from urllib.parse import urlsplit

Facts = Mapping[str, object]
"""Abilities by name; those that the server doesn't tell are missing."""


class Question(NamedTuple):
    """A request for facts about a model.

    Attributes:
        path: Path below the root of the server.
        read: A function of the JSON of the answer and the name of the model that returns the facts.
        names_model: Whether the request has the name of the model, as JSON.
    """

    path: str
    read: Callable[[Mapping[str, object], str], dict[str, object]]
    names_model: bool = False


def _read_ollama(answer: Mapping[str, object], model: str) -> dict[str, object]:
    facts: dict[str, object] = {}
    if names := _list_names(answer.get("capabilities")):
        facts = {"tools": "tools" in names, "vision": "vision" in names, "audio_in": "audio" in names}
    # Longer prompts are cut without a word. What the weights could take says nothing.
    if match := re.search(r"^num_ctx\s+(\d+)\s*$", str(answer.get("parameters") or ""), re.MULTILINE):
        facts["context"] = int(match[1])
    return facts


def _read_llama_cpp(answer: Mapping[str, object], model: str) -> dict[str, object]:
    facts: dict[str, object] = {}
    modalities = answer.get("modalities")
    if isinstance(modalities, Mapping):
        flags = {"vision": modalities.get("vision"), "audio_in": modalities.get("audio")}
        facts = {name: flag for name, flag in flags.items() if isinstance(flag, bool)}
    settings = answer.get("default_generation_settings")
    return facts | _read_context(settings.get("n_ctx") if isinstance(settings, Mapping) else None)


def _read_lm_studio(answer: Mapping[str, object], model: str) -> dict[str, object]:
    row = _find_model(answer, model)
    facts: dict[str, object] = {"vision": row["type"] == "vlm"} if row.get("type") in ("llm", "vlm") else {}
    # The server has a form for the tools of any other model.
    if "tool_use" in _list_names(row.get("capabilities")):
        facts["tools"] = True
    return facts | _read_context(row.get("loaded_context_length"))


def _read_vllm(answer: Mapping[str, object], model: str) -> dict[str, object]:
    return _read_context(_find_model(answer, model).get("max_model_len"))


def _list_names(value: object) -> list[str]:
    return [name for name in value if isinstance(name, str)] if isinstance(value, list) else []


def _find_model(answer: Mapping[str, object], model: str) -> Mapping[str, object]:
    rows = answer.get("data")
    found = (row for row in rows if isinstance(row, Mapping) and row.get("id") == model) if isinstance(rows, list) else ()
    return next(iter(found), {})


def _read_context(value: object) -> dict[str, object]:
    return {"context": value} if isinstance(value, int) and not isinstance(value, bool) and value > 0 else {}


QUESTIONS: Mapping[str, Question] = {
    "ollama": Question("/api/show", _read_ollama, names_model=True),
    "llamacpp": Question("/props", _read_llama_cpp),
    "lmstudio": Question("/api/v0/models", _read_lm_studio),
    "vllm": Question("/v1/models", _read_vllm),
}
"""The question for each kind of server, by `api_type`."""

_known: dict[tuple[str, str], Facts] = {}


def find_root(url: str) -> str:
    """Return the root of a server: its address without `/v1`, credentials and parameters."""
    parts = urlsplit(url if "://" in url else f"http://{url}")
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path.rstrip('/').removesuffix('/v1')}"


def remember_facts(root: str, model: str, facts: Facts) -> None:
    """Keep the facts about a model for the rest of the process."""
    _known[root, model] = facts


def recall_facts(root: str, model: str) -> Facts | None:
    """Return the facts about a model; None if its server has not been asked."""
    return _known.get((root, model))

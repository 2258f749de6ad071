"""Write `autogen/oai/abilities.json`, the table of what models can do, from two maintained sources.

    python tools/abilities.py                # downloads the wheel of litellm, which is read and not installed
    python tools/abilities.py litellm.whl

The sources are the list of models inside the wheel of `litellm` (MIT licence), and the context lengths of `genai-prices`
(MIT licence), which must be installed. Absent facts stay absent: they are unknown, not false. Run it before a release.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator, Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

TABLE = Path(__file__).parent.parent / "autogen" / "oai" / "abilities.json"
LIST = "litellm/model_prices_and_context_window_backup.json"

# The section of the table, which has the name of an `api_type` or of a maker of models, by the source's provider; and the
# provider's id in `genai-prices`.
SECTIONS = {
    "openai": ("openai", "openai"),
    "azure": ("azure", "azure"),
    "anthropic": ("anthropic", "anthropic"),
    "gemini": ("google", "google"),
    "vertex_ai-language-models": ("google-vertex", "google"),
    "vertex_ai-anthropic_models": ("google-vertex", "anthropic"),
    "vertex_ai-mistral_models": ("google-vertex", "mistral"),
    "vertex_ai-llama_models": ("google-vertex", "meta"),
    "mistral": ("mistral", "mistral"),
    "groq": ("groq", "groq"),
    "together_ai": ("together", "together"),
    "cohere_chat": ("cohere", "cohere"),
    "cerebras": ("cerebras", "cerebras"),
    "bedrock": ("bedrock", "aws"),
    "bedrock_converse": ("bedrock", "aws"),
    "deepseek": ("deepseek", "deepseek"),
    "xai": ("xai", "x-ai"),
    "perplexity": ("perplexity", "perplexity"),
    "moonshot": ("moonshot", "moonshotai"),
    "zai": ("zai", "zai"),
    "dashscope": ("qwen", ""),
    "minimax": ("minimax", "minimax"),
    "meta": ("meta", "meta"),
}
# Regions and modes are prices, not models.
_REGION = re.compile(r"(?:(?:us|eu|global|apac|au|jp|ca|sa|me|us-gov)[./])|(?:bedrock/[\w-]+/(?:[\w-]+/)?)|(?:vertex_ai/)")
_FLAGS = {
    "vision": "supports_vision",
    "audio_in": "supports_audio_input",
    "video": "supports_video_input",
    "pdf": "supports_pdf_input",
    "tools": "supports_function_calling",
    "parallel_tools": "supports_parallel_function_calling",
    "forced_with_thinking": "supports_forced_tool_use",
    "mid_system": "supports_mid_conversation_system",
    "prefill": "supports_assistant_prefill",
}
_MODALITIES = {"vision": "image", "audio_in": "audio", "video": "video"}
_EFFORTS = ("none", "minimal", "low", "medium", "high", "xhigh", "max")
# Efforts that every model with efforts has, unless the source says otherwise.
_USUAL_EFFORTS = ("low", "medium", "high")
# Models of OpenAI that were withdrawn, which the sources have forgotten and programs still name.
_RETIRED = {
    ("gpt-3.5-turbo-0301", "gpt-3.5-turbo-0613", "gpt-3.5-turbo-instruct"): {"context": 4096, "vision": False},
    ("gpt-3.5-turbo-16k-0613",): {"context": 16385, "vision": False},
    ("gpt-4-0314",): {"context": 8192, "vision": False},
    ("gpt-4-32k", "gpt-4-32k-0314", "gpt-4-32k-0613"): {"context": 32768, "vision": False},
    ("gpt-4-0125-preview", "gpt-4-turbo-preview"): {"context": 128000, "max_output": 4096, "vision": False, "tools": True},
    ("gpt-4-vision-preview", "gpt-4-1106-vision-preview"): {"context": 128000, "max_output": 4096, "vision": True},
}


def main() -> None:
    """Write the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("wheel", nargs="?", type=Path, help="a wheel of litellm; downloaded if it is missing")
    wheel: Path | None = parser.parse_args().wheel
    with tempfile.TemporaryDirectory() as folder:
        path = wheel or download_wheel(Path(folder))
        with zipfile.ZipFile(path) as archive:
            models = json.loads(archive.read(LIST))
    sources = {"litellm": path.name.split("-")[1], "genai-prices": version("genai-prices")}
    table = build_table(models)
    TABLE.write_text(format_table(sources, table), encoding="utf-8")
    print(f"{sum(map(len, table.values()))} models, {TABLE.stat().st_size:,} bytes: {TABLE}")


def download_wheel(folder: Path) -> Path:
    """Download the wheel of litellm, without what it requires."""
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:", "-d", str(folder)]
    subprocess.run([*command, "litellm"], check=True)
    return next(folder.glob("litellm-*.whl"))


def build_table(models: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """Return the abilities of each model, by section and name."""
    table: dict[str, dict[str, Any]] = {section: {} for section, _ in SECTIONS.values()}
    for name, row in sorted(models.items()):
        section, price_id = SECTIONS.get(str(row.get("litellm_provider")), ("", ""))
        if not section or row.get("mode") not in ("chat", "responses"):
            continue
        name = trim_name(name, str(row["litellm_provider"]), section)
        # Groups by size, and models for a term, are prices.
        if name.startswith(("together-ai-", "*/")) or name == "container":
            continue
        abilities = read_row(section, name, row)
        if (context := find_context(price_id, name)) and context >= abilities.get("context", 0):
            abilities["context"] = context
        # The same model in several regions: the first is as good as the others.
        if abilities:
            table[section].setdefault(name, abilities)
    for names, abilities in _RETIRED.items():
        for name in names:
            table["openai"].setdefault(name, abilities)
    # Models at Azure are those of OpenAI, with few differences.
    table["azure"] = {name: row for name, row in table["azure"].items() if table["openai"].get(name) != row}
    for maker in ("google", "anthropic"):
        rows = table["google-vertex"].items()
        table["google-vertex"] = {name: row for name, row in rows if table[maker].get(name) != row}
    return table


def trim_name(name: str, provider: str, section: str) -> str:
    """Return the name under which a model is asked, without the source's own prefixes."""
    for prefix in (f"{provider}/", f"{section}/", "cohere_chat/"):
        name = name.removeprefix(prefix)
    while match := _REGION.match(name):
        name = name[match.end() :]
    return name.removeprefix(f"{section}/")


def read_row(section: str, name: str, row: Mapping[str, Any]) -> dict[str, Any]:
    """Return the facts of a row of the source under our names; unknown facts are left out."""
    result: dict[str, Any] = {}
    for field, key in (("context", "max_input_tokens"), ("max_output", "max_output_tokens")):
        if isinstance(count := row.get(key), int) and count > 0:
            result[field] = count
    for field, key in _FLAGS.items():
        if isinstance(row.get(key), bool):
            result[field] = row[key]
    modalities = row.get("supported_modalities")
    for field, modality in _MODALITIES.items():
        if field not in result and modalities:
            result[field] = modality in modalities
    if row.get("supports_tool_choice") is False:
        result["tool_choice"] = "auto"
    # OpenAI's take the developer's messages in their place.
    if row.get("supports_system_messages") is False and section not in ("openai", "azure"):
        result["system"] = "user"
    if (schema := read_schema(section, row)) is not None:
        result["schema"] = schema
    result |= read_reasoning(section, name, row)
    if isinstance(caching := row.get("supports_prompt_caching"), bool):
        explicit = "explicit" if section == "anthropic" or row.get("supports_prompt_cache_breakpoint") else "implicit"
        result["cache"] = explicit if caching else "none"
    if isinstance(row.get("prompt_cache_min_tokens"), int):
        result["cache_min"] = row["prompt_cache_min_tokens"]
    if date := row.get("deprecation_date"):
        result["deprecated"] = date
    return result


def read_schema(section: str, row: Mapping[str, Any]) -> str | None:
    """Return how a model keeps to a JSON schema; None if the source doesn't say."""
    supported = row.get("supports_response_schema")
    if not isinstance(supported, bool):
        return None
    if not supported:
        return "words"
    if section == "anthropic" and not row.get("supports_native_structured_output"):
        return "tool"
    # Its endpoint takes a JSON object and refuses a schema, whatever the source says.
    return "object" if section == "deepseek" else "native"


def read_reasoning(section: str, name: str, row: Mapping[str, Any]) -> dict[str, Any]:
    """Return the facts about thinking: whether a model thinks, how it is asked to, and what it refuses then."""
    reasons = row.get("supports_reasoning")
    if reasons is False:
        return {"reasoning": "no"}
    sampling = {"sampling": False} if row.get("supports_sampling_params") is False else {}
    if not reasons:
        return sampling
    # On Google's cloud and on Bedrock it is asked as at home.
    section = "anthropic" if "claude" in name else section
    can_be_off = row.get("supports_none_reasoning_effort")
    result: dict[str, Any] = {"reasoning": "default_on", **sampling}
    if row.get("thinking_always_on"):
        result["reasoning"] = "always"
    elif section == "anthropic":
        result["reasoning"] = "default_on" if row.get("thinking_on_by_default") else "default_off"
    elif section in ("openai", "azure") and not can_be_off:
        result["reasoning"] = "always"
    elif row.get("default_reasoning_effort") == "none":
        result["reasoning"] = "default_off"
    if efforts := read_efforts(section, row):
        result["efforts"] = efforts
    if section == "anthropic":
        result["thinking_form"] = "adaptive" if row.get("supports_adaptive_thinking") else "enabled"
    # Models of ChatGPT take the usual parameters.
    elif section in ("openai", "azure") and "-chat" not in name:
        result |= {"thinking_form": "effort", "sampling": "without_effort" if can_be_off else False, **sampling}
    elif section in ("google", "google-vertex"):
        result["thinking_form"] = "budget" if "2.5" in name else "level"
    return result


def read_efforts(section: str, row: Mapping[str, Any]) -> list[str]:
    """Return the efforts that a model takes; none if they are unknown."""
    if levels := row.get("reasoning_effort_levels"):
        return [effort for effort in _EFFORTS if effort in levels]
    flags = {effort: row.get(f"supports_{effort}_reasoning_effort") for effort in _EFFORTS}
    if section == "anthropic":
        if not row.get("supports_adaptive_thinking"):
            return []
    # The flags of other vendors say which efforts there are besides the usual, if anything is said at all.
    elif section not in ("openai", "azure") or all(flag is None for flag in flags.values()):
        return []
    return [effort for effort in _EFFORTS if flags[effort] or (effort in _USUAL_EFFORTS and flags[effort] is not False)]


def find_context(provider_id: str, name: str) -> int | None:
    """Return the context length in `genai-prices`, input and output together; None if it has none."""
    from genai_prices.data import providers

    for provider in providers:
        if provider.id == provider_id:
            model = provider.find_model(name)
            return model.context_window if model else None
    return None


def format_table(sources: Mapping[str, str], table: Mapping[str, Mapping[str, Any]]) -> str:
    """Return the table as JSON with a line for each model, so that a difference is readable."""
    head = json.dumps({"licence": "MIT", **sources})
    return f'{{\n"sources": {head},\n"models": {{\n{",".join(iter_sections(table))}}}\n}}\n'


def iter_sections(table: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    """Yield the sections as JSON. A model that equals an earlier one of its section has that one's name as its value."""
    for section, rows in sorted(table.items()):
        names: dict[str, str] = {}
        lines = []
        for name, row in sorted(rows.items()):
            text = json.dumps(row, sort_keys=True)
            lines.append(f"{json.dumps(name)}: {json.dumps(names[text]) if text in names else text}")
            names.setdefault(text, name)
        if lines:
            body = ",\n".join(lines)
            yield f"{json.dumps(section)}: {{\n{body}\n}}\n"


if __name__ == "__main__":
    main()

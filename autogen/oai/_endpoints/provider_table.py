"""One table: how the endpoints of vendors differ from OpenAI's. A new vendor is one row, and one line in the tests."""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches
from types import MappingProxyType
from typing import Any

from . import connections as connect
from .connections import Config, Connection
from .message_forms import (
    Form,
    ensure_alternation,
    ensure_user_last,
    insert_tool_acknowledgements,
    convert_developer_to_system,
    convert_late_system_to_user,
    shorten_call_ids,
    merge_system_messages,
    fill_missing_content,
    convert_functions_to_tools,
    replace_blanks,
    remove_names,
    remove_nulls,
)
from .parameters import WHOLE, Bound, warn_once
from .provider_spec import Places, Provider
from .tool_schemas import simplify_tools

_USUAL: tuple[Form, ...] = (remove_nulls, convert_functions_to_tools, convert_developer_to_system)
_TURNS: tuple[Form, ...] = (*_USUAL, merge_system_messages, ensure_alternation, replace_blanks, ensure_user_last)
_TOKENS = Bound(1, kind=WHOLE)
_PENALTY = Bound(-2, 2)
_ONE = Bound(1, 1, kind=WHOLE)
_TOP_P = Bound(0, 1)
_SEED = Bound(kind=WHOLE)
_OPENAI_ALONE = frozenset({"metadata", "store", "service_tier", "prediction", "modalities", "audio"})
_LOGPROBS = frozenset({"logprobs", "top_logprobs", "logit_bias"})


def _as_is(*names: str) -> Places:
    return {name: (name,) for name in names}


_GOOGLE_BODY = {name: ("extra_body", "google", name) for name in ("safety_settings", "thinking_config", "cached_content")}
_LLAMA_CPP = _as_is(
    *("top_k", "min_p", "typical_p", "repeat_penalty", "repeat_last_n", "mirostat", "mirostat_tau", "mirostat_eta"),
    *("grammar", "json_schema", "cache_prompt", "n_predict", "id_slot", "chat_template_kwargs", "samplers"),
)
_VLLM = _as_is(
    *("top_k", "min_p", "repetition_penalty", "length_penalty", "min_tokens", "ignore_eos", "stop_token_ids"),
    *("guided_json", "guided_regex", "guided_choice", "guided_grammar", "structured_outputs", "chat_template_kwargs"),
    *("skip_special_tokens", "add_generation_prompt", "continue_final_message", "include_stop_str_in_output", "priority"),
)
_GEMINI: dict[str, Any] = {
    "renames": {"max_output_tokens": "max_tokens", "stop_sequences": "stop"},
    "bounds": {"temperature": Bound(0, 2), "top_p": _TOP_P, "max_tokens": _TOKENS},
    "refuses": frozenset({"top_k", "tool_config", "response_validation", "logit_bias", "user", "seed"}) | _OPENAI_ALONE,
    "body": _GOOGLE_BODY,
    "forms": _TURNS,
    "tools": simplify_tools,
    "messages": True,
}
_SERVER: dict[str, Any] = {"forms": (*_USUAL, fill_missing_content), "free": True}

_ROWS = (
    Provider(
        api_type="openai",
        title="OpenAI",
        where=Connection(key_from=("OPENAI_API_KEY",), connect=connect.connect_openai),
        also=("open_ai", "chatgpt"),
        functions=True,
    ),
    Provider(
        api_type="azure",
        title="Azure",
        where=Connection(own=frozenset({"azure_ad_token_provider_scope"}), connect=connect.connect_azure),
        functions=True,
    ),
    Provider(
        api_type="anthropic",
        title="Anthropic",
        where=Connection(base_url="https://api.anthropic.com/v1/", key_from=("ANTHROPIC_API_KEY",), own=connect.AWS_KEYS),
        also=("claude",),
        instead=connect.is_on_aws,
        instead_row="bedrock",
        renames={"stop_sequences": "stop"},
        bounds={"temperature": Bound(0, 1, 1.0), "max_tokens": Bound(1, None, 4096, WHOLE), "top_p": _TOP_P, "n": _ONE},
        always={"max_tokens": 4096},
        refuses=frozenset({"top_k", "seed", "presence_penalty", "frequency_penalty", "user"}) | _OPENAI_ALONE | _LOGPROBS,
        body=_as_is("thinking"),
        forms=_TURNS,
        calls_need_tools=True,
        response_format=False,
        messages=True,
    ),
    Provider(
        api_type="google",
        title="Google",
        where=Connection(
            base_url="https://generativelanguage.googleapis.com/v1beta/openai/",
            key_from=("GOOGLE_GEMINI_API_KEY", "GEMINI_API_KEY", "GOOGLE_API_KEY"),
            own=connect.GOOGLE_KEYS,
        ),
        also=("gemini",),
        instead=connect.is_on_vertex,
        instead_row="google-vertex",
        **_GEMINI,
    ),
    Provider(
        api_type="google-vertex",
        title="Vertex AI",
        where=Connection(own=connect.GOOGLE_KEYS, connect=connect.connect_vertex),
        also=("vertex", "vertexai"),
        model_prefix="google/",
        **_GEMINI,
    ),
    Provider(
        api_type="mistral",
        title="Mistral",
        where=Connection(base_url="https://api.mistral.ai/v1", key_from=("MISTRAL_API_KEY",)),
        renames={"seed": "random_seed", "max_completion_tokens": "max_tokens"},
        bounds={
            "temperature": Bound(0, 1.5, 0.7),
            "top_p": _TOP_P,
            "max_tokens": Bound(0, kind=WHOLE),
            "random_seed": _SEED,
            "safe_prompt": Bound(otherwise=False, kind=(bool,)),
        },
        refuses=frozenset({"user"}) | _OPENAI_ALONE | _LOGPROBS,
        body=_as_is("random_seed", "safe_prompt", "prompt_mode"),
        forms=(
            *_USUAL,
            convert_late_system_to_user,
            remove_names,
            insert_tool_acknowledgements,
            shorten_call_ids,
            fill_missing_content,
            ensure_user_last,
        ),
        stream_options=False,
        messages=True,
    ),
    Provider(
        api_type="groq",
        title="Groq",
        where=Connection(base_url="https://api.groq.com/openai/v1", key_from=("GROQ_API_KEY",)),
        bounds={
            "temperature": Bound(0, 2, 1),
            "max_tokens": Bound(0, kind=WHOLE),
            "frequency_penalty": _PENALTY,
            "presence_penalty": _PENALTY,
            "seed": _SEED,
            "top_p": _TOP_P,
            "n": _ONE,
        },
        refuses=_LOGPROBS,
        body=_as_is("reasoning_format", "include_reasoning"),
        forms=(*_USUAL, remove_names, fill_missing_content),
        messages=True,
    ),
    Provider(
        api_type="together",
        title="Together",
        where=Connection(base_url="https://api.together.ai/v1", key_from=("TOGETHER_API_KEY",)),
        renames={"max_completion_tokens": "max_tokens"},
        bounds={
            "max_tokens": Bound(0, None, 512, WHOLE),
            "top_k": _SEED,
            "min_p": Bound(0, 1),
            "presence_penalty": _PENALTY,
            "frequency_penalty": _PENALTY,
        },
        body=_as_is("top_k", "min_p", "repetition_penalty", "safety_model"),
        forms=(*_USUAL, fill_missing_content),
        messages=True,
    ),
    Provider(
        api_type="cohere",
        title="Cohere",
        where=Connection(
            base_url="https://api.cohere.ai/compatibility/v1",
            key_from=("COHERE_API_KEY", "CO_API_KEY"),
            own=frozenset({"client_name"}),
            connect=connect.connect_cohere,
        ),
        renames={"k": "top_k", "p": "top_p", "max_completion_tokens": "max_tokens"},
        bounds={
            "temperature": Bound(0, None, 0.3),
            "max_tokens": Bound(0, kind=WHOLE),
            "top_k": Bound(0, 500, 0, WHOLE),
            "top_p": Bound(0.01, 0.99, 0.75),
            "seed": _SEED,
            "frequency_penalty": Bound(0, 1, 0),
            "presence_penalty": Bound(0, 1, 0),
            "n": _ONE,
        },
        refuses=frozenset({"user", "parallel_tool_calls"}) | _OPENAI_ALONE | _LOGPROBS,
        body=_as_is("top_k"),
        forms=(*_USUAL, remove_names, replace_blanks),
        stream_options=False,
        messages=True,
    ),
    Provider(
        api_type="cerebras",
        title="Cerebras",
        where=Connection(base_url="https://api.cerebras.ai/v1", key_from=("CEREBRAS_API_KEY",)),
        bounds={"temperature": Bound(0, 1.5, 1), "max_tokens": Bound(0, kind=WHOLE), "seed": _SEED, "top_p": _TOP_P},
        refuses=frozenset({"frequency_penalty", "presence_penalty", "logit_bias", "parallel_tool_calls", "service_tier"}),
        forms=(*_USUAL, remove_names, fill_missing_content),
        messages=True,
    ),
    Provider(
        api_type="ollama",
        title="Ollama",
        where=Connection(
            base_url="http://localhost:11434/v1", needs_key=False, own=frozenset({"client_host"}), connect=connect.connect_ollama
        ),
        renames={"num_predict": "max_tokens"},
        bounds={
            "max_tokens": Bound(None, None, 128, WHOLE),
            "seed": Bound(None, None, 42, WHOLE),
            "temperature": Bound(0, None, 0.8),
            "top_p": Bound(0, 1, 0.9),
        },
        refuses=frozenset({"top_k", "repeat_penalty", "logit_bias", "n", "user", "native_tool_calls"})
        | {"manual_tool_call_instruction", "manual_tool_call_step1", "manual_tool_call_step2"},
        forms=(*_USUAL, convert_late_system_to_user, remove_names, fill_missing_content),
        messages=True,
        free=True,
    ),
    Provider(
        api_type="bedrock",
        title="Amazon Bedrock",
        where=Connection(key_from=("AWS_BEARER_TOKEN_BEDROCK",), own=connect.AWS_KEYS, connect=connect.connect_bedrock),
        also=("aws", "amazon"),
        renames={"topP": "top_p", "maxTokens": "max_tokens", "stop_sequences": "stop"},
        bounds={"temperature": Bound(0, 2), "top_p": _TOP_P, "max_tokens": _TOKENS, "n": _ONE},
        refuses=frozenset({"top_k", "k"}),
        forms=_TURNS,
        calls_need_tools=True,
        messages=True,
    ),
    Provider(
        api_type="deepseek",
        title="DeepSeek",
        where=Connection(base_url="https://api.deepseek.com/v1", key_from=("DEEPSEEK_API_KEY",)),
        also=("deep_seek",),
        renames={"max_completion_tokens": "max_tokens"},
        bounds={"temperature": Bound(0, 2), "frequency_penalty": _PENALTY, "presence_penalty": _PENALTY, "n": _ONE},
        body=_as_is("thinking"),
        forms=(*_USUAL, fill_missing_content),
    ),
    Provider(
        api_type="openrouter",
        title="OpenRouter",
        where=Connection(base_url="https://openrouter.ai/api/v1", key_from=("OPENROUTER_API_KEY",)),
        also=("open_router",),
        body=_as_is(
            *("top_k", "top_a", "min_p", "repetition_penalty", "models", "route", "transforms", "provider"),
            *("plugins", "reasoning", "usage", "include_reasoning"),
        ),
        forms=(remove_nulls,),
        functions=True,
    ),
    Provider(
        api_type="lmstudio",
        title="LM Studio",
        where=Connection(base_url="http://localhost:1234/v1", key_from=("LMSTUDIO_API_KEY",), needs_key=False),
        also=("lm_studio", "lm-studio"),
        body=_as_is("top_k", "repeat_penalty", "min_p", "ttl"),
        forms=(*_USUAL, replace_blanks),
        free=True,
    ),
    Provider(
        api_type="vllm",
        title="vLLM",
        where=Connection(base_url="http://localhost:8000/v1", key_from=("VLLM_API_KEY",), needs_key=False),
        body=_VLLM,
        **_SERVER,
    ),
    Provider(
        api_type="llamacpp",
        title="llama.cpp",
        where=Connection(base_url="http://localhost:8080/v1", key_from=("LLAMA_API_KEY",), needs_key=False),
        also=("llama_cpp", "llama.cpp", "llama-cpp"),
        body=_LLAMA_CPP,
        **_SERVER,
    ),
    Provider(
        api_type="litellm",
        title="the LiteLLM proxy",
        where=Connection(base_url="http://localhost:4000", key_from=("LITELLM_API_KEY", "LITELLM_MASTER_KEY"), needs_key=False),
        functions=True,
    ),
    Provider(
        api_type="local",
        title="the local model",
        where=Connection(needs_key=False, connect=connect.connect_local),
        also=("embedded",),
        body=_LLAMA_CPP,
        **_SERVER,
    ),
)

PROVIDERS: Mapping[str, Provider] = MappingProxyType({row.api_type: row for row in _ROWS})
_LONGEST_FIRST = sorted(PROVIDERS, key=len, reverse=True)
_NEAR = {near: row.api_type for row in _ROWS for near in (row.api_type, *row.also)}


def find_provider(config: Config) -> Provider:
    """The row for a config: the one whose name its `api_type` begins with. Without one it is OpenAI's.

    An `api_type` that nobody knows is OpenAI's too, with a warning that names those that look like it.
    """
    given = str(config.get("api_type") or "openai")
    name = next((one for one in _LONGEST_FIRST if given.startswith(one) and (one != "local" or given == one)), None)
    if name is None:
        if given != "open_ai":  # as old configs have it
            _tell_of_near_names(given)
        name = "openai"
    row = PROVIDERS[name]
    if row.instead and row.instead(row.where, config):
        row = PROVIDERS[row.instead_row]
    return row


def _tell_of_near_names(given: str) -> None:
    near = dict.fromkeys(_NEAR[one] for one in get_close_matches(given.lower(), _NEAR, n=3, cutoff=0.6))
    known = f"Did you mean {' or '.join(map(repr, near))}?" if near else f"Known are {', '.join(sorted(PROVIDERS))}."
    warn_once(f"The api_type {given!r} is not known: its endpoint is taken for one like OpenAI's. {known}")


def get_connection_keys(config: Config) -> frozenset[str]:
    """The keys of a config that are for its connection, and so no part of a request, besides those of the SDK.

    A client of the user's own sees all of its config.
    """
    if config.get("model_client_cls") is not None:
        return frozenset()
    return connect.CREDENTIALS | find_provider(config).where.own

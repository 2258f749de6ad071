"""The built-in providers. A new provider is a row here, and an entry of `RULES` in `test/oai/vendors.py`."""

from __future__ import annotations

from typing import Any

from . import connections as connect
from .connections import Connection
from .message_forms import (
    Form,
    convert_developer_to_system,
    convert_functions_to_tools,
    convert_late_system_to_user,
    ensure_alternation,
    ensure_user_last,
    fill_missing_content,
    insert_tool_acknowledgements,
    keep_thinking_beside_calls,
    merge_system_messages,
    remove_names,
    remove_nulls,
    remove_thinking,
    replace_blanks,
    shorten_call_ids,
)
from .parameters import WHOLE, Bound
from .provider_spec import Provider
from .tool_schemas import simplify_tools

# Most servers know tools only, and reject the developer role and keys of None.
_USUAL: tuple[Form, ...] = (remove_nulls, convert_functions_to_tools, convert_developer_to_system)
# Models with a strict chat template: one system message, alternating turns, and a user's turn at the end.
_TURNS: tuple[Form, ...] = (*_USUAL, merge_system_messages, ensure_alternation, replace_blanks, ensure_user_last)
_TOKENS = Bound(1, kind=WHOLE)
_PENALTY = Bound(-2, 2)
_ONE = Bound(1, 1, kind=WHOLE)
_TOP_P = Bound(0, 1)
_SEED = Bound(kind=WHOLE)
# Parameters of OpenAI's own services, which other vendors reject as unknown.
_OPENAI_ONLY = frozenset({"metadata", "store", "service_tier", "prediction", "modalities", "audio"})
# What models of a vendor take in messages besides text.
_TEXT_ALONE: frozenset[str] = frozenset()
_PICTURES = frozenset({"image"})
_PICTURES_AND_AUDIO = _PICTURES | {"audio"}
_PICTURES_AND_FILES = _PICTURES | {"file"}
_LOGPROBS = frozenset({"logprobs", "top_logprobs", "logit_bias"})


# The endpoint has these parameters at the top level of a request. The SDK doesn't know them.
def _keep_paths(*names: str) -> dict[str, tuple[str, ...]]:
    return {name: (name,) for name in names}


# Google reads its own parameters from an object in the `extra_body` of a request.
_GOOGLE_BODY = {name: ("extra_body", "google", name) for name in ("safety_settings", "thinking_config", "cached_content")}
_LLAMA_CPP = _keep_paths(
    *("top_k", "min_p", "typical_p", "repeat_penalty", "repeat_last_n", "mirostat", "mirostat_tau", "mirostat_eta"),
    *("grammar", "json_schema", "cache_prompt", "n_predict", "id_slot", "chat_template_kwargs", "samplers"),
)
_VLLM = _keep_paths(
    *("top_k", "min_p", "repetition_penalty", "length_penalty", "min_tokens", "ignore_eos", "stop_token_ids"),
    *("guided_json", "guided_regex", "guided_choice", "guided_grammar", "structured_outputs", "chat_template_kwargs"),
    *("skip_special_tokens", "add_generation_prompt", "continue_final_message", "include_stop_str_in_output", "priority"),
)
# Google's two endpoints differ in the URL and the credentials only.
_GEMINI: dict[str, Any] = {
    "renames": {"max_output_tokens": "max_tokens", "stop_sequences": "stop"},
    "bounds": {"temperature": Bound(0, 2), "top_p": _TOP_P, "max_tokens": _TOKENS},
    "refuses": frozenset({"top_k", "tool_config", "response_validation", "logit_bias", "user", "seed"}) | _OPENAI_ONLY,
    "body": _GOOGLE_BODY,
    "forms": _TURNS,
    "tools": simplify_tools,
    # On both, pictures are data; those of Google's own storage have addresses that begin with gs.
    "fetches_media": False,
    "messages": True,
}
_SERVER: dict[str, Any] = {"forms": (*_USUAL, fill_missing_content), "text_calls": True, "free": True}

BUILT_IN_PROVIDERS = (
    Provider(
        api_type="openai",
        title="OpenAI",
        connection=Connection(key_variables=("OPENAI_API_KEY",), make_endpoint=connect.connect_openai),
        aliases=("open_ai", "chatgpt"),
        otel_names={"api.openai.com": "openai"},
        functions=True,
    ),
    Provider(
        api_type="azure",
        title="Azure",
        connection=Connection(config_keys=frozenset({"azure_ad_token_provider_scope"}), make_endpoint=connect.connect_azure),
        # Both kinds of Azure's resources speak OpenAI's protocol.
        otel_names={"openai.azure.com": "azure.ai.openai", "services.ai.azure.com": "azure.ai.inference"},
        functions=True,
        protocol="azure",
    ),
    Provider(
        api_type="responses",
        title="OpenAI's Responses API",
        connection=Connection(key_variables=("OPENAI_API_KEY",), make_endpoint=connect.connect_openai),
        functions=True,
        delegate_if=connect.is_at_azure,
        delegate_to="azure",
        protocol="responses",
    ),
    Provider(
        api_type="anthropic",
        title="Anthropic",
        media=_PICTURES_AND_FILES,
        connection=Connection(
            base_url="https://api.anthropic.com/v1/", key_variables=("ANTHROPIC_API_KEY",), config_keys=connect.AWS_KEYS
        ),
        aliases=("claude",),
        otel_names={"anthropic.com": "anthropic"},
        delegate_if=connect.is_on_aws,
        delegate_to="bedrock",
        renames={"stop_sequences": "stop"},
        bounds={"temperature": Bound(0, 1, 1.0), "max_tokens": Bound(1, None, 4096, WHOLE), "top_p": _TOP_P, "n": _ONE},
        # Anthropic refuses requests without a limit.
        required_defaults={"max_tokens": 4096},
        refuses=frozenset({"top_k", "seed", "presence_penalty", "frequency_penalty", "user"}) | _OPENAI_ONLY | _LOGPROBS,
        body=_keep_paths("thinking"),
        forms=_TURNS,
        calls_need_tools=True,
        response_format=False,
        messages=True,
        protocol="anthropic",
    ),
    Provider(
        api_type="google",
        title="Google",
        connection=Connection(
            base_url="https://generativelanguage.googleapis.com/v1beta/openai/",
            key_variables=("GOOGLE_GEMINI_API_KEY", "GEMINI_API_KEY", "GOOGLE_API_KEY"),
            config_keys=connect.GOOGLE_KEYS,
        ),
        aliases=("gemini",),
        otel_names={"generativelanguage.googleapis.com": "gcp.gemini"},
        delegate_if=connect.is_on_vertex,
        delegate_to="google-vertex",
        protocol="google",
        **_GEMINI,
    ),
    Provider(
        api_type="google-vertex",
        title="Vertex AI",
        connection=Connection(config_keys=connect.GOOGLE_KEYS, make_endpoint=connect.connect_vertex),
        aliases=("vertex", "vertexai"),
        # Regional hosts are europe-west1-aiplatform.googleapis.com and so on. The SDK's signed client has no URL.
        otel_names={"googleapis.com": "gcp.vertex_ai", "vertex": "gcp.vertex_ai"},
        model_prefix="google/",
        protocol="google-vertex",
        **_GEMINI,
    ),
    Provider(
        api_type="mistral",
        title="Mistral",
        media=_PICTURES_AND_AUDIO,
        connection=Connection(base_url="https://api.mistral.ai/v1", key_variables=("MISTRAL_API_KEY",)),
        otel_names={"mistral.ai": "mistral_ai"},
        # Mistral rejects unknown parameters, also OpenAI's names of its own.
        renames={"seed": "random_seed", "max_completion_tokens": "max_tokens"},
        bounds={
            "temperature": Bound(0, 1.5, 0.7),
            "top_p": _TOP_P,
            "max_tokens": Bound(0, kind=WHOLE),
            "random_seed": _SEED,
            "safe_prompt": Bound(otherwise=False, kind=(bool,)),
        },
        refuses=frozenset({"user"}) | _OPENAI_ONLY | _LOGPROBS,
        body=_keep_paths("random_seed", "safe_prompt", "prompt_mode"),
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
        media=_PICTURES,
        connection=Connection(base_url="https://api.groq.com/openai/v1", key_variables=("GROQ_API_KEY",)),
        otel_names={"groq.com": "groq"},
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
        body=_keep_paths("reasoning_format", "include_reasoning"),
        hosted=frozenset({"code_interpreter"}),
        # It sends thinking, and refuses to get it back.
        forms=(*_USUAL, remove_names, fill_missing_content, remove_thinking),
        messages=True,
    ),
    Provider(
        api_type="together",
        title="Together",
        media=frozenset({"image", "audio", "video"}),
        connection=Connection(base_url="https://api.together.ai/v1", key_variables=("TOGETHER_API_KEY",)),
        renames={"max_completion_tokens": "max_tokens"},
        bounds={
            "max_tokens": Bound(0, None, 512, WHOLE),
            "top_k": _SEED,
            "min_p": Bound(0, 1),
            "presence_penalty": _PENALTY,
            "frequency_penalty": _PENALTY,
        },
        body=_keep_paths("top_k", "min_p", "repetition_penalty", "safety_model"),
        forms=(*_USUAL, fill_missing_content),
        messages=True,
    ),
    Provider(
        api_type="cohere",
        title="Cohere",
        media=_PICTURES,
        connection=Connection(
            base_url="https://api.cohere.ai/compatibility/v1",
            key_variables=("COHERE_API_KEY", "CO_API_KEY"),
            config_keys=frozenset({"client_name"}),
            make_endpoint=connect.connect_cohere,
        ),
        otel_names={"cohere.com": "cohere", "cohere.ai": "cohere"},
        # `k` and `p` are the names of Cohere's own protocol, which 0.2's client spoke.
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
        refuses=frozenset({"user", "parallel_tool_calls"}) | _OPENAI_ONLY | _LOGPROBS,
        body=_keep_paths("top_k"),
        forms=(*_USUAL, remove_names, replace_blanks),
        stream_options=False,
        messages=True,
    ),
    Provider(
        api_type="cerebras",
        title="Cerebras",
        media=_TEXT_ALONE,
        connection=Connection(base_url="https://api.cerebras.ai/v1", key_variables=("CEREBRAS_API_KEY",)),
        bounds={"temperature": Bound(0, 1.5, 1), "max_tokens": Bound(0, kind=WHOLE), "seed": _SEED, "top_p": _TOP_P},
        refuses=frozenset({"frequency_penalty", "presence_penalty", "logit_bias", "parallel_tool_calls", "service_tier"}),
        forms=(*_USUAL, remove_names, fill_missing_content),
        messages=True,
    ),
    Provider(
        api_type="ollama",
        title="Ollama",
        media=_PICTURES,
        fetches_media=False,
        connection=Connection(
            base_url="http://localhost:11434/v1",
            requires_key=False,
            config_keys=frozenset({"client_host"}),
            make_endpoint=connect.connect_ollama,
        ),
        # The names and defaults of 0.2's client, which spoke Ollama's own protocol.
        renames={"num_predict": "max_tokens"},
        bounds={
            "max_tokens": Bound(None, None, 128, WHOLE),
            "seed": Bound(None, None, 42, WHOLE),
            "temperature": Bound(0, None, 0.8),
            "top_p": Bound(0, 1, 0.9),
        },
        refuses=frozenset({"top_k", "repeat_penalty", "logit_bias", "n", "user"})
        | {"manual_tool_call_instruction", "manual_tool_call_step1", "manual_tool_call_step2"},
        forms=(*_USUAL, convert_late_system_to_user, remove_names, fill_missing_content),
        messages=True,
        text_calls=True,
        free=True,
    ),
    Provider(
        api_type="bedrock",
        title="Amazon Bedrock",
        media=_PICTURES,
        fetches_media=False,
        connection=Connection(
            key_variables=("AWS_BEARER_TOKEN_BEDROCK",), config_keys=connect.AWS_KEYS, make_endpoint=connect.connect_bedrock
        ),
        aliases=("aws", "amazon"),
        # The runtime and the mantle endpoint; the SDK's signed client has no URL.
        otel_names={"amazonaws.com": "aws.bedrock", "api.aws": "aws.bedrock", "bedrock": "aws.bedrock"},
        renames={"topP": "top_p", "maxTokens": "max_tokens", "stop_sequences": "stop"},
        bounds={"temperature": Bound(0, 2), "top_p": _TOP_P, "max_tokens": _TOKENS, "n": _ONE},
        refuses=frozenset({"top_k", "k"}),
        forms=_TURNS,
        calls_need_tools=True,
        messages=True,
        protocol="converse",
    ),
    Provider(
        api_type="deepseek",
        title="DeepSeek",
        media=_TEXT_ALONE,
        connection=Connection(base_url="https://api.deepseek.com/v1", key_variables=("DEEPSEEK_API_KEY",)),
        aliases=("deep_seek",),
        otel_names={"deepseek.com": "deepseek"},
        renames={"max_completion_tokens": "max_tokens"},
        bounds={"temperature": Bound(0, 2), "frequency_penalty": _PENALTY, "presence_penalty": _PENALTY, "n": _ONE},
        body=_keep_paths("thinking"),
        forms=(*_USUAL, fill_missing_content, keep_thinking_beside_calls),
    ),
    Provider(
        api_type="xai",
        title="xAI",
        media=_PICTURES_AND_FILES,
        connection=Connection(base_url="https://api.x.ai/v1", key_variables=("XAI_API_KEY",)),
        aliases=("x.ai", "grok"),
        otel_names={"x.ai": "x_ai"},
        bounds={"temperature": Bound(0, 2), "top_p": _TOP_P},
        forms=(*_USUAL, fill_missing_content),
    ),
    Provider(
        api_type="perplexity",
        title="Perplexity",
        media=_PICTURES_AND_FILES,
        connection=Connection(base_url="https://api.perplexity.ai", key_variables=("PERPLEXITY_API_KEY",)),
        aliases=("pplx", "sonar"),
        otel_names={"perplexity.ai": "perplexity"},
        bounds={"temperature": Bound(0, 2), "top_p": _TOP_P},
        # Parameters that its documentation doesn't have.
        refuses=_LOGPROBS | {"n", "seed", "user"},
        body=_keep_paths("search_domain_filter", "search_recency_filter", "return_images", "web_search_options"),
        forms=_TURNS,
        calls_need_tools=True,
    ),
    Provider(
        api_type="openrouter",
        title="OpenRouter",
        connection=Connection(base_url="https://openrouter.ai/api/v1", key_variables=("OPENROUTER_API_KEY",)),
        aliases=("open_router",),
        body=_keep_paths(
            *("top_k", "top_a", "min_p", "repetition_penalty", "models", "route", "transforms", "provider"),
            *("plugins", "reasoning", "usage", "include_reasoning"),
        ),
        # OpenRouter adapts requests to its vendors.
        forms=(remove_nulls,),
        functions=True,
    ),
    Provider(
        api_type="lmstudio",
        title="LM Studio",
        media=_PICTURES,
        fetches_media=False,
        connection=Connection(base_url="http://localhost:1234/v1", key_variables=("LMSTUDIO_API_KEY",), requires_key=False),
        aliases=("lm_studio", "lm-studio"),
        body=_keep_paths("top_k", "repeat_penalty", "min_p", "ttl"),
        forms=(*_USUAL, replace_blanks),
        text_calls=True,
        free=True,
    ),
    Provider(
        api_type="vllm",
        title="vLLM",
        connection=Connection(base_url="http://localhost:8000/v1", key_variables=("VLLM_API_KEY",), requires_key=False),
        body=_VLLM,
        **_SERVER,
    ),
    Provider(
        api_type="llamacpp",
        title="llama.cpp",
        connection=Connection(base_url="http://localhost:8080/v1", key_variables=("LLAMA_API_KEY",), requires_key=False),
        aliases=("llama_cpp", "llama.cpp", "llama-cpp"),
        body=_LLAMA_CPP,
        **_SERVER,
    ),
    Provider(
        # The proxy adapts requests to its vendors.
        api_type="litellm",
        title="the LiteLLM proxy",
        connection=Connection(
            base_url="http://localhost:4000", key_variables=("LITELLM_API_KEY", "LITELLM_MASTER_KEY"), requires_key=False
        ),
        functions=True,
    ),
    Provider(
        # Only the exact name selects this row: see `find_provider`.
        api_type="local",
        title="the local model",
        media=_TEXT_ALONE,
        connection=Connection(requires_key=False, make_endpoint=connect.connect_local),
        aliases=("embedded",),
        body=_LLAMA_CPP,
        **_SERVER,
    ),
)

"""Config lists, and the cache key of a request."""

from __future__ import annotations

from ._cache_key import NON_CACHE_KEY, get_key
from ._config.key_files import (
    DEFAULT_AZURE_API_VERSION,
    config_list_from_dotenv,
    config_list_from_models,
    config_list_gpt4_gpt35,
    config_list_openai_aoai,
)
from ._config.lists import filter_config, get_config, get_config_list, get_first_llm_config, is_valid_api_key
from ._config.sources import config_list_from_json
from ._legacy.assistants_api import (
    create_gpt_assistant,
    create_gpt_vector_store,
    detect_gpt_assistant_api_version,
    retrieve_assistants_by_name,
    update_gpt_assistant,
)
from ._usage.cost import OAI_PRICE1K

__all__ = [
    "DEFAULT_AZURE_API_VERSION",
    "NON_CACHE_KEY",
    "OAI_PRICE1K",
    "config_list_from_dotenv",
    "config_list_from_json",
    "config_list_from_models",
    "config_list_gpt4_gpt35",
    "config_list_openai_aoai",
    "create_gpt_assistant",
    "create_gpt_vector_store",
    "detect_gpt_assistant_api_version",
    "filter_config",
    "get_config",
    "get_config_list",
    "get_first_llm_config",
    "get_key",
    "is_valid_api_key",
    "retrieve_assistants_by_name",
    "update_gpt_assistant",
]

"""Providers of models: the differences between their endpoints and OpenAI's, as a table that programs can add to.

>>> from autogen.oai.providers import Connection, Provider, remove_names
>>> acme = Provider(
...     api_type="acme",
...     title="Acme",
...     connection=Connection(base_url="https://api.acme.example/v1", key_variables=("ACME_API_KEY",)),
...     refuses=frozenset({"seed"}),
...     forms=(remove_names,),
... )
>>> acme.adapt({"model": "acme-1", "messages": [{"role": "user", "content": "Hi", "name": "ann"}]})
{'model': 'acme-1', 'messages': [{'role': 'user', 'content': 'Hi'}]}

After `register_provider(acme)`, `{"model": "acme-1", "api_type": "acme"}` is an entry of a config list. A package offers a
provider to all programs of its environment by an entry point:

    [project.entry-points."autogen.providers"]
    acme = "autogen_acme:PROVIDER"
"""

from __future__ import annotations

from ._endpoints.connections import Connection, connect_by_key
from ._endpoints.endpoint_pool import Endpoint
from ._endpoints.message_forms import (
    convert_developer_to_system,
    convert_functions_to_tools,
    convert_late_system_to_user,
    convert_system_to_user,
    ensure_alternation,
    ensure_user_last,
    fill_missing_content,
    insert_tool_acknowledgements,
    join_text_parts,
    merge_system_messages,
    remove_names,
    remove_nulls,
    render_calls_as_text,
    replace_blanks,
    shorten_call_ids,
)
from ._endpoints.parameters import Bound
from ._endpoints.provider_registry import PROVIDERS, otel_provider_name, register_provider
from ._endpoints.provider_spec import Provider
from ._endpoints.tool_schemas import simplify_tools

__all__ = [
    "PROVIDERS",
    "Bound",
    "Connection",
    "Endpoint",
    "Provider",
    "connect_by_key",
    "convert_developer_to_system",
    "convert_functions_to_tools",
    "convert_late_system_to_user",
    "convert_system_to_user",
    "ensure_alternation",
    "ensure_user_last",
    "fill_missing_content",
    "insert_tool_acknowledgements",
    "join_text_parts",
    "merge_system_messages",
    "otel_provider_name",
    "register_provider",
    "remove_names",
    "remove_nulls",
    "render_calls_as_text",
    "replace_blanks",
    "shorten_call_ids",
    "simplify_tools",
]

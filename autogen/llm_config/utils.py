"""AG2's path for the functions that read and filter config lists."""

from __future__ import annotations

from ..oai.openai_utils import config_list_from_json, filter_config

__all__ = ["config_list_from_json", "filter_config"]

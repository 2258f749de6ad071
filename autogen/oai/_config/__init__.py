"""Config lists: their sources, and the translation of old keys."""

"""The classic `Completion` API of 2023, its tuning, and the Assistants API."""

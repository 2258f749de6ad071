"""Pictures of messages: formats, conversion, storage, and the files that may be opened. Pillow is loaded on first use."""

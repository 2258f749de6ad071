"""Group chats: the run, speaker selection, validation, resuming."""

"""Group chats: the run, speaker selection, validation, restoring, cloning."""

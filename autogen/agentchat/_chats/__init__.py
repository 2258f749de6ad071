"""Chats: the message loop, chats between two agents, sequences, nested chats, summaries."""

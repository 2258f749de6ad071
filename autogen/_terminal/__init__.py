"""Parts of the views of chats on a terminal: lines for events, and Markdown."""

"""The terminal: a conversation in it, and how stored words are shown there."""

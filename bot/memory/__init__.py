"""Memory: threads, messages, search, and the face that a program embeds."""

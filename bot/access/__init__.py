"""Access: who may read what. The only door to another person's words."""

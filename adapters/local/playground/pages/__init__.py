"""What each address of the playground answers."""

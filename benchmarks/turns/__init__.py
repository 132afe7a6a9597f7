"""What turns cost: from a message that arrives to its answer, posted and closed."""

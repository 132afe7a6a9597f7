"""Importing: foreign records of conversations, read without trust and stored without doubles."""

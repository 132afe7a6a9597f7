"""The command line: one command in each file. Whatever is slow to load is loaded when a command runs."""

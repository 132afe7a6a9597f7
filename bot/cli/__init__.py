"""The command line: what the commands are called stands in `app`, what each does in a file of its own."""

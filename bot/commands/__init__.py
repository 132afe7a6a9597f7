"""Commands: what people ask the bot to do, other than to answer. Each is declared once, in a file of its own."""

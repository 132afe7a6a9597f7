"""The local platform: places and people without any chat service, kept in the bot's own database."""

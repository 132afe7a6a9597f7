"""The local platform in the browser: people, channels and the bot, on this machine alone."""

"""Platform adapters: Slack, Discord and the local playground come here, each with the same file names."""

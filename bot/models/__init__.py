"""Models: the port that the agent speaks to, the OpenAI-compatible client and the offline model behind it."""

"""Commands by which a supervisor reads other people's conversations. Each read is recorded before it is shown."""

"""The commands of admins: first choices, settings, roles, the access log, usage. For everybody else there are none."""

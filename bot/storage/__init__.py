"""Storage: tables, the runner on both engines, bringing the schema up to date."""

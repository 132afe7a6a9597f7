"""The command `threadkeeper`, also as `python -m bot`."""


def main() -> None:
    """Run the command line."""
    from bot.cli import app  # noqa: PLC0415 (importing this module must do nothing)

    app()


if __name__ == "__main__":
    main()

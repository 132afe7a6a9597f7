"""The command `threadkeeper`, also as `python -m bot`."""


def main() -> None:
    """Run the command line."""
    from bot.cli.app import run  # noqa: PLC0415 (importing this module must do nothing)

    run()


if __name__ == "__main__":
    main()

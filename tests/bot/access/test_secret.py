"""One secret, many keys."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import astuple
from pathlib import Path

import pytest

from bot.access.secret import Secrets, read_secrets, secret_path, secrets_of
from bot.errors import SettingsError
from bot.settings import Settings, read_settings
from tests.engines import SECRET


def test_each_key_is_another_and_always_the_same() -> None:
    keys = astuple(Secrets.of(SECRET))

    assert len(set(keys)) == 4
    assert all(len(key) == 32 for key in keys)
    assert astuple(Secrets.of(SECRET.encode())) == keys
    assert set(astuple(Secrets.of(SECRET + "!"))) & set(keys) == set()


def test_no_key_shows_itself() -> None:
    secrets = Secrets.of(SECRET)

    assert repr(secrets) == "Secrets()"
    assert SECRET not in repr(Settings(_env_file=None, secret_key=SECRET))


def test_a_file_is_made_once_for_its_owner_alone(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'folder' / 'a.db'}"

    first = read_secrets(url)

    path = secret_path(url)
    assert path == tmp_path / "folder" / "a.db.secret"
    assert path.stat().st_mode & 0o777 == 0o600
    assert read_secrets(url) == first
    assert [one.name for one in path.parent.iterdir()] == [path.name]
    # Moved into the setting it means the same.
    assert read_secrets(url, path.read_text()) == first


def test_of_many_who_come_at_once_one_makes_it(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'a.db'}"

    with ThreadPoolExecutor(16) as pool:
        found = list(pool.map(lambda _: astuple(read_secrets(url)), range(64)))

    assert len(set(found)) == 1
    assert [one.name for one in tmp_path.iterdir()] == ["a.db.secret"]


def test_the_setting_comes_before_the_file(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'a.db'}"
    settings = Settings(_env_file=None, database_url=url, secret_key=SECRET)

    assert secrets_of(settings) == Secrets.of(SECRET)
    assert not secret_path(url).exists()


def test_a_secret_that_is_none_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    url = f"sqlite:///{tmp_path / 'a.db'}"
    secret_path(url).write_text("short\n")
    with pytest.raises(SettingsError, match="holds no secret"):
        read_secrets(url)
    secret_path(url).write_bytes(b"\xff" * 64)
    with pytest.raises(SettingsError, match="holds no text"):
        read_secrets(url)
    with pytest.raises(SettingsError, match="32 characters"):
        Secrets.of("short")
    monkeypatch.setenv("SECRET_KEY", "hunter2")
    with pytest.raises(SettingsError, match=r"SECRET_KEY: .*32 characters") as refusal:
        read_settings(None)
    assert "hunter2" not in str(refusal.value)


def test_a_missing_file_is_not_made_by_who_only_verifies(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'a.db'}"

    with pytest.raises(SettingsError, match="cannot be read"):
        read_secrets(url, make=False)

    assert list(tmp_path.iterdir()) == []


def test_a_file_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    with pytest.raises(SettingsError, match="cannot be read"):
        read_secrets(f"sqlite:///{tmp_path / 'file' / 'a.db'}")

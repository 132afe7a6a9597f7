"""Settings from the environment and `.env`, read once by the composition root; `.env.example` explains each."""

from pathlib import Path
from typing import Any, Literal

from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from bot.errors import SettingsError

#: A secret is never shorter, so that nobody tries them all.
SECRET_CHARACTERS = 32


class Settings(BaseSettings):
    """What an operator may set. Unknown names in the environment are not ours and are ignored."""

    model_config = SettingsConfigDict(env_file=".env", env_file_encoding="utf-8", extra="ignore", frozen=True)

    database_url: str = "sqlite:///data/threadkeeper.db"
    migration_database_url: str | None = None
    secret_key: SecretStr | None = None
    audit_anchor: Path | None = None

    local_playground: bool | None = None
    playground_port: int = Field(default=8080, ge=0, le=65_535)

    model: str | None = None
    openai_base_url: str | None = None
    openai_api_key: SecretStr | None = None
    model_token_limit_field: Literal["max_completion_tokens", "max_tokens"] = "max_completion_tokens"  # noqa: S105 (a field's name)
    model_answer_tokens: int = Field(default=4096, ge=16, le=200_000)
    model_stream_usage: bool = True
    model_system_role: Literal["system", "developer"] = "system"
    model_tools: bool = True
    embedding_model: str | None = None
    embedding_encoding: Literal["float", "base64"] = "float"

    admins: str = Field(default="", max_length=20_000)
    operator_name: str = Field(default="", max_length=80)

    bot_name: str = Field(default="Threadkeeper", min_length=1, max_length=80)
    persona: str = Field(default="", max_length=8_000)
    window_messages: int = Field(default=10, ge=0, le=1_000)
    window_tokens: int | None = Field(default=None, ge=100)

    messages_per_minute: int = Field(default=10, ge=0)
    messages_per_day: int = Field(default=200, ge=0)
    workspace_tokens_per_day: int = Field(default=2_000_000, ge=0)
    retention_days: int = Field(default=90, ge=0, le=36_500)

    @field_validator(
        "model",
        "openai_base_url",
        "embedding_model",
        "migration_database_url",
        "secret_key",
        "audit_anchor",
        "local_playground",
        mode="before",
    )
    @classmethod
    def _empty_is_unset(cls, value: Any) -> Any:
        """`MODEL=` in a file means that none is set."""
        return None if isinstance(value, str) and not value.strip() else value

    @field_validator("secret_key")
    @classmethod
    def _is_no_word(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and len(value.get_secret_value().strip()) < SECRET_CHARACTERS:
            raise ValueError(f"must have at least {SECRET_CHARACTERS} characters")
        return value

    @field_validator("openai_base_url")
    @classmethod
    def _is_an_address(cls, value: str | None) -> str | None:
        if value is not None and not value.startswith(("http://", "https://")):
            raise ValueError("must start with http:// or https://")
        return value

    @property
    def admin_ids(self) -> frozenset[str]:
        """The resource ids of ADMINS."""
        return frozenset(one.strip() for one in self.admins.split(",") if one.strip())


def read_settings(env_file: Path | None = Path(".env")) -> Settings:
    """Read the environment and `env_file`.

    Raises:
        SettingsError: names each wrong setting and what is wrong with it, never its value.
    """
    try:
        return Settings(_env_file=env_file)
    except ValidationError as error:
        lines = [
            f"{'.'.join(str(part) for part in problem['loc']).upper()}: {problem['msg']}"
            for problem in error.errors(include_input=False, include_url=False)
        ]
        raise SettingsError("These settings cannot work: " + "; ".join(lines)) from None
    except (OSError, UnicodeDecodeError):
        raise SettingsError(f"{env_file} cannot be read; it must be a file in UTF-8 that this user may read.") from None

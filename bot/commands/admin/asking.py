"""Forms that come back with what is wrong at the field where it is wrong, and with all that was written. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from bot.chat import Field
from bot.errors import InvalidArgument


@dataclass
class Wrong:
    """What is wrong with the fields of a form, by their names."""

    sentences: dict[str, str] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.sentences)

    def note(self, name: str, sentence: str) -> None:
        """Something is wrong with a field; the first thing is shown."""
        self.sentences.setdefault(name, sentence)

    def error(self) -> InvalidArgument:
        """All of it as one error, for whoever typed a command."""
        name = next(iter(self.sentences))
        return InvalidArgument(name, " ".join(self.sentences.values()))


def filled(fields: tuple[Field, ...], values: Mapping[str, str], wrong: Wrong) -> tuple[Field, ...]:
    """Fields with the values that were given, and what is wrong with them in place of their hints."""
    return tuple(
        replace(
            one,
            value=_possible(one, values.get(one.name, one.value)),
            hint=f"Not possible: {wrong.sentences[one.name]}" if one.name in wrong.sentences else one.hint,
        )
        for one in fields
    )


def _possible(one: Field, value: str) -> str:
    """A value that a field can show: a choice has no other than its own."""
    if one.kind == "choice" and value not in {choice for choice, _label in one.choices}:
        return one.value
    return value[: one.most_characters]

"""The model's part of a turn: it is asked once, and what it says grows until it is whole or somebody stops it."""

import asyncio
from contextlib import aclosing
from uuid import uuid4

from bot.agent.preparation import Prepared
from bot.agent.rounds import Progress, answer
from bot.errors import ModelAnswerUnusable, ModelRefused
from bot.memory.values import Outcome
from bot.models.port import Model
from bot.turns.growing import Growing
from bot.turns.notices import STOPPED, STOPPED_BEFORE

#: Asked again, these fail again.
_FINAL = (ModelRefused, ModelAnswerUnusable)


class Asking:
    """One question to the model. `stop` and `growing.give_up` work at any time, also before it was asked."""

    def __init__(self) -> None:
        #: The stored answer's id: however often it is recorded, it is one.
        self.answer_id = str(uuid4())
        self.growing = Growing()
        self.progress = Progress()
        self.stopped = False
        self._shown: dict[str, None] = {}
        self._speaking: asyncio.Task[None] | None = None

    def begin(self, model: Model, prepared: Prepared) -> None:
        """Ask the model, unless it was stopped before."""
        self._shown = prepared.shown
        if not self.stopped:
            self._speaking = asyncio.create_task(self._speak(model, prepared))

    async def _speak(self, model: Model, prepared: Prepared) -> None:
        try:
            async with aclosing(answer(model, prepared.prompt, prepared.tools, self.progress)) as pieces:
                async for piece in pieces:
                    self.growing.add(piece)
        except Exception as error:  # noqa: BLE001 (whoever reads what grows handles it)
            self.growing.give_up(error)
        else:
            self.growing.end()

    def stop(self) -> None:
        """Let it end with what was said so far; nothing, where it was whole already."""
        if not self.growing.whole:
            self.stopped = True
            self.growing.end()
            self._cancel()

    def _cancel(self) -> None:
        if self._speaking is not None:
            self._speaking.cancel()

    async def end(self) -> None:
        """Wait until the model says nothing more, by making it silent."""
        if self._speaking is not None:
            self._cancel()
            await asyncio.wait([self._speaking])

    @property
    def may_be_asked_again(self) -> bool:
        """Whether the model failed before its first word, in a way that may pass."""
        failure = self.progress.failure
        failed = failure is not None and self.progress.outcome == "failed" and not self.stopped
        return failed and not isinstance(failure, _FINAL)

    @property
    def shown(self) -> tuple[str, ...]:
        """The messages that the model was shown."""
        return tuple(self._shown)

    def conclude(self) -> tuple[str, Outcome]:
        """The whole answer and how it ended; one that was stopped says so."""
        if not self.stopped:
            return self.growing.text, self.progress.outcome
        said = self.growing.text.rstrip()
        self.growing.end(f"{said}\n\n{STOPPED}" if said else STOPPED_BEFORE)
        return self.growing.text, "cut" if said else "failed"

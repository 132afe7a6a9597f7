"""The model that the settings name; the offline model where they name none."""

from bot.models.offline import OfflineModel
from bot.models.openai_compatible import OpenAICompatibleModel
from bot.models.port import Model
from bot.settings import Settings


def model_of(settings: Settings) -> Model:
    """The model for `settings`. A provider is never switched silently: without a name there is none."""
    return OfflineModel() if settings.model is None else OpenAICompatibleModel.from_settings(settings)

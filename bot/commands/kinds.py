"""All kinds of jobs that a bot can do."""

from bot.commands.welcome import tell
from bot.supervision.kinds import JOB_KINDS as OF_SUPERVISION
from bot.turns.jobs import JobKinds
from bot.turns.welcome_rows import WELCOME

JOB_KINDS: JobKinds = {**OF_SUPERVISION, WELCOME: tell}

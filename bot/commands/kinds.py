"""All kinds of jobs that a bot can do."""

from bot.commands.welcome import tell
from bot.supervision.kinds import JOB_KINDS as OF_SUPERVISION
from bot.turns.accept_rows import WELCOME
from bot.turns.jobs import JobKinds

JOB_KINDS: JobKinds = {**OF_SUPERVISION, WELCOME: tell}

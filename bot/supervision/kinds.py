"""All kinds of jobs that a bot can do."""

from bot.supervision.erasing import TRACES, clear, erase
from bot.supervision.erasure_rows import ERASE
from bot.supervision.others_rows import REPORT
from bot.supervision.own_export import export
from bot.supervision.own_rows import EXPORT
from bot.supervision.reading_rows import NO_READINGS, READINGS
from bot.supervision.readings import tell_nothing, tell_readings
from bot.supervision.report_export import report
from bot.turns.jobs import KINDS, JobKinds

JOB_KINDS: JobKinds = {
    **KINDS,
    ERASE: erase,
    TRACES: clear,
    EXPORT: export,
    REPORT: report,
    READINGS: tell_readings,
    NO_READINGS: tell_nothing,
}

"""The long work of this app, by rooms: importing them registers their kinds of job."""

import annotation.boards.tasks
import annotation.campaign_tasks
import annotation.import_tasks
import annotation.prompt_tasks  # noqa: F401

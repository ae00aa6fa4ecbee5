"""The doctor as a job: the examinations of `manage.py doctor`, started from a page."""

from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from webapp.doctor import count, findings
from webapp.jobs import Work, job_kind


@job_kind("doctor", label=gettext_lazy("Doctor"), max_attempts=2)
def run_doctor(work: Work) -> dict[str, Any]:
    """Run every examination; the result lists what is wrong and what to do about it."""
    sentences: list[str] = []
    total = count()
    for examined, finding in enumerate(findings(), start=1):
        sentences += [f"{finding.title}: {sentence}" for sentence in finding.sentences]
        work.progress(examined, total, _("Examined: %(title)s") % {"title": finding.title})
    return {"examined": total, "findings": sentences}

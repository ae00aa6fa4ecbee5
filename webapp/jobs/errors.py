"""How work ends other than by returning."""


class JobCancelled(Exception):
    """A person asked for the end. Raised by work.beat(); let it pass, the runner notes it."""


class LeaseLost(Exception):
    """Another attempt owns the job now. Stop; whatever is still written is refused."""


class HandedBack(Exception):
    """The worker is being stopped. The job goes back to its queue and no attempt is lost."""


class JobFailed(Exception):
    """The work cannot succeed by trying again.

    Args:
        sentence: for the owner: what is wrong and what to do.
        detail: for whoever runs the site, such as the end of a log; never a secret.
    """

    def __init__(self, sentence: str, detail: str = "") -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.detail = detail

"""One job's work on requests: take, ask, pass the text on as it comes, write how it ended.

Everything that touches the database happens in the caller's thread, in `tick`; threads and the
model process only put what they hear into one queue.
"""

import queue
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Protocol

from django.db.models import F
from django.db.models.functions import Now

from training.generate import claims, recorded, service
from training.generate.outcomes import Finished, NoAnswer, TryLater
from training.generate.requests import Sampling
from training.models import Batch, EndpointKind, Generation, GenerationState, ModelEndpoint
from webapp.jobs.work import Work

FLUSH_SECONDS = 0.3  # between two writes of a growing answer
LOOK_SECONDS = 0.15  # between two looks for requests
STOPS_SECONDS = 1.0  # between two looks whether somebody stopped a request
RESCUE_SECONDS = 10.0  # between two looks for requests of jobs that died
MOST_TRIES = 6
MOST_TRIES_WAITED_FOR = 3  # a person looks on: the reason is worth more than another try
FAILURES_IN_A_ROW = 8  # after which a batch stops asking an endpoint

Said = tuple["Held", object]


@dataclass(eq=False)
class Held:
    """A request in work: its row and what came so far."""

    row: Generation
    endpoint: ModelEndpoint
    sampling: Sampling
    parts: list[str] = field(default_factory=list)
    stopped: threading.Event = field(default_factory=threading.Event)
    next_write: float = 0.0
    unwritten: bool = False

    @property
    def text(self) -> str:
        return "".join(self.parts)


class LocalModels(Protocol):
    """The process that holds the weights (training.generate.local)."""

    def start(self, held: Held) -> None: ...

    def stop(self, held: Held) -> None: ...


class Session:
    """The requests of a batch, or of everybody who waits for endpoints of certain kinds.

    Attributes:
        ended: how requests ended, by state.
        last_busy: time.monotonic() of the last moment with something to do.
        broken: endpoint name -> sentence, for endpoints that a batch gave up.
    """

    def __init__(
        self,
        work: Work,
        *,
        batch: Batch | None = None,
        kinds: tuple[str, ...] = (),
        local: LocalModels | None = None,
    ) -> None:
        self.work = work
        self.batch = batch
        self.kinds = kinds
        self.local = local
        self.held: dict[int, Held] = {}
        self.ended: Counter[str] = Counter()
        self.broken: dict[str, str] = {}
        self.last_busy = time.monotonic()
        self.heard: queue.SimpleQueue[Said] = queue.SimpleQueue()
        self._failed_in_a_row: Counter[int] = Counter()
        self._rest_until: dict[int, float] = {}  # endpoints that asked for a pause
        self._next_look = self._next_stops = self._next_rescue = 0.0

    # ---- the loop's body

    def tick(self) -> None:
        """Do what is due. Raises what work.beat() raises."""
        self.work.beat()
        now = time.monotonic()
        if now >= self._next_rescue:
            self._next_rescue = now + RESCUE_SECONDS
            claims.take_back_from_the_dead()
        if now >= self._next_stops and self.held:
            self._next_stops = now + STOPS_SECONDS
            self._let_go_of_the_stopped()
        if now >= self._next_look:
            self._next_look = now + LOOK_SECONDS
            self._take()
        self._listen()
        self._write_growing()
        if self.held:
            self.last_busy = time.monotonic()

    @property
    def requests(self) -> Any:
        rows = claims.waiting(self.batch)
        return rows.filter(endpoint__kind__in=self.kinds) if self.kinds else rows

    def has_more(self) -> bool:
        """Whether a request is in work or waits (perhaps for its next try)."""
        return bool(self.held) or self._askable().exists()

    def close(self) -> None:
        """Give back what is held. Threads end with their next piece, or with their deadline."""
        for held in self.held.values():
            self._stop(held)
        claims.give_back(self.work)
        self.held.clear()

    def lost_the_models(self, sentence: str) -> None:
        """The model process ended: what it was at is tried again, or fails with the reason."""
        for held in [held for held in self.held.values() if held.endpoint.is_local]:
            self._end_badly(held, TryLater(sentence))

    # ---- taking

    def _askable(self) -> Any:
        return self.requests.exclude(endpoint__name__in=list(self.broken))

    def _take(self) -> None:
        wanted = self._askable().order_by().values_list("endpoint", flat=True).distinct()
        busy = Counter(held.endpoint.pk for held in self.held.values())
        endpoints = ModelEndpoint.objects.select_related("version").filter(pk__in=wanted)
        for endpoint in endpoints.order_by("pk"):
            room = self._room(endpoint) - busy[endpoint.pk]
            if room <= 0 or time.monotonic() < self._rest_until.get(endpoint.pk, 0.0):
                continue
            try:
                taken = claims.claim(self.work, self.requests, endpoint, room, self.batch)
            except claims.BudgetSpent as spent:
                self._refuse_all(endpoint, str(spent))
                continue
            for row in taken:
                self._begin(Held(row, row.endpoint, Sampling.from_json(row.settings)))

    def _room(self, endpoint: ModelEndpoint) -> int:
        return 64 if endpoint.kind != EndpointKind.SERVICE else endpoint.at_once

    def _refuse_all(self, endpoint: ModelEndpoint, sentence: str) -> None:
        """A batch leaves its requests waiting for a higher budget; people are told at once."""
        if self.batch is not None:
            if not any(held.endpoint.pk == endpoint.pk for held in self.held.values()):
                self.broken[endpoint.name] = sentence
            return
        self.requests.filter(endpoint=endpoint).update(
            state=GenerationState.FAILED, error=sentence[:500], finished_at=Now()
        )

    def _begin(self, held: Held) -> None:
        self.held[held.row.pk] = held
        if held.endpoint.is_local:
            assert self.local is not None, "a job without weights took a request for a model"
            self.local.start(held)
        elif held.endpoint.kind == EndpointKind.RECORDED:
            self._follow(held, recorded.ask(held.endpoint, held.row.messages, held.sampling))
        else:
            threading.Thread(target=self._ask_service, args=(held,), daemon=True).start()

    def _ask_service(self, held: Held) -> None:
        said = service.ask(
            held.endpoint, held.row.messages, held.sampling, is_stopped=held.stopped.is_set
        )
        self._follow(held, said)

    def _follow(self, held: Held, said: Any) -> None:
        """Everything a back end says, into the one queue, its exceptions included."""
        try:
            for piece in said:
                self.heard.put((held, piece))
        except Exception as error:
            self.heard.put((held, error))

    # ---- hearing and writing

    def _listen(self) -> None:
        while True:
            try:
                held, said = self.heard.get_nowait()
            except queue.Empty:
                return
            if self.held.get(held.row.pk) is not held:
                continue  # stopped or given up meanwhile
            if isinstance(said, str):
                held.parts.append(said)
                held.unwritten = True
            elif isinstance(said, Finished):
                self._end_well(held, said)
            elif isinstance(said, Exception):
                self._end_badly(held, said)

    def _write_growing(self) -> None:
        now = time.monotonic()
        for held in list(self.held.values()):
            if not held.unwritten or now < held.next_write:
                continue
            held.next_write, held.unwritten = now + FLUSH_SECONDS, False
            values: dict[str, Any] = {"text": held.text}
            if held.row.first_text_at is None:
                values["first_text_at"] = Now()
                held.row.first_text_at = held.row.started_at
            if self.batch is None and not claims.write(self.work, held.row, **values):
                self._drop(held)

    def _end_well(self, held: Held, end: Finished) -> None:
        text = held.text.strip()
        if not text:
            return self._end_badly(held, NoAnswer("The model ended without saying anything."))
        tokens_in, tokens_out, estimated = self._tokens(held, end)
        cost = held.endpoint.cost(tokens_in, tokens_out)
        if claims.write(
            self.work,
            held.row,
            state=GenerationState.DONE,
            text=text,
            finish=end.finish,
            tokens_in=tokens_in,
            tokens_out=tokens_out,
            tokens_estimated=estimated,
            cost=F("cost") + cost,
            reserved=0,
            finished_at=Now(),
        ):
            held.row.text, held.row.finish = text, end.finish
            held.row.state = GenerationState.DONE
            self.ended["done"] += 1
            self._failed_in_a_row[held.endpoint.pk] = 0
        self.held.pop(held.row.pk, None)
        self._next_look = 0.0  # there is room again
        return None

    def _tokens(self, held: Held, end: Finished | None = None) -> tuple[int, int, bool]:
        """Tokens in and out, and whether we had to estimate them."""
        told_in, told_out = (end.tokens_in, end.tokens_out) if end else (None, None)
        asked = sum(claims.estimated_tokens(m["content"]) for m in held.row.messages)
        said = claims.estimated_tokens(held.text)
        estimated = told_in is None or told_out is None
        return (
            asked if told_in is None else told_in,
            said if told_out is None else told_out,
            estimated,
        )

    def _end_badly(self, held: Held, error: Exception) -> None:
        self.held.pop(held.row.pk, None)
        self._next_look = 0.0
        self._stop(held)
        cost = held.endpoint.cost(*self._tokens(held)[:2]) if held.parts else Decimal(0)
        most = MOST_TRIES if self.batch is not None else MOST_TRIES_WAITED_FOR
        sentence = str(error) if isinstance(error, TryLater | NoAnswer) else _unexpected(error)
        if isinstance(error, TryLater) and held.row.tries < most:
            pause = claims.pause_before(held.row.tries, error.wait)
            claims.ask_later(self.work, held.row, sentence, pause, cost)
            self._rest_until[held.endpoint.pk] = time.monotonic() + min(pause, 5.0)
            return
        if isinstance(error, TryLater):
            sentence = f"{sentence} Tried {held.row.tries} times."
        claims.write(
            self.work,
            held.row,
            state=GenerationState.FAILED,
            error=sentence[:500],
            text=held.text,
            cost=F("cost") + cost,
            reserved=0,
            finished_at=Now(),
        )
        self.ended["failed"] += 1
        self._failed_in_a_row[held.endpoint.pk] += 1
        if self.batch and self._failed_in_a_row[held.endpoint.pk] >= FAILURES_IN_A_ROW:
            self.broken[held.endpoint.name] = (
                f"{held.endpoint.name} gave {FAILURES_IN_A_ROW} times in a row no answer. The last "
                f"time: {sentence}"
            )

    # ---- stopping

    def _let_go_of_the_stopped(self) -> None:
        mine = claims.held_by(self.work).filter(pk__in=list(self.held))
        still = set(mine.values_list("pk", flat=True))
        for held in [held for pk, held in self.held.items() if pk not in still]:
            self._drop(held)

    def _drop(self, held: Held) -> None:
        self.held.pop(held.row.pk, None)
        self._stop(held)
        self.ended["stopped"] += 1

    def _stop(self, held: Held) -> None:
        held.stopped.set()
        if held.endpoint.is_local and self.local is not None:
            self.local.stop(held)


def _unexpected(error: Exception) -> str:
    told = " ".join(str(error).split())[:200]
    return f"Asking stopped with an unexpected error ({type(error).__name__}: {told})."

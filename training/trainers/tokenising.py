"""From texts and chats to token ids, with what is learned told from what is only read.

Prompt and answer are tokenised apart, as they are when an answer is generated, so that no token
spans the boundary. A chat goes through the tokenizer's template; a plain text gets the BOS token
that the tokenizer puts before texts, and an EOS token after the answer.
"""

from typing import Any, NamedTuple

from training.trainers.data import CompletionRow, Text, plain_text
from training.trainers.outcome import BadInput

IGNORED = -100  # the label of a token that is context only, as torch's cross-entropy has it

# For a tokenizer that has none. What the assistant says, its end included, stands between the marks
# by which training knows what to learn.
DEFAULT_CHAT_TEMPLATE = (
    "{% for message in messages %}"
    "{% if message['role'] == 'assistant' %}"
    "{{ 'assistant: ' }}{% generation %}{{ message['content'] + eos_token }}{% endgeneration %}"
    "{{ '\n' }}"
    "{% else %}{{ message['role'] + ': ' + message['content'] + '\n' }}{% endif %}"
    "{% endfor %}"
    "{% if add_generation_prompt %}{{ 'assistant: ' }}{% endif %}"
)


class Tokenised(NamedTuple):
    """One example: its tokens, and the same tokens with IGNORED where nothing is learned."""

    input_ids: list[int]
    labels: list[int]


class Texts:
    """Tokenises the texts of a run. `tokenizer` must have distinct EOS and pad tokens."""

    def __init__(self, tokenizer: Any) -> None:
        self.tokenizer = tokenizer
        self.eos: int = tokenizer.eos_token_id

    def prompt(self, prompt: Text) -> list[int]:
        """Token ids of a prompt, ready for an answer to follow."""
        if isinstance(prompt, str):
            return self._plain_prompt(prompt)
        return self._render(plain_text(prompt), prompting=True)

    def pair(self, prompt: Text, completion: Text) -> tuple[list[int], list[int]]:
        """Token ids of a prompt and of an answer to it, which ends in EOS.

        Raises BadInput for a chat template under which an answer changes what stands before it.
        """
        if isinstance(prompt, str) or isinstance(completion, str):
            assert isinstance(prompt, str)
            assert isinstance(completion, str)
            ids = self.tokenizer(completion, add_special_tokens=False)["input_ids"]
            return self._plain_prompt(prompt), [*ids, self.eos]
        before = self._render(plain_text(prompt), prompting=True)
        chat = [*plain_text(prompt), *plain_text(completion)]
        whole = self._render(chat, prompting=False)
        if whole[: len(before)] != before:
            raise BadInput(
                "The chat template writes a prompt differently once it is answered, so that the "
                "answer cannot be told from it. Give the tokenizer another chat template."
            )
        return before, whole[len(before) :]

    def demonstration(self, row: CompletionRow, *, learn_all: bool = False) -> Tokenised:
        """Tokens of a demonstration, with labels on the answer, or on all when `learn_all`.

        In a chat every assistant turn is learned if the template marks them with
        `{% generation %}`; otherwise the last completion is.
        """
        if row.messages is not None or (not isinstance(row.prompt, str) and self._marks_answers):
            turns = row.messages or [*(row.prompt or ()), *(row.completion or ())]
            return self._chat(turns, learn_all)
        assert row.prompt is not None
        assert row.completion is not None
        prompt, completion = self.pair(row.prompt, row.completion)
        ids = prompt + completion
        labels = ids if learn_all else [IGNORED] * len(prompt) + completion
        return Tokenised(ids, list(labels))

    def document(self, text: str) -> Tokenised:
        """Tokens of a raw text, ended by EOS; all are learned."""
        ids = [*self.tokenizer(text, add_special_tokens=False)["input_ids"], self.eos]
        if self.tokenizer.bos_token_id is not None and self._adds_bos:
            ids = [self.tokenizer.bos_token_id, *ids]
        return Tokenised(ids, list(ids))

    @property
    def _marks_answers(self) -> bool:
        return "{% generation %}" in (self.tokenizer.chat_template or "").replace("{%-", "{%")

    @property
    def _adds_bos(self) -> bool:
        return self.tokenizer("a")["input_ids"][:1] == [self.tokenizer.bos_token_id]

    def _plain_prompt(self, prompt: str) -> list[int]:
        ids: list[int] = list(self.tokenizer(prompt)["input_ids"])
        # Some tokenizers end every text with EOS; after a prompt it would end the answer.
        return ids[:-1] if ids and ids[-1] == self.eos else ids

    def _render(self, chat: Any, *, prompting: bool) -> list[int]:
        return list(
            self.tokenizer.apply_chat_template(
                chat, add_generation_prompt=prompting, tokenize=True, return_dict=False
            )
        )

    def _chat(self, turns: Any, learn_all: bool) -> Tokenised:
        chat = plain_text(list(turns))
        if learn_all:
            ids = self._render(chat, prompting=False)
            return Tokenised(ids, list(ids))
        if not self._marks_answers:
            raise BadInput(
                "The rows are whole chats (messages), and the tokenizer's chat template does not "
                "mark what the assistant says with {% generation %}. Mark it there, give rows "
                'with prompt and completion instead, or set settings.loss_on to "all".'
            )
        found = self.tokenizer.apply_chat_template(
            chat, tokenize=True, return_dict=True, return_assistant_tokens_mask=True
        )
        ids, learned = list(found["input_ids"]), found["assistant_masks"]
        return Tokenised(ids, [t if m else IGNORED for t, m in zip(ids, learned, strict=True)])


def pack(examples: list[Tokenised], width: int) -> list[list[int]]:
    """Which examples share a row of at most `width` tokens: best fit, longest first.

    Returns for each row the indices of its examples. Deterministic; ties keep the given order.
    Ordering by length first leaves little room unused (arXiv:2404.10830).
    """
    from bisect import bisect_left, insort

    order = sorted(range(len(examples)), key=lambda i: -len(examples[i].input_ids))
    rows: list[list[int]] = []
    room: list[tuple[int, int]] = []  # (tokens left, row), sorted
    for index in order:
        length = len(examples[index].input_ids)
        place = bisect_left(room, (length, -1))
        if place == len(room):
            rows.append([index])
            insort(room, (width - length, len(rows) - 1))
        else:
            left, row = room.pop(place)
            rows[row].append(index)
            insort(room, (left - length, row))
    return rows

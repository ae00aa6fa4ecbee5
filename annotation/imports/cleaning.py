"""The optional steps between reading and storing: cleaning, languages, special tokens, splitting.

Each conversation is changed, cut into parts, or refused with the rule's name; none vanishes.
Source of the rules and of their order: lm-sys/FastChat, fastchat/data.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from msgspec.structs import replace

from annotation.domain.conversation_cleaning import (
    GPT,
    HUMAN,
    CleaningRules,
    Turn,
    break_special_token,
    clean_by,
)
from annotation.domain.conversation_split import split_conversation
from annotation.domain.repeated_conversations import Sample, SampleFilter
from annotation.imports.formats.languages import language_code
from annotation.imports.formats.reading import Good, Opened
from annotation.imports.formats.refusals import Refusal, Refused
from annotation.imports.formats.rows import (
    ASSISTANT,
    SYSTEM,
    TOOL,
    USER,
    DemonstrationRow,
    Message,
    PromptRow,
    Row,
)

BYTES_PER_TOKEN = 4  # of UTF-8; no tokenizer is loaded for an estimate
CONVERSATIONS = frozenset({"sharegpt", "wildchat", "openai_messages"})

CLEANED = "cleaned"
TOKENS_BROKEN = "special tokens broken up"
SPLIT = "long conversation split into parts"
OVERLONG = "a round longer than the limit became a part of its own"
REASONS = {
    "too_short": "left out by cleaning: at most one turn, or fewer than 16 characters",
    "wrong_format": "left out by cleaning: user and assistant do not take turns",
    "blocked": "left out by cleaning: names a vendor, or is an error page",
    "parser_error": "left out by cleaning: its HTML cannot be converted",
    "repeated_digits": "left out by cleaning: nine times the same digit in a row",
    "restarted_list": "left out by cleaning: a numbered list starts again after its first item",
    "same_id": "left out by cleaning: the id of an earlier conversation",
    "plugins": "left out by cleaning: made with plugins",
    "same_opening": "left out by cleaning: the first question and answer of an earlier one",
}


@dataclass(frozen=True)
class Cleaning:
    """What is done to conversations on the way in; nothing unless asked for.

    clean: the rules for scraped conversations, of which drop_repeated_digits and
    drop_restarted_lists can be left out. special_tokens: broken up wherever they stand in a text.
    keep_languages, skip_languages: BCP 47; a row without a language is kept. split_tokens: longest
    part in tokens, estimated as a quarter of the UTF-8 bytes; 0 splits nothing.
    """

    clean: bool = False
    drop_repeated_digits: bool = True
    drop_restarted_lists: bool = True
    special_tokens: tuple[str, ...] = ()
    keep_languages: tuple[str, ...] = ()
    skip_languages: tuple[str, ...] = ()
    split_tokens: int = 0

    def applied(
        self, opened: Opened, languages: dict[str, str], html: bool | None
    ) -> Iterable[Good | Refusal]:
        """The results of `opened` with these steps; the same object when there is none to do."""
        asked = self.clean or self.special_tokens or self.split_tokens
        if not (asked or self.keep_languages or self.skip_languages):
            return opened.results
        # ShareGPT's reader has converted its HTML; twice would eat what is code in Markdown.
        rules = CleaningRules(
            html=False if opened.format.name == "sharegpt" else html,
            drop_repeated_digits=self.drop_repeated_digits,
            drop_restarted_lists=self.drop_restarted_lists,
        )
        stage = _Stage(self, rules, languages, opened.format.name in CONVERSATIONS)
        return stage.results(opened.results)


class _Stage:
    """One file going through; remembers what was seen, to leave out what comes twice."""

    def __init__(
        self,
        cleaning: Cleaning,
        rules: CleaningRules,
        languages: dict[str, str],
        conversations: bool,
    ) -> None:
        self.cleaning = cleaning
        self.rules = rules
        self.languages = languages
        self.conversations = conversations
        self.seen = SampleFilter()

    def results(self, found: Iterable[Good | Refusal]) -> Iterator[Good | Refusal]:
        for item in found:
            if isinstance(item, Refusal) or not item.rows:
                yield item
                continue
            fixes: list[str] = []
            try:
                rows = tuple(made for row in item.rows for made in self._row(row, fixes))
            except Refused as error:
                yield Refusal(item.line, item.offset, error.path, error.reason, item.raw)
            else:
                kept = tuple(dict.fromkeys((*item.fixes, *fixes)))
                yield Good(item.line, item.offset, rows, kept, item.raw)

    def _row(self, row: Row, fixes: list[str]) -> list[Row]:
        prompt = row if isinstance(row, PromptRow) else row.prompt
        self._refuse_language(prompt.language)
        if not isinstance(row, (PromptRow, DemonstrationRow)) or not prompt.messages:
            return [row]
        if any(turn.role == TOOL or turn.tool_calls for turn in prompt.messages):
            return [row]  # the rules know questions and answers only
        head = tuple(turn for turn in prompt.messages if turn.role == SYSTEM)
        body = [_turn(turn) for turn in prompt.messages if turn.role != SYSTEM]
        if isinstance(row, DemonstrationRow):
            body.append((GPT, row.text))
        if self.cleaning.clean and (self.conversations or isinstance(row, DemonstrationRow)):
            body = self._cleaned(body, prompt, fixes)
        body = self._without_special_tokens(body, fixes)
        if isinstance(row, PromptRow) and len(body) % 2:
            return [replace(row, messages=(*head, *map(_message, body)))]
        return self._parts(row, prompt, head, body, fixes)

    def _refuse_language(self, word: str) -> None:
        keep, skip = self.cleaning.keep_languages, self.cleaning.skip_languages
        if not word or not (keep or skip):
            return
        code = language_code(word, self.languages)
        names = {code.lower(), code.partition("-")[0].lower()}
        if names & {item.lower() for item in skip}:
            raise Refused(f"left out: its language is {code[:40]}", "language")
        if keep and not names & {item.lower() for item in keep}:
            raise Refused(f"left out: its language is {code[:40]}", "language")

    def _cleaned(self, body: list[Turn], prompt: PromptRow, fixes: list[str]) -> list[Turn]:
        turns, reason = clean_by(self.rules, body)
        if not reason:
            question, answer = turns[0][1], turns[1][1]
            plugins = bool(prompt.metadata.get("plugins"))
            reason = self.seen.reason(Sample(prompt.source_id, question, answer, plugins))
        if reason:
            raise Refused(REASONS[reason])
        if list(turns) != body:
            fixes.append(CLEANED)
        return list(turns)

    def _without_special_tokens(self, body: list[Turn], fixes: list[str]) -> list[Turn]:
        for token in self.cleaning.special_tokens:
            if any(token in text for _, text in body):
                fixes.append(TOKENS_BROKEN)
                body = [(role, break_special_token(text, token)) for role, text in body]
        return body

    def _parts(
        self,
        row: PromptRow | DemonstrationRow,
        prompt: PromptRow,
        head: tuple[Message, ...],
        body: list[Turn],
        fixes: list[str],
    ) -> list[Row]:
        chunks: tuple[tuple[int, int], ...] = ((0, len(body)),)
        if self.cleaning.split_tokens:
            lengths = [-(-len(text.encode()) // BYTES_PER_TOKEN) for _, text in body]
            split = split_conversation(lengths, self.cleaning.split_tokens)
            chunks = split.chunks or chunks
            if len(chunks) > 1:
                fixes.append(SPLIT)
            if split.overlong:
                fixes.append(OVERLONG)
        rows: list[Row] = []
        for number, (start, end) in enumerate(chunks, start=1):
            part = {"part": number, "parts": len(chunks)} if len(chunks) > 1 else {}
            beside = replace(
                prompt,
                messages=(*head, *map(_message, body[start : end - 1])),
                source_id=f"{prompt.source_id}_{start}" if part else prompt.source_id,
                metadata=prompt.metadata | part,
            )
            if isinstance(row, DemonstrationRow):
                rows.append(replace(row, prompt=beside, text=body[end - 1][1]))
            else:
                rows.append(DemonstrationRow(prompt=beside, text=body[end - 1][1]))
        return rows


def _turn(message: Message) -> Turn:
    return {USER: HUMAN, ASSISTANT: GPT}.get(message.role, message.role), message.content


def _message(turn: Turn) -> Message:
    return Message({HUMAN: USER, GPT: ASSISTANT}[turn[0]], turn[1])

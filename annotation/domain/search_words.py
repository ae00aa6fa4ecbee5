"""What a person typed into the search box, as terms; the database's syntax is made elsewhere."""

import re
from dataclasses import dataclass

_PART = re.compile(r'(?P<minus>-?)(?:"(?P<phrase>[^"]*)"?|(?P<word>[^\s"]+))')
_WORD = re.compile(r"\w+")
LONGEST = 300  # characters of a search
BEGINNING = 4  # letters from which a word also finds longer words that begin with it


@dataclass(frozen=True)
class Term:
    """Words that stand beside each other in this order; `negated`: the text must not hold them.

    `exact`: the words stood in quotes, so neither their endings nor their spelling may differ.
    """

    words: tuple[str, ...]
    negated: bool = False
    exact: bool = False

    @property
    def open_ended(self) -> bool:
        return not self.exact and len(self.words) == 1 and len(self.words[0]) >= BEGINNING


def read_search(text: str) -> list[list[Term]]:
    """Alternatives (separated by OR), each a list of terms that must all hold.

    A word without quotes that is cut by signs ("re-read") is a phrase of its parts. Signs alone say
    nothing and are left out, so that the answer may be empty.
    """
    alternatives: list[list[Term]] = [[]]
    for part in _PART.finditer(text[:LONGEST]):
        if part["word"] in ("OR", "|") and not part["minus"]:
            alternatives.append([])
            continue
        exact = part["phrase"] is not None
        words = tuple(_WORD.findall((part["phrase"] if exact else part["word"]).lower()))
        if words:
            alternatives[-1].append(Term(words, negated=bool(part["minus"]), exact=exact))
    return [terms for terms in alternatives if terms]

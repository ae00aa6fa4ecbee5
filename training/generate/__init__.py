"""The one door for model calls. docs/models.md says what can be asked, and how.

from training.generate import Ask, Sampling
from training.actions.ask import ask, fill_batch

ask(Ask(endpoint, messages, Sampling(seed=1)))  # somebody waits: a row that fills with text
fill_batch(batch=batch, asks=[...])  # many: then, in the batch's job,
generate(work, batch, keep=store)  # training.generate.serve
"""

from training.generate.requests import Ask, Sampling

__all__ = ["Ask", "Sampling"]

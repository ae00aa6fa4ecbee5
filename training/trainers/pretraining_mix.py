"""PPO-ptx: language-model batches mixed into the policy's updates (arXiv:2203.02155, equation
2)."""

from dataclasses import dataclass

import torch

from training.algorithms.logprobs import selective_log_softmax
from training.algorithms.rewards import ptx_loss
from training.trainers.actor_critic import Network
from training.trainers.data import CompletionRow, TextRow, read_rows
from training.trainers.on_policy_models import OnPolicyModels
from training.trainers.outcome import BadInput
from training.trainers.processes import Processes
from training.trainers.prompts import PromptOrder
from training.trainers.run_directory import Run
from training.trainers.tokenising import IGNORED, Tokenised

_PTX_STREAM = 31  # added to the seed, so that its order is not that of the prompts


@dataclass
class PretrainingMix:
    """Examples, and a cursor into an endless order of them."""

    examples: list[Tokenised]
    policy: Network
    processes: Processes
    order: PromptOrder
    batch_size: int
    micro_batch_size: int
    pad_id: int
    cursor: int = 0

    @classmethod
    def load(
        cls, run: Run, models: OnPolicyModels, processes: Processes, batch_size: int
    ) -> "PretrainingMix | None":
        """The ptx data of a run, or None when its weight is 0. Raises BadInput when it is
        missing."""
        if not run.config.settings.ptx_coef:
            return None
        texts, most = models.texts, run.config.training.max_length
        examples: list[Tokenised] = []
        for source in run.config.sources("ptx"):
            path = run.resolve(source.path)
            if source.kind == "text":
                examples += [texts.document(row.text) for row in read_rows(path, source, TextRow)]
            else:
                rows = read_rows(path, source, CompletionRow)
                examples += [texts.demonstration(row) for row in rows]
        if not examples:
            raise BadInput(
                "settings.ptx_coef is above 0, and data has no file with the role 'ptx'. Add one "
                "of kind text or prompt_completion, or set ptx_coef to 0."
            )
        cut = [Tokenised(e.input_ids[:most], e.labels[:most]) for e in examples]
        return cls(
            examples=cut,
            policy=models.actors.policy,
            processes=processes,
            order=PromptOrder(len(cut), run.config.seed + _PTX_STREAM),
            batch_size=batch_size,
            micro_batch_size=run.config.training.micro_batch_size,
            pad_id=models.pad_id,
        )

    def gradient(self, coef: float) -> tuple[float, float]:
        """Add the gradient of coef * mean NLL over the next batch's learned tokens.

        Returns this process's (sum of NLL, tokens). The mean is over the batch of all processes.
        """
        places = self.order.take(self.cursor, self.batch_size)
        self.cursor += self.batch_size
        mine = [self.examples[places[row]] for row in self.processes.slice(self.batch_size)]
        mine.sort(key=lambda example: len(example.input_ids))
        learned = sum(label != IGNORED for e in mine for label in e.labels[1:])
        everywhere = float(self.processes.sum(torch.tensor([float(learned)]))[0])
        total = 0.0
        for start in range(0, len(mine), self.micro_batch_size):
            part = mine[start : start + self.micro_batch_size]
            nll, tokens = self._loss(part)
            (coef * nll * tokens / max(everywhere, 1.0)).backward()
            total += float(nll.detach()) * tokens
        return total, float(learned)

    def _loss(self, part: list[Tokenised]) -> tuple[torch.Tensor, int]:
        width = max(len(example.input_ids) for example in part)
        ids = torch.full((len(part), width), self.pad_id)
        labels = torch.full_like(ids, IGNORED)
        attention = torch.zeros_like(ids)
        for row, example in enumerate(part):
            length = len(example.input_ids)
            ids[row, :length] = torch.tensor(example.input_ids)
            labels[row, :length] = torch.tensor(example.labels)
            attention[row, :length] = 1
        device = self.processes.device
        ids, labels, attention = ids.to(device), labels.to(device), attention.to(device)
        with self.policy.active(), self.processes.autocast():
            logits = self.policy.module(
                input_ids=ids, attention_mask=attention, use_cache=False
            ).logits
        mask = labels[:, 1:] != IGNORED
        logps = selective_log_softmax(logits[:, :-1], ids[:, 1:])
        return ptx_loss(logps, mask), int(mask.sum())

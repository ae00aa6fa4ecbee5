"""Loading what on-policy training needs, and writing what it made."""

import copy
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor

from training.trainers.actor_critic import (
    POLICY,
    REWARD,
    VALUE,
    ActorCritic,
    Network,
    backbone_of,
    same_vocabulary,
    scalar_head,
    zero_head,
)
from training.trainers.adapters import attach
from training.trainers.data import PromptRow, read_role
from training.trainers.events import Phase
from training.trainers.export import write_model
from training.trainers.loading import (
    eos_ids,
    load_causal_model,
    load_reward_model,
    load_tokenizer,
    uses_bf16,
)
from training.trainers.outcome import BadInput
from training.trainers.processes import Processes
from training.trainers.prompts import Prompt, tokenize_prompts
from training.trainers.rollout import PaddedBatch, Rollout, pad_batch
from training.trainers.run_config import ModelSource
from training.trainers.run_directory import Run
from training.trainers.settings import LoraSettings
from training.trainers.tokenising import Texts
from training.trainers.vllm_generation import VLLMSampler, refuse_vllm, require_vllm


class Scorer(Protocol):
    """Scores answers: (B,) for the rows of a batch."""

    def scores(self, rollout: Rollout, batch: PaddedBatch) -> Tensor: ...


@dataclass
class SameTokens:
    """The reward model reads the policy's own token ids, the EOS where the policy emitted one."""

    network: Network

    def scores(self, rollout: Rollout, batch: PaddedBatch) -> Tensor:
        return self.network.scores(batch)


@dataclass
class OtherTokens:
    """The reward model has another tokenizer: the text is decoded and written again in its own
    template, with its EOS only where the policy ended."""

    network: Network
    policy_tokenizer: Any
    texts: Texts

    def scores(self, rollout: Rollout, batch: PaddedBatch) -> Tensor:
        prompts, answers = [], []
        for row in batch.rows:
            completion = rollout.completions[row]
            text = self.policy_tokenizer.decode(completion.ids, skip_special_tokens=True)
            ids = list(self.texts.tokenizer(text, add_special_tokens=False)["input_ids"])
            ids += [self.texts.eos] if completion.ended or not ids else []
            prompts.append(self.texts.prompt(rollout.prompts[row].source))
            answers.append(ids)
        pad = self.texts.tokenizer.pad_token_id
        return self.network.scores(pad_batch(prompts, answers, pad, batch.ids.device))


@dataclass
class OnPolicyModels:
    """Networks, tokenizer and scorer of one run."""

    actors: ActorCritic
    tokenizer: Any
    texts: Texts
    eos_ids: tuple[int, ...]
    pad_id: int
    scorer: Scorer
    vllm: VLLMSampler | None = None

    def text(self, ids: list[int]) -> str:
        """An answer as a person reads it, special tokens left out."""
        decoded: str = self.tokenizer.decode(ids, skip_special_tokens=True)
        return decoded

    def export_policy(self, run: Run, figures: dict[str, float]) -> dict[str, object]:
        """Write the policy to `model/`, an adapter merged in; the last use of these networks."""
        policy = self.actors.policy
        if policy.host is None:
            return write_model(run, policy.module, self.tokenizer, figures)
        for name in set(policy.host.peft_config) - {POLICY}:
            policy.host.delete_adapter(name)
        policy.host.set_adapter(POLICY)
        return write_model(run, policy.host, self.tokenizer, figures)


def load_models(
    run: Run, processes: Processes, *, value: bool, reference: bool = True
) -> tuple[OnPolicyModels, list[Prompt]]:
    """Everything that an on-policy method starts from. Raises BadInput."""
    run.enter(Phase.LOADING)
    config = run.config
    wants_vllm = getattr(config.settings, "engine", "transformers") == "vllm"
    if wants_vllm:
        refuse_vllm(config, processes.world_size)
        require_vllm()  # said before minutes of loading
    torch.manual_seed(config.seed)  # fresh adapters and heads are the same on every process
    tokenizer = load_tokenizer(run, config.model)
    model = load_causal_model(run, config.model, tokenizer)
    stops = tuple(eos_ids(model, tokenizer))
    reward_source = config.reward_model
    assert reward_source is not None  # run_config refuses a run without one
    reward_tokenizer = load_tokenizer(run, reward_source)
    same = same_vocabulary(tokenizer, reward_tokenizer)
    if config.lora is None:
        actors = _full(run, model, tokenizer, reward_tokenizer, same, value, reference)
    else:
        actors = _adapted(run, model, tokenizer, reward_tokenizer, same, value, reference)
    assert actors.reward is not None
    scorer: Scorer = SameTokens(actors.reward)
    if not same:
        scorer = OtherTokens(actors.reward, tokenizer, Texts(reward_tokenizer))
    texts = Texts(tokenizer)
    models = OnPolicyModels(actors, tokenizer, texts, stops, tokenizer.pad_token_id, scorer)
    if wants_vllm:
        models.vllm = VLLMSampler(
            run.resolve(config.model.path),
            config.training.max_length,
            bf16=uses_bf16(run),
            seed=config.seed,
        )
    if config.training.gradient_checkpointing:
        _checkpoint_activations(actors)
    run.enter(Phase.PREPARING)
    room = config.training.max_length - config.settings.max_new_tokens
    prompts = tokenize_prompts(read_role(run, "prompts", PromptRow), texts, room)
    return models, prompts


def _full(
    run: Run,
    model: Any,
    tokenizer: Any,
    reward_tokenizer: Any,
    same: bool,
    value: bool,
    reference: bool,
) -> ActorCritic:
    """Four models, two of them frozen."""
    config = run.config
    assert config.reward_model is not None
    actors = ActorCritic(policy=Network(model))
    classifier = load_reward_model(run, config.reward_model, reward_tokenizer)
    if value:
        actors.value = _full_value(run, model, tokenizer, classifier, same)
    actors.reward = Network(backbone_of(classifier), scalar_head(classifier)).freeze()
    if reference:
        source = config.reference
        frozen = load_causal_model(run, source, tokenizer) if source else copy.deepcopy(model)
        actors.reference = Network(frozen).freeze()
        actors.reference.module.eval()
    actors.reward.module.eval()
    return actors


def _full_value(run: Run, model: Any, tokenizer: Any, classifier: Any, same: bool) -> Network:
    config, from_reward = run.config, run.config.settings.value_init == "reward_model"
    if config.value_model is not None:
        start = load_reward_model(run, config.value_model, tokenizer, new_head=True)
        return Network(backbone_of(start), scalar_head(start))
    if not same and from_reward:
        raise BadInput(_OTHER_VOCABULARY)
    start = copy.deepcopy(backbone_of(classifier if same else model))
    if from_reward:
        return Network(start, scalar_head(classifier))
    return Network(start, zero_head(_width(model), model.device))


_OTHER_VOCABULARY = (
    "settings.value_init is 'reward_model', and the reward model has another vocabulary than the "
    "policy, so it cannot read the policy's tokens. Set value_init to 'zero_head', or give a "
    "value_model with the policy's vocabulary."
)


def _adapted(
    run: Run,
    model: Any,
    tokenizer: Any,
    reward_tokenizer: Any,
    same: bool,
    value: bool,
    reference: bool,
) -> ActorCritic:
    """One frozen base under adapters; the reference is the base with none on."""
    config = run.config
    assert config.lora is not None
    assert config.reward_model is not None
    if config.value_model is not None:
        raise BadInput(
            "value_model is given together with lora: the value is then an adapter that begins as "
            "the reward model (or with a head of zeros). Leave value_model out."
        )
    host = attach(model, config.lora)
    actors = ActorCritic(policy=Network(model, host=host, adapter=POLICY))
    shared = _shares_base(config.model, config.reward_model)
    if shared:
        actors.reward = _reward_adapter(run, model, host)
    else:
        classifier = load_reward_model(run, config.reward_model, reward_tokenizer)
        actors.reward = Network(backbone_of(classifier), scalar_head(classifier)).freeze()
    if value:
        actors.value = _adapted_value(run, actors, model, host, shared, same)
    if reference:
        actors.reference = _adapted_reference(run, model, host, tokenizer)
    for network in (actors.policy, actors.value, actors.reward, actors.reference):
        if network is not None:
            network.module.eval()
    return actors


def _shares_base(model: ModelSource, reward: ModelSource) -> bool:
    """Whether the reward model is an adapter on the very weights that the policy starts from."""
    return reward.adapter is not None and reward.path == model.path and model.adapter is None


def _reward_adapter(run: Run, model: Any, host: Any) -> Network:
    """The reward model's adapter and head, put on the policy's base. Raises BadInput."""
    from peft import LoraConfig, set_peft_model_state_dict
    from safetensors.torch import load_file

    source = run.config.reward_model
    assert source is not None
    assert source.adapter is not None
    folder = run.resolve(source.adapter)
    config = LoraConfig.from_pretrained(str(folder))
    config.modules_to_save, config.task_type = None, None
    config.base_model_name_or_path = None
    host.add_adapter(REWARD, config)
    tensors = load_file(folder / "adapter_model.safetensors")
    weights = {name: tensor for name, tensor in tensors.items() if "lora_" in name}
    outcome = set_peft_model_state_dict(host, weights, adapter_name=REWARD)
    heads = {name.rsplit(".", 1)[-1]: t for name, t in tensors.items() if ".score." in name}
    if outcome.unexpected_keys or "weight" not in heads:
        raise BadInput(
            f"The adapter {source.adapter} does not belong to a reward model on {source.path}: its "
            "weights have other names. Give the reward model's own folder instead."
        )
    head = zero_head(_width(model), model.device)
    with torch.no_grad():
        for name, parameter in head.named_parameters():
            if name in heads:
                parameter.copy_(heads[name].reshape(parameter.shape))
    return Network(backbone_of(model), head, host, REWARD)


def _adapted_value(
    run: Run, actors: ActorCritic, model: Any, host: Any, shared: bool, same: bool
) -> Network:
    """The value as an adapter: where it can begin as the reward model, it does."""
    from_reward = run.config.settings.value_init == "reward_model"
    if from_reward and not same:
        raise BadInput(_OTHER_VOCABULARY)
    reward, lora = actors.reward, run.config.lora
    assert reward is not None
    assert lora is not None
    if shared:
        host.add_adapter(VALUE, host.peft_config[REWARD])
        network = Network(reward.module, host=host, adapter=VALUE)
        twins = zip(
            network.trained().values(),
            Network(reward.module, None, host, REWARD).trained().values(),
            strict=True,
        )
        with torch.no_grad():
            for mine, theirs in twins:
                mine.copy_(theirs)
    elif same:
        # An adapter on the reward model's own weights: with B = 0 it begins as the reward model,
        # which stays what it was with the adapter off.
        own = attach_to_backbone(reward.module, lora)
        network = Network(reward.module, host=own, adapter=POLICY)
        actors.reward = Network(reward.module, reward.head, own, None)
    else:
        host.add_adapter(VALUE, host.peft_config[POLICY])
        network = Network(backbone_of(model), host=host, adapter=VALUE)
    network.head = zero_head(_width(model), model.device)
    if from_reward:
        assert reward.head is not None
        network.head.load_state_dict(reward.head.state_dict())
    return network


def _adapted_reference(run: Run, model: Any, host: Any, tokenizer: Any) -> Network:
    source = run.config.reference
    if source is None:
        return Network(model, host=host, adapter=None)
    return Network(load_causal_model(run, source, tokenizer)).freeze()


def attach_to_backbone(backbone: Any, lora: LoraSettings) -> Any:
    """A peft model around a backbone, which has no output head for peft to know a task by."""
    from peft import LoraConfig, get_peft_model

    config = LoraConfig(
        r=lora.r,
        lora_alpha=lora.alpha,
        lora_dropout=0.0,
        target_modules=lora.targets if lora.targets == "all-linear" else list(lora.targets),
        use_rslora=lora.rslora,
        bias="none",
    )
    return get_peft_model(backbone, config)


def _checkpoint_activations(actors: ActorCritic) -> None:
    for network in (actors.policy, actors.value):
        if network is not None:
            network.checkpointing = True
            network.module.activation_checkpointing_enable(
                activation_checkpointing_kwargs={"use_reentrant": False}
            )


def _width(model: Any) -> int:
    return int(model.config.get_text_config().hidden_size)

"""Trains LogBERT on sessions found normal: on distinct sequences, each as often and as heavily as it occurred.

What is the same for all networks (how sequences are drawn, the epochs, what is kept of them) is in epochs.py.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from alogd.detectors._sequences import I32, ended
from alogd.detectors.logbert import MaskedTemplates, hidden_in, masked, pieces
from alogd.event import F64, I64
from alogd.models.vocabulary import PAD, Vocabulary
from alogd.offline.models.checkpoints import Keep
from alogd.offline.models.epochs import FORGET, Epochs, grow, one_cycle, parted, seeded, shares
from alogd.offline.models.export import export
from alogd.offline.models.kinds import Each, Progress, Start, Trained
from alogd.offline.models.nets.logbert import LogBertNet
from alogd.offline.models.sessions import CHUNK, Sessions

PROVED_ON = 32  # sequences on which ONNX and PyTorch are compared
FEWEST_DRAWS, MOST_DRAWS = 500, 4000  # of sequences in an epoch
MOST_ASKED = 1000  # of the sequences held back, and of those the center is taken of
PATIENCE = 8  # epochs without a better loss on those
GROWS = ("key.weight", "head.weight", "head.bias")  # a row a template


@dataclass(frozen=True, slots=True, kw_only=True)
class Training:
    """What can be chosen; mask_ratio and alpha are the paper's, the sizes those of BERT made small."""

    hidden_size: int = 256
    num_layers: int = 4
    num_heads: int = 8
    length: int = 128
    mask_ratio: float = 0.5
    alpha: float = 0.1  # weight of the hypersphere's loss
    k: int = 9  # the paper's g
    ends: bool = True  # sessions are whole: their end is a key too
    epochs: int = 30
    batch_size: int = 32
    rate: float = 5e-4
    dropout: float = 0.1
    seed: int = 1


@dataclass(frozen=True, slots=True)
class Distinct:
    """Distinct sequences and how often each occurred."""

    tokens: I32  # (n, length - 1), PAD behind
    count: I64  # (n,)

    def __len__(self) -> int:
        return len(self.count)


def sequences(sessions: Sessions, most: int, *, ends: bool) -> Distinct:
    """All of them, cut to at most `most` keys; memory grows with the distinct ones alone. In order of the numbers."""
    table, counts = np.empty((0, most), np.int32), np.empty(0, np.int64)
    for at in range(0, len(sessions), CHUNK):
        part = sessions.take(np.arange(at, min(len(sessions), at + CHUNK)))
        tokens, start = ended(part.tokens, part.start, part.ends & ends)
        new = pieces(tokens, start, np.diff(start), most).tokens
        new, number = np.unique(new, axis=0, return_counts=True)
        table, back = np.unique(np.concatenate([table, new]), axis=0, return_inverse=True)
        counts = np.bincount(back.ravel(), np.concatenate([counts, number]), len(table)).astype(np.int64)
    return Distinct(table, counts)


def train(
    sessions: Sessions,
    size: int,
    chosen: Training,
    tell: Progress = lambda *_: None,
    keep: Keep = FORGET,
    start: Start | None = None,
    each: Each | None = None,
) -> Trained:
    """size: entries of the vocabulary. Deterministic on one machine; goes on from the last epoch `keep` holds.

    Raises ValueError when there is too little, or `start` has another shape.
    """
    fit, held = parted(sessions)
    known = sequences(fit, chosen.length - 1, ends=chosen.ends)
    unseen = sequences(held, chosen.length - 1, ends=chosen.ends)
    chance = seeded(chosen.seed)
    net = _net(size, chosen)
    if start is not None:
        grow(net, start.weights, GROWS)
    draws = min(max(len(known), FEWEST_DRAWS), MOST_DRAWS)
    share, weight = shares(known.count)
    optimiser = torch.optim.AdamW(net.parameters(), chosen.rate)
    slower = one_cycle(
        optimiser, 2 * chosen.rate, draws=draws, batch=chosen.batch_size, epochs=chosen.epochs, rising=0.1
    )
    some = np.random.default_rng(chosen.seed).permutation(len(known))[:MOST_ASKED]
    middle = known.tokens[np.sort(some)]  # the center is taken of
    run = Epochs(net, optimiser, slower, chance, keep, most=chosen.epochs, patience=PATIENCE)
    while not run.over:
        _recenter(net, middle, chosen)
        net.train()
        drawn = chance.choice(len(known), draws, p=share)
        for which in _batches(known, drawn, chosen.batch_size, chance):
            run.step(_loss(net, known.tokens[which], weight[which], chosen, chance))
        run.judge(evaluate(net, unseen, passes(chosen)))
        tell(run.epoch, chosen.epochs, run.loss)
        if each:
            each(run.epoch, net)
    run.finish()
    events = int(((known.tokens != PAD).sum(axis=1) * known.count).sum())
    return Trained(net, run.best_epoch, run.best, len(known), events)


def passes(chosen: Training) -> int:
    """In how many turns every key is hidden once."""
    return max(1, round(1 / chosen.mask_ratio))


def evaluate(net: LogBertNet, known: Distinct, turns: int) -> float:
    """Mean loss, nats a key, each key hidden once as it is in service."""
    net.eval()
    total = keys = 0.0
    with torch.no_grad():
        for which in _in_parts(known.tokens[:MOST_ASKED]):
            table, count = _cut(known.tokens[which]), known.count[which]
            hiding = hidden_in(table, turns)
            for turn in range(turns):
                row, place = np.nonzero(hiding == turn)
                logits = net.head(net.states(torch.from_numpy(masked(table, hiding == turn)))[row, place + 1])
                event = torch.from_numpy(table[row, place].astype(np.int64))
                losses = nn.functional.cross_entropy(logits, event, reduction="none").double().numpy()
                total, keys = total + float(losses @ count[row]), keys + float(count[row].sum())
    return total / keys


def _net(size: int, chosen: Training) -> LogBertNet:
    return LogBertNet(
        size,
        hidden=chosen.hidden_size,
        layers=chosen.num_layers,
        heads=chosen.num_heads,
        length=chosen.length,
        dropout=chosen.dropout,
    )


def _cut(table: I32) -> I32:
    """Without the columns that are padding in every row."""
    return table[:, : max(1, int((table != PAD).sum(axis=1).max(initial=1)))]


def _in_parts(table: I32) -> Iterator[I64]:
    """Rows of like length together, a few at a time."""
    order = np.argsort((table != PAD).sum(axis=1), kind="stable")
    for at in range(0, len(order), 64):
        yield order[at : at + 64]


def _batches(known: Distinct, drawn: I64, size: int, chance: np.random.Generator) -> list[I64]:
    """Sequences of like length together, so that little is padding; the batches in any order."""
    drawn = drawn[np.argsort((known.tokens[drawn] != PAD).sum(axis=1), kind="stable")]
    parts = [drawn[at : at + size] for at in range(0, len(drawn), size)]
    return [parts[number] for number in chance.permutation(len(parts))]


def _recenter(net: LogBertNet, table: I32, chosen: Training) -> None:
    """The mean of DIST's states, nothing hidden but what one pass hides."""
    net.eval()
    total = torch.zeros_like(net.center)
    with torch.no_grad():
        for which in _in_parts(table):
            part = _cut(table[which])
            total += net.states(torch.from_numpy(masked(part, hidden_in(part, passes(chosen)) == 0)))[:, 0].sum(0)
    net.center.copy_(total / len(table))


def _loss(net: LogBertNet, table: I32, weight: F64, chosen: Training, chance: np.random.Generator) -> Tensor:
    """Of hidden keys (mean over each sequence's), and the hypersphere's on top."""
    table = _cut(table)
    real = table != PAD
    hide = (chance.random(table.shape) < chosen.mask_ratio) & real
    hide[np.arange(len(table)), chance.integers(0, real.sum(axis=1))] = True  # one at least
    states = net.states(torch.from_numpy(masked(table, hide)))
    row, place = np.nonzero(hide)
    event = torch.from_numpy(table[row, place].astype(np.int64))
    losses = nn.functional.cross_entropy(net.head(states[row, place + 1]), event, reduction="none")
    share = torch.from_numpy((weight[row] / hide.mean(axis=1)[row] / hide.shape[1] / len(table)).astype(np.float32))
    far = net.distance(states) * torch.from_numpy(weight.astype(np.float32))
    return (losses * share).sum() + chosen.alpha * far.mean()


class LogBertTrainer:
    """LogBERT among the kinds of model."""

    name = MaskedTemplates.KIND
    options = Training
    train = staticmethod(train)

    def graph(self, net: nn.Module, held: Sessions, vocabulary: Vocabulary, chosen: Training) -> bytes:
        """ONNX, proven on `held`. Raises NotTheSame."""
        return exported(net, held, len(vocabulary), vocabulary.hash, chosen)


def exported(net: nn.Module, held: Sessions, size: int, vocabulary: str, chosen: Training) -> bytes:
    """ONNX, proven on `held`; vocabulary: its hash, size: its entries. Raises NotTheSame."""
    assert isinstance(net, LogBertNet)
    table = sequences(held, chosen.length - 1, ends=chosen.ends).tokens[:MOST_ASKED]
    facts: dict[str, str | int] = {
        "length": chosen.length,
        "heads": chosen.num_heads,
        "k": chosen.k,
        "passes": passes(chosen),
        "ends": int(chosen.ends),
        "size": size,
        "radius": max(1, round(1e6 * _radius(net, table, chosen))),
        "vocabulary": vocabulary,
    }
    some = table[np.linspace(0, len(table) - 1, min(PROVED_ON, len(table))).astype(np.int64)]
    example = torch.from_numpy(masked(_cut(some), hidden_in(_cut(some), passes(chosen)) == 0))
    outputs = ["logits", "distance"]
    return export(
        net, example, name="tokens", outputs=outputs, kind=MaskedTemplates.KIND, facts=facts, free=("length",)
    )


def _radius(net: LogBertNet, table: I32, chosen: Training) -> float:
    """Distance that one sequence in a hundred exceeds."""
    found = []
    with torch.no_grad():
        for which in _in_parts(table):
            part = _cut(table[which])
            states = net.states(torch.from_numpy(masked(part, hidden_in(part, passes(chosen)) == 0)))
            found.append(net.distance(states).numpy())
    return float(np.quantile(np.concatenate(found), 0.99))


TRAINER = LogBertTrainer()

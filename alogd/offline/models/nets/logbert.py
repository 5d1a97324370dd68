"""LogBERT's network (Guo, Yuan and Wu, IJCNN 2021): a transformer that sees whole sequences with some keys hidden."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from alogd.models.vocabulary import PAD

WIDER = 2  # the inner layer of a block against its outer ones


class Block(nn.Module):
    """Self-attention and a feed-forward layer, each normalised first and added (pre-norm: it needs no warm-up)."""

    def __init__(self, hidden: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.heads = heads
        self.before, self.between = nn.LayerNorm(hidden), nn.LayerNorm(hidden)
        self.ask = nn.Linear(hidden, 3 * hidden)
        self.give = nn.Linear(hidden, hidden)
        self.forth, self.back = nn.Linear(hidden, WIDER * hidden), nn.Linear(WIDER * hidden, hidden)
        self.drop = nn.Dropout(dropout)

    def forward(self, states: Tensor, hidden_from: Tensor) -> Tensor:
        """states: (batch, length, hidden). hidden_from: (batch, 1, 1, length), 0, or very negative for padding."""
        batch, length, hidden = states.shape
        asked = self.ask(self.before(states)).reshape(batch, length, 3, self.heads, hidden // self.heads)
        query, key, value = asked.permute(2, 0, 3, 1, 4)
        weight = torch.softmax(query @ key.transpose(2, 3) * (hidden // self.heads) ** -0.5 + hidden_from, -1)
        mixed = (self.drop(weight) @ value).transpose(1, 2).reshape(batch, length, hidden)
        states = states + self.drop(self.give(mixed))
        inner = nn.functional.gelu(self.forth(self.between(states)))
        result: Tensor = states + self.drop(self.back(inner))
        return result


class LogBertNet(nn.Module):
    """Key and position embeddings, blocks, a softmax over keys, and the distance of DIST's state to a center.

    Deviations: the paper has two layers and sine positions, here the positions are learned; a block normalises before
    it works, not after. The center is part of the network, so that a graph holds all that a verdict needs.
    """

    center: Tensor

    def __init__(
        self, size: int, *, hidden: int = 256, layers: int = 4, heads: int = 8, length: int = 128, dropout: float = 0.1
    ) -> None:
        """size: entries of the vocabulary. length: longest sequence, DIST included."""
        if hidden % heads:
            raise ValueError(f"hidden size {hidden} cannot be divided among {heads} heads")
        super().__init__()
        self.key, self.position = nn.Embedding(size, hidden), nn.Embedding(length, hidden)
        for table in (self.key, self.position):
            nn.init.normal_(table.weight, std=0.1)
        self.blocks = nn.ModuleList(Block(hidden, heads, dropout) for _ in range(layers))
        self.after = nn.LayerNorm(hidden)
        self.head = nn.Linear(hidden, size)
        self.register_buffer("center", torch.zeros(hidden))

    def states(self, tokens: Tensor) -> Tensor:
        """tokens: (batch, length), DIST first, PAD behind; (batch, length, hidden)."""
        hidden_from = (tokens == PAD).to(torch.float32)[:, None, None, :] * -1e9
        states = self.key(tokens) + self.position.weight[: tokens.shape[1]]
        for block in self.blocks:
            states = block(states, hidden_from)
        result: Tensor = self.after(states)
        return result

    def distance(self, states: Tensor) -> Tensor:
        """Squared distance of DIST's state to the center, shape (batch,)."""
        return ((states[:, 0] - self.center) ** 2).sum(1)

    def forward(self, tokens: Tensor) -> tuple[Tensor, Tensor]:
        """Logits of every place, (batch, length, size), and the distance, (batch,)."""
        states = self.states(tokens)
        return self.head(states), self.distance(states)

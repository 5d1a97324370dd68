"""DeepLog's network (Du et al., CCS 2017, section 3.1): an LSTM over the last templates, a softmax over the next."""

from __future__ import annotations

from torch import Tensor, nn

from alogd.models.vocabulary import PAD


class DeepLogNet(nn.Module):
    """Embedding 128, two LSTM layers of 64, as the paper's defaults (L = 2, alpha = 64).

    Deviation: the paper feeds one-hot vectors; an embedding is the same first layer with a narrower waist.
    """

    def __init__(self, size: int, *, embedding: int = 128, hidden: int = 64, layers: int = 2) -> None:
        """size: entries of the vocabulary, the special ones included."""
        super().__init__()
        self.embedding = nn.Embedding(size, embedding, padding_idx=PAD)
        self.lstm = nn.LSTM(embedding, hidden, layers, batch_first=True)
        self.head = nn.Linear(hidden, size)

    def forward(self, sequence: Tensor) -> Tensor:
        """sequence: (batch, window) template numbers, oldest first; logits of the next, (batch, size)."""
        states, _ = self.lstm(self.embedding(sequence))
        logits: Tensor = self.head(states[:, -1])
        return logits

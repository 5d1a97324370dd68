"""MSCRED's network (Zhang et al., AAAI 2019, section 3): matrices of the last steps in, the last's again."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from alogd.detectors._matrices import Plan

CHI = 5.0  # of the attention's softmax, as in the paper


class MscredNet(nn.Module):
    """Four convolutions a step, an attentive ConvLSTM over the steps at each of their depths, four deconvolutions.

    As the paper: kernels 3, 3, 2, 2 with strides 1, 2, 2, 2, each depth twice as wide as the one above it, SELU; the
    attention weighs the states of all steps by their likeness to the last one's; the decoder takes each depth's state
    beside what comes from below. Deviations: the widths begin at 8, not 32, which is a sixteenth of the work, so
    that one core can train it and a daemon can ask it; the ConvLSTM has no peepholes; the last deconvolution is linear,
    not SELU, for there is nothing below 0 that it had to bend. `spread` is no part of the paper: what residual each
    entry usually has, measured after training and kept with the weights.
    """

    def __init__(self, scales: int, side: int, *, channels: int = 8) -> None:
        """scales: segments of the signature matrices. side: of one. channels: of the first depth."""
        super().__init__()
        self.register_buffer("spread", torch.ones(scales, side, side))  # usual residual of each entry
        wide = [channels * 2**depth for depth in range(4)]
        kernels = [(3, 1, 1), (3, 2, 1), (2, 2, 0), (2, 2, 0)]
        self.encoder = nn.ModuleList(
            nn.Conv2d(before, after, kernel, stride, padding)
            for before, after, (kernel, stride, padding) in zip([scales, *wide[:3]], wide, kernels, strict=True)
        )
        self.memory = nn.ModuleList(ConvLstm(one) for one in wide)
        self.decoder = nn.ModuleList(
            [
                nn.ConvTranspose2d(2 * wide[0], scales, 3, 1, 1),
                nn.ConvTranspose2d(2 * wide[1], wide[0], 3, 2, 1, output_padding=1),
                nn.ConvTranspose2d(2 * wide[2], wide[1], 2, 2),
                nn.ConvTranspose2d(wide[3], wide[2], 2, 2),
            ]
        )
        for part in (self.encoder, self.decoder):
            for layer in part.children():
                assert isinstance(layer, nn.Conv2d | nn.ConvTranspose2d)
                assert layer.bias is not None
                nn.init.kaiming_normal_(layer.weight, nonlinearity="linear")  # what SELU asks for
                nn.init.zeros_(layer.bias)

    spread: Tensor
    plan: Plan  # set by whoever trains it: what its matrices are of

    def forward(self, matrices: Tensor) -> tuple[Tensor, Tensor]:
        """matrices: (batch, steps, scales, n, n), n a multiple of 8; those of the last step again, and their spread.

        Both (batch, scales, n, n).
        """
        out = self.reconstruct(matrices)
        return out, self.spread + torch.zeros_like(out)

    def reconstruct(self, matrices: Tensor) -> Tensor:
        """The last step's matrices, (batch, scales, n, n)."""
        _, steps, scales, side, _ = map(int, matrices.shape)
        now = matrices.reshape(-1, scales, side, side)  # -1: the batch stays free in the exported graph
        states = []
        for convolution, memory in zip(self.encoder, self.memory, strict=True):
            now = torch.selu(convolution(now))
            states.append(attended(memory(now.reshape(-1, steps, *map(int, now.shape[1:])))))
        out = states.pop()
        for depth in (3, 2, 1, 0):
            out = self.decoder[depth](out)
            if depth:
                out = torch.cat([torch.selu(out), states.pop()], 1)
        return out


class ConvLstm(nn.Module):
    """An LSTM whose gates are convolutions (Shi et al., NIPS 2015)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.gates = nn.Conv2d(2 * channels, 4 * channels, 3, padding=1)

    def forward(self, inputs: Tensor) -> list[Tensor]:
        """inputs: (batch, steps, channels, n, n); the state after each step."""
        state = cell = torch.zeros_like(inputs[:, 0])
        states = []
        for step in range(int(inputs.shape[1])):
            gates = self.gates(torch.cat([inputs[:, step], state], 1))
            take, keep, show, new = gates.chunk(4, 1)
            cell = torch.sigmoid(keep) * cell + torch.sigmoid(take) * torch.tanh(new)
            state = torch.sigmoid(show) * torch.tanh(cell)
            states.append(state)
        return states


def attended(states: list[Tensor]) -> Tensor:
    """The mean of the steps' states, each weighted by its likeness to the last."""
    last = states[-1]
    alike = torch.stack([(one * last).flatten(1).sum(1) / CHI for one in states], 1)
    weights = torch.softmax(alike, 1)
    every = torch.stack(states, 1)
    return (every * weights[:, :, None, None, None]).sum(1)

"""A fork's C2f under the name of the stock one: it stores no width and ends in an attention."""

import torch
from torch import nn
from ultralytics.nn.modules.conv import Conv


class Gate(nn.Module):
    """A weight for every channel."""

    def __init__(self, channels):
        super().__init__()
        self.fc = nn.Conv2d(channels, channels, 1)

    def forward(self, x):
        return x * self.fc(x.mean((2, 3), keepdim=True)).sigmoid()


class C2f(nn.Module):
    """Splits, convolves one half, joins, and weighs."""

    def __init__(self, c1, c2, n=1, shortcut=False, g=1, e=0.5):
        super().__init__()
        hidden = int(c2 * e)
        self.first = Conv(c1, 2 * hidden, 1, 1)
        self.m = nn.ModuleList(Conv(hidden, hidden, 3) for _ in range(n))
        self.last = Conv((2 + n) * hidden, c2, 1)
        self.gate = Gate(c2)

    def forward(self, x):
        y = list(self.first(x).chunk(2, 1))
        y.extend(m(y[-1]) for m in self.m)
        return self.gate(self.last(torch.cat(y, 1)))

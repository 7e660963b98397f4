"""A convolution that mixes its kernel for every image, and half of whose outputs are cheap."""

import torch
from torch import nn
from torch.nn import functional


class DynamicConv(nn.Module):
    """A convolution whose kernel is mixed for every image."""

    def __init__(self, c1, c2, k=1, s=1, g=1, experts=4):
        super().__init__()
        self.c1, self.c2, self.k, self.s, self.g = c1, c2, k, s, g
        self.routing = nn.Linear(c1, experts)
        self.weight = nn.Parameter(torch.randn(experts, c2 * (c1 // g) * k * k) * 0.1)

    def forward(self, x):
        b, c, h, w = x.shape
        routing = torch.sigmoid(self.routing(functional.adaptive_avg_pool2d(x, 1).flatten(1)))
        weight = (routing @ self.weight).view(b * self.c2, self.c1 // self.g, self.k, self.k)
        out = functional.conv2d(
            x.reshape(1, b * c, h, w), weight, None, self.s, self.k // 2, 1, self.g * b
        )
        return out.view(b, self.c2, out.shape[-2], out.shape[-1])


class GhostDynamicConv(nn.Module):
    """Half of the outputs by a dynamic convolution, the other half of these, depth by depth."""

    def __init__(self, c1, c2, k=1, s=1):
        super().__init__()
        half = c2 // 2
        self.primary = DynamicConv(c1, half, k, s)
        self.norm = nn.BatchNorm2d(half)
        self.cheap = nn.Sequential(
            nn.Conv2d(half, half, 5, 1, 2, groups=half, bias=False), nn.BatchNorm2d(half), nn.SiLU()
        )

    def forward(self, x):
        y = functional.silu(self.norm(self.primary(x)))
        return torch.cat((y, self.cheap(y)), 1)

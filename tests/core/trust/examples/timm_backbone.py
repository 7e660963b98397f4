"""A backbone of timm as the first block of a YOLO network; Index takes its features."""

import timm
from torch import nn


class TimmBackbone(nn.Module):
    """Features of three strides: 8, 16 and 32."""

    def __init__(self, name):
        super().__init__()
        self.net = timm.create_model(
            name, pretrained=False, features_only=True, out_indices=(-3, -2, -1)
        )

    def forward(self, x):
        return self.net(x)

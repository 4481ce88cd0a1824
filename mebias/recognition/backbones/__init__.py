"""Backbones: modules from maps (samples x channels x height x width) to class scores."""

from mebias.recognition.backbones.convnext import ConvNeXt
from mebias.recognition.backbones.resnet import ResNet
from mebias.recognition.backbones.retentive import Retentive
from mebias.recognition.backbones.tiny import Tiny

__all__ = ["ConvNeXt", "ResNet", "Retentive", "Tiny"]

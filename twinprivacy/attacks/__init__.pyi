from . import (
    bounds as bounds,
    guarantees as guarantees,
    inference as inference,
    linkage as linkage,
    membership as membership,
    traces as traces,
    uniqueness as uniqueness,
)

__all__ = [
    "bounds",
    "guarantees",
    "inference",
    "linkage",
    "membership",
    "traces",
    "uniqueness",
]

"""What ranks channels and how much each part gives, in words; the tables are core's. No Qt."""

from __future__ import annotations

from core.plan.words import ALLOCATIONS, CRITERIA, REPRESENTATIVES, by_images, title

__all__ = ["ALLOCATIONS", "CRITERIA", "REPRESENTATIVES", "by_images", "title"]

"""Mutated and hostile files by the thousand: ``make fuzz``, and what other tests take from it."""

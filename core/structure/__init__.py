"""What may go besides channels: units of a block, branches of a head, scales and classes.

A copy of the network loses them first, under the original's names (`working`); channels are then
pruned in that copy; last, what is left is numbered as Ultralytics numbers it (`compact`).
"""

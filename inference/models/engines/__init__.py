"""Engines: what runs the passes of a network that need no graph.

PyTorch runs every network on every device and is the reference. OpenVINO compiles a pass for the processor at hand and
takes a fraction of the time. What it compiled is held against PyTorch on a probe before it is used.
"""

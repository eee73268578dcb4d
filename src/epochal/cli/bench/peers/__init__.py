"""What runs inside a measuring process: the workloads, and each engine's way to train and run them.

Interpreters that have no Epochal run these files too, so nothing here imports it but `keras_engine.py`, when told to.
"""

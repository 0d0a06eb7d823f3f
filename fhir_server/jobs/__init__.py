"""Background work that survives the death of any process: periodic jobs, each run by one process at a time.

One-off jobs with progress (exports, reindexing) get their place here as `durable`.
"""

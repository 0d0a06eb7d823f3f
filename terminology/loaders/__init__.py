"""Loaders: the files in which code lists and maps are distributed, one module for each kind."""

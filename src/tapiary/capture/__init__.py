"""Capturing on network lines: the hive–drone protocol without sockets, its states, and the drone itself.

Nothing heavy is imported before the first name is used; a drone needs no server packages.
"""

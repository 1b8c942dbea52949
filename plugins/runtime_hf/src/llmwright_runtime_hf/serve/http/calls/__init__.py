"""Calls of tools in an answer: a file for each way of writing them, the reader of a stream, and the grammar."""

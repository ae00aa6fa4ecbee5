"""Votes and a definition in, numbers and sentences out. Pure: one module per part of the page."""

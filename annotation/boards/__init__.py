"""Boards: what all votes say together, how sure one may be, and which votes are still missing.

definition.py   what a board is: filter, policies, seed (pure)
votes.py        its votes as columns of numbers (pure); read_votes.py fills them from the tables
figures/        votes and definition in, numbers and sentences out (pure): the whole page
report.py       all figures as one JSON object with a fingerprint
actions/        create, change, refresh, freeze, share
"""

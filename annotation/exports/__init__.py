"""Judgements and demonstrations out of the tables, into files that trainers read.

A pick (picking) says what goes out, statements say it in SQL as JSON Lines, lines streams them with
COPY, and containers, parquet and targets put them into files.
"""

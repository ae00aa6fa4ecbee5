"""Reward models score answers that are there: those of a sampling, or the columns of a trial; and
people check, afresh, what such a score would choose."""

"""Labelled data sets as instructions, in the manner of FLAN and promptsource."""

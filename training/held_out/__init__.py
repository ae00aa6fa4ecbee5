"""What others think of a run's answers: scores it does not learn from, and what parts from them.

A reward model, a judge or people look at the answers that a run kept; the page and the endpoints
put their scores beside the run's own, with drift of style and the alarm of over-optimisation.
"""

"""What every endpoint stands on: who asks, what is parsed, paged, filtered, limited, and refused.

Endpoints live in the rooms whose rows they show (webapp.workspaces.api ...); webapp.api.urls lists
them.
"""

"""Telling other programs what happened here: signed, retried, logged (docs/webhooks.md)."""

"""The names of this room's kinds of jobs; light to import, unlike what they do."""

KIND = "board refresh"
FREEZE = "board snapshot"
STOP = "board stopping rule"

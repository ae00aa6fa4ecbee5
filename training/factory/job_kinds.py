"""The names of the wizards' jobs, for who queues them and who carries them out."""

KIND, KIND_WITH_MODELS = "factory", "factory with models"

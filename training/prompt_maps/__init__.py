"""The map of prompts: embeddings by a registered model, t-SNE, and what people pick on it."""

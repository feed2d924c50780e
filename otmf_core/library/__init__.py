"""Libraries of models: a pre-trained one, its tasks, their images and heads."""

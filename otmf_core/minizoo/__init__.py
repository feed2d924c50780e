"""How the embedded library was made: images, pre-training, fine-tuning, packaging. Nothing else imports this."""

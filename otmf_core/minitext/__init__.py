"""How the embedded text library was made: sentences, vocabulary, pre-training, fine-tuning, packaging."""

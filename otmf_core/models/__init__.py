"""What a network is: its weights and where they stand, its features, its heads."""

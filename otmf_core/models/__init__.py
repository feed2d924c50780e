"""Networks: their weights and where these stand, their features, their heads."""

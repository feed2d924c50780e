"""How long a merge will take and how much memory it will hold."""

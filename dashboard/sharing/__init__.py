"""A server that several people use: what it allows, who they are, and how it is."""

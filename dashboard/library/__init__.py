"""What several pages show of a library."""

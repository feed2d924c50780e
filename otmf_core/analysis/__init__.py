"""What finished runs tell: replayed, looked into, swept."""

"""Charts of Compare: of single runs, and of grids of methods over orders."""

"""`python -m otmf_core`: see cli/main.py."""

from otmf_core.cli.main import program

if __name__ == "__main__":
    program()

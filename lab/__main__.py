"""``python -m lab`` is ``shop``."""

from lab.cli import main

if __name__ == "__main__":
    main()

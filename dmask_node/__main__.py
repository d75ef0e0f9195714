"""``python -m dmask_node``."""

from dmask_node.cli import main

if __name__ == "__main__":
    main()

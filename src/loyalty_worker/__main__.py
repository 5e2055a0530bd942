"""The command line's entry: `loyalty`, or `python -m loyalty_worker`."""

from loyalty_worker.cli.main import main

if __name__ == "__main__":
    main()

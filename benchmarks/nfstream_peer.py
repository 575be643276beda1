"""nfstream as its users call it: default settings, all flows read."""

import sys

from nfstream import NFStreamer


def main() -> None:
    count = 0
    for _ in NFStreamer(source=sys.argv[1]):
        count += 1
    sys.stdout.write(f"{count} flows\n")


if __name__ == "__main__":
    main()

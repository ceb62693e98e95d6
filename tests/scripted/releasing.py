"""A client that ends while it stands in the queue, before one who hears of it at once, as if the loop had run in between.

Law: the reactor lets go of nobody in the turn in which it may still come to them.
"""

from __future__ import annotations

import socket
import sys

from smarttree._reactor import Reactor
from tests.scripted.loaded import Scripts

LARGE = b"x" * (16 << 20)


def main() -> None:
    reactor, heard = Reactor([b"bye"]), list[str]()

    def hear() -> None:
        heard.extend(report[0] for report in reactor.reports())

    lane = reactor.open_lane(0)
    reactor.append(lane, 0, 1, LARGE, 0)
    ours, theirs = socket.socketpair()
    theirs.setblocking(False)
    client = reactor.join(theirs.detach(), lane, 0)
    reactor.seat(client, 0, 0)
    Scripts().told(reactor.fd, hear)
    reactor.turn()  # it was sent a quantum, and stands in the queue for the next
    held = sys.getrefcount(client)
    ours.close()
    reactor.turn()
    assert heard == ["closed"], heard
    assert sys.getrefcount(client) == held, "it was let go while it stood in the queue"
    reactor.turn()
    assert sys.getrefcount(client) == held - 1
    reactor.close_lane(lane)
    reactor.close()
    print("released")


if __name__ == "__main__":
    main()

"""The parent's end of the line to a child: whole messages, each within its time; the child's is a `Connection`."""

from __future__ import annotations

import socket
import struct
from time import monotonic

# the longest that a socket waits for is 24.8 days
_LONGEST = 2_000_000.0
# as `multiprocessing.connection` has it: the length, or -1 and the length
_SHORT, _LONG = struct.Struct("!i"), struct.Struct("!Q")
_SHORTEST_LONG = 0x80000000
_APART = 16384


class Line:
    """Sends and receives; what is not through in time spoils the line, since a part of it may be."""

    def __init__(self, end: socket.socket) -> None:
        self._socket = end

    def close(self) -> None:
        """Let go of it; the other end reads that it is over."""
        self._socket.close()

    def send(self, message: bytes, seconds: float | None) -> None:
        """Send the whole message.

        Raises:
            TimeoutError: the other end did not read it in time.
            OSError: there is no other end.
        """
        size = len(message)
        header = _SHORT.pack(size) if size < _SHORTEST_LONG else _SHORT.pack(-1) + _LONG.pack(size)
        self._socket.settimeout(_within(seconds))
        if size <= _APART:
            self._socket.sendall(header + message)
            return
        begin = monotonic()
        self._socket.sendall(header)
        self._socket.settimeout(_within(None if seconds is None else seconds - (monotonic() - begin)))
        self._socket.sendall(message)

    def receive(self, seconds: float | None) -> bytearray:
        """The next message.

        Raises:
            TimeoutError: it was not there, to its end, in time.
            EOFError: there is no other end.
        """
        until = None if seconds is None else monotonic() + seconds
        (size,) = _SHORT.unpack(self._read(_SHORT.size, until))
        if size == -1:
            (size,) = _LONG.unpack(self._read(_LONG.size, until))
        return self._read(size, until)

    def _read(self, size: int, until: float | None) -> bytearray:
        message, done = bytearray(size), 0
        with memoryview(message) as view:
            while done < size:
                self._socket.settimeout(_within(None if until is None else until - monotonic()))
                got = self._socket.recv_into(view[done:])
                if not got:
                    raise EOFError
                done += got
        return message


def _within(seconds: float | None) -> float | None:
    # nothing left still takes what is there already; 0 would be another mode, in which nothing waits
    return None if seconds is None else min(max(seconds, 1e-6), _LONGEST)

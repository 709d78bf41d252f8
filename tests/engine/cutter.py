"""A server in front of another one, which cuts or spoils what that one says."""

import contextlib
import socket
import socketserver
import threading


class Cutter(socketserver.ThreadingTCPServer):
    """In front of a server: its answers are cut after so many bytes of a connection, until ``cuts`` are used up.

    One that spoils changes a bit there instead.
    """

    daemon_threads = False
    block_on_close = True

    def __init__(self, target, after, cuts, *, spoils=False):
        super().__init__(("127.0.0.1", 0), Connection)
        self.target, self.after, self.cuts = int(target.rpartition(":")[2]), after, cuts
        self.spoils = spoils
        self.answered: list[int] = []
        """Bytes of the server's answers, piece by piece."""
        self.address = f"http://127.0.0.1:{self.server_address[1]}"

    def __enter__(self):
        threading.Thread(target=self.serve_forever).start()
        return self

    def __exit__(self, *_):
        self.shutdown()
        self.server_close()


class Connection(socketserver.BaseRequestHandler):
    """One connection and the one behind it."""

    def handle(self):
        with socket.create_connection(("127.0.0.1", self.server.target)) as server:
            asking = threading.Thread(target=self.pass_on, args=(self.request, server))
            asking.start()
            self.pass_on(server, self.request, self.server.after)
            asking.join()

    def pass_on(self, source, target, most=float("inf")):
        passed = 0
        with contextlib.suppress(OSError):
            while piece := source.recv(65536):
                passed += len(piece)
                if source is not self.request:
                    self.server.answered.append(len(piece))
                if passed > most and self.server.cuts > 0:
                    self.server.cuts -= 1
                    if not self.server.spoils:
                        break
                    piece = bytes([piece[0] ^ 1]) + piece[1:]
                target.sendall(piece)
        for each in (source, target):
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)

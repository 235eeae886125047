"""The fault proxy of the chaos tests does to a connection what it says, and no more."""

import pathlib
import socket
import sys
import threading
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "chaos"))
from fleet.proxy import TO_CLIENT, TO_SERVER, FaultProxy  # noqa: E402  (the path is set just above)


class Echo:
    """A server that sends back what it gets, and remembers it."""

    def __init__(self):
        self.got = b""
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.serve, args=(client,), daemon=True).start()

    def serve(self, client):
        try:
            while data := client.recv(65536):
                self.got += data
                client.sendall(data)
        except OSError:
            pass
        client.close()


class Proxy(unittest.TestCase):
    def setUp(self):
        self.echo = Echo()
        self.addCleanup(self.echo.listener.close)
        self.proxy = self.enterContext(FaultProxy(self.echo.port))

    def connect(self):
        connection = socket.create_connection(("127.0.0.1", self.proxy.port), timeout=10)
        self.addCleanup(connection.close)
        return connection

    def take(self, connection, size):
        data = b""
        while len(data) < size:
            piece = connection.recv(size - len(data))
            if not piece:
                break
            data += piece
        return data

    def silent(self, connection):
        connection.settimeout(0.3)
        with self.assertRaises(TimeoutError):
            connection.recv(1)
        connection.settimeout(10)

    def wait(self, condition):
        end = time.monotonic() + 10
        while not condition():
            self.assertLess(time.monotonic(), end)
            time.sleep(0.005)

    def test_passes_everything_on_in_order_and_the_end_too(self):
        connection = self.connect()
        data = bytes(number % 251 for number in range(1_000_000))
        sender = threading.Thread(target=connection.sendall, args=(data,))
        sender.start()
        self.assertEqual(self.take(connection, len(data)), data)
        sender.join()
        connection.shutdown(socket.SHUT_WR)
        self.assertEqual(connection.recv(1), b"")
        self.wait(lambda: not self.proxy.links)
        self.assertEqual(self.proxy.cuts, 0)

    def test_a_delay_and_its_jitter_hold_each_piece_back_and_keep_the_order(self):
        self.proxy.slow(0.05, 0.05)
        connection = self.connect()
        for number in range(5):
            began = time.monotonic()
            connection.sendall(b"%d" % number)
            self.assertEqual(connection.recv(1), b"%d" % number)
            self.assertGreaterEqual(time.monotonic() - began, 0.1)
        connection.sendall(b"abc")
        time.sleep(0.01)
        connection.sendall(b"def")
        self.assertEqual(self.take(connection, 6), b"abcdef")

    def test_a_held_direction_lets_the_other_one_go_on(self):
        connection = self.connect()
        self.proxy.hold(TO_CLIENT)
        connection.sendall(b"asked")
        self.wait(lambda: self.echo.got == b"asked")
        self.silent(connection)
        self.proxy.go_on()
        self.assertEqual(self.take(connection, 5), b"asked")

    def test_a_held_connection_lives_and_brings_nothing(self):
        connection = self.connect()
        self.proxy.hold()
        connection.sendall(b"asked")
        self.silent(connection)
        self.assertEqual(self.echo.got, b"")
        self.connect().sendall(b"!")  # A new one is taken, and says nothing either.
        self.proxy.go_on()
        self.assertEqual(self.take(connection, 5), b"asked")

    def test_cuts_after_a_byte_and_no_byte_later(self):
        connection = self.connect()
        connection.sendall(b"before")
        self.take(connection, 6)
        self.proxy.cut_after(3, TO_SERVER)
        connection.sendall(b"123456")
        with self.assertRaises(ConnectionResetError):
            while connection.recv(10):
                pass
        self.wait(lambda: self.echo.got == b"before123")
        self.assertEqual(self.proxy.cuts, 1)

    def test_refuses_until_it_goes_on(self):
        connection = self.connect()
        connection.sendall(b"a")
        self.take(connection, 1)
        self.proxy.refuse()
        with self.assertRaises(ConnectionResetError):
            while connection.recv(1):
                pass
        with self.assertRaises(OSError):
            late = self.connect()
            late.sendall(b"b")
            if not late.recv(1):
                raise ConnectionResetError
        self.proxy.go_on()
        again = self.connect()
        again.sendall(b"c")
        self.assertEqual(self.take(again, 1), b"c")

    def test_turns_to_another_server_and_leaves_no_connection_at_the_first(self):
        another = Echo()
        self.addCleanup(another.listener.close)
        connection = self.connect()
        connection.sendall(b"one")
        self.assertEqual(self.take(connection, 3), b"one")
        self.proxy.turn_to(another.port)
        with self.assertRaises(ConnectionResetError):
            connection.recv(1)
        connection = self.connect()
        connection.sendall(b"two")
        self.assertEqual(self.take(connection, 3), b"two")
        self.assertEqual((self.echo.got, another.got), (b"one", b"two"))

    def test_sends_each_request_once_more_and_passes_one_answer_on(self):
        self.proxy.duplicate()
        connection = self.connect()
        connection.sendall(b"asked")
        self.assertEqual(self.take(connection, 5), b"asked")
        self.wait(lambda: self.proxy.copied == 5 and len(self.echo.got) == 10)
        self.silent(connection)
        self.proxy.go_on()
        later = self.connect()
        later.sendall(b"!")
        self.assertEqual(self.take(later, 1), b"!")
        connection.shutdown(socket.SHUT_WR)
        self.assertEqual(connection.recv(1), b"")
        later.close()
        self.wait(lambda: not self.proxy.links)
        self.assertEqual((self.echo.got.count(b"asked"), self.echo.got.count(b"!")), (2, 1))
        self.assertEqual(self.proxy.cuts, 0)

    def test_cuts_behind_a_mark_that_was_answered_and_passes_no_answer_on(self):
        connection = self.connect()
        connection.sendall(b"before")
        self.take(connection, 6)
        self.proxy.cut_behind(b"commit", TO_SERVER)
        connection.sendall(b"one")
        self.assertEqual(self.take(connection, 3), b"one")
        connection.sendall(b"two commit three")
        with self.assertRaises(ConnectionResetError):
            connection.recv(16)
        self.assertEqual(self.echo.got, b"beforeonetwo commit")
        self.wait(lambda: self.proxy.cuts == 1)
        self.assertEqual(self.proxy.answers_lost, 1)

    def test_a_server_that_is_away_looks_away(self):
        self.echo.listener.shutdown(socket.SHUT_RDWR)
        with self.assertRaises(ConnectionResetError):
            connection = self.connect()  # The end may come so soon that this call meets it.
            if not connection.recv(1):
                raise ConnectionResetError


if __name__ == "__main__":
    unittest.main()

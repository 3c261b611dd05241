"""What an attacker needs of Redis: to listen to everything, and to publish anything."""

import socket
import urllib.parse


class Redis:
    def __init__(self, url: str):
        parts = urllib.parse.urlsplit(url)
        self._socket = socket.create_connection((parts.hostname, parts.port), 10)
        self._reader = self._socket.makefile("rb")
        if parts.password:
            self.call("AUTH", parts.password)

    def close(self) -> None:
        self._reader.close()
        self._socket.close()

    def send(self, *words: str | bytes) -> None:
        encoded = [word.encode() if isinstance(word, str) else word for word in words]
        body = b"".join(b"$%d\r\n%s\r\n" % (len(word), word) for word in encoded)
        self._socket.sendall(b"*%d\r\n%s" % (len(encoded), body))

    def call(self, *words: str | bytes):
        self.send(*words)
        return self.reply()

    def reply(self):
        line = self._reader.readline()
        assert line, "Redis closed the connection"
        kind, rest = line[:1], line[1:-2]
        match kind:
            case b"+":
                return rest.decode()
            case b"-":
                raise RuntimeError(rest.decode())
            case b":":
                return int(rest)
            case b"$":
                return None if rest == b"-1" else self._reader.read(int(rest) + 2)[:-2]
            case _:
                return [self.reply() for _ in range(int(rest))]


class Eavesdropper:
    """Hears every message between the nodes."""

    def __init__(self, url: str):
        self._redis = Redis(url)
        self._redis.call("PSUBSCRIBE", "*")

    def next(self, wanted) -> tuple[str, bytes]:
        """The channel and the bytes of the next message for which `wanted` holds."""
        while True:
            _, _, channel, message = self._redis.reply()
            if wanted(message):
                return channel.decode(), message

    def close(self) -> None:
        self._redis.close()

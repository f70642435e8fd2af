"""Subscribes to channels with a receive buffer that is as small as it can be, and never reads again."""

import socket
import sys
import time

port, channels = int(sys.argv[1]), sys.argv[2:]
client = socket.socket()
client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
client.connect(("127.0.0.1", port))
client.sendall(
    b"GET /ws HTTP/1.1\r\nHost: gateway.test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)
for number, channel in enumerate(channels):
    request = b'{"event":"subscribe","id":%d,"data":{"channel":"%s"}}' % (number, channel.encode())
    client.sendall(bytes([0x81, 0x80 | len(request), 0, 0, 0, 0]) + request)
received = b""
while received.count(b'"reply"') < len(channels):
    received += client.recv(4096)
print("subscribed", flush=True)
time.sleep(600)

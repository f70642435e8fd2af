"""Follows docs/protocol.md with nothing but the package `websockets`. Usage: plain_client.py URL"""

import asyncio
import json
import sys

import websockets

CHANNEL = "chat:python"


async def request(socket, id, event, data):
    """Sends a request and returns the data of its reply, and the frames that arrived before it."""
    await socket.send(json.dumps({"event": event, "id": id, "data": data}))
    others = []
    while True:
        frame = json.loads(await socket.recv())
        if frame.get("id") != id:
            others.append(frame)
        elif frame["event"] == "error":
            raise RuntimeError(frame["data"]["code"])
        else:
            return frame["data"], others


async def main(url):
    async with websockets.connect(url, subprotocols=["holdfast.v1.json"]) as socket:
        assert socket.subprotocol == "holdfast.v1.json"
        welcome = json.loads(await socket.recv())["data"]
        position, _ = await request(socket, 1, "subscribe", {"channel": CHANNEL})
        stored, _ = await request(socket, 2, "publish", {"channel": CHANNEL, "data": "one", "key": "k1"})
        again, _ = await request(socket, 3, "publish", {"channel": CHANNEL, "data": "one", "key": "k1"})
        assert stored == again == {"epoch": position["epoch"], "offset": 1}
        await request(socket, 4, "publish", {"channel": CHANNEL, "data": "two"})

    # Returns with the same session, after the first message.
    subprotocols = ["holdfast.v1.json", "session." + welcome["session"]]
    async with websockets.connect(url, subprotocols=subprotocols) as socket:
        assert socket.subprotocol == "holdfast.v1.json"
        assert json.loads(await socket.recv())["data"]["client"] == welcome["client"]
        since = {"epoch": position["epoch"], "offset": 1}
        reply, _ = await request(socket, 1, "subscribe", {"channel": CHANNEL, "since": since})
        assert reply["recovered"] and reply["replay"] == 1 and reply["offset"] == 2, reply
        message = json.loads(await socket.recv())
        print(json.dumps(message["data"]))


asyncio.run(asyncio.wait_for(main(sys.argv[1]), 10))

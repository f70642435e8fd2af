"""Publishes the lines of standard input, each [channel, key, body] in JSON, to JetStream: ADDRESS PREFIX."""

import asyncio
import json
import sys

import nats


async def main(address, prefix):
    client = await nats.connect(f"nats://{address}")
    stream = client.jetstream()
    for line in sys.stdin:
        channel, key, body = json.loads(line)
        headers = None if key is None else {"Holdfast-Key": key}
        await stream.publish(f"{prefix}.publish.{channel}", body.encode(), headers=headers)
    await client.close()


asyncio.run(main(*sys.argv[1:]))

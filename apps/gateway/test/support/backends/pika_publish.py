"""Publishes the lines of standard input, each [channel, key, body] in JSON, to an exchange: PORT EXCHANGE."""

import json
import sys

import pika

port, exchange = sys.argv[1:]
connection = pika.BlockingConnection(pika.ConnectionParameters("127.0.0.1", int(port)))
channel = connection.channel()
channel.confirm_delivery()
for line in sys.stdin:
    name, key, body = json.loads(line)
    properties = pika.BasicProperties(delivery_mode=2, message_id=key)
    channel.basic_publish(exchange, name, body.encode(), properties, mandatory=True)
connection.close()

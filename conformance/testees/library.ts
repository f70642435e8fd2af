/** The program under test for @holdfast/client, and an example for others: docs/conformance.md. */
import { createInterface } from 'node:readline';
import { Holdfast } from '@holdfast/client';

const { HOLDFAST_URL = '', HOLDFAST_CHANNEL = '' } = process.env;

function write(event: object): void {
  process.stdout.write(`${JSON.stringify(event)}\n`);
}

let tokens = 0;
const client = new Holdfast(HOLDFAST_URL, { token: () => `token-${(tokens += 1)}` });

client.subscribe(HOLDFAST_CHANNEL, {
  message: ({ offset, data }) => write({ event: 'message', offset, data }),
  gap: () => write({ event: 'gap' }),
});

for await (const line of createInterface(process.stdin)) {
  const { publish } = JSON.parse(line) as { publish: string };
  client.publish(HOLDFAST_CHANNEL, publish).then(
    () => write({ event: 'published' }),
    ({ code }: { code: string }) => write({ event: 'failed', code }),
  );
}
await client.close();

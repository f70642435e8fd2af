/** The size of each message's data, in bytes. */
export const DATA_BYTES = 128;

const TEXTS = [
  'the deployment has finished without errors',
  'who takes the notes of the meeting tomorrow?',
  'thanks, that was it',
];

const AT = '"at":';
const AT_BYTES = Buffer.from(AT);
const ZERO = 0x30;
const NINE = 0x39;

/** The time in µs. Publisher and subscribers share the clock, because both are in this process. */
export function now(): number {
  return Math.round(performance.now() * 1000);
}

/** The JSON of a message: the time when it was sent, its number, and padding. */
export function messageData(number: number): string {
  const head = `{${AT}${now()},"number":${number},"text":"`;
  return `${head.padEnd(DATA_BYTES - 2, 'holdfast ')}"}`;
}

/** The JSON of a message of about this many bytes: a list of records, with the repetitions that such lists have. */
export function recordsData(number: number, bytes: number): string {
  const items: string[] = [];
  let length = 40;
  for (let item = 0; length < bytes; item += 1) {
    const id = (number * 7_919 + item * 104_729) >>> 0;
    const record = JSON.stringify({
      id: id.toString(36),
      author: `user-${id % 97}`,
      text: `${TEXTS[id % TEXTS.length]} ${Math.imul(id, 2_654_435_761).toString(36)}`,
      likes: id % 1_013,
    });
    items.push(record);
    length += record.length + 1;
  }
  return `{${AT}${now()},"number":${number},"items":[${items.join(',')}]}`;
}

/** When the first message in a range of bytes was sent; undefined if the range contains no time. */
export function sentAt(data: Buffer, start: number, end: number): number | undefined {
  const found = data.indexOf(AT_BYTES, start);
  if (found === -1 || found >= end) return undefined;
  let time = 0;
  for (let at = found + AT_BYTES.length; at < end; at += 1) {
    const byte = data[at] ?? 0;
    if (byte < ZERO || byte > NINE) break;
    time = time * 10 + byte - ZERO;
  }
  return time;
}

/** The size of each message's data, in bytes. */
export const DATA_BYTES = 128;

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

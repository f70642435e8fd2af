import type { Idempotency, StreamOptions } from '../../broker.js';
import { InvalidBytesError, type ByteReader, type ByteWriter } from './bytes.js';
import type { LogRecord } from './records.js';

/** Never changed, and never used again for something else. A new one is only written when all pods know it. */
const TYPES = {
  publish: 1,
  keyedPublish: 2,
  open: 3,
  quit: 4,
  join: 5,
  rejoin: 6,
  leave: 7,
  evict: 8,
  register: 9,
  reregister: 10,
  unregister: 11,
  expel: 12,
  signal: 13,
  beacon: 14,
  dead: 15,
  deadAfter: 16,
  rename: 17,
  bye: 18,
  mark: 19,
  digest: 20,
  ask: 21,
  state: 22,
  era: 23,
  rules: 24,
  policy: 25,
} as const;

/** Of snapshots in a digest. */
const MAX_OFFSETS = 64;

export function writeRecord(to: ByteWriter, record: LogRecord): void {
  switch (record.kind) {
    case 'publish': {
      const { channel, payload, stream, idempotency } = record;
      to.byte(idempotency === undefined ? TYPES.publish : TYPES.keyedPublish);
      to.text(channel);
      writeStream(to, stream);
      if (idempotency !== undefined) writeIdempotency(to, idempotency);
      to.text(payload);
      return;
    }
    case 'open':
      to.byte(TYPES.open);
      to.text(record.channel);
      writeStream(to, record.stream);
      return;
    case 'quit':
      to.byte(TYPES.quit);
      to.text(record.channel);
      return;
    case 'join':
      to.byte(record.since === undefined ? TYPES.join : TYPES.rejoin);
      writeTexts(to, record.channel, record.member.client, record.member.details, record.holder);
      if (record.since !== undefined) to.uint(record.since);
      return;
    case 'leave':
      to.byte(TYPES.leave);
      writeTexts(to, record.channel, record.client, record.holder);
      return;
    case 'evict':
      to.byte(TYPES.evict);
      writeTexts(to, record.channel, record.client);
      return;
    case 'register': {
      const { user, client, holder, node, since } = record.connection;
      to.byte(record.since === undefined ? TYPES.register : TYPES.reregister);
      writeTexts(to, user, client, holder, node);
      to.uint(since);
      if (record.since !== undefined) to.uint(record.since);
      return;
    }
    case 'unregister':
      to.byte(TYPES.unregister);
      writeTexts(to, record.user, record.client, record.holder);
      return;
    case 'expel':
      to.byte(TYPES.expel);
      writeTexts(to, record.user, record.client);
      return;
    case 'signal':
      to.byte(TYPES.signal);
      to.text(record.signal);
      return;
    case 'beacon':
      to.byte(TYPES.beacon);
      to.uint(record.rules);
      return;
    case 'dead':
      to.byte(record.seen === undefined ? TYPES.dead : TYPES.deadAfter);
      to.text(record.pod);
      if (record.seen !== undefined) to.uint(record.seen);
      return;
    case 'rename':
      to.byte(TYPES.rename);
      to.text(record.former);
      return;
    case 'bye':
    case 'mark':
    case 'ask':
      to.byte(TYPES[record.kind]);
      return;
    case 'digest':
      to.byte(TYPES.digest);
      to.uint(record.offset);
      to.uint(record.hash);
      to.uint(record.snapshots.length);
      for (const offset of record.snapshots) to.uint(offset);
      return;
    case 'state':
      to.byte(TYPES.state);
      to.text(record.id);
      to.uint(record.part);
      to.byte(record.isLast ? 1 : 0);
      to.uint(record.asOf);
      to.uint(record.data.length);
      to.bytes(record.data);
      return;
    case 'era':
      to.byte(TYPES.era);
      to.uint(record.cause);
      to.text(record.id);
      to.uint(record.partitions);
      to.text(record.policy);
      return;
    case 'rules':
      to.byte(TYPES.rules);
      to.uint(record.version);
      return;
    case 'policy':
      to.byte(TYPES.policy);
      to.text(record.policy);
      return;
    case 'unknown':
      throw new TypeError('a record of an unknown type cannot be written');
  }
}

/** @throws InvalidBytesError */
export function readRecord(from: ByteReader): LogRecord {
  const type = from.byte();
  switch (type) {
    case TYPES.publish:
    case TYPES.keyedPublish: {
      const channel = from.text();
      const stream = readStream(from);
      const idempotency = type === TYPES.keyedPublish ? readIdempotency(from) : undefined;
      return { kind: 'publish', channel, payload: from.text(), stream, idempotency };
    }
    case TYPES.open:
      return { kind: 'open', channel: from.text(), stream: readStream(from) };
    case TYPES.quit:
      return { kind: 'quit', channel: from.text() };
    case TYPES.join:
    case TYPES.rejoin: {
      const channel = from.text();
      const member = { client: from.text(), details: from.text() };
      const holder = from.text();
      return { kind: 'join', channel, member, holder, since: type === TYPES.rejoin ? from.uint() : undefined };
    }
    case TYPES.leave:
      return { kind: 'leave', channel: from.text(), client: from.text(), holder: from.text() };
    case TYPES.evict:
      return { kind: 'evict', channel: from.text(), client: from.text() };
    case TYPES.register:
    case TYPES.reregister: {
      const [user, client, holder, node] = [from.text(), from.text(), from.text(), from.text()];
      const connection = { client, holder, user, node, since: from.uint() };
      return { kind: 'register', connection, since: type === TYPES.reregister ? from.uint() : undefined };
    }
    case TYPES.unregister:
      return { kind: 'unregister', user: from.text(), client: from.text(), holder: from.text() };
    case TYPES.expel:
      return { kind: 'expel', user: from.text(), client: from.text() };
    case TYPES.signal:
      return { kind: 'signal', signal: from.text() };
    case TYPES.beacon:
      return { kind: 'beacon', rules: from.uint() };
    case TYPES.dead:
      return { kind: 'dead', pod: from.text(), seen: undefined };
    case TYPES.deadAfter:
      return { kind: 'dead', pod: from.text(), seen: from.uint() };
    case TYPES.rename:
      return { kind: 'rename', former: from.text() };
    case TYPES.bye:
      return { kind: 'bye' };
    case TYPES.mark:
      return { kind: 'mark' };
    case TYPES.digest:
      return { kind: 'digest', offset: from.uint(), hash: from.uint(), snapshots: readOffsets(from) };
    case TYPES.ask:
      return { kind: 'ask' };
    case TYPES.state: {
      const [id, part, isLast, asOf] = [from.text(), from.uint(), from.byte() === 1, from.uint()];
      return { kind: 'state', id, part, isLast, asOf, data: from.bytes(from.uint()) };
    }
    case TYPES.era:
      return { kind: 'era', cause: from.uint(), id: from.text(), partitions: from.uint(), policy: from.text() };
    case TYPES.rules:
      return { kind: 'rules', version: from.uint() };
    case TYPES.policy:
      return { kind: 'policy', policy: from.text() };
    default:
      return { kind: 'unknown', type };
  }
}

export function writeStream(to: ByteWriter, { historySize, historyTtl, positionTtl }: StreamOptions): void {
  to.uint(whole(historySize));
  to.uint(whole(historyTtl));
  to.uint(whole(positionTtl));
}

export function readStream(from: ByteReader): StreamOptions {
  return { historySize: from.uint(), historyTtl: from.uint(), positionTtl: from.uint() };
}

function whole(value: number): number {
  return Number.isFinite(value) ? Math.max(Math.round(value), 0) : Number.MAX_SAFE_INTEGER;
}

function writeIdempotency(to: ByteWriter, { publisher, key, fingerprint, window }: Idempotency): void {
  writeTexts(to, publisher, key, fingerprint);
  to.uint(whole(window));
}

function readIdempotency(from: ByteReader): Idempotency {
  return { publisher: from.text(), key: from.text(), fingerprint: from.text(), window: from.uint() };
}

function writeTexts(to: ByteWriter, ...texts: readonly string[]): void {
  for (const text of texts) to.text(text);
}

function readOffsets(from: ByteReader): number[] {
  const count = from.uint();
  if (count > MAX_OFFSETS) throw new InvalidBytesError('there are too many offsets');
  return Array.from({ length: count }, () => from.uint());
}

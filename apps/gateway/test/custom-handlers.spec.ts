import { errorData } from '@holdfast/protocol';
import {
  Catch,
  Injectable,
  Module,
  UseFilters,
  UseGuards,
  UseInterceptors,
  type CallHandler,
  type CanActivate,
  type ExceptionFilter,
  type ExecutionContext,
  type NestInterceptor,
  type PipeTransform,
} from '@nestjs/common';
import {
  ConnectedSocket,
  MessageBody,
  SubscribeMessage,
  WebSocketGateway,
  WsException,
  type OnGatewayConnection,
  type OnGatewayDisconnect,
} from '@nestjs/websockets';
import { concat, from, map, of, throwError, timer, type Observable } from 'rxjs';
import { beforeEach, describe, expect, it, vi } from 'vitest';
import { createApp } from '../src/app.js';
import type { Connection } from '../src/connection/connection.js';
import { startGateway, testConfig, type TestGateway } from './support/gateway.js';
import { NO_LIMITS } from './support/no-limits.js';
import { clientFrame, RawSocket, TEXT } from './support/raw-socket.js';
import type { TestClient } from './support/test-client.js';

const SECRET = 'password of the database';

/** State that the handlers share with a test. */
let started: string[];
let gates: Map<string, PromiseWithResolvers<void>>;
let lastConnection: Connection | undefined;

function gate(name: string): PromiseWithResolvers<void> {
  let opened = gates.get(name);
  if (opened === undefined) gates.set(name, (opened = Promise.withResolvers<void>()));
  return opened;
}

beforeEach(() => {
  started = [];
  gates = new Map();
  lastConnection = undefined;
});

interface Work {
  readonly channel?: string;
  readonly name: string;
}

/** Handlers that respond when the test says so. */
@WebSocketGateway()
class WorkGateway {
  @SubscribeMessage('work')
  async work(@ConnectedSocket() connection: Connection, @MessageBody() { name }: Work): Promise<string> {
    lastConnection = connection;
    started.push(name);
    await gate(name).promise;
    return name;
  }

  @SubscribeMessage('count')
  async count(@ConnectedSocket() connection: Connection, @MessageBody() { n }: { n: number }): Promise<number> {
    lastConnection = connection;
    await gate('count').promise;
    // Later requests complete sooner.
    for (let turn = 0; turn < 3 - (n % 4); turn += 1) await new Promise((resolve) => setImmediate(resolve));
    return n;
  }
}

@Module({ providers: [WorkGateway] })
class WorkModule {}

function workFrame(id: number): Buffer {
  return clientFrame(TEXT, JSON.stringify({ event: 'work', id, data: { name: 'all', channel: `c${id % 2}` } }));
}

describe('the requests of one connection', () => {
  let sut: TestGateway;
  let client: TestClient;

  const start = async (file: object = {}): Promise<void> => {
    sut = await startGateway({ limits: NO_LIMITS, ...file }, {}, WorkModule);
    client = await sut.connect();
  };
  const work = (name: string, channel?: string): void =>
    client.send({ event: 'work', id: name, data: { name, channel } });
  const answered = (): unknown[] => client.frames.slice(1).map(({ id }) => id);

  it('are handled in order if they name the same channel, and concurrently if they do not', async () => {
    await start();
    for (const name of ['a1', 'a2', 'b1', 'a3']) work(name, name[0]);
    await vi.waitFor(() => expect(started).toEqual(['a1', 'b1']));
    gate('a3').resolve();
    gate('a2').resolve();
    gate('b1').resolve();
    await vi.waitFor(() => expect(answered()).toEqual(['b1']));
    expect(started).toEqual(['a1', 'b1']);
    gate('a1').resolve();
    await vi.waitFor(() => expect(answered()).toEqual(['b1', 'a1', 'a2', 'a3']));
  });

  it('without a channel keep their order, and do not delay requests with a channel', async () => {
    await start();
    work('first');
    work('second');
    gate('second').resolve();
    work('other', 'a');
    gate('other').resolve();
    await vi.waitFor(() => expect(answered()).toEqual(['other']));
    gate('first').resolve();
    await vi.waitFor(() => expect(answered()).toEqual(['other', 'first', 'second']));
  });

  it('do not delay a ping, which is answered at once: otherwise a client would consider the path dead', async () => {
    await start({ connection: { concurrency: 1 } });
    work('slow');
    work('other', 'a');
    client.send({ event: 'ping', id: 'ping' });
    await vi.waitFor(() => expect(answered()).toEqual(['ping']));
    for (const name of ['slow', 'other']) gate(name).resolve();
    await vi.waitFor(() => expect(answered()).toEqual(['ping', 'slow', 'other']));
  });

  it('wait for a slow check only on the same channel', async () => {
    await start();
    work('slow', 'chat:slow');
    expect(await client.subscribe('chat:quick')).toMatchObject({ channel: 'chat:quick' });
    expect(await client.publish('chat:quick', 1)).toMatchObject({ offset: 1 });
    client.send({ event: 'subscribe', id: 'behind', data: { channel: 'chat:slow' } });
    await client.messages('chat:quick', 1);
    expect(answered()).not.toContain('behind');
    gate('slow').resolve();
    await client.answer('behind');
  });

  it('run concurrently up to a limit, and the next one starts when one ends', async () => {
    await start({ connection: { concurrency: 2 } });
    for (const name of ['a', 'b', 'c', 'd']) work(name, name);
    await vi.waitFor(() => expect(started).toEqual(['a', 'b']));
    gate('b').resolve();
    await vi.waitFor(() => expect(started).toEqual(['a', 'b', 'c']));
    for (const name of ['a', 'c', 'd']) gate(name).resolve();
    await vi.waitFor(() => expect(new Set(answered())).toEqual(new Set(['a', 'b', 'c', 'd'])));
  });

  it('are answered in order per channel, whichever handler ends first', async () => {
    await start();
    gate('count').resolve();
    for (let n = 0; n < 500; n += 1) client.send({ event: 'count', id: n, data: { n, channel: `c${n % 7}` } });
    await vi.waitFor(() => expect(answered()).toHaveLength(500));
    for (let key = 0; key < 7; key += 1) {
      const ids = answered().filter((id) => Number(id) % 7 === key);
      expect(ids).toEqual(ids.toSorted((a, b) => Number(a) - Number(b)));
    }
  });

  it('are not lost if they arrive faster than they are answered: TCP applies back pressure', async () => {
    await start();
    const TOTAL = 30_000;
    const padding = 'x'.repeat(1_000);
    for (let n = 0; n < TOTAL; n += 1) {
      client.send({ event: 'count', id: n, data: { n, channel: n % 2 === 0 ? 'even' : 'odd', padding } });
    }
    await vi.waitFor(() => expect(lastConnection?.requests.size).toBeGreaterThanOrEqual(256));
    // Enough time for more to arrive if the client were not held back.
    const other = await sut.connect();
    for (let round = 0; round < 100; round += 1) await other.request('ping');
    // One read of the socket may exceed the limit, but no more than that.
    expect(lastConnection?.requests.size).toBeLessThan(256 + 65_536 / padding.length + 1);
    expect(client.webSocket.bufferedAmount).toBeGreaterThan(1_000_000);

    gate('count').resolve();
    await vi.waitFor(() => expect(client.frames.length).toBe(1 + TOTAL), { timeout: 20_000, interval: 50 });
    const ids = answered().map(Number);
    for (const key of [0, 1]) {
      expect(ids.filter((id) => id % 2 === key)).toEqual(Array.from({ length: TOTAL / 2 }, (_, i) => 2 * i + key));
    }
    expect(lastConnection?.requests.size).toBe(0);
  });

  it.each([257, 258, 259, 260])('are read again when earlier ones are answered, %i of them in pairs', async (count) => {
    await start();
    const raw = await RawSocket.webSocket(sut.port);
    raw.write(...Array.from({ length: count }, (_, id) => workFrame(id)));
    await vi.waitFor(() => expect(lastConnection?.requests.size).toBe(count));
    gate('all').resolve();
    await raw.until((received) => received.includes(`"id":${count - 1},`));
    raw.write(workFrame(count));
    await raw.until((received) => received.includes(`"id":${count},`));
  });

  it('without an id are carried out without a reply, but their errors are reported', async () => {
    await start();
    client.send({ event: 'publish', data: { channel: 'a', data: 1 } });
    client.send({ event: 'publish', data: { channel: 'a' } });
    client.send({ event: 'history', id: 'end', data: { channel: 'a' } });
    expect(await client.answer('end')).toMatchObject({ data: { offset: 1 } });
    expect(client.frames.slice(1, -1)).toEqual([{ event: 'error', data: errorData('invalid', 'data: required') }]);
  });
});

@Injectable()
class Refuses implements CanActivate {
  canActivate(): boolean {
    return false;
  }
}

@Injectable()
class OnlyAnonymous implements CanActivate {
  canActivate(context: ExecutionContext): boolean {
    return context.switchToWs().getClient<Connection>().user === undefined;
  }
}

class Whole implements PipeTransform {
  transform(value: unknown): number {
    if (!Number.isInteger(value)) throw new WsException('expected a whole number');
    return value as number;
  }
}

class Doubles implements NestInterceptor {
  intercept(_context: ExecutionContext, next: CallHandler): Observable<unknown> {
    return next.handle().pipe(map((value: number) => 2 * value));
  }
}

@Catch()
class Rethrows implements ExceptionFilter {
  catch(exception: unknown): never {
    throw exception;
  }
}

const hooks: string[] = [];

@WebSocketGateway({ path: '/ws' })
class CustomGateway implements OnGatewayConnection<Connection>, OnGatewayDisconnect<Connection> {
  handleConnection({ client }: Connection): void {
    hooks.push(`connected ${client}`);
  }

  handleDisconnect({ client }: Connection, code: unknown): void {
    hooks.push(`disconnected ${client} ${String(code)}`);
  }

  @SubscribeMessage('value')
  value(@MessageBody() data: unknown): unknown {
    return { data };
  }

  @SubscribeMessage('promise')
  async promise(@MessageBody('name') name: string): Promise<string> {
    return Promise.resolve(`hello ${name}`);
  }

  @SubscribeMessage('observable')
  observable(): Observable<number> {
    return from([1, 2, 3]);
  }

  @SubscribeMessage('late observable')
  lateObservable(): Observable<number> {
    return timer(10);
  }

  @SubscribeMessage('nothing')
  nothing(): void {}

  @SubscribeMessage('null')
  null(): null {
    return null;
  }

  @SubscribeMessage('who')
  who(@ConnectedSocket() { client, user }: Connection): unknown {
    return { client, user: user ?? null };
  }

  @SubscribeMessage('refused')
  refused(): never {
    throw new WsException('the shop is closed');
  }

  @SubscribeMessage('refused in the catalogue’s form')
  refusedByCatalogue(): never {
    throw new WsException({ ...errorData('rate_limited'), cause: SECRET, big: 1n });
  }

  @SubscribeMessage('refused by an object')
  refusedByObject(): never {
    throw new WsException({ reason: 'closed' });
  }

  @SubscribeMessage('refused late')
  refusedLate(): Observable<number> {
    return concat(
      of(1),
      throwError(() => new WsException('the shop is closed')),
    );
  }

  @SubscribeMessage('broken')
  broken(): never {
    throw new Error(SECRET);
  }

  @SubscribeMessage('broken promise')
  async brokenPromise(): Promise<never> {
    return Promise.reject(new Error(SECRET));
  }

  @SubscribeMessage('broken observable')
  brokenObservable(): Observable<number> {
    return throwError(() => new Error(SECRET));
  }

  @SubscribeMessage('throws no error')
  throwsText(): never {
    // oxlint-disable-next-line typescript/only-throw-error -- it is what is tested
    throw SECRET;
  }

  @UseFilters(Rethrows)
  @SubscribeMessage('broken filter')
  brokenFilter(): never {
    throw new Error(SECRET);
  }

  @SubscribeMessage('no JSON')
  noJson(): unknown {
    return { big: 1n };
  }

  @SubscribeMessage('circle')
  circle(): unknown {
    const circle: Record<string, unknown> = {};
    circle['self'] = circle;
    return circle;
  }

  @UseGuards(Refuses)
  @SubscribeMessage('guarded')
  guarded(): string {
    return SECRET;
  }

  @UseGuards(OnlyAnonymous)
  @SubscribeMessage('let through')
  letThrough(): string {
    return 'let through';
  }

  @UseInterceptors(Doubles)
  @SubscribeMessage('twice')
  twice(@MessageBody(new Whole()) value: number): number {
    return value;
  }
}

@Module({ providers: [CustomGateway] })
class CustomModule {}

async function ask(event: string, data?: unknown): Promise<Record<string, unknown>> {
  const sut = await startGateway({}, {}, CustomModule);
  const client = await sut.connect();
  client.send({ event, id: 'asked', data });
  const { event: kind, data: answer } = await client.answer('asked');
  // Whatever the handler did, the connection and the gateway continue.
  expect(await client.publish('a', 1)).toMatchObject({ offset: 1 });
  expect(client.texts.join()).not.toContain(SECRET);
  return { [kind]: answer };
}

describe('a custom @SubscribeMessage handler', () => {
  it.each<[string, unknown, unknown]>([
    ['value', { a: [1] }, { data: { a: [1] } }],
    ['promise', { name: 'ann' }, 'hello ann'],
    ['observable', undefined, 3],
    ['late observable', undefined, 0],
    ['nothing', undefined, {}],
    ['null', undefined, null],
    ['let through', undefined, 'let through'],
    ['twice', 21, 42],
  ])('%s: its result is the data of the reply', async (event, data, reply) => {
    expect(await ask(event, data)).toEqual({ reply });
  });

  it.each([
    ['refused', errorData('refused', 'the shop is closed')],
    ['refused late', errorData('refused', 'the shop is closed')],
    ['refused by an object', errorData('refused')],
    ['refused in the catalogue’s form', errorData('rate_limited')],
    ['twice', errorData('refused', 'expected a whole number')],
    ['guarded', errorData('forbidden')],
  ])('%s: an exception for the client becomes an error', async (event, error) => {
    expect(await ask(event)).toEqual({ error });
  });

  it.each(['broken', 'broken promise', 'broken observable', 'broken filter', 'throws no error', 'no JSON', 'circle'])(
    '%s: the details of a failure are only logged',
    async (event) => {
      expect(await ask(event)).toEqual({ error: errorData('internal') });
    },
  );

  it('receives the connection that sent the request', async () => {
    const sut = await startGateway({}, {}, CustomModule);
    const client = await sut.connect();
    client.send({ event: 'who', id: 'asked' });
    expect(await client.answer('asked')).toMatchObject({ data: { client: client.welcome.client, user: null } });
  });

  it('is notified once of each connection, and of its end with the code', async () => {
    const sut = await startGateway({}, {}, CustomModule, WorkModule);
    hooks.length = 0;
    const [ann, bob] = [await sut.connect(), await sut.connect()];
    await ann.close();
    bob.webSocket.terminate();
    await vi.waitFor(() => expect(hooks).toHaveLength(4));
    expect(hooks.toSorted()).toEqual(
      [
        `connected ${ann.welcome.client}`,
        `connected ${bob.welcome.client}`,
        `disconnected ${ann.welcome.client} 1000`,
        `disconnected ${bob.welcome.client} 1006`,
      ].toSorted(),
    );
  });

  it.each([
    ['a port', () => WebSocketGateway(8080)],
    ['another path', () => WebSocketGateway({ path: '/elsewhere' })],
  ])('of a gateway with %s prevents the start, with an explanation', async (_name, decorate) => {
    @decorate()
    class Elsewhere {}
    @Module({ providers: [Elsewhere] })
    class ElsewhereModule {}
    const app = await createApp(testConfig(), ElsewhereModule);
    await expect(app.init()).rejects.toThrow('must not set a port, nor a path other than /ws');
    await app.close();
  });
});

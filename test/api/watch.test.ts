/** Server-sent events: what readers are told, and that slow and vanishing ones cost nothing. */
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { setImmediate as turn } from 'node:timers/promises';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { type ApiServer, startApiServer } from '../../src/api/server.ts';
import { maxReaders } from '../../src/api/watch.ts';
import type { ClusterStatus } from '../../src/model/api.ts';
import { UnavailableError } from '../../src/model/errors.ts';
import type { ClusterEvent } from '../../src/model/status.ts';
import { createEventLog } from '../../src/reconciler/event-log.ts';
import { silentLogger } from '../../src/sys/logger.ts';
import { createVirtualClock, type VirtualClock } from '../mesos/virtual-clock.ts';
import { clusterStatus, fakeService, specs, token } from './fixtures.ts';

type World = {
  readonly server: ApiServer;
  readonly clock: VirtualClock;
  /** What the scheduler knows; tells whoever listens. */
  set(...clusters: readonly ClusterStatus[]): void;
  happens(clusterName: string, message: string): void;
  fails(error: Error | undefined): void;
  /** Looks from here on end with this, and see what there was when they began. */
  delays(end: Promise<void>): void;
  listeners(): number;
};

async function withWorld(use: (world: World) => Promise<void>): Promise<void> {
  const clock = createVirtualClock();
  const listeners = new Set<() => void>();
  const log = createEventLog();
  let clusters: readonly ClusterStatus[] = [clusterStatus()];
  let failure: Error | undefined;
  let end: Promise<void> | undefined;
  const tell = () => {
    for (const listener of listeners) listener();
  };
  const { service } = fakeService({
    clusters: async () => {
      if (failure !== undefined) throw failure;
      const seen = clusters;
      await end;
      return seen;
    },
    events: async (query) => log.page(query),
    onChange(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  });
  const server = await startApiServer({
    service,
    specs,
    tokens: { write: token },
    listen: { host: '127.0.0.1', port: 0 },
    version: '1',
    logger: silentLogger,
    clock,
  });
  try {
    await use({
      server,
      clock,
      set(...next) {
        clusters = next;
        tell();
      },
      happens(clusterName, message) {
        log.add(clusterName, { atMs: 1, severity: 'info', message });
        tell();
      },
      fails(error) {
        failure = error;
        tell();
      },
      delays(until) {
        end = until;
      },
      listeners: () => listeners.size,
    });
  } finally {
    await server.close();
  }
}

type Heard = { readonly event: string; readonly id?: number; readonly data: unknown };

/** A reader that hears all; `next` waits for the next event and moves the clock meanwhile. */
async function read({ server, clock }: World, query = '', headers: Readonly<Record<string, string>> = {}) {
  const ended = new AbortController();
  const response = await fetch(`${server.url}/v1/watch${query}`, {
    headers: { authorization: `Bearer ${token}`, ...headers },
    signal: ended.signal,
  });
  assert.is(response.status, 200);
  assert.is(response.headers.get('content-type'), 'text/event-stream');
  const heard: Heard[] = [];
  let text = '';
  const reading = (async () => {
    const decoder = new TextDecoder();
    for await (const part of response.body ?? []) {
      text += decoder.decode(part as Uint8Array, { stream: true });
      const whole = text.split('\n\n');
      text = whole.pop() ?? '';
      heard.push(...whole.flatMap(parse));
    }
  })().catch(() => {});
  return {
    async next(): Promise<Heard> {
      for (;;) {
        const first = heard.shift();
        if (first !== undefined) return first;
        clock.advance(50);
        await turn();
      }
    },
    /** Up to `synced`. */
    async first(): Promise<readonly string[]> {
      const events: string[] = [];
      for (;;) {
        const { event } = await this.next();
        if (event === 'synced') return events;
        events.push(event);
      }
    },
    unread: () => heard.length,
    async leave() {
      ended.abort();
      await reading;
    },
  };
}

function parse(block: string): readonly Heard[] {
  const field = (name: string) =>
    block
      .split('\n')
      .find((line) => line.startsWith(`${name}: `))
      ?.slice(name.length + 2);
  const event = field('event');
  const id = field('id');
  if (event === undefined) return block.startsWith(': ') ? [{ event: 'comment', data: block }] : [];
  return [{ event, ...(id === undefined ? {} : { id: Number(id) }), data: JSON.parse(field('data') ?? '') }];
}

const names = (heard: Heard) => (heard.data as ClusterStatus).name;

test('a reader hears everything once, then what changes', () =>
  withWorld(async (world) => {
    world.set(clusterStatus(), clusterStatus({ name: 'other' }));
    world.happens('demo', 'long ago');
    const reader = await read(world);
    assert.equal(await reader.first(), ['scheduler', 'cluster', 'cluster']);

    // That the loop looked again is no news.
    world.set(clusterStatus({ observedAtMs: 5 }), clusterStatus({ name: 'other', phase: 'rolling' }));
    const changed = await reader.next();
    assert.equal([changed.event, names(changed)], ['cluster', 'other']);
    world.happens('demo', 'broker 1 is up');
    const event = await reader.next();
    assert.equal(
      [event.event, event.id, (event.data as ClusterEvent).message],
      ['event', 2, 'broker 1 is up'],
    );
    world.set(clusterStatus({ observedAtMs: 6 }));
    assert.equal(await reader.next(), { event: 'removed', data: { name: 'other' } });
    world.clock.advance(15_000);
    assert.is((await reader.next()).event, 'comment');
    await reader.leave();
  }));

test('who comes while a look is under way is told nothing from before it came', () =>
  withWorld(async (world) => {
    const early = await read(world);
    await early.first();
    const slow = Promise.withResolvers<void>();
    world.delays(slow.promise);
    world.set(clusterStatus({ phase: 'rolling' }));
    world.clock.advance(1_000);
    const late = await read(world);
    world.set(clusterStatus({ phase: 'held' }));
    slow.resolve();
    const heard = [await late.next(), await late.next()];
    assert.equal(
      heard.map(({ event, data }) => [event, (data as ClusterStatus).phase]),
      [
        ['scheduler', undefined],
        ['cluster', 'held'],
      ],
    );
    await early.leave();
    await late.leave();
  }));

test('one cluster alone is followed, also before it is there', () =>
  withWorld(async (world) => {
    const reader = await read(world, '?cluster=later');
    assert.equal(await reader.first(), ['scheduler']);
    world.happens('demo', 'of another one');
    world.happens('later', 'applied');
    world.set(clusterStatus({ phase: 'held' }), clusterStatus({ name: 'later' }));
    const found = await reader.next();
    assert.equal([found.event, names(found)], ['cluster', 'later']);
    assert.is(((await reader.next()).data as ClusterEvent).message, 'applied');
    await reader.leave();
  }));

test('who comes back hears the events since, and no others', () =>
  withWorld(async (world) => {
    for (let i = 1; i <= 150; i += 1) world.happens('demo', `event ${i}`);
    const again = await read(world, '?after=1', { 'last-event-id': '30' });
    const heard: number[] = [];
    for (let one = await again.next(); one.event !== 'synced'; one = await again.next()) {
      if (one.id !== undefined) heard.push(one.id);
    }
    assert.equal([heard[0], heard.at(-1), heard.length], [31, 150, 120]);
    await again.leave();
    // Counted anew since.
    const early = await read(world, '?after=5000');
    assert.equal(await early.first(), ['scheduler', 'cluster']);
    await early.leave();
  }));

test('what cannot be known just now is said, and so is that it is known again', () =>
  withWorld(async (world) => {
    const reader = await read(world);
    await reader.first();
    world.fails(new UnavailableError('KM_UNAVAILABLE_STORE', 'the store is away'));
    const told = await reader.next();
    assert.equal(told, {
      event: 'unavailable',
      data: { error: { code: 'KM_UNAVAILABLE_STORE', message: 'the store is away' } },
    });
    world.fails(undefined);
    world.set(clusterStatus({ phase: 'held' }));
    assert.is((await reader.next()).event, 'scheduler', 'it is known again');
    assert.is((await reader.next()).event, 'cluster');
    await reader.leave();
  }));

test('many changes at once are one look', () =>
  withWorld(async (world) => {
    const reader = await read(world);
    await reader.first();
    for (let revision = 2; revision < 500; revision += 1) world.set(clusterStatus({ revision }));
    assert.is(((await reader.next()).data as ClusterStatus).revision, 499);
    assert.is(reader.unread(), 0);
    await reader.leave();
  }));

/** A reader that takes nothing from its connection until it is told to. */
async function slowReader({ server }: World): Promise<Socket> {
  const { hostname, port } = new URL(server.url);
  const socket = connect(Number(port), hostname);
  await once(socket, 'connect');
  socket.pause();
  socket.unref();
  socket.write(`GET /v1/watch HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${token}\r\n\r\n`);
  socket.on('error', () => {});
  return socket;
}

const until = async (holds: () => boolean) => {
  while (!holds()) await turn();
};

/** More than a connection takes by itself. */
const large = (revision: number) =>
  clusterStatus({ revision, labels: { filling: `${revision}`.padEnd(4 * 1024 * 1024, 'x') } });

test('for a slow reader nothing piles up: it gets the latest state', () =>
  withWorld(async (world) => {
    const slow = await slowReader(world);
    await until(() => world.server.streams() === 1);
    for (let revision = 1; revision <= 40; revision += 1) {
      world.set(large(revision));
      world.clock.advance(300);
      await turn();
      await turn();
    }
    let text = '';
    slow.setEncoding('utf8').on('data', (part: string) => {
      text += part;
    });
    slow.resume();
    await until(() => text.includes('"revision":40'));
    const sent = [...text.matchAll(/"revision":(\d+)/g)].map(([, revision]) => Number(revision));
    // What was not sent was not kept.
    assert.ok(sent.length <= 3, `it was sent ${sent}`);
    slow.destroy();
    await until(() => world.server.streams() === 0);
    assert.is(world.listeners(), 0);
  }));

test('one that takes nothing for half a minute, or vanishes, is let go with its listener', () =>
  withWorld(async (world) => {
    world.set(large(1));
    const [blocked, vanishing] = [await slowReader(world), await slowReader(world)];
    const good = await read(world);
    await good.first();
    assert.equal([world.server.streams(), world.listeners()], [3, 1]);
    vanishing.destroy();
    await until(() => world.server.streams() === 2);
    world.clock.advance(30_000);
    await until(() => world.server.streams() === 1);
    // Who reads is not concerned.
    world.set(clusterStatus({ revision: 7 }));
    for (;;) {
      const { event, data } = await good.next();
      if (event === 'cluster' && (data as ClusterStatus).revision === 7) break;
    }
    await good.leave();
    await until(() => world.server.streams() === 0);
    assert.equal([world.listeners(), world.clock.pending()], [0, []]);
    blocked.destroy();
  }));

test('there are so many streams and no more', () =>
  withWorld(async (world) => {
    const sockets = await Promise.all(Array.from({ length: maxReaders }, () => slowReader(world)));
    await until(() => world.server.streams() === maxReaders);
    const response = await fetch(`${world.server.url}/v1/watch`, {
      headers: { authorization: `Bearer ${token}` },
    });
    assert.equal([response.status, response.headers.get('retry-after')], [429, '10']);
    for (const socket of sockets) socket.destroy();
    await until(() => world.server.streams() === 0);
    assert.is(world.listeners(), 0);
  }));

test.run();

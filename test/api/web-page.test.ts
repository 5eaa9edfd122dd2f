/** The page for people. What it does in a browser was looked at in one; here is what keeps it harmless. */
import { createHash } from 'node:crypto';
import { Script } from 'node:vm';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { webPage } from '../../src/api/web-page.ts';
import { clusterStatus } from './fixtures.ts';

const { html, policy } = webPage();
const between = (name: string) =>
  [...html.matchAll(new RegExp(`<${name}>([^]*?)</${name}>`, 'g'))].map(([, inside = '']) => inside);

test('it runs the one script that it was sent with, and asks nobody else', () => {
  for (const name of ['script', 'style']) {
    const [text = '', ...more] = between(name);
    assert.is(more.length, 0, name);
    const hash = createHash('sha256').update(text).digest('base64');
    assert.ok(policy.includes(`${name}-src 'sha256-${hash}'`), name);
  }
  assert.match(policy, "default-src 'none'");
  assert.not.match(policy, 'unsafe');
  assert.not.match(html, /https?:|\/\/[a-z]+\.|\son[a-z]+=|\sstyle=|\ssrc=|\shref=/);
});

test('its script can be run by itself and makes no markup', () => {
  const [text = ''] = between('script');
  new Script(text);
  assert.not.match(text, /innerHTML|outerHTML|insertAdjacent|document\.write|\beval\b|Function\(/);
});

/** Enough of a browser to see what a page would show. */
class Node {
  className = '';
  textContent = '';
  value = '';
  hidden = false;
  children: (Node | string)[] = [];
  readonly listeners = new Map<string, (event: { preventDefault(): void }) => void>();
  append(...children: readonly (Node | string)[]): void {
    this.children.push(...children);
  }
  replaceChildren(...children: readonly (Node | string)[]): void {
    this.children = [...children];
  }
  addEventListener(kind: string, listener: (event: { preventDefault(): void }) => void): void {
    this.listeners.set(kind, listener);
  }
  focus(): void {}
  get text(): string {
    return [this.textContent, ...this.children.map((one) => (typeof one === 'string' ? one : one.text))].join(
      ' ',
    );
  }
}

test('it asks for a token once, shows what is held and why, and forgets', async () => {
  const ids = new Map<string, Node>();
  const get = (id: string) => ids.get(id) ?? ids.set(id, new Node()).get(id) ?? new Node();
  const session = new Map<string, string>();
  const asked: string[] = [];
  const said = (event: string, data: unknown) => `event: ${event}\ndata: ${JSON.stringify(data)}\n\n`;
  const cluster = {
    name: 'demo',
    phase: 'held',
    revision: 1,
    kafkaVersion: '4.1.0',
    bootstrap: [],
    brokers: [
      { id: 1, state: 'waiting', warnings: [], waiting: { why: 'no <b>offer</b>', remedy: 'add agents' } },
    ],
    topics: [],
    held: [{ need: 'start', message: 'no offer', stalled: true, details: ['agent-1: cpus'], remedy: 'add' }],
  };
  const stream = `: hello\n\n${said('cluster', cluster)}${said('event', { seq: 1, atMs: 0, clusterName: 'demo', severity: 'info', message: 'applied' })}`;
  const context = {
    document: { createElement: () => new Node(), getElementById: get },
    sessionStorage: {
      getItem: (key: string) => session.get(key) ?? null,
      setItem: (key: string, value: string) => void session.set(key, value),
      removeItem: (key: string) => void session.delete(key),
    },
    fetch: async (path: string, { headers }: { headers: { authorization: string } }) => {
      asked.push(`${path} ${headers.authorization}`);
      if (headers.authorization !== 'Bearer good') return new Response('{}', { status: 401 });
      // The stream stays open.
      const body = new ReadableStream({ start: (it) => it.enqueue(new TextEncoder().encode(stream)) });
      return path.startsWith('/v1/watch') ? new Response(body) : Response.json({ events: [], lastSeq: 7 });
    },
    TextDecoder,
    AbortController,
    setTimeout: (run: () => void) => void setImmediate(run),
  };
  new Script(between('script')[0] ?? '').runInNewContext(context);
  const until = async (holds: () => boolean) => {
    while (!holds()) await new Promise((resolve) => setImmediate(resolve));
  };
  const enter = (token: string) => {
    get('token').value = token;
    get('ask').listeners.get('submit')?.({ preventDefault: () => {} });
    assert.is(get('token').value, '');
  };
  assert.is(get('ask').hidden, false);
  enter('bad');
  await until(() => get('refused').textContent !== '');
  assert.equal([get('ask').hidden, session.size], [false, 0]);
  enter('good');
  await until(() => get('clusters').text.includes('demo'));
  assert.equal(asked.slice(1), ['/v1/events?limit=100 Bearer good', '/v1/watch?after=7 Bearer good']);
  for (const shown of ['no <b>offer</b>', '→ add agents', 'agent-1: cpus']) {
    assert.ok(get('clusters').text.includes(shown), shown);
  }
  assert.match(get('events').text, 'applied');
  assert.is(session.get('token'), 'good');
  get('forget').listeners.get('click')?.({ preventDefault: () => {} });
  assert.not.match(get('clusters').text, 'demo');
  assert.equal([session.size, get('ask').hidden], [0, false]);
});

test('what the scheduler says, and brokers say to it, is text in elements of the page alone', async () => {
  const evil = `"'></script><img src=x onerror=alert(1)><a href='javascript:alert(2)'>`;
  const made = new Set<string>();
  const ids = new Map<string, Node>();
  const get = (id: string) => ids.get(id) ?? ids.set(id, new Node()).get(id) ?? new Node();
  /** Whatever is a word is hostile; what is a number or flag stays. */
  const poison = (value: unknown): unknown =>
    typeof value === 'string'
      ? `${evil}${value}`
      : Array.isArray(value)
        ? value.map(poison)
        : typeof value === 'object' && value !== null
          ? Object.fromEntries(Object.entries(value).map(([key, inside]) => [key, poison(inside)]))
          : value;
  const status = clusterStatus({
    held: [{ need: 'n', reason: 'r', message: 'm', stalled: true, details: ['d'], remedy: 'e' }],
    source: { state: 'following', path: 'p', message: 'f' },
  });
  const [one] = status.brokers;
  const events = {
    cluster: { ...status, brokers: [{ ...one, warnings: ['w'], agent: 'a', endpoint: 'e' }] },
  };
  const stream = Object.entries({
    ...events,
    event: { seq: 1, atMs: 0, severity: 'info', message: 'm', author: 'a' },
  })
    .map(([kind, data]) => `event: ${kind}\ndata: ${JSON.stringify(poison(data))}\n\n`)
    .join('');
  new Script(between('script')[0] ?? '').runInNewContext({
    document: {
      createElement: (name: string) => {
        made.add(name);
        return new Node();
      },
      getElementById: get,
    },
    sessionStorage: { getItem: () => 'good', setItem: () => {}, removeItem: () => {} },
    fetch: async (path: string) =>
      path.startsWith('/v1/watch')
        ? new Response(new ReadableStream({ start: (it) => it.enqueue(new TextEncoder().encode(stream)) }))
        : Response.json({ events: [] }),
    TextDecoder,
    AbortController,
    setTimeout: (run: () => void) => void setImmediate(run),
  });
  while (!get('events').text.includes(evil)) await new Promise((resolve) => setImmediate(resolve));
  assert.ok(get('clusters').text.split(evil).length > 8);
  assert.equal([...made].sort(), [
    'div',
    'h2',
    'h3',
    'li',
    'p',
    'section',
    'span',
    'table',
    'tbody',
    'td',
    'th',
    'thead',
    'tr',
    'ul',
  ]);
});

test.run();

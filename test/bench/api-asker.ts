/** Asks a server by order of `api.ts`, in a process of its own. */
const authorization = 'Bearer the-token-of-this-bench';

type Order =
  | { readonly kind: 'get'; readonly url: string; readonly path: string; readonly count: number }
  | { readonly kind: 'watch'; readonly url: string; readonly count: number }
  | { readonly kind: 'hear' }
  | { readonly kind: 'leave' };

let readers: readonly Reader[] = [];
type Reader = { next(): Promise<number>; leave(): void };

process.on('message', (order: Order) => {
  void obey(order).then((answer) => process.send?.(answer));
});

async function obey(order: Order): Promise<number> {
  switch (order.kind) {
    case 'get': {
      let bytes = 0;
      for (let i = 0; i < order.count; i += 1) {
        const response = await fetch(`${order.url}${order.path}`, { headers: { authorization } });
        if (response.status !== 200) throw new Error(`it answered ${response.status}`);
        bytes = (await response.arrayBuffer()).byteLength;
      }
      return bytes;
    }
    case 'watch':
      readers = await Promise.all(Array.from({ length: order.count }, () => watch(order.url)));
      return readers.length;
    case 'hear':
      return Math.max(...(await Promise.all(readers.map((one) => one.next()))));
    case 'leave':
      for (const one of readers) one.leave();
      return 0;
  }
}

/** A reader that has heard everything; `next` resolves with the bytes of the cluster's next state. */
async function watch(url: string): Promise<Reader> {
  const ended = new AbortController();
  const response = await fetch(`${url}/v1/watch`, { headers: { authorization }, signal: ended.signal });
  let heard: (bytes: number) => void = () => {};
  let isSynced: () => void = () => {};
  const synced = new Promise<void>((resolve) => {
    isSynced = resolve;
  });
  let text = '';
  const read = async () => {
    for await (const part of response.body ?? []) {
      text += Buffer.from(part as Uint8Array).toString('latin1');
      if (!text.endsWith('\n\n')) continue;
      for (const block of text.split('\n\n')) {
        if (block.startsWith('event: synced')) isSynced();
        if (block.startsWith('event: cluster')) heard(block.length);
      }
      text = '';
    }
  };
  read().catch(() => {});
  await synced;
  return {
    next: () =>
      new Promise((resolve) => {
        heard = resolve;
      }),
    leave: () => ended.abort(),
  };
}

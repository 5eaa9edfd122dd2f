/** A process of its own for the file store's tests: `hold`, `contend` or `write`, and the directory. */
import { writeSync } from 'node:fs';
import { setTimeout as wait } from 'node:timers/promises';
import { openFileStore } from '../../src/store/file-store.ts';

const [mode, directory = ''] = process.argv.slice(2);

/** Owns the store until it is killed. */
async function hold(): Promise<never> {
  await openFileStore(directory);
  writeSync(1, 'held\n');
  for (;;) await wait(60_000);
}

/** Owns it five times for a moment; says when, by the machine's one monotonic clock. */
async function contend(): Promise<void> {
  for (let owned = 0; owned < 5; ) {
    try {
      const store = await openFileStore(directory);
      const start = process.hrtime.bigint();
      await wait(2);
      const end = process.hrtime.bigint();
      await store.close();
      writeSync(1, `${start} ${end}\n`);
      owned += 1;
    } catch (error) {
      if ((error as { code?: string }).code !== 'KM_UNAVAILABLE_STORE_LOCKED') throw error;
      await wait(1);
    }
  }
}

/** Writes until it is killed, saying before and after each write what it is about. */
async function write(): Promise<never> {
  const store = await openFileStore(directory);
  await store.claim();
  for (let number = Date.now(); ; number += 1) {
    const path = `clusters/orders/brokers/${number % 5}`;
    const filling = String(number % 10).repeat(1 + ((number * 7919) % 400_000));
    const version = (await store.read(path))?.version ?? 0;
    writeSync(1, `begin ${path} ${number}\n`);
    await store.write(path, { number, filling }, version);
    writeSync(1, `end ${path} ${number}\n`);
  }
}

await (mode === 'hold' ? hold() : mode === 'contend' ? contend() : write());

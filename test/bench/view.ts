/** What the live view costs a frame: 1,000 brokers against three, drawn by ink on a terminal that takes every byte. */
import { Writable } from 'node:stream';
import type { ClusterStatus } from '../../src/model/status.ts';
import { cluster, noonMs, samples } from '../view/samples.ts';
import { type Result, result } from './result.ts';

const rounds = 7;
const framesPerRound = 20;

export async function* measureView(): AsyncIterable<Result> {
  for (const [columns, rows] of [
    [80, 24],
    [200, 50],
  ] as const) {
    const ours: number[] = [];
    const reference: number[] = [];
    for (let round = 0; round < rounds; round += 1) {
      reference.push(await frameMs(cluster(), columns, rows));
      ours.push(await frameMs(samples.thousand, columns, rows));
    }
    yield result({
      bench: `view frame, ${columns} columns`,
      ours,
      reference,
      meaning: `CPU time of a frame of 1,000 brokers on ${columns} by ${rows} cells, each from another answer and a second later, against one of three brokers`,
    });
  }
}

// JSX is none of what Node reads by itself.
await import(new URL('../setup.mjs', import.meta.url).href);
const { render } = await import('ink');
const { createElement } = await import('react');
const { LiveView } = await import('../../src/view/live-view.tsx');

/** CPU time of a frame, each of another answer. */
export async function frameMs(status: ClusterStatus, columns: number, rows: number): Promise<number> {
  const stdout = Object.assign(new Writable({ write: (_chunk, _encoding, done) => done() }), {
    columns,
    rows,
    isTTY: true,
  }) as unknown as NodeJS.WriteStream;
  const view = (frame: number, shown: ClusterStatus) =>
    createElement(LiveView, {
      screen: { clusters: [shown], footer: ['Ctrl-C leaves'] },
      layout: { nowMs: noonMs + frame * 1_000, unicode: true, utcOffsetMinutes: 0 },
      color: true,
      readsKeys: false,
      onLeave: () => {},
      onKey: () => {},
    });
  // Other objects each time, as of an answer that was read.
  const answers = Array.from({ length: framesPerRound }, () => structuredClone(status));
  const ink = render(view(0, status), { stdout, interactive: true, maxFps: 1_000 });
  const before = process.cpuUsage();
  for (const [frame, answer] of answers.entries()) {
    ink.rerender(view(frame, answer));
    await new Promise((resolve) => setImmediate(resolve));
  }
  const { user, system } = process.cpuUsage(before);
  ink.unmount();
  await ink.waitUntilExit();
  return (user + system) / 1_000 / framesPerRound;
}

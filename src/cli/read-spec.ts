/** Spec files of requests, read beside the loop. */
import { setImmediate as turn } from 'node:timers/promises';
import type { SpecRequest } from '../model/api.ts';
import { SpecError, UnavailableError } from '../model/errors.ts';
import { type ParsedSpec, parseInSteps } from '../spec/parse.ts';

/** A pool of a thousand brokers is one line, and a tenth of a second's work. */
export const maxBrokersTogether = 5_000;
/** Each has up to 4 MiB of text in memory. */
export const maxWaiting = 16;

let waiting = 0;
let tail: Promise<unknown> = Promise.resolve();

/**
 * One request after another, and document by document, with a turn of the event loop after each: a leader that parsed for
 * seconds would lose its session, and who may only look must not be able to bring that about. Rejects with `SpecError`
 * `KM_SPEC_TOO_LARGE` for more than `maxBrokers`, with `UnavailableError` `KM_UNAVAILABLE_BUSY` where
 * `maxWaiting` are waiting already.
 */
export async function readSpec(
  files: SpecRequest['files'],
  maxBrokers = maxBrokersTogether,
): Promise<ParsedSpec> {
  if (waiting >= maxWaiting) {
    throw new UnavailableError('KM_UNAVAILABLE_BUSY', `${maxWaiting} requests with spec files wait already`, {
      remedy: 'try again in a moment',
    });
  }
  waiting += 1;
  const reading = tail.then(() => readInTurns(files, maxBrokers));
  tail = reading.catch(() => {});
  try {
    return await reading;
  } finally {
    waiting -= 1;
  }
}

async function readInTurns(files: SpecRequest['files'], maxBrokers: number): Promise<ParsedSpec> {
  const steps = parseInSteps(files);
  let brokers = 0;
  for (;;) {
    const { done, value } = steps.next();
    if (done === true) return value;
    brokers += value;
    if (brokers > maxBrokers) {
      throw new SpecError(
        'KM_SPEC_TOO_LARGE',
        `the spec files declare more than ${maxBrokers} brokers together`,
        { remedy: 'apply fewer files at a time' },
      );
    }
    await turn();
  }
}

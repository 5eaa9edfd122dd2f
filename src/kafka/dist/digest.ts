import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { ProtocolError } from '../../model/errors.ts';
import type { Meter } from './progress.ts';

/** sha512 of a file in lower-case hex; about 0.3 s for a Kafka archive. */
export async function digestFile(path: string, meter?: Meter): Promise<string> {
  const totalBytes = (await stat(path)).size;
  const hash = createHash('sha512');
  let doneBytes = 0;
  for await (const chunk of createReadStream(path, { highWaterMark: 1 << 20 })) {
    hash.update(chunk);
    doneBytes += chunk.length;
    meter?.report('verifying', doneBytes, totalBytes);
  }
  return hash.digest('hex');
}

export function digestMismatch(what: string, expected: string, found: string): ProtocolError {
  return new ProtocolError(
    'KM_PROTOCOL_DIGEST',
    `${what} has sha512 ${found.slice(0, 16)}…, but ${expected.slice(0, 16)}… was expected`,
    { remedy: 'Check where the file comes from and the sha512 that was given; nothing of it was used.' },
  );
}

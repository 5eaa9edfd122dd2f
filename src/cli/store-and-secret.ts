/** What the scheduler and its recovery both open: the store, and the principal's secret. */
import { readFile } from 'node:fs/promises';
import { SpecError } from '../model/errors.ts';
import type { Store } from '../model/store.ts';
import { openFileStore } from '../store/file-store.ts';

export async function openStore(uri: string): Promise<Store> {
  if (!uri.startsWith('file:')) {
    throw new SpecError('KM_SPEC_STORE', `the store ${uri} is not known`, {
      remedy: 'give a directory, as in --store file:/var/lib/kafka-mesos',
    });
  }
  return openFileStore(uri.slice('file:'.length));
}

/** From a file, never from the command line, where every user of the machine could read it. */
export async function readSecret(path: string): Promise<string> {
  try {
    return (await readFile(path, 'utf8')).trim();
  } catch (error) {
    throw new SpecError('KM_SPEC_SECRET', `the secret file ${path} cannot be read`, {
      cause: error,
      remedy: 'check --secret-file and its permissions',
    });
  }
}

/** Files that hold a token, a secret or a password. */
import { readFile, stat } from 'node:fs/promises';
import { SpecError } from '../model/errors.ts';
import type { Logger } from '../sys/logger.ts';

/** Told of a file that everybody on the machine can read, with the command that mends it. */
export type TellExposed = (path: string, remedy: string) => void;

/** From a file, never from the command line, where every user of the machine could read it. */
export async function readSecret(path: string, flag: string, tell: TellExposed): Promise<string> {
  let secret: string;
  try {
    secret = (await readFile(path, 'utf8')).trim();
  } catch (error) {
    const { code = error } = error as NodeJS.ErrnoException;
    throw new SpecError('KM_SPEC_SECRET', `the secret file ${path} cannot be read: ${code}`, {
      cause: error,
      remedy: `check ${flag} and the permissions of that file`,
    });
  }
  await tellIfExposed(path, tell);
  return secret;
}

/** A group may be meant to read it; everybody never is. */
export async function tellIfExposed(path: string, tell: TellExposed): Promise<void> {
  // A pipe or a file that is gone by now was read, and exposes nothing for long.
  const found = await stat(path).catch(() => undefined);
  if (found?.isFile() === true && (found.mode & 0o004) !== 0) tell(path, `chmod 600 ${path}`);
}

export function logExposed(logger: Logger): TellExposed {
  return (file, remedy) => logger.warn('everybody on this machine can read a secret', { file, remedy });
}

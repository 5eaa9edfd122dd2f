/**
 * Schedulers by name, as `kubectl` has its contexts: `contexts.yaml` of the home directory.
 *
 *     current: production
 *     contexts:
 *       production:
 *         api: [https://km1.example.org:7443, https://km2.example.org:7443]
 *         tokenFile: /etc/kafka-mesos/token
 *         caFile: /etc/kafka-mesos/ca.pem
 *         cluster: events
 *
 * Tokens are named by their file and are never in it.
 */
import { readFile } from 'node:fs/promises';
import { didYouMean } from '../spec/did-you-mean.ts';
import { CommandError, UsageError } from './errors.ts';

export type NamedContext = {
  readonly name: string;
  /** One scheduler, or several that stand by for one another. */
  readonly api: readonly string[];
  readonly tokenFile?: string;
  readonly caFile?: string;
  /** The cluster meant where none is named. */
  readonly cluster?: string;
};

export type Contexts = { readonly current?: string; readonly all: readonly NamedContext[] };

/** The context of that name, or an error that names those there are. */
export function demandContext(contexts: Contexts, name: string, how: string): NamedContext {
  const found = contexts.all.find((one) => one.name === name);
  if (found !== undefined) return found;
  const names = contexts.all.map((one) => one.name);
  const near = didYouMean(name, names);
  throw new CommandError('KM_CLI_NO_CONTEXT', `there is no context ${name} (${how})`, {
    remedy:
      near !== undefined
        ? `did you mean ${near}?`
        : names.length > 0
          ? `there is ${names.join(', ')}`
          : `make it: kafka-mesos context set ${name} --api URL --token-file FILE`,
  });
}

/** Without a slash at the end. Rejects what is no URL of a scheduler with `UsageError`. */
export function parseApiUrl(text: string, how: string): string {
  const why = whyNoUrl(text);
  if (why !== undefined) throw new UsageError(`${text} (${how}) ${why}`, 'give it as http://127.0.0.1:PORT');
  return new URL(text).href.replace(/\/+$/, '');
}

/** Undefined for one of a scheduler. */
export function whyNoUrl(text: string): string | undefined {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url?.protocol !== 'http:' && url?.protocol !== 'https:') return 'is not a URL';
  return url.username === '' && url.password === ''
    ? undefined
    : 'has credentials in it, which belong into a token file';
}

export const contextName = /^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/;

export function requireContextName(name: string): void {
  if (!contextName.test(name)) {
    throw new UsageError(
      `${JSON.stringify(name)} is no name for a context`,
      'take letters, digits, dots, dashes and underscores',
    );
  }
}

/** Undefined when there is no such file. */
export async function readContextsText(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT') return undefined;
    throw new CommandError('KM_CLI_CONTEXTS', `cannot read ${path}: ${message}`, {
      cause: error,
      remedy: 'check its permissions, or name a scheduler by --api',
    });
  }
}

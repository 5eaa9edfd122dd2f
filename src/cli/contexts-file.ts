/** `contexts.yaml` read and written. */
import { randomBytes } from 'node:crypto';
import { mkdir, rename, rm, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { type Document, isMap, isScalar, isSeq, LineCounter, parseDocument } from 'yaml';
import { didYouMean } from '../spec/did-you-mean.ts';
import { type Contexts, contextName, type NamedContext, readContextsText, whyNoUrl } from './contexts.ts';
import { CommandError } from './errors.ts';

const maxBytes = 256 * 1024;

/**
 * Changes the file: for this user only, whole or not at all, and with the comments that are in it. `change` gets what
 * is there and gives what is to be; undefined removes a context.
 */
export async function changeContexts(
  path: string,
  change: (contexts: Contexts) => {
    readonly current?: string | null;
    readonly set?: Record<string, object | undefined>;
  },
): Promise<void> {
  const { document, contexts } = parseContexts(path, (await readContextsText(path)) ?? '');
  const { current, set = {} } = change(contexts);
  // Its value is nothing yet, which takes no entries.
  if (document.has('contexts') && document.get('contexts') === undefined) document.delete('contexts');
  for (const [name, fields] of Object.entries(set)) {
    if (fields === undefined) document.deleteIn(['contexts', name]);
    else document.setIn(['contexts', name], document.createNode(fields));
  }
  if (current === null && document.has('current')) document.delete('current');
  else if (typeof current === 'string') document.set('current', current);
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  const temporary = `${path}.${randomBytes(4).toString('hex')}.part`;
  try {
    await writeFile(temporary, document.toString(), { mode: 0o600, flag: 'wx' });
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
}

/** Throws `CommandError` `KM_CLI_CONTEXTS` that names every mistake with its place. */
export function parseContexts(
  path: string,
  text: string,
): { readonly document: Document; readonly contexts: Contexts } {
  const lines = new LineCounter();
  const problems: string[] = [];
  const complain = (offset: number, message: string) => {
    const { line, col } = lines.linePos(offset);
    problems.push(`${path}:${line}:${col}: ${message}`);
  };
  if (text.length > maxBytes) complain(0, `it is larger than ${maxBytes / 1024} KiB`);
  const document = parseDocument(problems.length === 0 ? text : '', { lineCounter: lines, uniqueKeys: true });
  for (const error of document.errors) complain(error.pos[0], error.message.split('\n')[0] ?? error.code);

  type Entry = {
    readonly key: string;
    readonly at: number;
    readonly value: unknown;
    readonly valueAt: number;
  };
  const startOf = (node: unknown, otherwise: number): number => {
    const range = (node as { readonly range?: readonly number[] | null } | null)?.range;
    return range?.[0] ?? otherwise;
  };
  const entries = (node: unknown, at: number, what: string): readonly Entry[] => {
    if (node === null || (isScalar(node) && node.value === null)) return [];
    if (!isMap(node)) {
      complain(startOf(node, at), `${what} has to be a map`);
      return [];
    }
    return node.items.map(({ key, value }) => {
      const keyAt = startOf(key, at);
      return {
        key: isScalar(key) ? String(key.value) : '',
        at: keyAt,
        value,
        valueAt: startOf(value, keyAt),
      };
    });
  };
  const unknown = ({ key, at }: Entry, allowed: readonly string[]) => {
    const secret = /^(token|secret|password)$/i.test(key);
    const near = didYouMean(key, allowed);
    complain(
      at,
      secret
        ? `a ${key.toLowerCase()} does not belong into this file: name a file by tokenFile`
        : `there is no ${JSON.stringify(key)} here; ${near === undefined ? `there is ${allowed.join(', ')}` : `did you mean ${near}?`}`,
    );
  };
  const textOf = (entry: Entry): string | undefined => {
    if (isScalar(entry.value) && typeof entry.value.value === 'string' && entry.value.value !== '') {
      return entry.value.value;
    }
    complain(entry.valueAt, `${entry.key} has to be a text`);
    return undefined;
  };
  const urlsOf = (entry: Entry): readonly string[] => {
    const items = isSeq(entry.value) ? entry.value.items : [entry.value];
    if (items.length === 0) complain(entry.valueAt, 'api needs a URL');
    return items.flatMap((item) => {
      const url = isScalar(item) && typeof item.value === 'string' ? item.value : '';
      const why = whyNoUrl(url);
      if (why === undefined) return [new URL(url).href.replace(/\/+$/, '')];
      complain(startOf(item, entry.valueAt), `${JSON.stringify(url)} ${why}`);
      return [];
    });
  };
  const contextOf = ({ key: name, at, value }: Entry): NamedContext => {
    if (!contextName.test(name)) complain(at, `${JSON.stringify(name)} is no name for a context`);
    let made: NamedContext = { name, api: [] };
    for (const field of entries(value, at, `context ${name}`)) {
      switch (field.key) {
        case 'api':
          made = { ...made, api: urlsOf(field) };
          break;
        case 'tokenFile':
        case 'caFile':
        case 'cluster': {
          const found = textOf(field);
          if (found !== undefined) made = { ...made, [field.key]: found };
          break;
        }
        default:
          unknown(field, ['api', 'tokenFile', 'caFile', 'cluster']);
      }
    }
    if (made.api.length === 0 && problems.length === 0) complain(at, `context ${name} has no api`);
    return made;
  };

  let current: { readonly name: string; readonly at: number } | undefined;
  const all: NamedContext[] = [];
  if (problems.length === 0) {
    for (const entry of entries(document.contents, 0, 'the file')) {
      if (entry.key === 'current') {
        const name = textOf(entry);
        if (name !== undefined) current = { name, at: entry.valueAt };
      } else if (entry.key === 'contexts') {
        all.push(...entries(entry.value, entry.at, 'contexts').map(contextOf));
      } else unknown(entry, ['current', 'contexts']);
    }
  }
  if (current !== undefined && problems.length === 0 && !all.some(({ name }) => name === current?.name)) {
    complain(current.at, `there is no context ${current.name}`);
  }
  if (problems.length > 0) {
    throw new CommandError('KM_CLI_CONTEXTS', problems.join('\n'), {
      remedy: 'mend it there, or name a scheduler by --api meanwhile',
    });
  }
  return { document: document as Document, contexts: { ...(current && { current: current.name }), all } };
}

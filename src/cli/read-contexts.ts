import { type Contexts, readContextsText } from './contexts.ts';

/** Without the file there are none. Rejects with `CommandError` `KM_CLI_CONTEXTS` that names every mistake with its place. */
export async function readContexts(path: string): Promise<Contexts> {
  const text = await readContextsText(path);
  if (text === undefined) return { all: [] };
  // Most commands find no such file, and need no reader of YAML.
  const { parseContexts } = await import('./contexts-file.ts');
  return parseContexts(path, text).contexts;
}

/** Whom a command asked, for what is said when it fails. */
import type { Context } from './context.ts';
import type { Target } from './target.ts';

const asked = new WeakMap<Context, string>();

/** `url` is the one of the target's that answers; absent: not known yet. */
export function noteAsked(context: Context, { contextName, urls }: Target, url?: string): void {
  const words = [
    ...(contextName === undefined ? [] : [`context ${contextName}`]),
    ...(url === undefined ? (urls.length === 1 ? urls : []) : [url]),
  ];
  asked.set(context, words.join(', '));
}

/** Undefined before a scheduler was chosen. */
export function whoWasAsked(context: Context): string | undefined {
  return asked.get(context);
}

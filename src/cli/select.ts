/**
 * Selectors, as `kubectl get -l` reads them.
 *
 *     selector    = requirement *( "," requirement )
 *     requirement = KEY ( "=" | "==" | "!=" ) VALUE
 *                 | KEY ( "in" | "notin" ) "(" VALUE *( "," VALUE ) ")"
 *                 | KEY | "!" KEY                          ; has any value, has none
 */
import { UsageError } from './errors.ts';
import type { FieldValue } from './fields.ts';

export type Requirement = {
  readonly key: string;
  /** Undefined: whether there is a value at all. */
  readonly values?: readonly string[];
  readonly isNegated: boolean;
};

/** Rejects with `UsageError` that shows where it could not go on. */
export function parseSelector(text: string): readonly Requirement[] {
  const found: Requirement[] = [];
  let rest = text.trim();
  const fail = (why: string) =>
    new UsageError(
      `the selector ${JSON.stringify(text)} cannot be read: ${why}`,
      'write it as state=running, pool!=main or "state in (failed,stopped)", several with commas',
    );
  const take = (pattern: RegExp): RegExpExecArray | undefined => {
    const match = pattern.exec(rest);
    if (match === null) return undefined;
    rest = rest.slice(match[0].length).trimStart();
    return match;
  };
  for (;;) {
    const isAbsent = take(/^!(?!=)/) !== undefined;
    const key = take(/^[A-Za-z0-9][A-Za-z0-9._/-]*/)?.[0];
    if (key === undefined) {
      throw fail(rest === '' ? 'a name is missing at its end' : `no name at ${JSON.stringify(rest)}`);
    }
    if (isAbsent) {
      found.push({ key, isNegated: true });
    } else {
      const equality = take(/^(==|=|!=)/)?.[0];
      const membership = equality === undefined ? take(/^(in|notin)(?=[\s(])/)?.[0] : undefined;
      if (equality !== undefined) {
        // A value goes on to the next comma; it may be empty.
        const value = take(/^[^,()]*/)?.[0].trim() ?? '';
        found.push({ key, values: [value], isNegated: equality === '!=' });
      } else if (membership !== undefined) {
        const list = take(/^\(([^()]*)\)/)?.[1];
        if (list === undefined) throw fail(`${key} ${membership} needs values in parentheses`);
        found.push({
          key,
          values: list.split(',').map((value) => value.trim()),
          isNegated: membership === 'notin',
        });
      } else {
        found.push({ key, isNegated: false });
      }
    }
    if (rest === '') return found;
    if (take(/^,/) === undefined) throw fail(`no comma at ${JSON.stringify(rest)}`);
  }
}

/**
 * Whether all hold; `read` gives what a key stands for. Of a list one value is enough. As in `kubectl`, what is not
 * there is also not equal to anything.
 */
export function matches(requirements: readonly Requirement[], read: (key: string) => FieldValue): boolean {
  return requirements.every(({ key, values, isNegated }) => {
    const value = read(key);
    const has = value === undefined ? [] : typeof value === 'object' ? value : [String(value)];
    const holds = values === undefined ? has.length > 0 : has.some((one) => values.includes(one));
    return holds !== isNegated;
  });
}

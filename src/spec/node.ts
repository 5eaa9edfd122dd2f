import type { Path } from './path.ts';

/** A YAML value with its place; aliases and merge keys are resolved. Lines and columns count from 1. */
export type SpecNode = ScalarNode | ListNode | MapNode;

type Place = { readonly line: number; readonly column: number };

export type ScalarNode = Place & {
  readonly kind: 'scalar';
  readonly value: string | number | boolean | null;
  /** As written, without quotes: `9223372036854775807` is more than a JavaScript number can hold. */
  readonly text: string;
};

export type ListNode = Place & { readonly kind: 'list'; readonly items: readonly SpecNode[] };

export type MapNode = Place & {
  readonly kind: 'map';
  readonly entries: ReadonlyMap<string, { readonly key: Place; readonly value: SpecNode }>;
};

/** Maps whose values are passed on as they are written. */
const textMaps: ReadonlySet<string> = new Set(['config', 'environment', 'labels', 'logLevels']);

/** Plain JavaScript values, for the schema and `resolve`. */
export function toPlain(node: SpecNode, asText = false): unknown {
  switch (node.kind) {
    case 'scalar':
      return asText && node.value !== null ? node.text : node.value;
    case 'list':
      return node.items.map((item) => toPlain(item));
    case 'map':
      // `fromEntries` defines properties, so that a key `__proto__` is a key and nothing more.
      return Object.fromEntries(
        [...node.entries].map(([key, { value }]) => [
          key,
          toPlain(value, value.kind === 'map' ? textMaps.has(key) : asText),
        ]),
      );
  }
}

export function nodeAt(root: SpecNode, path: Path): SpecNode | undefined {
  let node: SpecNode | undefined = root;
  for (const step of path) {
    if (node?.kind === 'map') node = node.entries.get(String(step))?.value;
    else if (node?.kind === 'list') node = node.items[Number(step)];
    else return undefined;
  }
  return node;
}

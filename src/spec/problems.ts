import type { SpecProblem } from '../model/api.ts';
import type { SpecNode } from './node.ts';
import { formatPath, type Path } from './path.ts';

/** Something wrong with the spec, at a place, in words. */
export type Problem = {
  readonly severity: 'error' | 'warning';
  /** `KM_SPEC_...`; stable. */
  readonly code: string;
  /** Line and column count from 1. */
  readonly place: { readonly file: string; readonly line: number; readonly column: number };
  /** `spec.pools[0].memory`; empty for the file itself. */
  readonly path: string;
  readonly message: string;
  /** What stands there. */
  readonly found?: string;
  /** What may stand there. */
  readonly allowed?: string;
  readonly remedy?: string;
};

/** As the API and `-o json` have it: the place beside the rest. */
export function toSpecProblem({ place, ...rest }: Problem): SpecProblem {
  return { ...rest, ...place };
}

/** A problem of one document whose place is still to be looked up. */
export type Finding = {
  /** `error` unless said. */
  readonly severity?: 'error' | 'warning';
  readonly code: string;
  readonly path: Path;
  /** What the caret points to; the value unless said. */
  readonly on?: 'key' | 'value';
  readonly message: string;
  readonly found?: string | undefined;
  readonly allowed?: string | undefined;
  readonly remedy?: string | undefined;
  /** Of an unknown key: the fields that it may stand for, about which nothing is known then. */
  readonly meant?: readonly Path[];
};

/** Gives a finding its place: that of the node at its path, or of the nearest one above that exists. */
export function toProblem(finding: Finding, file: string, root: SpecNode): Problem {
  const { line, column } = findPlace(root, finding.path, finding.on ?? 'value');
  return {
    severity: finding.severity ?? 'error',
    code: finding.code,
    place: { file, line, column },
    path: formatPath(finding.path),
    message: finding.message,
    ...(finding.found === undefined ? {} : { found: finding.found }),
    ...(finding.allowed === undefined ? {} : { allowed: finding.allowed }),
    ...(finding.remedy === undefined ? {} : { remedy: finding.remedy }),
  };
}

type Place = { readonly line: number; readonly column: number };

function findPlace(root: SpecNode, path: Path, on: 'key' | 'value'): Place {
  let node = root;
  let place: Place = root;
  for (const [index, step] of path.entries()) {
    if (node.kind === 'map') {
      const entry = node.entries.get(String(step));
      if (entry === undefined) break;
      node = entry.value;
      // A block below a key begins with its own first key: the key above says better what is meant.
      const pointsToKey = on === 'key' && index === path.length - 1;
      place = pointsToKey || node.kind !== 'scalar' || node.value === null ? entry.key : node;
    } else if (node.kind === 'list') {
      const item = node.items[Number(step)];
      if (item === undefined) break;
      node = item;
      place = item;
    } else {
      break;
    }
  }
  return place;
}

/** By file, place and code; the same said twice of one place stays once. */
export function sortProblems(problems: readonly Problem[]): Problem[] {
  const sorted = problems.toSorted(
    (a, b) =>
      compareText(a.place.file, b.place.file) ||
      a.place.line - b.place.line ||
      a.place.column - b.place.column ||
      compareText(a.path, b.path) ||
      compareText(a.code, b.code),
  );
  return sorted.filter((problem, index) => {
    const before = sorted[index - 1];
    return (
      before?.place.file !== problem.place.file ||
      before.place.line !== problem.place.line ||
      before.place.column !== problem.place.column ||
      before.code !== problem.code ||
      before.message !== problem.message
    );
  });
}

/** By code unit: the same on every machine, whatever its locale. */
export function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** The value as a reader would call it; long ones are cut. */
export function describeNode(node: SpecNode): string {
  if (node.kind === 'list') return node.items.length === 0 ? 'an empty list' : 'a list';
  if (node.kind === 'map') return node.entries.size === 0 ? 'an empty map' : 'a map';
  if (node.value === null) return 'nothing';
  const text = node.text.length > 60 ? `${node.text.slice(0, 57)}...` : node.text;
  return typeof node.value === 'string' ? JSON.stringify(text) : `the ${typeof node.value} ${text}`;
}

import type { Desired } from '../model/desired.ts';
import { checkShape } from './check-shape.ts';
import { checkMeaning } from './checks.ts';
import { digestOf } from './digest.ts';
import type { KafkaCluster } from './document.ts';
import { nodeAt, type SpecNode, toPlain } from './node.ts';
import { formatPath } from './path.ts';
import { type Finding, type Problem, sortProblems, toProblem } from './problems.ts';
import { readYaml, type SpecFile, type YamlDocument } from './read-yaml.ts';
import { resolveCluster } from './resolve.ts';

export type { Problem } from './problems.ts';
export type { SpecFile } from './read-yaml.ts';

export type ParsedCluster = {
  readonly desired: Desired;
  /** Where the document begins. */
  readonly source: { readonly path: string; readonly line: number };
  /** sha256, hex, of `desired`. */
  readonly digest: string;
  /** `spec.suspend`: nothing is taken from this document by who follows its file. No part of the digest. */
  readonly suspend?: true;
};

export type ParsedSpec = {
  /** The clusters without errors, by name; with warnings they may be. */
  readonly clusters: readonly ParsedCluster[];
  /** By file and place. */
  readonly problems: readonly Problem[];
};

/** Nobody mends more at a time; and a file of nonsense gets a short answer. */
const maxProblemsPerFile = 100;

/**
 * Reads the clusters that some files declare. Everything that is wrong with them is told at once; nothing
 * is thrown for what a file says. Files are bounded in size, depth, documents and values.
 */
export function parseSpec(files: readonly SpecFile[]): ParsedSpec {
  return finish(parseInSteps(files));
}

/**
 * As `parseSpec`, with a step for each file and document, which says how many brokers it declares: who has something else to
 * do does it between two, and for whom it is too much goes no further.
 */
export function* parseInSteps(files: readonly SpecFile[]): Generator<number, ParsedSpec> {
  const parsed: ParsedFile[] = [];
  for (const file of files) parsed.push(yield* parseFile(file));
  const taken = findTwice(parsed.flatMap(({ declared }) => declared));
  const problems = sortProblems([...parsed.flatMap((file) => file.problems), ...taken.problems]);
  const byFile = Map.groupBy(problems, ({ place }) => place.file);
  return {
    clusters: parsed
      .flatMap(({ clusters }) => clusters)
      .filter(({ desired }) => !taken.names.has(desired.name))
      .sort((a, b) => (a.desired.name < b.desired.name ? -1 : 1)),
    problems: [...byFile.values()].flatMap(limit),
  };
}

export type ParsedFile = {
  readonly clusters: readonly ParsedCluster[];
  /** The names that its documents give themselves, those with errors too, as far as they can be read. */
  readonly declared: readonly Declared[];
  /** At most a hundred or so. */
  readonly problems: readonly Problem[];
};

export type Declared = { readonly name: string; readonly place: Problem['place'] };

/** One file by itself: whether another one declares the same cluster is for the caller to see. */
export function parseSpecFile(file: SpecFile): ParsedFile {
  const { problems, ...parsed } = finish(parseFile(file));
  return { ...parsed, problems: limit(sortProblems(problems)) };
}

function* parseFile(file: SpecFile): Generator<number, ParsedFile> {
  const { documents, problems: unreadable } = readYaml(file);
  yield 0;
  if (documents.length === 0 && unreadable.length === 0) {
    const place = { file: file.path, line: 1, column: 1 };
    const message = 'the file declares nothing';
    return {
      clusters: [],
      declared: [],
      problems: [{ severity: 'warning', code: 'KM_SPEC_EMPTY', place, path: '', message }],
    };
  }
  const parsed: ReturnType<typeof parseDocument>[] = [];
  for (const document of documents) {
    const one = parseDocument(document);
    parsed.push(one);
    yield one.cluster?.desired.brokers.length ?? 0;
  }
  return {
    clusters: parsed.flatMap(({ cluster }) => cluster ?? []),
    declared: documents.flatMap(declaredIn),
    problems: [...unreadable, ...parsed.flatMap(({ problems }) => problems)],
  };
}

function finish<Result>(steps: Generator<number, Result>): Result {
  for (;;) {
    const { done, value } = steps.next();
    if (done === true) return value;
  }
}

function parseDocument({ file, root, isWhole }: YamlDocument): {
  readonly cluster?: ParsedCluster;
  readonly problems: readonly Problem[];
} {
  if (isWhole && isForeign(root)) {
    const finding = {
      code: 'KM_SPEC_KIND',
      path: [],
      message: 'this is no KafkaCluster: it has no apiVersion, kind, metadata or spec',
      remedy: 'A configuration of the scheduler is for `kafka-mesos scheduler --config`.',
    };
    return { problems: [toProblem(finding, file, root)] };
  }
  const shape = checkShape(root);
  if (!isWhole) {
    // What the hole in it held is told already; what is missing may have been there.
    const sure = shape.filter(({ code }) => code !== 'KM_SPEC_MISSING');
    return { problems: sure.map((finding) => toProblem(finding, file, root)) };
  }
  // The checks keep away from everything that a finding says is not of this type.
  const document = toPlain(root) as KafkaCluster;
  const isCluster = root.kind === 'map' && !shape.some(({ path }) => path.length === 1 && path[0] === 'kind');
  const known = withoutMisspelt(shape);
  const findings = [...known, ...(isCluster ? checkMeaning(document, shape) : [])];
  const problems = findings.map((finding) => toProblem(finding, file, root));
  if (problems.some(({ severity }) => severity === 'error')) return { problems };
  const desired = resolveCluster(document);
  return {
    cluster: {
      desired,
      source: { path: file, line: root.line },
      digest: digestOf(desired),
      ...(document.spec.suspend === true ? { suspend: true as const } : {}),
    },
    problems,
  };
}

/** Something else altogether: to name each of its keys would help nobody. */
function isForeign(root: SpecNode): boolean {
  return (
    root.kind === 'map' &&
    root.entries.size > 0 &&
    !['apiVersion', 'kind', 'metadata', 'spec'].some((key) => root.entries.has(key))
  );
}

/** What is there under another name is not missing. */
function withoutMisspelt(shape: readonly Finding[]): readonly Finding[] {
  const meant = new Set(shape.flatMap((finding) => (finding.meant ?? []).map(formatPath)));
  return shape.filter(({ code, path }) => !(code === 'KM_SPEC_MISSING' && meant.has(formatPath(path))));
}

function declaredIn({ file, root }: YamlDocument): readonly Declared[] {
  const node = nodeAt(root, ['metadata', 'name']);
  if (node?.kind !== 'scalar' || typeof node.value !== 'string') return [];
  return [{ name: node.value, place: { file, line: node.line, column: node.column } }];
}

/** One name, two documents: which one counts is nobody's guess, so neither does. */
function findTwice(declared: readonly Declared[]): {
  readonly names: ReadonlySet<string>;
  readonly problems: readonly Problem[];
} {
  const first = new Map<string, Declared>();
  const names = new Set<string>();
  const problems: Problem[] = [];
  for (const one of declared) {
    const earlier = first.get(one.name);
    if (earlier === undefined) {
      first.set(one.name, one);
      continue;
    }
    names.add(one.name);
    problems.push(declaredTwice(one, earlier));
  }
  return { names, problems };
}

/** That the cluster of this document is declared by another one too. */
export function declaredTwice(
  { name, place }: Declared,
  { place: other }: Declared,
  how: 'already' | 'too' = 'already',
): Problem {
  return {
    severity: 'error',
    code: 'KM_SPEC_DUPLICATE_CLUSTER',
    place,
    path: 'metadata.name',
    message: `the cluster ${name} is declared at ${other.file}:${other.line} ${how}`,
    remedy: 'Keep one of them, or give this one another name.',
  };
}

function limit(problems: readonly Problem[]): readonly Problem[] {
  const last = problems[maxProblemsPerFile - 1];
  if (last === undefined || problems.length === maxProblemsPerFile) return problems;
  const message = `there are at least ${problems.length - maxProblemsPerFile} more problems`;
  return [
    ...problems.slice(0, maxProblemsPerFile),
    { severity: 'error', code: 'KM_SPEC_MORE', place: last.place, path: '', message },
  ];
}

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
  const parsed = files.map(parseFile);
  const taken = findTwice(parsed.flatMap(({ documents }) => documents));
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

type ParsedFile = {
  readonly clusters: readonly ParsedCluster[];
  readonly documents: readonly YamlDocument[];
  readonly problems: readonly Problem[];
};

function parseFile(file: SpecFile): ParsedFile {
  const { documents, problems: unreadable } = readYaml(file);
  if (documents.length === 0 && unreadable.length === 0) {
    const place = { file: file.path, line: 1, column: 1 };
    const message = 'the file declares nothing';
    return {
      clusters: [],
      documents,
      problems: [{ severity: 'warning', code: 'KM_SPEC_EMPTY', place, path: '', message }],
    };
  }
  const parsed = documents.map(parseDocument);
  return {
    clusters: parsed.flatMap(({ cluster }) => cluster ?? []),
    documents,
    problems: [...unreadable, ...parsed.flatMap(({ problems }) => problems)],
  };
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
    cluster: { desired, source: { path: file, line: root.line }, digest: digestOf(desired) },
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

/** One name, two documents: which one counts is nobody's guess, so neither does. */
function findTwice(documents: readonly YamlDocument[]): {
  readonly names: ReadonlySet<string>;
  readonly problems: readonly Problem[];
} {
  const first = new Map<string, string>();
  const names = new Set<string>();
  const problems: Problem[] = [];
  for (const { file, root } of documents) {
    const node = nodeAt(root, ['metadata', 'name']);
    if (node?.kind !== 'scalar' || typeof node.value !== 'string') continue;
    const earlier = first.get(node.value);
    if (earlier === undefined) {
      first.set(node.value, `${file}:${node.line}`);
      continue;
    }
    names.add(node.value);
    const finding = {
      code: 'KM_SPEC_DUPLICATE_CLUSTER',
      path: ['metadata', 'name'],
      message: `the cluster ${node.value} is declared at ${earlier} already`,
      remedy: 'Keep one of them, or give this one another name.',
    };
    problems.push(toProblem(finding, file, root));
  }
  return { names, problems };
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

/** What follows for each cluster from what a directory of specs has and what the store knows. Pure. */
import type { RemovedRecord, SpecRecord } from '../../model/records.ts';
import type { DirectoryStatus, GitCommit, SourceStatus, SpecSource } from '../../model/source.ts';
import { isCommitted, suspendedStates } from '../../model/source-line.ts';
import { type Declared, declaredTwice, type ParsedCluster, type ParsedFile } from '../../spec/parse.ts';
import { compareText, type Problem, toSpecProblem } from '../../spec/problems.ts';
import type { Relation } from '../git.ts';
import { words } from './words.ts';

export type FileFacts = {
  /** Below the directory. Places in problems have the directory before it. */
  readonly path: string;
  readonly parsed: ParsedFile;
  /** The last one that changed the file. */
  readonly commit?: GitCommit;
  /** What was read is not what HEAD has. */
  readonly uncommitted?: true;
};

export type DecideInput = {
  /** As it was configured. */
  readonly directory: string;
  readonly files: readonly FileFacts[];
  readonly known: readonly SpecRecord[];
  /** By name: clusters that were removed while their file was not followed. */
  readonly removed: ReadonlyMap<string, RemovedRecord>;
  readonly relationOf: (applied: GitCommit, newest: GitCommit, path: string) => Relation;
  /** Clusters whose file may be taken though it has an older commit. */
  readonly consented: ReadonlySet<string>;
  /** The newest commit of the work tree. */
  readonly head?: GitCommit | undefined;
  /** There were specs before, in this life of the scheduler. */
  readonly hadSpecs: boolean;
};

/** A cluster's spec that is to be stored, as that of its file. */
export type Taking = {
  readonly cluster: ParsedCluster;
  readonly source: SpecSource;
  readonly author: string;
};

export type Decision = {
  /** By name. */
  readonly taking: readonly Taking[];
  /** Of the clusters in the store that a file owns. */
  readonly sources: ReadonlyMap<string, SourceStatus>;
  /** Whose file is gone: a command may change them. */
  readonly abandoned: ReadonlySet<string>;
  readonly directory: Pick<DirectoryStatus, 'state' | 'message' | 'files' | 'clusters' | 'problems'>;
};

const maxProblems = 100;
const removedCode = 'KM_SPEC_REMOVED';
/** Whoever wrote what is in no commit. */
const anyone = 'specs';

/**
 * The file is the unit: one with an error is taken in no part, because what was committed together was meant together.
 * Nothing is ever removed for being absent.
 */
export function decide(input: DecideInput): Decision {
  const files = withRemoved(withDuplicates(input.files), input);
  const byPath = new Map(files.map((file) => [file.path, file]));
  const offers = new Map<string, Offer>();
  for (const file of files) {
    if (isBroken(file)) continue;
    for (const cluster of file.parsed.clusters) offers.set(cluster.desired.name, { file, cluster });
  }
  const known = new Map(input.known.map((record) => [record.desired.name, record]));
  const isEmptied = files.length === 0 && (input.hadSpecs || input.known.some((r) => r.source !== undefined));

  const taking: Taking[] = [];
  const sources = new Map<string, SourceStatus>();
  const abandoned = new Set<string>();
  for (const name of [...new Set([...offers.keys(), ...known.keys()])].sort(compareText)) {
    const record = known.get(name);
    const offer = offers.get(name);
    const owner = record?.source?.path;
    const ownerFile = owner === undefined ? undefined : byPath.get(owner);
    // Of a broken owner nobody can say that it has given the cluster up to another file.
    const broken = ownerFile !== undefined && isBroken(ownerFile) ? ownerFile : undefined;
    const found = judge({
      input,
      record,
      offer: broken === undefined ? offer : undefined,
      broken,
      isEmptied,
    });
    if (found.taking !== undefined) taking.push(found.taking);
    if (found.source !== undefined) sources.set(name, found.source);
    if (found.source?.state === 'missing' && !isEmptied && !isFromBefore(input, record)) abandoned.add(name);
  }
  return { taking, sources, abandoned, directory: directoryOf(files, offers.size, isEmptied) };
}

/** The checkout is older than what is applied, so that a file which is not there may only not be there yet. */
function isFromBefore({ head }: DecideInput, record: SpecRecord | undefined): boolean {
  const applied = record?.source?.commit;
  return applied !== undefined && head !== undefined && head.atMs < applied.atMs;
}

type Offer = { readonly file: FileFacts; readonly cluster: ParsedCluster };

type Judged = { readonly taking?: Taking; readonly source?: SourceStatus };

function judge(at: {
  readonly input: DecideInput;
  readonly record: SpecRecord | undefined;
  readonly offer: Offer | undefined;
  readonly broken: FileFacts | undefined;
  readonly isEmptied: boolean;
}): Judged {
  const { input, record, offer, broken } = at;
  if (record === undefined) {
    // What its own file suspends is not begun either; one that is to be removed is not there to begin with. And what was
    // removed beside its file would come back empty.
    return offer === undefined ||
      input.removed.has(offer.cluster.desired.name) ||
      offer.cluster.suspend === true ||
      offer.cluster.desired.deletion !== undefined
      ? {}
      : { taking: takingOf(offer) };
  }
  const file = offer?.file ?? broken;
  if (record.source === undefined && offer === undefined) return {};
  const path = file?.path ?? record.source?.path ?? '';
  const applied = record.source?.commit;
  const newest = file?.commit;
  const relation =
    applied === undefined || newest === undefined
      ? ({ kind: 'unknown' } as const)
      : ageOf(applied, newest, input.relationOf(applied, newest, path));
  const isSame = offer?.cluster.digest === record.digest;
  const isOwner = record.source?.path === offer?.file.path;
  const facts = {
    record,
    path: shown(input.directory, path),
    relation,
    isSame,
    ...(file === undefined ? {} : { file }),
  };
  const status = (state: SourceStatus['state'], message: string): SourceStatus => ({
    state,
    path,
    file: shown(input.directory, path),
    ...(applied === undefined ? {} : { commit: applied }),
    ...(record.source?.uncommitted === undefined ? {} : { uncommitted: true }),
    ...(newest === undefined || newest.id === applied?.id || isSame ? {} : { newest }),
    ...(relation.kind === 'newer' && relation.commits !== undefined && !isSame
      ? { aheadCommits: relation.commits }
      : {}),
    ...(record.suspension === undefined ? {} : { suspension: record.suspension }),
    message,
    ...(broken === undefined
      ? {}
      : { problems: broken.parsed.problems.slice(0, maxProblems).map(toSpecProblem) }),
  });
  if (record.suspension !== undefined) {
    return {
      source: status(suspendedStates[record.suspension.kind], words.suspended(facts, record.suspension)),
    };
  }
  if (broken !== undefined) return { source: status('broken', words.broken(facts, firstError(broken))) };
  if (offer === undefined) {
    const remains = input.files.some((one) => one.path === path);
    return {
      source: status(
        'missing',
        words.missing(facts, at.isEmptied ? 'emptied' : remains ? 'undeclared' : 'gone'),
      ),
    };
  }
  if (offer.cluster.suspend === true) return { source: status('suspended', words.suspendedByFile(facts)) };
  if (relation.kind === 'older' && !(isSame && isOwner) && !input.consented.has(record.desired.name)) {
    return { source: status('behind', words.behind(facts)) };
  }
  if (isSame) {
    // The commit that its file is at is not worth a write, nothing but a comment may have changed; but one is, or what is
    // older could not be told.
    const { commit: _applied, uncommitted: _then, ...rest } = status('following', words.following(facts));
    const isLearnt = !isCommitted(record.source) && isCommitted(offer.file);
    return {
      source: { ...rest, ...factsOf(offer.file) },
      ...(isOwner && !isLearnt ? {} : { taking: takingOf(offer) }),
    };
  }
  return { source: status('following', words.pending(facts)), taking: takingOf(offer) };
}

const factsOf = ({ commit, uncommitted }: FileFacts): Pick<SpecSource, 'commit' | 'uncommitted'> => ({
  ...(commit === undefined ? {} : { commit }),
  ...(uncommitted === undefined ? {} : { uncommitted }),
});

function takingOf({ file, cluster }: Offer): Taking {
  return {
    cluster,
    source: { path: file.path, ...factsOf(file) },
    author: file.commit === undefined || file.uncommitted === true ? anyone : file.commit.author,
  };
}

/** A clone without the history between two commits cannot compare them; then their times do. */
function ageOf(applied: GitCommit, newest: GitCommit, relation: Relation): Relation {
  if (relation.kind !== 'unknown') return relation;
  return { kind: newest.atMs < applied.atMs ? 'older' : 'newer' };
}

const isError = ({ severity }: Problem): boolean => severity === 'error';

const isBroken = ({ parsed }: FileFacts): boolean => parsed.problems.some(isError);

function firstError({ parsed }: FileFacts): Problem | undefined {
  return parsed.problems.find(isError);
}

/** Two documents of one name are a mistake of both of their files. */
function withDuplicates(files: readonly FileFacts[]): readonly FileFacts[] {
  const byName = new Map<string, Declared[]>();
  for (const { parsed } of files) {
    for (const declared of parsed.declared) {
      const others = byName.get(declared.name);
      if (others === undefined) byName.set(declared.name, [declared]);
      else others.push(declared);
    }
  }
  const problems = new Map<string, Problem[]>();
  for (const all of byName.values()) {
    const [first, second] = all;
    if (first === undefined || second === undefined) continue;
    for (const one of all) {
      const problem = declaredTwice(one, one === first ? second : first, 'too');
      problems.set(one.place.file, [...(problems.get(one.place.file) ?? []), problem]);
    }
  }
  if (problems.size === 0) return files;
  return files.map((file) => {
    const own = file.parsed.declared.flatMap(({ place }) => problems.get(place.file) ?? []);
    const unique = [...new Set(own)];
    return unique.length === 0
      ? file
      : { ...file, parsed: { ...file.parsed, problems: [...unique, ...file.parsed.problems] } };
  });
}

/** That a file still declares what was removed while it was not followed. */
function withRemoved(files: readonly FileFacts[], { removed, known }: DecideInput): readonly FileFacts[] {
  const there = new Set(known.map(({ desired }) => desired.name));
  const gone = new Set([...removed.keys()].filter((name) => !there.has(name)));
  if (gone.size === 0) return files;
  return files.map((file) => {
    const { clusters, declared, problems } = file.parsed;
    const found = declared.flatMap(({ name, place }): readonly Problem[] => {
      const record = gone.has(name) ? removed.get(name) : undefined;
      const isMeant = clusters.some(({ desired }) => desired.name === name && desired.deletion === undefined);
      if (record === undefined || !isMeant) return [];
      const atUtc = new Date(record.removedAtMs).toISOString().slice(0, 16).replace('T', ' ');
      return [
        {
          severity: 'warning',
          code: removedCode,
          place,
          path: 'metadata.name',
          message: `cluster ${name} was removed at ${atUtc} UTC, as ${record.author} asked for, while this file was not followed; it is not formed anew`,
          remedy: `take it out of the file; or form it anew, empty: kafka-mesos resume ${name}`,
        },
      ];
    });
    return found.length === 0
      ? file
      : { ...file, parsed: { ...file.parsed, problems: [...problems, ...found] } };
  });
}

function directoryOf(
  files: readonly FileFacts[],
  clusters: number,
  isEmptied: boolean,
): Decision['directory'] {
  const broken = files.filter(isBroken);
  const removed = files.flatMap(({ parsed }) =>
    parsed.declared.flatMap(({ name, place }) =>
      parsed.problems.some((p) => p.code === removedCode && p.place === place) ? [name] : [],
    ),
  );
  const found = files.flatMap(({ parsed }) => parsed.problems);
  const problems = [...found.filter(isError), ...found.filter((problem) => !isError(problem))]
    .slice(0, maxProblems)
    .map(toSpecProblem);
  const counts = { files: files.length, clusters, problems };
  if (isEmptied) return { state: 'emptied', message: words.emptied, ...counts };
  return broken.length > 0
    ? {
        state: 'broken',
        message: words.directoryBroken(broken.length, files.length, firstError(broken[0] as FileFacts)),
        ...counts,
      }
    : { state: 'read', message: words.directoryRead(files.length, clusters, removed), ...counts };
}

/** As people write it: `specs/demo.yaml`. */
export function shown(directory: string, path: string): string {
  return `${directory.replace(/\/+$/, '')}/${path}`;
}
